"""Scalars and flow collections in the styles of YAML; blocks are in `tests.support.yamlstyles`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from regcred.core.formats import goyaml
from tests.support.samplenodes import Anchored, Empty, Merge, Reference

if TYPE_CHECKING:
    from tests.support.samplenodes import Chooser

#: Strings that need no quotes in a flow collection, and in a block.
PLAIN = re.compile(r"[A-Za-z_/.][-A-Za-z0-9_./]*( [-A-Za-z0-9_./]+)*")
PLAIN_IN_BLOCK = re.compile(r"[A-Za-z_/.][^\s#:]*((?: |:(?=\S)|(?<=\S)#)[^\s#:-][^\s#:]*)*")
#: Where a scalar may go on in the next line.
FOLD = re.compile(r"(?<=[A-Za-z0-9]) (?=[A-Za-z0-9])")
#: What comments say.
WORDS = ("c", " note: this", "- name: other", "'", " {{ x }}", "\té", "---", "imagePullSecrets:")
_RESOLVE = yaml.SafeLoader("").resolve


class FlowWriter:
    """Writes values that stand between brackets, or alone.

    Args:
        choose: decides.
    """

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose
        self.width = choose.pick((2, 4, 1, 3, 8))
        self._filling = choose.pick((0, 0, 12, 4))
        self._quoting = choose.pick((0, 8, 2))
        self._lines_in_flow = choose.pick((0, 8, 2))

    def properties(self, value: Any) -> tuple[Any, str]:
        """The value without its anchor, and anchor and tag as they are written."""
        written = []
        if isinstance(value, Anchored):
            written.append(f"&{value.name}")
            value = value.value
        if isinstance(value, (dict, list, str)) and self.choose.one_in(40):
            written.append({dict: "!!map", list: "!!seq", str: "!!str"}[type(value)])
        return value, " ".join(written)

    def key(self, key: Any) -> str:
        return "<<" if key is Merge else self.short(key, PLAIN)

    def _flow(self, value: Any, column: int) -> str:
        value, properties = self.properties(value)
        return joined(properties, self.bare(value, column))

    def bare(self, value: Any, column: int, plain: re.Pattern[str] = PLAIN) -> str:
        """`value` in flow style, without anchor and tag."""
        if isinstance(value, Reference):
            return f"*{value.name}"
        if value is None or value is Empty:
            return str(self.choose.pick(("null", "~")))
        if isinstance(value, (bool, int)):
            return str(value).lower()
        if isinstance(value, str):
            return self._string(value, column, plain)
        pairs = isinstance(value, dict)
        parts = []
        for item in value.items() if isinstance(value, dict) else value:
            if pairs:
                parts.append(self._pair(*item, column))
            elif isinstance(item, dict) and len(item) == 1 and self.choose.one_in(8):
                parts.append(self._pair(*next(iter(item.items())), column))
            else:
                parts.append(self._flow(item, column))
        if parts and self.choose.one_in(10):
            parts.append("")
        space = self._space
        inside = ",".join(f"{space(column)}{part}{space(column)}" for part in parts)
        inside = inside or space(column)
        return f"{{{inside}}}" if pairs else f"[{inside}]"

    def _pair(self, key: Any, value: Any, column: int) -> str:
        written = self.key(key)
        if self.choose.one_in(25):
            written = f"? {written}"
        if value is Empty:
            return written + self.choose.pick((": ", "", " : "))
        gap = "" if written[-1] == '"' and self.choose.one_in(2) else " "
        return f"{written}:{gap}{self._flow(value, column)}"

    def _space(self, column: int) -> str:
        """What may stand between the tokens of a flow collection."""
        if self._lines_in_flow and self.choose.one_in(self._lines_in_flow):
            indent = " " * (column + self.width)
            return self.comment() + "\n" + self.choose.pick((indent, indent, "\n" + indent))
        return " " if self.choose.one_in(3) else ""

    def short(self, text: str, plain: re.Pattern[str]) -> str:
        """`text` on one line."""
        quotes = self._quoting and self.choose.one_in(self._quoting)
        if not quotes and plain.fullmatch(text) and _is_string(text):
            return text
        if text.isprintable() and self.choose.one_in(2):
            return "'" + text.replace("'", "''") + "'"
        return json.dumps(text, ensure_ascii=not text.isprintable())

    def _string(self, text: str, column: int, plain: re.Pattern[str]) -> str:
        """`text`, on several lines where it has spaces."""
        written = self.short(text, plain)
        if not self.choose.one_in(4):
            return written
        indent = "\n" + " " * (column + self.width)
        if written[0] == '"' and self.choose.one_in(2):
            return '"\\' + indent + ("\\" if written[1] == " " else "") + written[1:]
        return FOLD.sub(indent, written, count=1)

    def comment(self, *, tabs: bool = True) -> str:
        """Perhaps a comment at the end of a line."""
        if not self.filled():
            return ""
        gap = self.choose.pick((" ", "   ", "\t" if tabs else " "))
        return f"{gap}#{self.choose.pick(WORDS)}"

    def filled(self) -> bool:
        """Whether a comment or blank line is to stand here."""
        return bool(self._filling) and self.choose.one_in(self._filling)


def _is_string(text: str) -> bool:
    """Whether it is a string without quotes, for PyYAML and for kubectl."""
    if goyaml.reads_as_other_type(text):
        return False
    return _RESOLVE(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"


def joined(first: str, second: str) -> str:
    return f"{first} {second}" if first and second else first + second
