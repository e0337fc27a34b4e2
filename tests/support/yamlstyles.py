"""Plain data written as YAML in every style that people and programs use.

A writer for tests: each choice (indentation, quotes, comments, anchors, line ends) is drawn, so
that hypothesis can look for the one that breaks, and simplify it; the first of its choices is
always the plainest. What it writes is YAML 1.1 as libyaml reads it (https://yaml.org/spec/1.1/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.samplenodes import Empty
from tests.support.yamlflow import FOLD, PLAIN_IN_BLOCK, WORDS, FlowWriter, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.samplenodes import Chooser

_FOLDED = re.compile(r"(?:\S+(?: \S+)*\n)*\S+(?: \S+)*")


class Writer(FlowWriter):
    """Writes documents.

    Args:
        choose: decides.
    """

    def __init__(self, choose: Chooser) -> None:
        super().__init__(choose)
        self._dash = choose.pick((0, 2, 1, 4))
        self._flows = choose.pick((0, 12, 4))
        #: Whether the last line has no end: a block scalar there may have lost its own.
        self.cut = False
        # Whether what was written last is a block scalar, to which a blank line would belong.
        self._open = False

    def stream(self, documents: Sequence[Any]) -> str:
        """All `documents`, one behind the other; None is one that is empty."""
        lines: list[str] = []
        ended = True
        for number, document in enumerate(documents):
            explicit = number > 0 or document is None or self.choose.one_in(2)
            if ended and self.choose.one_in(12):
                lines += [*self._filler(), "%YAML 1.1"]
                explicit = True
            lines += self._document(document, explicit=explicit)
            self._open = False
            ended = self.choose.one_in(10)
            if ended:
                for _ in range(self.choose.pick((1, 1, 2))):
                    lines += ["..." + self.comment(), *self._filler()]
        return self._with_ends(lines)

    def _with_ends(self, lines: list[str]) -> str:
        ends = self.choose.pick(("\n", "\n", "\r\n", "\r", "mixed"))
        if ends == "mixed":
            text = "".join(line + self.choose.pick(("\n", "\r\n")) for line in lines)
        else:
            text = "".join(line + ends for line in lines)
        if self.choose.one_in(4):
            self.cut = True
            text = text.removesuffix("\n").removesuffix("\r")
        return ("\ufeff" if self.choose.one_in(12) else "") + text

    def _document(self, document: Any, *, explicit: bool) -> list[str]:
        lines = [] if explicit else self._filler()
        if document is None:
            return ["---" + self.comment()]
        value, properties = self.properties(document)
        if self._is_flow(value):
            written = joined(properties, self.bare(value, 0))
            if explicit and self.choose.one_in(2):
                return _lines(f"--- {written}{self.comment()}")
            lines += ["---" + self.comment()] if explicit else []
            return [*lines, *_lines(written + self.comment())]
        if explicit:
            lines.append(joined("---", properties) + self.comment())
        elif properties:
            lines.append(properties)
        if explicit or properties:
            lines += self._filler()
        return lines + self._block(value, self.choose.pick((0, 0, 0, 2)))

    def _block(self, value: Any, column: int) -> list[str]:
        """The lines of a mapping or sequence that is not empty."""
        lines: list[str] = []
        items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        for key, below in items:
            if lines:
                lines += self._filler()
            lines += self._item(below, column) if key is None else self._entry(key, below, column)
        return lines

    def _item(self, value: Any, column: int) -> list[str]:
        head, *rest = self._value(value, column, compact=True, dash=1)
        return [" " * column + "-" + head, *rest]

    def _entry(self, key: Any, value: Any, column: int) -> list[str]:
        indent = " " * column
        if self.choose.one_in(25):
            self._open = False
            lines = [f"{indent}? {self.key(key)}{self.comment()}", *self._filler()]
            if value is Empty and self.choose.one_in(2):
                return lines
            head, *rest = self._value(value, column, compact=True, dash=1)
            return [*lines, f"{indent}:{head}", *rest]
        space = " " if self.choose.one_in(20) else ""
        head, *rest = self._value(value, column, compact=False, dash=self._dash)
        return [f"{indent}{self.key(key)}{space}:{head}", *rest]

    def _value(self, value: Any, column: int, *, compact: bool, dash: int) -> list[str]:
        """What follows an indicator: the rest of its line, and the lines below.

        Args:
            value: to be written.
            column: of the block that the indicator is in.
            compact: whether a block may start on the indicator's line.
            dash: how far to the right of the block a sequence stands.
        """
        value, properties = self.properties(value)
        self._open = False
        head = f"{self._gap(compact)}{properties}" if properties else ""
        if value is Empty:
            return [self.comment(tabs=not compact)]
        if isinstance(value, (dict, list)) and not self._is_flow(value):
            if compact and not properties and not self.choose.one_in(6):
                gap = self.choose.pick((1, 1, 1, 3))
                first, *rest = self._block(value, column + 1 + gap)
                return [" " * gap + first.lstrip(" "), *rest]
            head += self.comment(tabs=not compact)
            further = dash if isinstance(value, list) else self.width
            if self.choose.one_in(10):
                further = self.choose.pick((2, 1, 5))
            return [head, *self._filler(), *self._block(value, column + further)]
        gap = self._gap(compact and not properties)
        if isinstance(value, str) and self.choose.one_in(3):
            header, *rest = self._block_scalar(value, column) or [""]
            if header:
                return [head + gap + header, *rest]
        written = self.bare(value, column, PLAIN_IN_BLOCK) + self.comment()
        if self.choose.one_in(20):  # below its indicator
            head += self.comment(tabs=not compact)
            return [head, *self._filler(), *_lines(" " * (column + self.width) + written)]
        return _lines(head + gap + written)

    def _block_scalar(self, text: str, column: int) -> list[str]:
        """`text` as a block scalar, its header first; nothing where it cannot be one."""
        if not text.strip("\n") or not text.replace("\n", "").isprintable():
            return []
        content = text.rstrip("\n")
        breaks = len(text) - len(content)
        chomping = "-" if not breaks else "+" if breaks > 1 or self.choose.one_in(3) else ""
        rows, style = content.split("\n"), "|"
        if _FOLDED.fullmatch(content) and self.choose.one_in(2):
            style = ">"
            count = self.choose.pick((0, 1))
            rows = "\n\n".join(FOLD.sub("\n", row, count=count or -1) for row in rows).split("\n")
        further = self.choose.pick((self.width, 2, 1, 5))
        indented = rows[0][:1] in ("", " ")
        indicator = str(further) if indented or self.choose.one_in(8) else ""
        header = self.choose.pick((chomping + indicator, indicator + chomping))
        lines = [" " * (column + further) + row if row else "" for row in rows]
        comment = self.comment()
        self._open = True
        return [style + header + comment, *lines, *[""] * (breaks - 1)]

    def _gap(self, compact: bool) -> str:
        """White space behind an indicator; no tab where a block could start."""
        odd = ("  ", "   " if compact else "\t")
        return str(self.choose.pick(odd)) if self.choose.one_in(20) else " "

    def _is_flow(self, value: Any) -> bool:
        return not value or bool(self._flows and self.choose.one_in(self._flows))

    def _filler(self) -> list[str]:
        """Perhaps lines of comments and blank ones."""
        if not self.filled():
            return []
        lines = []
        for _ in range(self.choose.pick((1, 2, 3))):
            if self._open or self.choose.one_in(2):
                indent = "" if self._open else self.choose.pick(("", "  ", "      "))
                lines.append(f"{indent}#{self.choose.pick(WORDS)}")
                self._open = False
            else:
                lines.append(self.choose.pick(("", "   ")))
        return lines


def _lines(written: str) -> list[str]:
    return written.split("\n")
