"""What anchors and aliases share: whether a change in one place of a text is one in another too.

An anchored Pod spec stands in the text once and in the document as often as aliases name it. It
may be changed where every one of those places is to change, and only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.manifest import own_list
from regcred.core.manifesttree import MERGE, Alias, Mapping, Node, Sequence, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.manifest import Site


class Shares:
    """The ways that lead to what is to be changed in a document.

    Args:
        tree: of the document.
        sites: those that are to change.
    """

    def __init__(self, tree: Tree, sites: list[Site]) -> None:
        self._aliases = tree.aliases
        self._changed: set[int] = set()
        # By identity: the aliases that lead to a node from a place that is to change, and whether
        # such a place is where the node itself is written.
        self._known: dict[int, set[int]] = {}
        self._direct: set[int] = set()
        self._merges: set[int] = set()
        if not self._aliases:
            return
        for site in sites:
            self._note(site.holder, set(site.aliases), direct=site.direct)
            # What a site merges in, it has or hides with a list of its own.
            self._merges.update(id(alias) for alias in _aliases_in(site.holder.get(MERGE)))
            value, aliases = own_list(site), set(site.aliases)
            direct = site.direct and not isinstance(value, Alias)
            while isinstance(value, Alias):
                aliases.add(id(value))
                value = value.target
            if isinstance(value, Sequence):
                self._note(value, aliases, direct=direct)

    def _note(self, node: Node, aliases: set[int], *, direct: bool) -> None:
        self._known.setdefault(id(node), set()).update(aliases)
        if direct:
            self._direct.add(id(node))

    def changed(self, node: Node) -> bool:
        """Whether `node` is changed already; from now on it is."""
        if id(node) in self._changed:
            return True
        self._changed.add(id(node))
        return False

    def elsewhere(self, node: Node) -> Node | None:
        """A place to which `node` is brought, or where it is written, that is not to change."""
        if not self._aliases:
            return None
        if id(node) not in self._direct:
            return node
        known = self._known[id(node)] | self._merges
        inside, seen = [node.start], set[int]()
        while inside:
            place = inside.pop()
            for alias in self._aliases:
                start, end = alias.target.start, alias.target.end
                if id(alias) in seen or not start <= place < max(end, start + 1):
                    continue
                if id(alias) not in known:
                    return alias
                seen.add(id(alias))
                inside.append(alias.start)
        return None


def _aliases_in(merged: Node | None) -> Iterator[Alias]:
    """The aliases that a merge key names, and those that their mappings merge in turn."""
    seen: set[int] = set()
    open_ = [merged]
    while open_:
        node = open_.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Alias):
            yield node
            open_.append(node.target)
        elif isinstance(node, Sequence):
            open_ += node.items
        elif isinstance(node, Mapping):
            open_.append(node.get(MERGE))
