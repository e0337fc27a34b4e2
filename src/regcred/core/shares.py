"""What anchors and aliases share: whether a change in one place of a text is one in another too.

An anchored Pod spec stands in the text once and in the document as often as aliases name it. It
may be changed where every one of those places is to change, and only there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.manifest import own_list, resolve
from regcred.core.manifestpath import FIELD
from regcred.core.manifesttree import MERGE, Alias, Mapping, Node, Sequence, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.manifest import Site


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

    Args:
        tree: of the document.
        sites: those that are to change.
    """

    def __init__(self, tree: Tree, sites: list[Site]) -> None:
        self._changed: set[int] = set()
        # By identity: the aliases that lead to a node from a place that is to change, and whether
        # such a place is where the node itself is written.
        self._known: dict[int, set[int]] = {}
        self._direct: set[int] = set()
        # Aliases in merge keys, and what of that which they bring in is hidden where they stand.
        self._hidden: dict[int, set[int]] = {}
        self._starts: list[int] = []
        self._targets: list[_Target] = []
        if tree.aliases:
            self._find_targets(tree.aliases)
            for site in sites:
                self._note_site(site)

    def changed(self, node: Node) -> bool:
        """Whether `node` is changed already; from now on it is."""
        if id(node) in self._changed:
            return True
        self._changed.add(id(node))
        return False

    def elsewhere(self, node: Node) -> Node | None:
        """A place to which `node` is brought, or where it is written, that is not to change."""
        if not self._targets:
            return None
        if id(node) not in self._direct:
            return node
        known = self._known[id(node)]
        inside, seen = [node.start], set[int]()
        while inside:
            for alias in self._around(inside.pop()):
                if id(alias) in seen or id(node) in self._hidden.get(id(alias), ()):
                    continue
                if id(alias) not in known:
                    return alias
                seen.add(id(alias))
                inside.append(alias.start)
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

    def _note_site(self, site: Site) -> None:
        self._note(site.holder, set(site.aliases), direct=site.direct)
        value, aliases = own_list(site), set(site.aliases)
        merge = site.holder.get(MERGE)
        if merge is not None and (value is None or value.start > merge.start):
            # The list that it merges in, a site has or hides with one of its own, behind it.
            merging, nodes = _merged(merge)
            for alias in merging:
                self._hidden.setdefault(id(alias), set()).update(nodes)
        direct = site.direct and not isinstance(value, Alias)
        if isinstance(value, Alias):
            aliases.add(id(value))
            value = value.target
        if isinstance(value, Sequence):
            self._note(value, aliases, direct=direct)

    def _note(self, node: Node, aliases: set[int], *, direct: bool) -> None:
        self._known.setdefault(id(node), set()).update(aliases)
        if direct:
            self._direct.add(id(node))


def _merged(merge: Node) -> tuple[list[Alias], set[int]]:
    """The aliases in the value of a merge key, and those that their mappings merge in turn.

    Also, by identity, these mappings and their lists of pull Secrets.
    """
    aliases: list[Alias] = []
    nodes: set[int] = set()
    seen: set[int] = set()
    open_ = [merge]
    while open_:
        node = open_.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Alias):
            aliases.append(node)
            open_.append(node.target)
        elif isinstance(node, Sequence):
            open_ += node.items
        elif isinstance(node, Mapping):
            nodes.update((id(node), id(resolve(node.get(FIELD)))))
            below = node.get(MERGE)
            if below is not None:
                open_.append(below)
    return aliases, nodes
