"""YAML manifests as trees, by libyaml's event parser, whose marks carry the offset in characters.

Source: https://pyyaml.org/wiki/PyYAMLDocumentation
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml._yaml import CParser
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from regcred.core.manifests.manifesttree import (
    ALL,
    BREAKS,
    MAX_DEPTH,
    MERGE,
    Alias,
    IsTemplate,
    Kept,
    Malformed,
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
    from collections.abc import Callable, Iterator

MERGE_TAG = "tag:yaml.org,2002:merge"
#: Anchor and tag, and what may stand between them and the block that they belong to.
_PROPERTIES = re.compile(rf"(?:[&!][^ \t{BREAKS}]*|[ \t{BREAKS}]+|#[^{BREAKS}]*)*")
#: What libyaml says where something is open at the end of the text.
_RUNS_OUT = ("found unexpected end of stream", "found unexpected document indicator")
_HINTS = {
    "found a tab character that violates indentation": "indent with spaces",
    "found character that cannot start any token": "quote it, or is it a tab? indent with spaces",
    "did not find expected <document start>": "put '---' between two documents",
}


def read_yaml(text: str, wanted: Wanted) -> Iterator[Tree]:
    """The documents in `text`, each as a tree of what is `wanted`.

    Raises:
        NotYAML: it is not well-formed, nested too deeply, or too large.
    """
    if text.startswith("\ufeff"):
        # libyaml passes over it without counting it. The first one of a text is not given here.
        raise Malformed("a second byte order mark", 0, "take it out")
    try:
        reader = _Reader(text)
        while (tree := reader.document(wanted)) is not None:
            yield tree
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it is not YAML"
        if problem in _RUNS_OUT and error.context_mark:
            # What was opened and never closed, and not the end of the file, is the place to mend.
            mark, problem = error.context_mark, f"{problem} {error.context}"
        hint = _HINTS.get(problem, "")
        raise Malformed(problem, mark.index if mark else 0, hint) from None
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, int) else 0
        raise Malformed(
            f"{error.reason}: #x{character:04x}", max(text.find(chr(character)), 0)
        ) from None


class _Reader:
    """Turns the events of one text into trees."""

    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = CParser(text).get_event
        self._text = text
        self._last: Any = None  # the last event that has characters of its own
        self._anchors: dict[str, Node] = {}
        self._kept = Kept()
        self._tree = Tree(Skipped(0, 0))

    def document(self, wanted: Wanted) -> Tree | None:
        """The next document; None where there is no more."""
        event = self._next()
        while type(event) is not yaml.DocumentStartEvent:
            if event is None:
                return None
            event = self._next()
        self._anchors = {}
        self._kept = Kept()
        self._tree = tree = Tree(Skipped(0, 0))
        tree.root = self._node(self._next(), wanted, 0)
        tree.open_end = (
            getattr(self._last, "style", "") in ("|", ">")
            and self._last.end_mark.index == len(self._text)
            and self._text[-1:] not in BREAKS
        )
        return tree

    def _node(self, event: Any, wanted: Wanted | None, depth: int) -> Node:
        """The node that begins with `event`, read to its end.

        Args:
            event: its first event.
            wanted: what is looked for in it; None for nothing.
            depth: how deep it is nested.
        """
        kind = type(event)
        start = event.start_mark.index
        if kind is AliasEvent:
            self._last = event
            if event.anchor not in self._anchors:
                raise NotYAML(f"alias *{event.anchor} has no anchor before it", start)
            target = self._anchors[event.anchor]
            if wanted is None and isinstance(target, Scalar):
                return _SKIPPED
            self._kept.add(start)
            alias = Alias(start, event.end_mark.index, target)
            self._tree.aliases.append(alias)
            return alias
        anchor = event.anchor
        if anchor is not None:
            wanted = ALL
        if wanted is not None:
            self._kept.add(start)
        if kind is ScalarEvent:
            self._last = event
            if wanted is None:
                return _SKIPPED
            plain = event.implicit[0] and event.tag is None
            node = Scalar(start, event.end_mark.index, event.value, plain, anchor is not None)
            if anchor is not None:
                self._anchors[anchor] = node
            return node
        if depth >= MAX_DEPTH:
            raise too_deep(start)
        if wanted is None:
            self._skip(event, depth)
            return _SKIPPED
        if kind is MappingStartEvent:
            return self._mapping(event, wanted, depth)
        return self._sequence(event, wanted, depth)

    def _skip(self, event: Any, depth: int) -> None:
        """Read what nobody looks for, and begins with `event`, to its end.

        Most of a document is of that kind, hence a loop that makes no nodes.
        """
        tree, read = self._tree, self._next
        outer: list[tuple[Any, set[str] | None]] = []
        keys: set[str] | None = set() if type(event) is MappingStartEvent else None
        for_key = True
        while True:
            item = read()
            kind = type(item)
            if kind is ScalarEvent and item.anchor is None:
                if keys is None:
                    self._last = item
                elif for_key:
                    self._last = item
                    for_key = False
                    name = item.value
                    if name in keys:
                        tree.stands_twice(name, item.start_mark.index)
                    keys.add(name)
                else:
                    for_key = True
                    if item.value or not self._left_out(item):
                        self._last = item
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                if event.flow_style and item.end_mark.index > item.start_mark.index:
                    self._last = item
                if not outer:
                    return
                event, keys = outer.pop()
                for_key = True
            elif kind is ScalarEvent or kind is AliasEvent or item.anchor is not None:
                self._node(item, None, depth + len(outer) + 1)
                for_key = not for_key
            elif keys is not None and for_key:
                self._odd_key(event, item, depth + len(outer))
                for_key = False
            else:
                outer.append((event, keys))
                if depth + len(outer) >= MAX_DEPTH:
                    raise too_deep(item.start_mark.index)
                event, keys = item, set() if kind is MappingStartEvent else None
                for_key = True

    def _left_out(self, value: Any) -> bool:
        """Whether `value` is that of a '?' without its ':', said to be at the next token."""
        at: int = value.start_mark.index
        return at == value.end_mark.index and self._text[at - 1] != ":"

    def _mapping(self, event: Any, wanted: Wanted, depth: int) -> Node:
        mark = event.start_mark
        start, column, flow = mark.index, mark.column, event.flow_style
        tree, read = self._tree, self._next
        node = Mapping(start, start, flow, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if not flow and event.anchor is None and event.tag is None:
            node.first = start
        seen = set()
        previous: Any = None
        value: Any = None
        below: Wanted | None
        unknown = not flow and (tree.dash is None or tree.width is None)
        while True:
            key = read()
            kind = type(key)
            if kind is ScalarEvent:
                name = key.value
                self._last = key
                if name == MERGE and not key.implicit[0] and key.tag != MERGE_TAG:
                    name = '"<<"'  # in quotes it is a string like any other
                if key.anchor is not None:
                    at = key.start_mark.index
                    plain = key.implicit[0] and key.tag is None
                    self._anchors[key.anchor] = Scalar(at, key.end_mark.index, name, plain, True)
            elif kind is yaml.MappingEndEvent:
                break
            else:
                name = self._odd_key(event, key, depth)
            if node.first < 0:
                node.first = key.start_mark.index
                if not flow:
                    # Behind its own anchor and tag, and before those of its first key.
                    node.first, column = self._behind_properties(start, node.first)
                    node.column = column
            if name in seen:
                tree.stands_twice(str(name), key.start_mark.index)
            elif name is not None:
                seen.add(name)
            previous, value = key, read()
            if unknown and type(value) is not ScalarEvent:
                self._note_layout(value, column)
            if name == MERGE:
                below = Wanted({"*": wanted}) if type(value) is SequenceStartEvent else wanted
            else:
                below = wanted.below(name or "")
            if below is None and type(value) is ScalarEvent and value.anchor is None:
                self._last = value  # the most frequent case by far
                continue
            child = self._node(value, below, depth + 1)
            if below is not None and name is not None:
                node.entries.append((name, key.start_mark.index, child))
        if value is not None and self._last is value and self._left_out(value):
            self._last = previous
        self._close(event, key, node)
        return node

    def _sequence(self, event: Any, wanted: Wanted, depth: int) -> Node:
        mark = event.start_mark
        node = Sequence(mark.index, mark.index, event.flow_style, mark.column)
        if event.anchor is not None or event.tag is not None:
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            if not event.flow_style:
                _, node.column = self._behind_properties(mark.index, len(self._text))
        below = wanted.below("*")
        while True:
            item = self._next()
            if type(item) is yaml.SequenceEndEvent:
                break
            node.items.append(self._node(item, below, depth + 1))
        self._close(event, item, node)
        return node

    def _behind_properties(self, start: int, limit: int) -> tuple[int, int]:
        """Offset and column of the block whose anchor and tag start at the offset `start`.

        Args:
            start: where they start.
            limit: where its first key does, which may have an anchor or a tag itself.
        """
        found = _PROPERTIES.match(self._text, start, limit)
        line = at = found.end() if found else start
        while line > 0 and self._text[line - 1] not in BREAKS:
            line -= 1
        return at, at - line

    def _close(self, first: Any, last: Any, node: Mapping | Sequence) -> None:
        """Set where `node` ends: a block ends with its last content, not at the next token."""
        if node.flow and last.end_mark.index > last.start_mark.index:
            self._last = last
            node.brace = first.end_mark.index - 1
        node.end = self._last.end_mark.index

    def _odd_key(self, mapping: Any, key: Any, depth: int) -> str | None:
        """The name of a key that is no scalar: none, but through an alias."""
        if self._text.startswith("{{", mapping.end_mark.index - 1):
            raise IsTemplate("'{{' stands where YAML has a value", mapping.start_mark.index)
        node = self._node(key, ALL, depth + 1)
        target = node.target if isinstance(node, Alias) else None
        return target.value if isinstance(target, Scalar) else None

    def _note_layout(self, value: Any, column: int) -> None:
        """Remember how this document indents, from a value of a block mapping."""
        tree = self._tree
        if getattr(value, "flow_style", True) or value.anchor is not None or value.tag is not None:
            return
        further = value.start_mark.column - column
        if type(value) is SequenceStartEvent:
            if tree.dash is None and further >= 0:
                tree.dash = further
        elif tree.width is None and further > 0:
            tree.width = further


_SKIPPED = Skipped(0, 0)
