"""Verdicts as a table, as wide as the terminal.

Nothing that may be copied is broken: an image that is longer than its column goes over the ones
beside it, which begin below it then, and a command stands in a line of its own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from regcred.cli import output, wrapping
from regcred.cli.checked import grouped
from regcred.cli.checklines import HINT, details, word
from regcred.core.diagnosis.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


class Part(NamedTuple):
    """Something said in a cell, which begins in a line of its own.

    Args:
        text: printable.
        colour: of all of it; empty for none.
        head: how many characters at its beginning are a head, in a colour of its own.
    """

    text: str
    colour: str = ""
    head: int = 0


#: What stands in a row, a cell for each column.
Cells = list[list[Part]]


def table(result: Result, width: int) -> str:
    """The table, coloured where it may be.

    Args:
        result: what came of a check.
        width: of the terminal.
    """
    groups = grouped(result.checked)
    if not groups:
        return ""
    layout = _layout(groups, width)
    lines = list(_row([[Part(name, "bold")] for name in layout], list(layout.values())))
    for group in groups:
        lines += _row(_cells(group, layout), list(layout.values()))
        for name, said in details(group):
            if name == HINT:
                first, *others = wrapping.wrap(output.printable(said), width, first=len(HINT) + 2)
                lines.append(f"{output.paint(f'{HINT}:', 'cyan', sys.stdout)} {first}")
                lines += [f"{'':{wrapping.HANG}}{line}" for line in others]
    return "".join(f"{line}\n" for line in lines)


#: Columns and their widths.
Layout = dict[str, int]


def _layout(groups: Sequence[Group], width: int) -> Layout:
    first = max(len("VERDICT"), *(len(word(group)) for group in groups))
    left = width - first - _GAP
    if width < _WIDE:
        return {"VERDICT": first, "IMAGE": left}
    layout = {"VERDICT": first, "IMAGE": _share(left, [g.first.container.image for g in groups])}
    left -= layout["IMAGE"] + _GAP
    if any(group.said for group in groups):
        layout["FOR"] = _share(left, [group.said for group in groups])
        left -= layout["FOR"] + _GAP
    return layout | {"WHY": left}


def _share(left: int, texts: Sequence[str]) -> int:
    """How wide a column is: as its texts are, but no more than two fifths of what is left."""
    return min(left * 2 // 5, max(wrapping.cells(output.printable(text)) for text in texts))


def _cells(group: Group, layout: Layout) -> Cells:
    outcome = [Part(word(group), _COLOURS[group.first.verdict.outcome])]
    image = output.printable(group.first.container.image)
    users = [Part(output.printable(group.said), "" if "WHY" in layout else "dim")]
    if "WHY" not in layout:
        return [outcome, [Part(image, "bold"), *users * bool(group.said), *_why(group)]]
    cells = {"VERDICT": outcome, "IMAGE": [Part(image)], "FOR": users, "WHY": list(_why(group))}
    return [cells[name] for name in layout]


def _why(group: Group) -> Iterator[Part]:
    for name, said in details(group):
        if name != HINT:
            head = f"{name}: " if name else ""
            yield Part(head + output.printable(said), head=len(head))


def _row(cells: Cells, widths: Sequence[int]) -> Iterator[str]:
    """The lines of a row."""
    waiting = [list(_lines(cell, width)) for cell, width in zip(cells, widths, strict=True)]
    while any(waiting):
        line, gap = "", 0
        for lines, width in zip(waiting, widths, strict=True):
            plain, shown = lines.pop(0) if lines else ("", "")
            line += " " * gap * bool(plain) + shown
            gap = (0 if plain else gap) + width + _GAP - wrapping.cells(plain)
            if gap < _GAP:
                break  # what stands beside it begins in the next line
        yield line


def _lines(cell: Sequence[Part], width: int) -> Iterator[tuple[str, str]]:
    """The lines of a cell, plain and as they are shown."""
    for text, colour, head in cell:
        for number, line in enumerate(wrapping.wrap(text, width)):
            plain = " " * wrapping.HANG * bool(number) + line
            shown = output.paint(plain, colour, sys.stdout) if colour else plain
            if head and not number:
                shown = output.paint(plain[:head], "yellow", sys.stdout) + plain[head:]
            yield plain, shown
