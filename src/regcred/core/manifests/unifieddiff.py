"""A unified diff of text and the insertions made in it, document after document.

What is inserted is known, so nothing has to be compared: `difflib` takes minutes where thousands
of lines are equal, as they are in manifests. One document is held at a time.

Source: https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from regcred.core.manifests import yamlsplice
from regcred.core.manifests.yamlsplice import Insertion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What a line is (``---``, ``+++``, ``@@``, ``-``, ``+`` or a blank), and all of it.
Line: TypeAlias = tuple[str, str]

CONTEXT = 3

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class UnifiedDiff:
    """Makes the diff of one file.

    Args:
        old: its name in the ``---`` line.
        new: its name in the ``+++`` line.
    """

    def __init__(self, old: str, new: str) -> None:
        self._header: list[Line] = [
            (mark, f"{mark} {_quoted(name)}\n") for mark, name in (("---", old), ("+++", new))
        ]
        self._old = self._new = 1  # the numbers of the next line
        self._before: list[str] = []  # the last lines, where no hunk is open
        self._hunk: list[Line] = []
        self._start = 1, 1
        self._after: list[str] = []  # the lines since the last change in the hunk

    def add(self, text: str, insertions: Sequence[Insertion]) -> Iterator[Line]:
        """The lines that are certain once `text`, the next document, gets these `insertions`."""
        at = 0
        by_line = groupby(insertions, key=lambda insertion: text.rfind("\n", 0, insertion.at) + 1)
        for start, group in by_line:
            yield from self._keep(text[at:start])
            here = [Insertion(insertion.at - start, insertion.text) for insertion in group]
            at = text.find("\n", start) + 1 or len(text)
            line = text[start:at]
            added = _lines(yamlsplice.apply(line, here))
            if line in added:
                place = added.index(line)
                self._change([], added[:place])
                yield from self._keep(line)
                self._change([], added[place + 1 :])
            else:
                self._change([line] if line else [], added)
        yield from self._keep(text[at:])

    def close(self) -> Iterator[Line]:
        """The lines that are left when the file is at its end."""
        if self._hunk:
            yield from self._finished()

    def _change(self, removed: list[str], added: list[str]) -> None:
        if not removed and not added:
            return
        if not self._hunk:
            self._start = self._old - len(self._before), self._new - len(self._before)
            self._hunk = [(" ", line) for line in self._before]
        self._hunk += [(" ", line) for line in self._after]
        self._after = []
        self._hunk += [("-", line) for line in removed]
        self._hunk += [("+", line) for line in added]
        self._old += len(removed)
        self._new += len(added)

    def _keep(self, text: str) -> Iterator[Line]:
        """Take `text`, whole lines, as they are."""
        count = text.count("\n") + (text != "" and text[-1] != "\n")
        self._old += count
        self._new += count
        if not self._hunk:
            self._before = (self._before + _last(text))[-CONTEXT:]
            return
        known = len(self._after)
        # Two changes share a hunk where their contexts touch.
        self._after += _lines(text, 2 * CONTEXT + 1 - known)
        if len(self._after) > 2 * CONTEXT:
            before = (self._after[:known] + _last(text))[-CONTEXT:]
            yield from self._finished()
            self._before = before

    def _finished(self) -> Iterator[Line]:
        """The open hunk, which ends here."""
        lines = [*self._hunk, *((" ", line) for line in self._after[:CONTEXT])]
        ranges = []
        for sign, start, other in zip("-+", self._start, "+-", strict=True):
            count = sum(kind != other for kind, _ in lines)
            first = start if count else start - 1
            ranges.append(f"{sign}{first}" if count == 1 else f"{sign}{first},{count}")
        yield from self._header
        yield "@@", f"@@ {' '.join(ranges)} @@\n"
        for kind, line in lines:
            missing = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
            yield kind, f"{kind}{line}{missing}"
        self._header, self._hunk, self._before, self._after = [], [], [], []


def _lines(text: str, most: int = -1) -> list[str]:
    """The first lines of `text`, each with its line feed: patch knows no other end."""
    parts = text.split("\n", most)
    lines = [f"{line}\n" for line in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] and len(lines) != most else lines


def _last(text: str) -> list[str]:
    """The last lines of `text`, as many as are context."""
    at = len(text)
    for _ in range(CONTEXT):
        at = text.rfind("\n", 0, at - 1) + 1 if at > 0 else 0
    return _lines(text[at:])


def _quoted(name: str) -> str:
    """`name` as git and GNU diff write it, for patch to read; a terminal obeys none of it."""
    escaped = "".join(_ESCAPES.get(c) or (c if c.isprintable() else _octal(c)) for c in name)
    if escaped != name:
        return f'"{escaped}"'
    return f"{name}\t" if " " in name else name


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
