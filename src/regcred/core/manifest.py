"""Find the Pod templates in a manifest, and what decides about their pull Secrets.

A document is an object or a list of objects. Each place that holds ``imagePullSecrets``
(`podplaces`) becomes a `Site`, once, by however many ways anchors, aliases and merge keys lead
there: the text has it once, so it is changed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, overload

from regcred.core import podplaces
from regcred.core.manifestpath import FIELD, KindPath, Path, show
from regcred.core.manifesttree import (
    MERGE,
    Alias,
    Mapping,
    Node,
    NotYAML,
    Scalar,
    Sequence,
    Tree,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Steps of the search in one document: aliases can make it endless where the text is short.
MAX_STEPS = 5_000_000
#: Aliases behind one another on the way to a place; one that holds itself has no end.
MAX_ALIASES = 50

_LISTS_OF_ANYTHING = {("v1", "List"), ("config.kubernetes.io/v1", "ResourceList")}


@dataclass(frozen=True, slots=True)
class Use:
    """An object that gets its pull Secrets from a site.

    Args:
        object: kind in lower case and name: ``deployment/web``.
        namespace: as written; empty where it is not.
        path: from the object to the list: ``.spec.template.spec``.
        images: of its Pods, as written, as far as the object says.
        account: the ServiceAccount of its Pods; empty for a ServiceAccount itself.
    """

    object: str
    namespace: str
    path: str
    images: tuple[str, ...]
    account: str


@dataclass(slots=True, eq=False)
class Site:
    """A mapping in the text that holds ``imagePullSecrets``, or is to hold it.

    Args:
        holder: the mapping.
        missing: keys that must be made between it and the list.
        only_extend: leave it alone where it has no list.
        direct: whether a place is here without an alias.
        aliases: those that lead here from a place.
        uses: the objects.
    """

    holder: Mapping
    missing: Path
    only_extend: bool
    direct: bool = False
    aliases: dict[int, Alias] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)


class _Way(NamedTuple):
    """A node and the aliases that lead to it."""

    node: Node
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True)
class _Object:
    way: _Way
    kind: str
    api_version: str


class Finder:
    """Looks for sites in documents.

    Args:
        extra: more places, from ``--path``.
        serviceaccounts: whether ServiceAccounts are sites too.
    """

    def __init__(self, extra: tuple[KindPath, ...] = (), *, serviceaccounts: bool = False) -> None:
        self.wanted = podplaces.wanted(extra)
        self._extra = extra
        self._serviceaccounts = serviceaccounts
        self._steps = 0

    def sites(self, tree: Tree) -> list[Site]:
        """The sites in `tree`, in the order in which they are met.

        Raises:
            NotYAML: aliases lead on and on.
        """
        self._steps = 0
        sites: dict[int, Site] = {}
        for obj in self._objects(_Way(tree.root), "", ""):
            for place in self._places(obj):
                for way in self._descend(obj.way, place.path):
                    self._add(sites, obj, place, way)
        return list(sites.values())

    def merged(self, holder: Mapping, key: str) -> Node | None:
        """The value of `key` that the merge keys of `holder` bring in, if any."""
        if holder.get(MERGE) is None:
            return None
        found = self._step(_Way(holder), key)
        return found.node if found else None

    def serviceaccounts(self, tree: Tree) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Namespace (as written), name and pull Secrets of each ServiceAccount in `tree`."""
        self._steps = 0
        for obj in self._objects(_Way(tree.root), "", ""):
            if (obj.kind, obj.api_version) == ("ServiceAccount", "v1"):
                found = self._step(obj.way, FIELD)
                names = entry_names(found.node) if found else []
                yield (
                    self._text(obj.way, ("metadata", "namespace")),
                    self._text(obj.way, ("metadata", "name")),
                    tuple(name for name in names if name),
                )

    def _places(self, obj: _Object) -> tuple[podplaces.Place, ...]:
        if (obj.kind, obj.api_version) == ("ServiceAccount", "v1"):
            return (podplaces.SERVICE_ACCOUNT,) if self._serviceaccounts else ()
        return podplaces.places(obj.kind, obj.api_version, self._extra)

    def _objects(self, way: _Way, api_version: str, kind: str) -> Iterator[_Object]:
        """The object at `way`, or those in it if it is a list.

        Args:
            way: to the object.
            api_version: for one that does not say it: that of the list it is in.
            kind: likewise.
        """
        way = self._resolve(way)
        if not isinstance(way.node, Mapping):
            return
        own = self._text(way, ("apiVersion",)), self._text(way, ("kind",))
        api_version, kind = own if own != ("", "") else (api_version, kind)
        if (api_version, kind) in _LISTS_OF_ANYTHING:
            of = "", ""
        elif kind.endswith("List") and podplaces.places(kind[:-4], api_version, self._extra):
            of = api_version, kind[:-4]
        elif (api_version, kind) == ("v1", "ServiceAccountList"):
            of = "v1", "ServiceAccount"
        else:
            yield _Object(way, kind, api_version)
            return
        for item in self._descend(way, ("items", "*")):
            yield from self._objects(item, *of)

    def _add(self, sites: dict[int, Site], obj: _Object, place: podplaces.Place, way: _Way) -> None:
        base = self._resolve(way)
        if not isinstance(base.node, Mapping):
            return
        holder, missing = base, place.below
        while missing:
            below = self._step(holder, missing[0])
            if below is None:
                break
            below = self._resolve(below)
            if not isinstance(below.node, Mapping):
                raise NotYAML(f"{missing[0]} is no mapping", below.node.start)
            holder, missing = below, missing[1:]
        assert isinstance(holder.node, Mapping)  # noqa: S101 - for mypy: both ways lead to one
        site = sites.setdefault(id(holder.node), Site(holder.node, missing, place.only_extend))
        if holder.aliases:
            site.aliases.update({id(alias): alias for alias in holder.aliases})
        else:
            site.direct = True
        site.uses.append(self._use(obj, place, base))

    def _use(self, obj: _Object, place: podplaces.Place, base: _Way) -> Use:
        name = self._text(obj.way, ("metadata", "name"))
        name = name or self._text(obj.way, ("metadata", "generateName")) + "*"
        images = [
            self._scalar(image) for path in place.images for image in self._descend(base, path)
        ]
        account = ""
        if place.account:
            account = self._text(base, place.account) or self._text(base, ("serviceAccount",))
            account = account or "default"
        return Use(
            f"{obj.kind.lower()}/{name}",
            self._text(obj.way, ("metadata", "namespace")),
            show((*place.path, *place.below)),
            tuple(image for image in images if image),
            account,
        )

    def _text(self, way: _Way, path: Path) -> str:
        """The string at `path`, which has no ``*``; empty where there is none."""
        for key in path:
            below = self._step(way, key)
            if below is None:
                return ""
            way = below
        return self._scalar(way)

    def _scalar(self, way: _Way) -> str:
        node = self._resolve(way).node
        return node.value if isinstance(node, Scalar) and not node.null else ""

    def _descend(self, way: _Way, path: Path) -> Iterator[_Way]:
        """The nodes at `path` below `way`, aliases at its end not followed."""
        for at, key in enumerate(path):
            if key == "*":
                rest = path[at + 1 :]
                break
            below = self._step(way, key)
            if below is None:
                return
            way = below
        else:
            yield way
            return
        way = self._resolve(way)
        node = way.node
        values: list[Node] = []
        if isinstance(node, Sequence):
            values = node.items
        elif isinstance(node, Mapping):
            values = [value for name, _, value in node.entries if name != MERGE]
        for value in values:
            self._count(value)
            yield from self._descend(_Way(value, way.aliases), rest)

    def _step(self, way: _Way, key: str) -> _Way | None:
        """The value of `key` in the mapping at `way`, its own or one that it merges."""
        way = self._resolve(way)
        node = way.node
        if not isinstance(node, Mapping):
            return None
        self._count(node)
        own = node.get(key)
        if own is not None:
            return _Way(own, way.aliases)
        merged = node.get(MERGE)
        if merged is None:
            return None
        every = self._resolve(_Way(merged, way.aliases))
        if not isinstance(every.node, Sequence):
            return self._step(every, key)
        for item in every.node.items:
            found = self._step(_Way(item, every.aliases), key)
            if found is not None:
                return found
        return None

    def _resolve(self, way: _Way) -> _Way:
        node, aliases = way.node, way.aliases
        while isinstance(node, Alias):
            if len(aliases) >= MAX_ALIASES:
                raise NotYAML("its aliases lead on and on", node.start)
            aliases = (*aliases, node)
            node = node.target
        return way if node is way.node else _Way(node, aliases)

    def _count(self, node: Node) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise NotYAML("its aliases lead on and on", node.start)


def own_list(site: Site) -> Node | None:
    """The value of ``imagePullSecrets`` in the site's mapping itself; None where it has none."""
    return None if site.missing else site.holder.get(FIELD)


@overload
def resolve(node: Node) -> Node: ...
@overload
def resolve(node: None) -> None: ...
def resolve(node: Node | None) -> Node | None:
    """The node that `node` stands for, aliases followed."""
    while isinstance(node, Alias):
        node = node.target
    return node


def entry_names(node: Node | None) -> list[str | None]:
    """The names in a list of pull Secrets; None for an entry without one, ``[]`` for no list."""
    node = resolve(node)
    if not isinstance(node, Sequence):
        return []
    return [_entry_name(item) for item in node.items]


def _entry_name(node: Node) -> str | None:
    entry = resolve(node)
    if not isinstance(entry, Mapping):
        return None
    name = resolve(entry.get("name"))
    return name.value if isinstance(name, Scalar) and not name.null and name.value else None
