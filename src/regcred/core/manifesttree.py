"""What stands where in a manifest: nodes with their places in the text, and little else.

Load and dump would lose comments, quoting and layout, so `inject` inserts text instead, and needs
to know where. A `Tree` holds the nodes on the way to Pod templates (`Wanted`) with the offsets at
which they start and end; the rest of a document is read and checked, and dropped, so that memory
follows what is looked for and not the size of the input.

YAML is read by libyaml's event parser (https://pyyaml.org/wiki/PyYAMLDocumentation), whose marks
carry the offset in characters; JSON, which YAML 1.1 does not quite contain (surrogate pairs, tabs,
several values in a row), by `regcred.core.jsontree`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DEPTH = 200
#: Nodes that are kept of one document, some 150 bytes each: far beyond any List that a cluster
#: gives out, and a bound for input that is made to cost memory.
MAX_NODES = 1_000_000

MERGE = "<<"
MERGE_TAG = "tag:yaml.org,2002:merge"
#: Keys that decide what a document is.
DECIDING = ("kind", "apiVersion", "items", MERGE)
#: What ends a line in YAML 1.1.
BREAKS = "\n\r\x85\u2028\u2029"
#: Anchor and tag, and what may stand between them and the block that they belong to.
_PROPERTIES = re.compile(rf"(?:[&!][^ \t{BREAKS}]*|[ \t{BREAKS}]+|#[^{BREAKS}]*)*")


#: What libyaml says where something is open at the end of the text.
_RUNS_OUT = ("found unexpected end of stream", "found unexpected document indicator")
_HINTS = {
    "found a tab character that violates indentation": "indent with spaces",
    "found character that cannot start any token": "quote it, or is it a tab? indent with spaces",
    "did not find expected <document start>": "put '---' between two documents",
}


class Wanted(dict[str, "Wanted"]):
    """Which keys lead to something that is looked for; ``*`` stands for any key or item."""

    def below(self, key: str) -> Wanted | None:
        """What is wanted below `key`; None for nothing."""
        found = self.get(key)
        return found if found is not None else self.get("*")


class _All(Wanted):
    """Wants everything: below an anchor, since an alias may bring it to any place."""

    def below(self, key: str) -> Wanted:
        """Itself, for every key."""
        return self


ALL = _All()


@dataclass(slots=True, eq=False)
class Scalar:
    """A string, number, boolean or null.

    Args:
        start: offset of its first character, of its tag or anchor where it has one.
        end: offset behind its last character.
        value: its text, decoded.
        plain: whether it stands without quotes and tag, so may be a null or a number.
        anchored: whether it has an anchor.
    """

    start: int
    end: int
    value: str
    plain: bool
    anchored: bool = False

    @property
    def null(self) -> bool:
        """Whether it is a null, written or left out."""
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True, eq=False)
class Mapping:
    """A mapping, or a JSON object.

    Args:
        start: offset of ``{``, of the first key, or of a tag or anchor before it.
        end: offset behind the last character of its content.
        flow: whether it is written in braces.
        column: of its keys, where it is a block.
        entries: key, offset of the key and value, of those that are wanted.
        first: offset of its first key, or of the ``?`` before it where it is a block; -1 where it
            is empty.
        brace: offset of ``{``, where there is one.
    """

    start: int
    end: int
    flow: bool
    column: int
    entries: list[tuple[str, int, Node]] = field(default_factory=list)
    first: int = -1
    brace: int = -1

    def get(self, key: str) -> Node | None:
        """The value of its own `key`, not one that a merge key brings in."""
        for name, _, value in self.entries:
            if name == key:
                return value
        return None


@dataclass(slots=True, eq=False)
class Sequence:
    """A sequence, or a JSON array.

    Args:
        start: offset of ``[``, of the first ``-``, or of a tag or anchor before it.
        end: offset behind the last character of its content.
        flow: whether it is written in brackets.
        column: of its dashes, where it is a block.
        items: those that are wanted.
        brace: offset of ``[``, where there is one.
    """

    start: int
    end: int
    flow: bool
    column: int
    items: list[Node] = field(default_factory=list)
    brace: int = -1


@dataclass(slots=True, eq=False)
class Alias:
    """``*name``: the node of that anchor stands here too."""

    start: int
    end: int
    target: Node


@dataclass(slots=True, eq=False)
class Skipped:
    """A value that nobody looks for, in a place that somebody looks at."""

    start: int
    end: int


Node: TypeAlias = Scalar | Mapping | Sequence | Alias | Skipped


@dataclass(slots=True)
class Tree:
    """One document.

    Args:
        root: its node.
        json: whether it is JSON, so that what is inserted has to be JSON too.
        aliases: all aliases to nodes that were kept.
        duplicate: key and offset of a key that stands twice in a mapping.
        dash: how far dashes stand to the right of their key in this document.
        width: how far keys of a mapping stand to the right of the key that it belongs to.
        open_end: whether the text ends in a block scalar without a line break, so that a line
            break behind it would become part of the scalar.
    """

    root: Node
    json: bool = False
    aliases: list[Alias] = field(default_factory=list)
    duplicate: tuple[str, int] | None = None
    dash: int | None = None
    width: int | None = None
    open_end: bool = False

    def stands_twice(self, key: str, at: int) -> None:
        """Note a duplicate `key`; the first that is found, but one that decides before others."""
        if self.duplicate is None or (key in DECIDING and self.duplicate[0] not in DECIDING):
            self.duplicate = key, at


class NotYAML(Exception):
    """A document cannot be read.

    Args:
        problem: why.
        at: offset of the place.
        hint: what to do about it.
    """

    def __init__(self, problem: str, at: int, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at
        self.hint = hint


class Malformed(NotYAML):
    """It is no YAML, or no JSON, by the rules of the language."""


class IsTemplate(NotYAML):
    """It holds ``{{ … }}`` where YAML has a value: the source of a template."""


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
        self._kept = 0
        self._tree = Tree(Skipped(0, 0))

    def document(self, wanted: Wanted) -> Tree | None:
        """The next document; None where there is no more."""
        event = self._next()
        while type(event) is not yaml.DocumentStartEvent:
            if event is None:
                return None
            event = self._next()
        self._anchors = {}
        self._kept = 0
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
            self._count(start)
            alias = Alias(start, event.end_mark.index, target)
            self._tree.aliases.append(alias)
            return alias
        anchor = event.anchor
        if anchor is not None:
            wanted = ALL
        if wanted is not None:
            self._count(start)
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
            raise NotYAML(_too_deep(), start)
        if wanted is None:
            self._skip(event, depth)
            return _SKIPPED
        if kind is MappingStartEvent:
            return self._mapping(event, wanted, depth)
        return self._sequence(event, wanted, depth)

    def _count(self, at: int) -> None:
        self._kept += 1
        if self._kept > MAX_NODES:
            raise NotYAML(
                f"it has more than {MAX_NODES:,} places to look at",
                at,
                hint="cut it into documents, with '---' between them",
            )

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
                    raise NotYAML(_too_deep(), item.start_mark.index)
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


def _too_deep() -> str:
    return f"it is nested more than {MAX_DEPTH} levels deep"
