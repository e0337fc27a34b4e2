"""Objects in manifests as plain data, for whoever reads them and changes nothing.

The finder of `inject` goes through the same documents, so both know the same kinds, lists of
lists, anchors and merge keys. Of an object only what a pull depends on is kept: where its Pods
say images and pull Secrets, and the data of Secrets.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from regcred.core.errors import InvalidManifest
from regcred.core.manifests import manifestread, podplaces
from regcred.core.manifests.manifest import Finder, _Object
from regcred.core.manifests.manifest import _Way as Way
from regcred.core.manifests.manifesttree import Mapping, NotYAML, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.formats.documents import Document
    from regcred.core.manifests.manifestpath import KindPath
    from regcred.core.manifests.manifesttree import Tree

#: Kinds that are read besides those that make Pods.
_OTHERS = {("Secret", "v1"), ("ServiceAccount", "v1")}
_SECRET = (("type",), ("data",), ("stringData",))
_LIST = "List"
_STRINGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value", "tag:yaml.org,2002:merge")


#: Values of one object: aliases can make it large where the text is short.
MAX_VALUES = 200_000

#: What a Pod spec says in any object: without both there is none in it.
_CONTAINERS = re.compile(r"""\bcontainers["']?[ \t]*:""")
_IMAGE = re.compile(r"""\bimage["']?[ \t]*:[ \t]*["']?[\w$]""")
#: Objects that speak of Pods, and make none: schemas, texts, and rules for the Pods of others.
_TALK = frozenset({"CustomResourceDefinition", "ConfigMap"})
_RULES = re.compile(r"(admissionregistration\.k8s\.io|kyverno\.io|gatekeeper\.sh)$")

_BREAK = re.compile(r"\r\n|\r|\n")


class Text(str):
    """A string of a manifest that knows its place.

    Args:
        text: the string.
        line: where it stands, from 1; 0 where that is not known.
    """

    __slots__ = ("line",)
    line: int

    def __new__(cls, text: str, line: int = 0) -> Text:
        """A string with its line."""
        made = super().__new__(cls, text)
        made.line = line
        return made


