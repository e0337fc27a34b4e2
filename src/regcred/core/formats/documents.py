"""Cut a stream of YAML into documents, without parsing it.

A line that starts with ``---`` or ``...`` ends a document wherever it stands: such a line may be
part of no scalar (https://yaml.org/spec/1.2.2/#rule-c-forbidden). So one document after another
is held in memory, however long the stream is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Characters of one document. The largest object that etcd takes has 1.5 MiB; a List of all that
#: a big cluster runs may be a hundred times as large.
MAX_CHARACTERS = 128 * 1024 * 1024

_BREAK = re.compile(r"[\r\n]")
_ALONE = r"(?![^ \t\r\n])"
_MARKER = re.compile(rf"^(?:---|\.\.\.){_ALONE}", re.MULTILINE)
_BLANK = r"[ \t]*(?:#[^\n\r\x85\u2028\u2029]*)?"
#: Comments, and directives, which belong to the ``---`` that follows them.
_PREAMBLE = re.compile(rf"\ufeff?(?:{_BLANK}\r?\n|%.*\n)*+")
#: Markers, comments and nothing else.
_EMPTY = re.compile(
    rf"\ufeff?(?:{_BLANK}\r?\n)*+(?:---{_ALONE}{_BLANK}(?:\r?\n|\Z))?"
    rf"(?:{_BLANK}\r?\n)*+(?:\.\.\.{_ALONE}{_BLANK}(?:\r?\n|\Z))?{_BLANK}"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A part of a stream that holds one document, or several JSON values, or only comments.

    Args:
        text: all of it, its ``---`` included.
        line: the number of its first line in the stream, from 1.
    """

    text: str
    line: int = 1

    @property
    def empty(self) -> bool:
        """Whether it has no content; ``...`` may then stand where libyaml expects some."""
        return _EMPTY.fullmatch(self.text) is not None

    def locate(self, at: int) -> tuple[int, int]:
        """Line in the stream and column, both from 1, of the offset `at`."""
        start = max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at))
        return self.line + count_lines(self.text, 0, at), at - start

    def line_at(self, at: int) -> str:
        """The text of the line that the offset `at` is in."""
        end = _BREAK.search(self.text, at)
        _, column = self.locate(at)
        return self.text[at - column + 1 : end.start() if end else len(self.text)]

    def lines(self, offsets: Iterable[int]) -> Iterator[int]:
        """The line in the stream, from 1, of each of `offsets`, which are sorted."""
        line, before = self.line, 0
        for at in offsets:
            line += count_lines(self.text, before, at)
            before = at
            yield line


def count_lines(text: str, start: int = 0, end: int | None = None) -> int:
    """How many lines end in a part of `text`."""
    end = len(text) if end is None else end
    count = text.count("\n", start, end)
    if text.find("\r", start, end) >= 0:
        count += text.count("\r", start, end) - text.count("\r\n", start, end)
    return count


def split(blocks: Iterable[str], file: str = "") -> Iterator[Document]:
    """The documents of a stream; their texts, one behind the other, are the stream.

    Args:
        blocks: the stream in pieces of any size.
        file: its name, for messages.

    Raises:
        InvalidManifest: a document is larger than `MAX_CHARACTERS`.
    """
    whole: list[str] = []  # lines of the document at hand
    partial: list[str] = []  # of the line at hand
    size, number = 0, 1

    for block in blocks:
        size += len(block)
        if size > MAX_CHARACTERS:
            raise InvalidManifest(
                f"{file or 'the input'}:{number}:1: the document that starts here is over "
                f"{MAX_CHARACTERS:,} characters",
                hint="cut it into documents, with '---' between them",
            )
        cut = block.rfind("\n") + 1
        if not cut:
            partial.append(block)
            continue
        lines = "".join((*partial, block[:cut]))
        partial = [block[cut:]]
        for text in _finished(lines, whole):
            yield Document(text, number)
            number += count_lines(text)
        size = sum(map(len, whole)) + len(partial[0])
    for text in _finished("".join(partial), whole):
        yield Document(text, number)
        number += count_lines(text)
    if rest := "".join(whole):
        yield Document(rest, number)


def _finished(lines: str, whole: list[str]) -> Iterator[str]:
    """The documents that end in `lines`; `whole` is left with the lines of the one that does not.

    Args:
        lines: whole lines.
        whole: those of the document at hand, from before.
    """
    start = 0
    for marker in _MARKER.finditer(lines):
        at = marker.start()
        if marker[0] == "...":
            at = lines.find("\n", at) + 1 or len(lines)
        text = "".join((*whole, lines[start:at]))
        if marker[0] == "---" and _PREAMBLE.fullmatch(text):
            continue
        yield text
        whole.clear()
        start = at
    whole.append(lines[start:])
