"""How ``--help`` looks: usage, examples, a paragraph, options by groups, exit codes."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import click

from regcred.cli.verb import GROUPS, group_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.cli.verb import Example, Option, Verb

#: Flags that are longer have their help in the next line.
_COLUMN = 30
#: On a terminal that is narrower than this, sooner.
_NARROW, _NARROW_COLUMN = 70, 24
#: Where a command may go on in the next line: before a flag, a pipe, a redirection.
_BREAKS = re.compile(r" (?=-{1,2}[a-zA-Z]|\||<|>|\$)")


def write(verb: Verb, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write all that follows the usage."""
    write_examples(verb.examples, formatter)
    formatter.write_paragraph()
    formatter.indent()
    formatter.write_text(" ".join((verb.help or "").split()))
    formatter.dedent()
    title, rows = verb.notes
    if rows:
        with formatter.section(title):
            _write_rows(rows, max(len(word) for word, _ in rows), formatter)
    groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
    for parameter in verb.get_params(ctx):
        said = parameter.get_help_record(ctx)
        if said and isinstance(parameter, click.Option):  # arguments are in the usage
            groups[group_of(parameter)].append(said)
    write_lists(groups, formatter)
    write_exit_codes(verb.exit_codes, formatter)
    named = next((each for each in verb.params if each.envvar), None)
    if named:
        formatter.write_paragraph()
        formatter.indent()
        flag = max(named.opts, key=len)
        formatter.write_text(f"Each flag is a variable too: {flag} is {named.envvar}.")
        formatter.dedent()


def write_lists(
    groups: Mapping[str, list[tuple[str, str]]], formatter: click.HelpFormatter
) -> None:
    """Write a section for each group that has something, all with the same column."""
    said = [row for rows in groups.values() for row in rows]
    most = _NARROW_COLUMN if formatter.width < _NARROW else _COLUMN
    width = max((len(flags) for flags, _ in said if len(flags) <= most), default=0)
    for group, rows in groups.items():
        if rows:
            with formatter.section(group):
                _write_rows(rows, width, formatter)


def _write_rows(
    rows: Iterable[tuple[str, str]], width: int, formatter: click.HelpFormatter
) -> None:
    margin, column = formatter.current_indent, formatter.current_indent + width + 2
    for flags, text in rows:
        lines = textwrap.wrap(
            text, max(formatter.width - column, 20), break_on_hyphens=False, break_long_words=False
        )
        first = f"{'':{margin}}{flags}"
        if len(flags) <= width and lines:
            first = f"{first:<{column}}{lines.pop(0)}"
        formatter.write(f"{first}\n")
        formatter.write("".join(f"{'':{column}}{line}\n" for line in lines))


def write_examples(examples: Iterable[Example], formatter: click.HelpFormatter) -> None:
    """Write commands that can be copied: a long one goes on behind a backslash."""
    with formatter.section("Examples"):
        margin = f"{'':{formatter.current_indent}}"
        for example in examples:
            if example.says:
                formatter.write(f"{margin}# {example.says}\n")
            for line in broken(example.command, formatter.width - len(margin)):
                formatter.write(f"{margin}{line}\n")


def broken(command: str, width: int) -> list[str]:
    """`command` in lines of at most `width`, as far as it has places for a break."""
    first, *parts = _BREAKS.split(command)
    lines = [first]
    for part in parts:
        if len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += " \\"
            lines.append(f"  {part}")
    if len(lines) == 2 and len(command) <= width:
        return [command]
    return lines


def write_exit_codes(codes: Mapping[int, str], formatter: click.HelpFormatter) -> None:
    """Write what each exit code means."""
    with formatter.section("Exit codes"):
        _write_rows([(str(code), said) for code, said in sorted(codes.items())], 1, formatter)


def record(option: Option, ctx: click.Context) -> tuple[str, str] | None:
    """The flags of `option` and its help, with what is to be known of its value."""
    if option.hidden:
        return None
    flags = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        flags += f" / {', '.join(option.secondary_opts)}"
    if not option.is_flag and not option.count:
        flags += f" {option.make_metavar(ctx)}"
    extra = ["repeatable"] if option.multiple else []
    if default := _default(option):
        extra.append(f"default: {default}")
    return flags, f"{option.help or ''} [{'; '.join(extra)}]" if extra else option.help or ""


def _default(option: Option) -> str:
    """What is taken where the flag is not given; empty for nothing, and where it is said."""
    if isinstance(option.show_default, str):
        return option.show_default
    if not option.show_default:
        return ""
    value = option.default
    if option.secondary_opts:
        return (option.opts if value else option.secondary_opts)[0].lstrip("-")
    return f"{value:g}" if isinstance(value, float) else str(value)
