"""Verdicts as a table, as wide as the terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regcred.cli import output
from regcred.cli.checked import grouped
from regcred.cli.checklines import details, word
from regcred.core.verdict import Outcome

if TYPE_CHECKING:
    from regcred.cli.checked import Group, Result

#: From this width on everything has a column of its own.
_WIDE = 120
_COLOURS = {
    Outcome.OK: "green",
    Outcome.FAIL: "red",
    Outcome.UNKNOWN: "yellow",
    Outcome.SKIPPED: "dim",
}


def table(result: Result) -> str:
    """The table, coloured where it may be."""
    groups = grouped(result.checked)
    if not groups:
        return ""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = Console(file=sys.stdout).width
    made = io.StringIO()
    console = Console(
        file=made,
        width=width,
        force_terminal=not plain,
        color_system=None if plain else "standard",
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(_wide(groups) if width >= _WIDE else _narrow(groups))
    return "".join(line.rstrip() + "\n" for line in made.getvalue().splitlines())


def _wide(groups: list[Group]) -> Table:
    made = Table(box=None, pad_edge=False, expand=True)
    made.add_column("VERDICT", no_wrap=True)
    made.add_column("IMAGE", overflow="fold", ratio=3)
    made.add_column("FOR", overflow="fold", ratio=2)
    made.add_column("WHY", overflow="fold", ratio=4)
    for group in groups:
        made.add_row(
            _coloured(group), _text(group.first.container.image), _text(group.said), _why(group)
        )
    return made


def _narrow(groups: list[Group]) -> Table:
    made = Table(box=None, pad_edge=False, expand=True)
    made.add_column("VERDICT", no_wrap=True)
    made.add_column("IMAGE", overflow="fold", ratio=1)
    for group in groups:
        cell = Text().append_text(_text(group.first.container.image, "bold"))
        if group.said:
            cell.append(f"\n{output.printable(group.said)}", style="dim")
        made.add_row(_coloured(group), cell.append("\n").append_text(_why(group)))
    return made


def _coloured(group: Group) -> Text:
    return Text(word(group), style=_COLOURS[group.first.verdict.outcome])


def _why(group: Group) -> Text:
    message, *more = details(group)
    text = _text(message)
    for line in more:
        name, _, rest = line.partition(": ")
        text.append(f"\n{name}: ", style="cyan" if name == "hint" else "yellow")
        text.append(output.printable(rest))
    return text


def _text(text: str, style: str = "") -> Text:
    return Text(output.printable(text), style=style)