@dataclass(frozen=True, slots=True)
class Other:
    """A number or boolean, where only strings are looked for."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class PlainObject:
    """An object, as far as it was looked for.

    Args:
        content: mappings, lists, strings (`Text`), None and `Other`.
        line: of its first character, from 1.
    """

    content: dict[str, Any]
    line: int

    @property
    def kind(self) -> str:
        """Its kind, that of the list that it is in where it says none."""
        return str(self.content.get("kind") or "")

    @property
    def api_version(self) -> str:
        """Likewise."""
        return str(self.content.get("apiVersion") or "")


@dataclass(frozen=True, slots=True)
class Stranger:
    """An object of an unknown kind that seems to have a Pod spec somewhere.

    Args:
        kind: with its group, as ``--path`` takes it: ``Widget.example.com``.
        name: its name.
        line: of its first character, from 1.
    """

    kind: str
    name: str
    line: int


class Reader:
    """Reads documents.

    Args:
        file: the name of the stream, for messages.
        extra: more places of Pod specs, from ``--path``.
        verb: the command that reads, for a hint.
    """

    def __init__(self, file: str = "", extra: tuple[KindPath, ...] = (), verb: str = "") -> None:
        self._file = file
        self._verb = verb
        self._objects = _Objects(extra)

    @property
    def count(self) -> int:
        """How many objects there were, those in a List each; whatever has a kind is one."""
        return self._objects.count

    @property
    def strangers(self) -> list[Stranger]:
        """What was read over, and seems to make Pods."""
        return self._objects.strangers

    def read(self, document: Document) -> Iterator[PlainObject]:
        """The objects in `document` that make Pods, Secrets and ServiceAccounts.

        Raises:
            InvalidManifest: it cannot be read; the message starts with ``FILE:LINE:COLUMN:``.
        """
        bom, text = manifestread.without_bom(document.text)
        self._objects.start(text, document.line)
        try:
            for tree in manifestread.trees(text, self._objects.wanted):
                yield from self._objects.of(tree)
        except NotYAML as error:
            raise manifestread.invalid(document, error, bom, self._file, self._verb) from None

    def wrong(self, obj: PlainObject, problem: str, hint: str = "") -> InvalidManifest:
        """The error for an object that the API server would not take."""
        where = f"{self._file or 'the input'}:{obj.line}:1"
        return InvalidManifest(f"{where}: {problem}", hint=hint)


class _Objects(Finder):
    """Goes through trees."""

    def __init__(self, extra: tuple[KindPath, ...]) -> None:
        super().__init__(extra)
        self.wanted = podplaces.wanted(extra, pod=tuple(_pod_paths()), more=_SECRET)
        self.strangers: list[Stranger] = []
        self.count = 0
        self._taken = 0
        self._text_read = ""
        self._first = 1
        self._breaks: list[int] = []

    def start(self, text: str, line: int) -> None:
        """What is read next is in `text`, which starts in `line`."""
        self._first = line
        self._text_read = text
        self._breaks = [found.start() for found in _BREAK.finditer(text)]

    def of(self, tree: Tree) -> Iterator[PlainObject]:
        """The objects in `tree`."""
        # A List may be as long as it likes, but none of its objects longer than its text.
        self._steps = -tree.root.end
        root = self._resolve(Way(tree.root)).node
        if isinstance(root, Scalar) and root.value and not root.null:
            raise NotYAML(
                "this is text, and no object", root.start, hint="did what should write it fail?"
            )
        ours = False
        for obj in self._objects(Way(tree.root), "", ""):
            self.count += bool(obj.kind) and obj.kind != _LIST
            self._check_items(obj)
            if (obj.kind, obj.api_version) in _OTHERS or self._places(obj):
                ours = True
                self._taken = 0
                content = self._plain(obj.way)
                content |= {"kind": obj.kind, "apiVersion": obj.api_version}
                yield PlainObject(content, self._line(obj.way.node.start))
            elif self._seems_to_make_pods(obj):
                group, slash, _ = obj.api_version.rpartition("/")
                kind = f"{obj.kind}.{group}" if slash else obj.kind
                name = self._text(obj.way, ("metadata", "name"))
                line = self._line(obj.way.node.start)
                self.strangers.append(Stranger(kind, name, line))
        if tree.duplicate and (ours or tree.duplicate[0] in ("kind", "apiVersion", "items")):
            key, at = tree.duplicate
            raise NotYAML(f"the key {key!r} stands twice in one mapping", at)

    def _check_items(self, obj: _Object) -> None:
        """Refuse a list of objects that has something else in it."""
        one = replace(obj, kind=obj.kind.removesuffix(_LIST))
        if obj.kind != _LIST and (one.kind == obj.kind or not self._places(one)):
            return  # of a kind whose items may be anything
        items = self._step(obj.way, "items")
        node = self._resolve(items).node if items else None
        if node is None or (isinstance(node, Scalar) and node.null):
            return
        if not isinstance(node, Sequence):
            raise NotYAML(f"items of the {obj.kind} is no list", node.start, hint="write items: []")
        for item in node.items:
            if not isinstance(self._resolve(Way(item)).node, Mapping):
                raise NotYAML(
                    f"the {obj.kind} has an item that is no object",
                    item.start,
                    hint="an item has an apiVersion and a kind of its own",
                )

    def _seems_to_make_pods(self, obj: _Object) -> bool:
        if not obj.kind or obj.kind in _TALK or obj.kind.endswith("List"):
            return False
        node, text = obj.way.node, self._text_read
        return (
            _CONTAINERS.search(text, node.start, node.end) is not None
            and _IMAGE.search(text, node.start, node.end) is not None
            and not _RULES.search(obj.api_version.partition("/")[0])
        )

    def _line(self, at: int) -> int:
        return self._first + bisect_left(self._breaks, at)

    def _plain(self, way: Way) -> Any:
        node, aliases = way = self._resolve(way)
        self._count(node)
        self._taken += 1
        if self._taken > MAX_VALUES:
            raise NotYAML(f"an object has more than {MAX_VALUES:,} values", node.start)
        if isinstance(node, Mapping):
            plain: dict[str, Any] = {}
            for name in self._names(way):
                below = None if name in plain else self._step(way, name, exact=False)
                if below is not None:
                    plain[name] = self._plain(below)
            return plain
        if isinstance(node, Sequence):
            return [self._plain(Way(item, aliases)) for item in node.items]
        return self._value(node) if isinstance(node, Scalar) else None

    def _value(self, node: Scalar) -> Any:
        if node.plain and not _is_string(node.value):
            return None if node.null else Other(node.value)
        return Text(node.value, self._line(node.start))


def _pod_paths() -> Iterator[tuple[str, ...]]:
    images = {path for places in podplaces.KINDS.values() for p in places for path in p.images}
    for path in images:
        for key in ("name", "imagePullPolicy"):
            yield (*path[:-1], key)
    for key in ("reference", "pullPolicy"):
        yield "volumes", "*", "image", key
    yield "volumes", "*", "name"
    yield "nodeSelector", "kubernetes.io/arch"
    yield "nodeSelector", "kubernetes.io/os"


def _is_string(value: str) -> bool:
    """Whether a scalar without quotes is a string by the rules of YAML 1.1, as in kubectl."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(value[:1], [])
    tag = next((tag for tag, pattern in resolvers if pattern.match(value)), "")
    return not tag or tag in _STRINGS
