"""Find the Pod templates in a manifest, and what decides about their pull Secrets.

A document is an object or a list of objects. Each place that holds ``imagePullSecrets``
(`podplaces`) becomes a `Site`, once, by however many ways anchors, aliases and merge keys lead
there: the text has it once, so it is changed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, overload

from regcred.core.manifests import podplaces
from regcred.core.manifests.manifestpath import FIELD, KindPath, Path, show
from regcred.core.manifests.manifesttree import (
    DECIDING,
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
    from collections.abc import Iterable, Iterator

#: Steps of the search in one document, beside one for each of its characters: aliases can make it
#: endless where the text is short.
MAX_STEPS = 50_000
#: Aliases behind one another on the way to a place; one that holds itself has no end.
MAX_ALIASES = 50


@dataclass(frozen=True, slots=True)
class Use:
    """An object that gets its pull Secrets from a site.

    Args:
        object: kind in lower case and name: ``deployment/web``.
        namespace: as written; empty where it is not.
        path: from the object to the list: ``.spec.template.spec``.
        images: of its Pods, as written, as far as the object says.
        accounts: the ServiceAccounts of its Pods; none for a ServiceAccount itself.
    """

    object: str
    namespace: str
    path: str
    images: tuple[str, ...]
    accounts: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Site:
    """A mapping in the text that holds ``imagePullSecrets``, or is to hold it.

    Args:
        holder: the mapping.
        missing: keys that must be made between it and the list.
        only_extend: leave it alone where it has no list.
        ways: the aliases that lead here, one tuple for each of `uses`.
        uses: the objects.
    """

    holder: Mapping
    missing: Path
    only_extend: bool
    ways: list[tuple[Alias, ...]] = field(default_factory=list)
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
            NotYAML: aliases lead on and on, readers differ about what it says, or it has no place
                for pull Secrets.
        """
        self._steps = -tree.root.end
        sites: dict[int, Site] = {}
        ours = False
        for obj in self._objects(_Way(tree.root), "", ""):
            for place in self._places(obj):
                ours = True
                for way in self._descend(obj.way, place.path):
                    self._add(sites, obj, place, way)
        if tree.duplicate and (ours or tree.duplicate[0] in DECIDING):
            key, at = tree.duplicate
            raise NotYAML(
                f"the key {key!r} stands twice in one mapping", at, hint="take one of them out"
            )
        return list(sites.values())

    def listed(self, site: Site) -> tuple[Node | None, list[str | None]]:
        """The list that `site` has or merges in, and its names; see `_entry_names`.

        Raises:
            NotYAML: its names are not all that a merged list says.
        """
        found = None if site.missing else self._step(_Way(site.holder), FIELD)
        if found is None:
            return None, []
        node = resolve(found.node)
        if own_list(site) is None and isinstance(node, Sequence):
            for item in node.items:
                if any(name != "name" for name in self._names(_Way(item))):
                    raise NotYAML(
                        f"an entry of the {FIELD} that {site.uses[0].object} merges in has more "
                        "than a name",
                        item.start,
                        hint=f"write the {FIELD} of {site.uses[0].object} out",
                    )
        return node, self._entry_names(found)

    def _entry_names(self, way: _Way) -> list[str | None]:
        """The names in a list of pull Secrets: None for an entry without, ``[]`` for no list."""
        node = self._resolve(way).node
        items = node.items if isinstance(node, Sequence) else []
        return [self._text(_Way(item), ("name",), exact=True) or None for item in items]

    def serviceaccounts(self, tree: Tree) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Namespace (as written), name and pull Secrets of each ServiceAccount in `tree`."""
        self._steps = -tree.root.end
        for obj in self._objects(_Way(tree.root), "", ""):
            if (obj.kind, obj.api_version) == ("ServiceAccount", "v1"):
                found = self._step(obj.way, FIELD)
                names = self._entry_names(found) if found else []
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
        """The object at `way`, and those in it if it is a list.

        For kubectl, whatever has items is a list, be it a ``List``, a ``ResourceList`` or one of a
        kind; by its name, so that it need not be looked for in others.

        Args:
            way: to the object.
            api_version: for one that does not say it: that of the list it is in.
            kind: likewise.
        """
        way = self._resolve(way)
        if not isinstance(way.node, Mapping):
            return
        own = tuple(self._text(way, (key,), exact=True) for key in ("apiVersion", "kind"))
        api_version, kind = own if own != ("", "") else (api_version, kind)
        yield _Object(way, kind, api_version)
        if kind.endswith("List"):
            for item in self._descend(way, ("items", "*")):
                yield from self._objects(item, api_version, kind.removesuffix("List"))

    def _add(self, sites: dict[int, Site], obj: _Object, place: podplaces.Place, way: _Way) -> None:
        base = self._resolve(way)
        if not isinstance(base.node, Mapping):
            return
        use = self._use(obj, place, base)
        holder, missing = base, place.below
        while missing:
            below = self._step(holder, missing[0])
            if below is None:
                break
            below = self._resolve(below)
            if not isinstance(below.node, Mapping):
                raise NotYAML(
                    f"{missing[0]} of {use.object} is no mapping",
                    below.node.start,
                    hint=f"take {missing[0]} out, or write {missing[0]}: {{}}",
                )
            holder, missing = below, missing[1:]
        assert isinstance(holder.node, Mapping)  # noqa: S101 - for mypy: both ways lead to one
        new = Site(holder.node, missing, place.only_extend)
        site = sites.setdefault(id(holder.node), new)
        if (site.missing, site.only_extend) != (missing, place.only_extend):
            raise NotYAML(
                f"{use.object} shares by an anchor what {site.uses[0].object} has for "
                f"something else: no {FIELD} can be right for both",
                holder.node.start,
            )
        site.ways.append(holder.aliases)
        site.uses.append(use)

    def _use(self, obj: _Object, place: podplaces.Place, base: _Way) -> Use:
        name = self._text(obj.way, ("metadata", "name"))
        name = name or self._text(obj.way, ("metadata", "generateName")) + "*"
        return Use(
            f"{obj.kind.lower()}/{name}",
            self._text(obj.way, ("metadata", "namespace")),
            show((*place.path, *place.below)),
            self._strings(base, place.images),
            self._accounts(base, place),
        )

    def _accounts(self, base: _Way, place: podplaces.Place) -> tuple[str, ...]:
        """The ServiceAccounts of the Pods of `place`, as far as the object says."""
        if not place.accounts:
            return ()
        main, *others = place.accounts
        name = self._text(base, main) or self._text(base, ("serviceAccount",)) or "default"
        return tuple(dict.fromkeys((name, *self._strings(base, others))))

    def _strings(self, base: _Way, paths: Iterable[Path]) -> tuple[str, ...]:
        """The strings at `paths` that are not empty."""
        ways = (way for path in paths for way in self._descend(base, path, exact=False))
        return tuple(text for text in map(self._scalar, ways) if text)

    def _text(self, way: _Way, path: Path, *, exact: bool = False) -> str:
        """The string at `path`, which has no ``*``; empty where there is none."""
        for key in path:
            below = self._step(way, key, exact=exact)
            if below is None:
                return ""
            way = below
        return self._scalar(way)

    def _scalar(self, way: _Way) -> str:
        node = self._resolve(way).node
        return node.value if isinstance(node, Scalar) and not node.null else ""

    def _descend(self, way: _Way, path: Path, *, exact: bool = True) -> Iterator[_Way]:
        """The nodes at `path` below `way`, aliases at its end not followed."""
        for at, key in enumerate(path):
            if key == "*":
                rest = path[at + 1 :]
                break
            below = self._step(way, key, exact=exact)
            if below is None:
                return
            way = below
        else:
            yield way
            return
        for below in self._values(way, exact=exact):
            self._count(below.node)
            yield from self._descend(below, rest, exact=exact)

    def _values(self, way: _Way, *, exact: bool) -> list[_Way]:
        """The items of the sequence at `way`, or the values of the mapping, merged ones too."""
        node, aliases = way = self._resolve(way)
        if isinstance(node, Sequence):
            return [_Way(item, aliases) for item in node.items]
        names = dict.fromkeys(self._names(way))
        return [below for name in names if (below := self._step(way, name, exact=exact))]

    def _names(self, way: _Way) -> Iterator[str]:
        """The keys of the mapping at `way`, and those that it merges, perhaps several times."""
        node, aliases = self._resolve(way)
        if isinstance(node, Mapping):
            for name, _, value in node.entries:
                self._count(node)
                if name != MERGE:
                    yield name
                    continue
                for below in self._merged(_Way(value, aliases)):
                    yield from self._names(below)

    def _step(self, way: _Way, key: str, *, exact: bool = True) -> _Way | None:
        """The value of `key` in the mapping at `way`, its own or one that it merges.

        Args:
            way: to the mapping.
            key: in it.
            exact: refuse a value of its own before a merge key that brings another, since readers
                differ about that.
        """
        way = self._resolve(way)
        node = way.node
        if not isinstance(node, Mapping):
            return None
        self._count(node)
        own = merge = None
        for name, _, value in node.entries:
            if name == key:
                own = own or value
            elif name == MERGE:
                merge = value
        if own is not None and (merge is None or not exact or merge.start < own.start):
            return _Way(own, way.aliases)
        if merge is None:
            return None
        for below in self._merged(_Way(merge, way.aliases)):
            found = self._step(below, key, exact=exact)
            if found is not None:
                if own is not None and not self._same(own, found.node):
                    raise NotYAML(
                        f"{key} stands before a merge key that brings another: kubectl takes the "
                        "one, most readers of YAML the other",
                        own.start,
                        hint="write the merge key first",
                    )
                return found
        return None if own is None else _Way(own, way.aliases)

    def _merged(self, way: _Way) -> list[_Way]:
        """The mappings that the value of a merge key brings in; the first has precedence."""
        node, aliases = way = self._resolve(way)
        found = [way]
        if isinstance(node, Sequence):
            found = [self._resolve(_Way(item, aliases)) for item in node.items]
        if not all(isinstance(below.node, Mapping) for below in found):
            raise NotYAML("a merge key brings in something that is no mapping", node.start)
        return found

    def _same(self, one: Node, other: Node) -> bool:
        """Whether two nodes are the same string."""
        one, other = resolve(one), resolve(other)
        same = isinstance(one, Scalar) and isinstance(other, Scalar) and one.value == other.value
        return same or one is other

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
