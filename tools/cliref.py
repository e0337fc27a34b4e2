"""docs/reference/cli.md: every program and verb, as click has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from cluster.paths import CHECKOUT
from regcred.cli import helptext
from regcred.cli.krm import krm
from regcred.cli.main import VERBS, cli
from regcred.cli.postrenderer import post_renderer
from regcred.cli.verb import GROUPS, Option, Verb
from tools.regions import escaped, filled, table

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = CHECKOUT / "docs" / "reference" / "cli.md"

#: Where there is more to say than a verb's help does: command -> page, and what that has.
_MORE = {
    "regcred login": ("login.md", "what the flags for logins take"),
    "regcred secret": ("login.md", "what the flags for logins take"),
    "regcred check": ("check.md", "what is checked and how"),
    "regcred why": ("why.md", "what is looked at, and what `--fix` does"),
    "regcred status": ("status.md", "what the columns say"),
    "regcred inject": ("inject.md", "what is read and changed, and where it goes"),
    "regcred operator": ("operator.md", "the flags at length"),
    "regcred credential-provider": ("../how-to/credential-provider.md", "how nodes are set up"),
    "regcred-post-renderer": ("../how-to/helm.md", "how Helm runs it"),
    "regcred-krm": ("../how-to/kustomize.md", "how kustomize and kpt run it, and the settings"),
}
#: Where lines of examples are broken.
_WIDTH = 96
#: What is a flag, a variable, or a command in quotes, in a sentence.
_LITERAL = re.compile(
    r"(?<![\w`\\-])(--?[a-z][\w-]*(?:=[\w|,-]+)?|REGCRED_[A-Z_]+)|[\"'](regcred [^\"']*)[\"']"
)


def page() -> str:
    """The page as it should be."""
    return filled(PAGE.read_text(), "verbs", "\n\n".join(_sections()))


def commands() -> Iterator[tuple[str, Verb]]:
    """Each as it is typed, and what it is."""
    context = click.Context(cli, **cli.context_settings)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert isinstance(command, Verb)  # noqa: S101 - all are
        yield f"regcred {verb}", command
    yield "regcred-post-renderer", post_renderer
    yield "regcred-krm", krm


def _sections() -> Iterator[str]:
    for name, verb in commands():
        context = click.Context(verb, info_name=name, **verb.context_settings)
        usage = " ".join(verb.collect_usage_pieces(context))
        yield f"## {name}\n\n{_marked(verb.help or '')}"
        yield f"```text\n{name} {usage}\n```"
        yield f"```sh\n{_examples(verb)}\n```"
        if verb.notes[1]:
            rows = [(f"`{word}`", _marked(said)) for word, said in verb.notes[1]]
            yield table((verb.notes[0].lower(), "is"), rows)
        if options := [*_options(verb, context)]:
            yield table(("option, variable", "default", "means"), options)
        codes = [(str(code), escaped(said)) for code, said in sorted(verb.exit_codes.items())]
        yield table(("exit code", "means"), codes)
        if name in _MORE:
            target, what = _MORE[name]
            yield f"[More]({target}): {what}."


def _examples(verb: Verb) -> str:
    lines = []
    for example in verb.examples:
        lines += [f"# {example.says}"] if example.says else []
        lines += helptext.broken(example.command, _WIDTH)
    return "\n".join(lines)


def _options(verb: Verb, context: click.Context) -> Iterator[tuple[str, str, str]]:
    shown = [each for each in verb.params if isinstance(each, Option)]
    for option in sorted(shown, key=lambda each: GROUPS.index(each.group)):
        record = option.get_help_record(context)
        if record is None:
            continue
        flags, said = record
        said, _, extra = said.partition(" [") if said.endswith("]") else (said, "", "")
        extras = extra.rstrip("]").split("; ") if extra else []
        default = next((e.removeprefix("default: ") for e in extras if "default: " in e), "")
        many = " Repeatable." if "repeatable" in extras else ""
        variable = f"<br>`{option.envvar}`" if isinstance(option.envvar, str) else ""
        yield f"`{flags}`{variable}", escaped(default), _marked(said) + many


def _marked(sentence: str) -> str:
    """A sentence of the help, with what is typed as code."""
    return _LITERAL.sub(lambda found: f"`{found[1] or found[2]}`", escaped(sentence)).replace(
        r"\_", "_"
    )
