"""Lines on a terminal are broken between words, so that what is copied from there is whole.

An image, a digest or a path has no blank in it, and a command is never broken: what is longer than
the terminal is wide goes over its edge, where the terminal itself goes on in the next line.
Without a terminal nothing is broken: programs, and grep, want a line for each finding.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_NARROWEST = 40
#: Of a terminal that does not say how wide it is.
_USUAL = 80
#: Further in than a line are those that it goes on in.
HANG = 2

#: How a command in a sentence begins: not every ``regcred`` or ``docker`` is one.
_COMMAND = re.compile(
    r"""[("']?(?:
        regcred\ (?:login|logout|secret|attach|detach|inject|check|why|status|operator|completion)
        | regcred\ (?:credential-provider|[…-]) | kubectl\ [a-z-]+\ \S | docker\ login
        | helm\ template | kustomize\ build | az\ [a-z]+\ [a-z]
        | (?:curl|iconv|ls)\ [-./] | printf\ % | echo\ '
    )""",
    re.VERBOSE,
)
#: Words that go on with the sentence behind a command.
_PROSE = re.compile(
    "adds|allows|and|as|asks|checks|gives|has|in|keeps|lists|makes|mends|names|needs|of|or|prints|"
    "puts|says|shows|so|takes|tells|that|tries|with|write|writes"
)
#: A mark behind which another clause, or another command, begins.
_MARKS = (",", ";", ":", ")")
#: One behind a backslash is none.
_QUOTES = re.compile(r"""(?<!\\)["']""")


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
    words = text.split(" ")
    at = 0
    while at < len(words):
        end = at + 1
        if _COMMAND.match(" ".join(words[at : at + 3])):
            end = _end(words, at)
        yield " ".join(words[at:end])
        at = end


def _end(words: list[str], at: int) -> int:
    """Where the sentence goes on behind the command that begins with the word `at`."""
    quote = ""
    for number in range(at, len(words)):
        word = words[number]
        if number > at and not quote and _PROSE.fullmatch(word):
            return number
        for mark in _QUOTES.findall(word):
            quote = mark if not quote else "" if mark == quote else quote
        if not quote and word.endswith(_MARKS):
            return number + 1
    return len(words)
