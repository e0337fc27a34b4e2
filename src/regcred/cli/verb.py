"""What a verb is made of beyond click: examples, groups of options, exit codes.

All of it stands on the click objects, for whoever makes pages or completions of them::

    command.examples     tuple[Example, ...]    .command as it is typed, .says what it is for
    command.help         str                    one paragraph
    command.notes        tuple[str, rows]       title of a table, and its rows; mostly empty
    command.params       in the order of --help; an Option has .group, a key of GROUPS
    command.exit_codes   dict[int, str]         code → what it means for this verb
    main.SECTIONS        title → verbs, for ``regcred --help``

Showing it (`regcred.cli.helptext`) is loaded only for ``--help``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from regcred.cli import output
from regcred.core.errors import RegcredError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

#: The groups of options, in the order in which every verb has them.
GROUPS = ("What", "Where", "Login", "Registry", "Webhook", "How", "Cluster", "Help")

#: What an exit code means where a verb says nothing closer.
EXIT_CODES = {
    0: "done, or right already",
    1: "the answer is no",
    2: "wrong usage, or a file that cannot be used",
    3: "cluster or registry not reachable",
}

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Example(NamedTuple):
    """A command that ``--help`` begins with.

    Args:
        command: as it is typed, in one line.
        says: what it is for, where that is not plain.
    """

    command: str
    says: str = ""


class Option(click.Option):
    """An option that can also be given as ``REGCRED_`` and its long name in upper case.

    Args:
        group: one of `GROUPS`.
        completes: what its values are, for `regcred.cli.completing`; empty where nobody knows.
        may_be_empty: an empty value means something; else it is a variable that is not set, and
            that must not mean the default.
    """

    def __init__(
        self,
        *args: Any,
        group: str,
        completes: str = "",
        may_be_empty: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.group, self.completes, self.may_be_empty = group, completes, may_be_empty
        long = [o for o in self.opts if o.startswith("--")]
        if long and not self.envvar and self.allow_from_autoenv:
            self.envvar = "REGCRED_" + long[0].lstrip("-").replace("-", "_").upper()

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The variable; of several values blanks beside a comma do not count: ``a, b``."""
        value = super().resolve_envvar_value(ctx)
        return re.sub(r"\s*,\s*", ",", value) if value and self.multiple else value

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """The value, of the option's type.

        Raises:
            UsageError: it is empty. (Where one may be given several times, the verb says so.)
        """
        found = super().process_value(ctx, value)
        if found == "" and not self.may_be_empty and value == "":
            source = ctx.get_parameter_source(self.name or "")
            if source is click.core.ParameterSource.COMMANDLINE:
                flag = max(self.opts, key=len)
                raise UsageError(
                    f"{flag} is empty", hint=f'is a variable not set? {flag} "${self._variable}"'
                )
        return found

    @property
    def _variable(self) -> str:
        """What somebody may have called the variable, for a hint."""
        return re.sub("[^A-Z]", "", self.metavar or "") or "VALUE"

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Where a value that cannot be used was given: the flag, or the variable."""
        source = ctx.get_parameter_source(self.name or "") if ctx else None
        if source is click.core.ParameterSource.ENVIRONMENT:
            return str(self.envvar)
        return super().get_error_hint(ctx)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The flags and their help: whether they repeat, and the default, said everywhere alike."""
        from regcred.cli import helptext

        return helptext.record(self, ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may stand here."""
        from regcred.cli import completing

        return completing.values(ctx, self, incomplete) or super().shell_complete(ctx, incomplete)


class Argument(click.Argument):
    """An argument; `completes` as for `Option`."""

    def __init__(self, *args: Any, completes: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.completes = completes

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may stand here."""
        from regcred.cli import completing

        return completing.values(ctx, self, incomplete) or super().shell_complete(ctx, incomplete)


class Verb(click.Command):
    """A command whose help begins with examples and ends with its exit codes.

    Args:
        examples: at least one.
        exit_codes: what is to be said in place of `EXIT_CODES`; empty for what cannot be.
        notes: a table behind the paragraph: its title, and (word, what it means) each.
    """

    def __init__(
        self,
        *args: Any,
        examples: tuple[Example, ...] = (),
        exit_codes: dict[int, str] | None = None,
        notes: tuple[str, tuple[tuple[str, str], ...]] = ("", ()),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("context_settings", CONTEXT)
        super().__init__(*args, **kwargs)
        self.examples, self.notes = examples, notes
        codes = EXIT_CODES | (exit_codes or {})
        self.exit_codes = {code: said for code, said in codes.items() if said}
        self.params.sort(key=_place)  # stable: within a group as they are declared

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """``--help``, in the last group."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = "Show this and end."
        return found

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Arguments first: that is the order in which people type."""
        flags, *arguments = super().collect_usage_pieces(ctx)
        return [*arguments, flags]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, whose parser does not say whose flag it is that lacks its value."""
        try:
            return super().parse_args(ctx, args)
        except click.BadOptionUsage as error:
            message = error.message.removesuffix(".")
            for each in self.get_params(ctx):
                if error.option_name in each.opts and isinstance(each.type, click.Choice):
                    message += f": one of {', '.join(map(str, each.type.choices))}"
            raise click.BadOptionUsage(error.option_name, message, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; the hint of an error takes its flags along, which nobody knows afterwards."""
        try:
            return super().invoke(ctx)
        except RegcredError as error:
            error.hint = output.typed(error.hint)
            raise

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Usage, examples, the paragraph, options by groups, exit codes."""
        from regcred.cli import helptext

        self.format_usage(ctx, formatter)
        helptext.write(self, ctx, formatter)


def _place(parameter: click.Parameter) -> int:
    return -1 if isinstance(parameter, click.Argument) else GROUPS.index(group_of(parameter))


def group_of(parameter: click.Parameter) -> str:
    """The group of an option; click's own ones are help."""
    return getattr(parameter, "group", "Help")


def verb(
    *examples: tuple[str, str] | str,
    name: str | None = None,
    exit_codes: dict[int, str] | None = None,
    notes: tuple[str, tuple[tuple[str, str], ...]] = ("", ()),
) -> Callable[[Callable[..., Any]], Verb]:
    """``click.command`` for a `Verb`.

    Args:
        examples: commands, alone or with what they are for.
        name: where it is not the function's.
        exit_codes: see `Verb`.
        notes: see `Verb`.
    """
    shown = tuple(Example(*((each,) if isinstance(each, str) else each)) for each in examples)
    return click.command(name, cls=Verb, examples=shown, exit_codes=exit_codes, notes=notes)


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """``click.option`` with a group and an environment variable."""
    return click.option(*names, cls=Option, **attributes)


def argument(*names: str, **attributes: Any) -> Callable[[F], F]:
    """``click.argument`` that knows what its values are."""
    return click.argument(*names, cls=Argument, **attributes)
