"""What anchors and aliases share: whether a change in one place of a text is one in another too.

An anchored Pod spec stands in the text once and in the document as often as aliases name it. It
may be changed where every one of those places is to change, and only there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from regcred.core.manifests.manifest import own_list, resolve
from regcred.core.manifests.manifestpath import FIELD
from regcred.core.manifests.manifesttree import MERGE, Alias, Mapping, Node, NotYAML, Sequence, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.manifests.manifest import Site


#: Steps along the merge keys of one mapping: they can be endless where the text is short.
MAX_MERGED = 10_000

_Way: TypeAlias = tuple[int, ...]


@dataclass(slots=True)
class _Target:
    """A node that aliases name.

    Args:
        end: offset behind it.
        aliases: those that name it.
        around: the index of the innermost target that it is in; -1 for none.
    """

    end: int
    aliases: list[Alias]
    around: int = -1


class Shares:
    """The ways that lead to what is to be changed in a document.

    A way is the aliases from the document down, by identity; none where a node is written.

    Args:
        tree: of the document.
        changing: sites that are to change.
        others: those that are not.
    """

    def __init__(self, tree: Tree, changing: list[Site], others: list[Site]) -> None:
        # By the identity of a node: ways from places that are to change too, and ends of ways
        # where nobody sees a change, since a merge key is what brings it there.
        self._known: dict[int, set[_Way]] = {}
        self._hidden: dict[int, set[_Way]] = {}
        self._starts: list[int] = []
        self._targets: list[_Target] = []
        if tree.aliases:
            self._find_targets(tree.aliases)
            for site in changing:
                self._note_ways(site)
                self._note_hidden(site, writes=True)
            for site in others:
                self._note_hidden(site, writes=False)

    def elsewhere(self, node: Node) -> Node | None:
        """A place to which `node` is brought, or where it is written, that is not to change."""
        known, hidden = self._known.get(id(node), set()), self._hidden.get(id(node), set())
        open_: list[tuple[Node, _Way]] = [(node, ())] if self._targets else []
        while open_:
            place, way = open_.pop()
            if any(way[start:] in hidden for start in range(len(way))):
                continue
            if way not in known:
                return place
            open_ += [(alias, (id(alias), *way)) for alias in self._around(place.start)]
        return None

    def _find_targets(self, aliases: list[Alias]) -> None:
        found: dict[int, _Target] = {}
        for alias in aliases:
            if isinstance(alias.target, (Mapping, Sequence)):
                start, end = alias.target.start, alias.target.end
                found.setdefault(start, _Target(end, [])).aliases.append(alias)
        around: list[int] = []
        for index, start in enumerate(sorted(found)):
            target = found[start]
            while around and self._targets[around[-1]].end <= start:
                around.pop()
            target.around = around[-1] if around else -1
            around.append(index)
            self._starts.append(start)
            self._targets.append(target)

    def _around(self, place: int) -> Iterator[Alias]:
        """The aliases of all targets that the offset `place` is in."""
        index = bisect_right(self._starts, place) - 1
        while index >= 0:
            target = self._targets[index]
            if place < target.end:
                yield from target.aliases
            index = target.around

    def _note_ways(self, site: Site) -> None:
        ways: set[_Way] = {tuple(map(id, way)) for way in site.ways}
        self._known.setdefault(id(site.holder), set()).update(ways)
        value = own_list(site)
        if isinstance(value, Alias):
            ways = {(*way, id(value)) for way in ways}
        if isinstance(value, (Alias, Sequence)):
            self._known.setdefault(id(resolve(value)), set()).update(ways)

    def _note_hidden(self, site: Site, *, writes: bool) -> None:
        """Note what a list in `site` hides, that is there or gets written, behind a merge key."""
        value, merge = own_list(site), None if site.missing else site.holder.get(MERGE)
        if merge is None or not (writes if value is None else value.start > merge.start):
            return
        for mapping, way in _merged(merge):
            for node in (mapping, resolve(mapping.get(FIELD))):
                self._hidden.setdefault(id(node), set()).add(way)


def _merged(merge: Node) -> Iterator[tuple[Mapping, _Way]]:
    """The mappings that a merge key brings in, those that they merge too, and the ways there.

    Raises:
        NotYAML: there are too many.
    """
    open_: list[tuple[Node, _Way]] = [(merge, ())]
    steps = 0
    while open_:
        steps += 1
        if steps > MAX_MERGED:
            raise NotYAML("its merge keys lead on and on", merge.start)
        node, way = open_.pop()
        if isinstance(node, Alias):
            open_.append((node.target, (*way, id(node))))
        elif isinstance(node, Sequence):
            open_ += [(item, way) for item in node.items]
        else:
            assert isinstance(node, Mapping)  # noqa: S101 - the finder has refused all else
            yield node, way
            below = node.get(MERGE)
            if below is not None:
                open_.append((below, way))
