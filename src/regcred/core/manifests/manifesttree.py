"""What stands where in a manifest: nodes with their places in the text, and little else.

Load and dump would lose comments, quoting and layout, so `inject` inserts text instead, and needs
to know where. A `Tree` holds the nodes on the way to Pod templates (`Wanted`) with the offsets at
which they start and end; the rest of a document is read and checked, and dropped, so that memory
follows what is looked for and not the size of the input.

YAML is read by `regcred.core.manifests.yamltree`; JSON, which YAML 1.1 does not quite contain
(surrogate pairs, tabs, several values in a row), by `regcred.core.manifests.jsontree`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

MAX_DEPTH = 200
#: Nodes that are kept of one document, some 150 bytes each: far beyond any List that a cluster
#: gives out, and a bound for input that is made to cost memory.
MAX_NODES = 1_000_000

MERGE = "<<"
#: Keys that decide what a document is.
DECIDING = ("kind", "apiVersion", "items", MERGE)
#: What ends a line in YAML 1.1.
BREAKS = "\n\r\x85\u2028\u2029"


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


class Kept:
    """How many nodes are kept of a text, so that it cannot fill the memory."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, at: int) -> None:
        """Count one more, which starts at the offset `at`.

        Raises:
            NotYAML: that is one too many.
        """
        self._count += 1
        if self._count > MAX_NODES:
            raise NotYAML(
                f"it has more than {MAX_NODES:,} places to look at",
                at,
                hint="cut it into documents, with '---' between them",
            )


def too_deep(at: int) -> NotYAML:
    """The error for what starts at the offset `at`, nested beyond `MAX_DEPTH`."""
    return NotYAML(f"it is nested more than {MAX_DEPTH} levels deep", at)
