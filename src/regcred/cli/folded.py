"""Names in a column of a table that is too narrow for them: they break between their parts.

rich breaks text at spaces, and names have none: it would cut ``index.docker.io`` anywhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.measure import Measurement
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions

#: Behind what joins the parts of registry keys and of names of objects, but before a dot.
_BREAK = re.compile(r"(?<=[/:\- ])(?![/ ])|(?=\.)")
#: A narrower column has no room for an indent.
_INDENTED = 14


def fold(text: str, width: int) -> list[str]:
    """Lines of at most `width`; a part that is longer is cut."""
    lines = [""]
    for part in _BREAK.split(text):
        if cell_len((lines[-1] + part).rstrip()) <= width:
            lines[-1] += part
        else:
            lines += chop_cells(part, width)
    return [line.rstrip() for line in lines if line] or [""]


class Folded:
    """Names for a cell, one below the other.

    Args:
        names: of each what stands before all of its lines, if there is room, the name, and its
            style.
    """

    def __init__(self, *names: tuple[str, str, str]) -> None:
        self._names = names

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        widest = max(cell_len(indent + name) for indent, name, _ in self._names)
        return Measurement(1, widest).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for indent, name, style in self._names:
            before = indent if options.max_width >= _INDENTED else ""
            for line in fold(name, max(1, options.max_width - len(before))):
                yield Text(before + line, style)
