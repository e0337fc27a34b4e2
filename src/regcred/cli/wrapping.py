"""Lines on a terminal are broken between words, so that what is copied from there is whole.

An image, a digest or a path has no blank in it, and a command is never broken: what is longer than
the terminal is wide goes over its edge, where the terminal itself goes on in the next line.
Without a terminal nothing is broken: programs, and grep, want a line for each finding.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, TextIO

from regcred.core import commandline

if TYPE_CHECKING:
    from collections.abc import Iterator

_NARROWEST = 40
#: Of a terminal that does not say how wide it is.
_USUAL = 80
#: Further in than a line are those that it goes on in.
HANG = 2


def columns(stream: TextIO) -> int:
    """How many columns the terminal of `stream` has; 0 where it is none."""
    if not stream.isatty():
        return 0
    said = os.environ.get("COLUMNS", "")
    width = int(said) if said.isdecimal() else 0
    if not width:
        # Not of standard output, which may be a pipe where this is the terminal.
        with contextlib.suppress(OSError, ValueError):
            width = os.get_terminal_size(stream.fileno()).columns
    return max(_NARROWEST, width or _USUAL)


def wrap(text: str, width: int, *, first: int = 0, rest: int = HANG) -> list[str]:
    """`text` in lines of at most `width` cells, as far as it has places for a break.

    Args:
        text: printable, so in one line.
        width: of the terminal, or of a column; 0 to break nothing.
        first: cells of the first line that are taken already.
        rest: likewise of the others.
    """
    if not width or first + cells(text) <= width:
        return [text]
    lines: list[str] = []
    line, taken = "", first
    for word in _words(text):
        longer = f"{line} {word}" if line else word
        if line and taken + cells(longer) > width:
            lines.append(line.rstrip())
            line, taken = word, rest
        else:
            line = longer
    return [*lines, line]


def cells(text: str) -> int:
    """How much room `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def _words(text: str) -> Iterator[str]:
    """The parts of `text` between which a line may be broken."""
    word, at = "", 0
    for begin, end in (*commandline.lines(text), (len(text), len(text))):
        first, *others = text[at:begin].split(" ")
        word += first
        for other in others:
            yield word
            word = other
        word += text[begin:end]
        at = end
    yield word
