"""Verdicts as a table, as wide as the terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regcred.cli import output
from regcred.cli.checked import grouped
from regcred.cli.checklines import HINT, details, word
from regcred.core.diagnosis.verdict import Outcome

if TYPE_CHECKING:
    from regcred.cli.checked import Group, Result

#: From this width on everything has a column of its own.
_WIDE = 120
#: Blanks between columns.
_GAP = 2
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
    plain = output.is_plain()
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
    layout = _wide(groups, width) if width >= _WIDE else _narrow(groups, width)
    console.print(_row(layout, [Text(name) for name in layout], header=True))
    for group in groups:
        console.print(_row(layout, _cells(group, layout)))
        for name, said in details(group):
            if name == HINT:
                # As long as it is: a command that is broken into lines is two to who copies it.
                hint = Text(f"{name}: ", style="cyan").append(output.printable(said), style="")
                console.print(hint, soft_wrap=True)
    return "".join(line.rstrip() + "\n" for line in made.getvalue().splitlines())


#: Columns and their widths.
Layout = dict[str, int]


def _wide(groups: list[Group], width: int) -> Layout:
    shares = {"IMAGE": 3, "FOR": 2, "WHY": 4}
    if not any(group.said for group in groups):
        del shares["FOR"]
    first = _first(groups)
    left = width - first - _GAP * len(shares)
    every = sum(shares.values())
    return {"VERDICT": first} | {name: left * share // every for name, share in shares.items()}


def _narrow(groups: list[Group], width: int) -> Layout:
    first = _first(groups)
    return {"VERDICT": first, "IMAGE": width - first - _GAP}


def _first(groups: list[Group]) -> int:
    return max(len("VERDICT"), *(len(word(group)) for group in groups))


def _row(layout: Layout, cells: list[Text], *, header: bool = False) -> Table:
    """One row by itself, so that what is no cell can come between two."""
    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, _GAP, 0, 0))
    for width in layout.values():
        style = "bold" if header else ""
        made.add_column(width=width, overflow="fold", style=style)
    made.add_row(*cells)
    return made


def _cells(group: Group, layout: Layout) -> list[Text]:
    image = group.first.container.image
    if "WHY" in layout:
        said = {"IMAGE": _text(image), "FOR": _text(group.said), "WHY": _why(group)}
        return [_coloured(group), *(said[name] for name in layout if name in said)]
    cell = Text().append_text(_text(image, "bold"))
    if group.said:
        cell.append(f"\n{output.printable(group.said)}", style="dim")
    return [_coloured(group), cell.append("\n").append_text(_why(group))]


def _coloured(group: Group) -> Text:
    return Text(word(group), style=_COLOURS[group.first.verdict.outcome])


def _why(group: Group) -> Text:
    text = Text()
    for name, said in details(group):
        if name == HINT:
            continue
        text.append("\n" if text else "")
        text.append(f"{name}: " if name else "", style="yellow")
        text.append(output.printable(said))
    return text


def _text(text: str, style: str = "") -> Text:
    return Text(output.printable(text), style=style)
