"""JSON manifests as trees: the same nodes as of YAML, from values in a row.

``kubectl`` reads one JSON value after another from a stream, with or without white space between,
and escapes that YAML 1.1 does not know.

Source: https://www.rfc-editor.org/rfc/rfc8259 and ``YAMLOrJSONDecoder`` of
https://pkg.go.dev/k8s.io/apimachinery/pkg/util/yaml
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined] # typeshed leaves it out
from typing import TYPE_CHECKING, Any

from regcred.core.manifests.manifesttree import (
    MAX_DEPTH,
    Kept,
    Mapping,
    Node,
    NotYAML,
    Scalar,
    Sequence,
    Skipped,
    Tree,
    Wanted,
    too_deep,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANKS = " \t\r\n"
_BLANK = re.compile(r"[ \t\r\n]*")
_START = re.compile(r"(?:---[ \t]*\r?\n)?[ \t\r\n]*(?=[{\[])")


def read_json(text: str, wanted: Wanted) -> Iterator[Tree]:
    """The values in `text`, each as a tree of what is `wanted`.

    Raises:
        NotYAML: it is not JSON, nested too deeply, or too large.
    """
    reader = _Reader(text)
    start = _START.match(text)
    at = start.end() if start else 0
    while at < len(text):
        reader.tree = tree = Tree(Skipped(at, at), json=True)
        tree.root = reader.value(at, wanted, 0)
        yield tree
        at = reader.blank(tree.root.end)


def looks_like_json(text: str) -> bool:
    """Whether `text` begins as a JSON object or array would, perhaps behind a ``---``."""
    return _START.match(text) is not None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._kept = Kept()
        self._decode = JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=_nothing,
            parse_float=_nothing,
            parse_constant=_refuse,
        ).raw_decode
        self._duplicates: list[str] = []
        self.tree = Tree(Skipped(0, 0))

    def blank(self, at: int) -> int:
        """Where the white space from `at` on ends."""
        if self._text[at : at + 1] not in _BLANKS:
            return at  # as nearly always in what a program wrote
        match = _BLANK.match(self._text, at)
        return match.end() if match else at

    def value(self, at: int, wanted: Wanted | None, depth: int) -> Node:
        """The value that starts at `at`."""
        if wanted is not None:
            self._kept.add(at)
        if depth > MAX_DEPTH:
            raise too_deep(at)
        character = self._text[at : at + 1]
        if wanted is not None and character == "{":
            return self._object(at, wanted, depth)
        if wanted is not None and character == "[":
            return self._array(at, wanted, depth)
        value, end = self._any(at)
        if isinstance(value, str) and character not in "{[":
            plain = character != '"'
            return Scalar(at, end, self._text[at:end] if plain else value, plain)
        return Skipped(at, end)

    def _any(self, at: int) -> tuple[Any, int]:
        """A value that is read to its end and no further looked at; strings are given back."""
        self._duplicates.clear()
        try:
            value, end = self._decode(self._text, at)
        except JSONDecodeError as error:
            raise _not_json(error, error.pos if error.doc else at) from None
        except RecursionError:
            raise too_deep(at) from None
        for name in self._duplicates:
            self.tree.stands_twice(name, at)
        return (value if value is not None else "null"), end

    def _object(self, at: int, wanted: Wanted, depth: int) -> Mapping:
        node = Mapping(at, at, True, 0, brace=at)
        seen = set()
        place = self.blank(at + 1)
        if self._text[place : place + 1] == "}":
            node.end = place + 1
            return node
        while True:
            name, end = self._string(place)
            if node.first < 0:
                node.first = place
            if name in seen:
                self.tree.stands_twice(name, place)
            seen.add(name)
            colon = self._expect(":", end)
            below = wanted.below(name)
            child = self.value(self.blank(colon), below, depth + 1)
            if below is not None:
                node.entries.append((name, place, child))
            place, done = self._after(child.end, "}")
            if done:
                break
        node.end = place
        return node

    def _array(self, at: int, wanted: Wanted, depth: int) -> Sequence:
        node = Sequence(at, at, True, 0, brace=at)
        place = self.blank(at + 1)
        if self._text[place : place + 1] == "]":
            node.end = place + 1
            return node
        below = wanted.below("*")
        while True:
            child = self.value(place, below, depth + 1)
            node.items.append(child)
            place, done = self._after(child.end, "]")
            if done:
                break
        node.end = place
        return node

    def _string(self, at: int) -> tuple[str, int]:
        if self._text[at : at + 1] != '"':
            raise NotYAML("a key in double quotes is missing", at)
        try:
            value, end = scanstring(self._text, at + 1, True)
        except JSONDecodeError as error:
            raise _not_json(error, error.pos) from None
        return value, end

    def _expect(self, character: str, at: int) -> int:
        at = self.blank(at)
        if self._text[at : at + 1] != character:
            raise NotYAML(f"{character!r} is missing", at)
        return at + 1

    def _after(self, at: int, close: str) -> tuple[int, bool]:
        """The place of what follows a value that ends at `at`; whether `close` stood there."""
        at = self.blank(at)
        character = self._text[at : at + 1]
        if character == close:
            return at + 1, True
        if character != ",":
            raise NotYAML(f"',' or {close!r} is missing", at)
        return self.blank(at + 1), False

    def _pairs(self, pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for name, _ in pairs:
            if name in seen:
                self._duplicates.append(name)
            seen.add(name)


def _not_json(error: JSONDecodeError, at: int) -> NotYAML:
    return NotYAML(f"it is not JSON: {error.msg}", at)


def _nothing(_: str) -> str:
    return ""


def _refuse(constant: str) -> Any:
    raise JSONDecodeError(f"there is no {constant}", "", 0)
