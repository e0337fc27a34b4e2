"""Write pull Secrets into the Pod templates of a manifest, every other byte untouched.

A Pod that has a list of its own gets none of its ServiceAccount's (ServiceAccount admission copies
names only into an empty one), so whoever injects decides about those too: ``keep`` carries them
over.

Sources: https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/ and
plugin/pkg/admission/serviceaccount/admission.go of https://github.com/kubernetes/kubernetes
"""

from __future__ import annotations

import contextlib
import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from regcred.core.errors import InvalidImage
from regcred.core.logins import image
from regcred.core.manifests import manifest, manifestread, yamlsplice
from regcred.core.manifests.manifestpath import FIELD, KindPath
from regcred.core.manifests.manifesttree import Mapping, Node, NotYAML, Scalar, Sequence, Tree
from regcred.core.manifests.shares import Shares
from regcred.core.manifests.yamlsplice import Insertion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as MappingType

    from regcred.core.formats.documents import Document

#: Namespace and name of a ServiceAccount.
Account = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be injected, and where.

    Args:
        secrets: names of pull Secrets, in order.
        serviceaccounts: into the lists of ServiceAccounts as well.
        images: globs; only Pods that use an image which one of them matches. Empty for all.
        paths: more places, from ``--path``.
        namespace: of objects that name none.
        attached: the pull Secrets of ServiceAccounts, as far as they are known.
        keep: give Pods that had no list those of their ServiceAccount too.
    """

    secrets: tuple[str, ...]
    serviceaccounts: bool = False
    images: tuple[str, ...] = ()
    paths: tuple[KindPath, ...] = ()
    namespace: str = ""
    attached: MappingType[Account, tuple[str, ...]] = field(default_factory=dict)
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An object whose Pods gain pull Secrets.

    Args:
        object: kind in lower case and name: ``deployment/web``.
        namespace: its own, or the request's.
        line: where text was inserted, from 1; that of the stream.
        added: names, in order.
        serviceaccounts: whose lists its Pods no longer get, since they had none of their own;
            empty where they had one, and for a ServiceAccount.
        path: from the object to the mapping that holds the list: ``.spec.template.spec``.
        at: offset of that text in the old document, in characters.
    """

    object: str
    namespace: str
    line: int
    added: tuple[str, ...]
    serviceaccounts: tuple[Account, ...]
    path: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Injected:
    """A document with its pull Secrets.

    Args:
        text: what it is now.
        insertions: what was put in, by offsets in the old text, sorted.
        changes: what that means for the objects in it.
        found: Pod templates (and ServiceAccounts, where asked for) that are in it.
        unmatched: those that use no image that was asked for.
        open_end: whether its last value, a block scalar, goes on with whatever follows.
    """

    text: str
    insertions: tuple[Insertion, ...] = ()
    changes: tuple[Change, ...] = ()
    found: int = 0
    unmatched: int = 0
    open_end: bool = False


class _Added(NamedTuple):
    """Names that a list gains, and whether it was empty."""

    names: tuple[str, ...]
    empty: bool


class Injector:
    """Changes documents one by one.

    Args:
        request: what is to be done to each.
        file: the name of the stream, for messages.
    """

    def __init__(self, request: Request, file: str = "") -> None:
        self._request = request
        self._file = file
        self._finder = manifest.Finder(request.paths, serviceaccounts=request.serviceaccounts)

    def inject(self, document: Document) -> Injected:
        """`document` with the pull Secrets in it.

        Raises:
            InvalidManifest: it cannot be read, or nothing right can be made of it; the message
                starts with ``FILE:LINE:COLUMN:``.
        """
        if document.empty:
            return Injected(document.text)
        made: list[tuple[Insertion, manifest.Site, _Added]] = []
        found = unmatched = 0
        open_end = False
        bom, text = manifestread.without_bom(document.text)
        try:
            for tree in manifestread.trees(text, self._finder.wanted):
                open_end = tree.open_end
                sites = self._finder.sites(tree)
                matching = [site for site in sites if self._matches(site)]
                uses = sum(len(site.uses) for site in sites)
                found += uses
                unmatched += uses - sum(len(site.uses) for site in matching)
                made += [
                    (Insertion(insertion.at + bom, insertion.text), site, added)
                    for site, insertion, added in self._insertions(text, tree, sites, matching)
                ]
        except NotYAML as error:
            raise manifestread.invalid(
                document, error, bom, self._file, "inject --secret NAME"
            ) from None
        if not made:
            return Injected(document.text, found=found, unmatched=unmatched, open_end=open_end)
        # Of lines at the same place the deeper ones belong to what stands before.
        made.sort(key=lambda change: (change[0].at, -change[0].indent))
        insertions = tuple(insertion for insertion, _, _ in made)
        lines = document.lines(insertion.at for insertion in insertions)
        return Injected(
            yamlsplice.apply(document.text, insertions),
            insertions,
            tuple(
                change
                for line, (insertion, site, added) in zip(lines, made, strict=True)
                for change in self._changes(site, line, added, insertion.at)
            ),
            found,
            unmatched,
            open_end,
        )

    def serviceaccounts(self, document: Document) -> dict[Account, tuple[str, ...]]:
        """The ServiceAccounts in `document` and their pull Secrets.

        Raises:
            InvalidManifest: it cannot be read.
        """
        bom, text = manifestread.without_bom(document.text)
        if "ServiceAccount" not in text:
            return {}
        try:
            return {
                (namespace or self._request.namespace, name): secrets
                for tree in manifestread.trees(text, self._finder.wanted)
                for namespace, name, secrets in self._finder.serviceaccounts(tree)
            }
        except NotYAML as error:
            raise manifestread.invalid(
                document, error, bom, self._file, "inject --secret NAME"
            ) from None

    def _matches(self, site: manifest.Site) -> bool:
        globs = self._request.images
        uses = site.uses
        return not globs or any(
            not use.accounts or any(image_matches(i, globs) for i in use.images) for use in uses
        )

    def _insertions(
        self, text: str, tree: Tree, sites: list[manifest.Site], matching: list[manifest.Site]
    ) -> Iterator[tuple[manifest.Site, Insertion, _Added]]:
        """What to insert for those `matching` of the `sites` in which something is missing."""
        plan = [each for site in matching if (each := self._missing(site))]
        changing = {id(site) for site, _, _ in plan}
        others = [site for site in sites if id(site) not in changing]
        shares = Shares(tree, [site for site, _, _ in plan], others)
        done: dict[int, list[str]] = {}
        for site, listed, added in plan:
            value = manifest.own_list(site)
            entries = manifest.resolve(value)
            changed = entries if isinstance(entries, Sequence) else site.holder
            other = shares.elsewhere(changed)
            if other is not None or done.setdefault(id(changed), added) != added:
                raise NotYAML(
                    f"{FIELD} of {site.uses[0].object} is shared by an anchor with something that "
                    "does not get it: the one cannot be changed without the other",
                    (other or changed).start,
                    hint="write it out in place of the alias",
                )
            if done[id(changed)] is not added:
                continue  # the list of another site, too
            if value is None:
                # A list that a merge key brings in is hidden by one of its own: that says it all.
                every = [*listed, *added]
                insertion = yamlsplice.add_list(text, tree, site.holder, site.missing, every)
            elif isinstance(entries, Sequence):
                insertion = yamlsplice.extend_list(text, tree, entries, added)
            else:
                assert isinstance(value, Scalar)  # noqa: S101 - _checked refused all else
                insertion = yamlsplice.fill_list(text, tree, site.holder, value, added)
            yield site, insertion, _Added(tuple(added), empty=not listed)

    def _missing(self, site: manifest.Site) -> tuple[manifest.Site, list[str], list[str]] | None:
        """The names that are in the list of `site`, and those that are missing; None for none."""
        listed = _checked(site, *self._finder.listed(site))
        known = listed or (self._carried(site) if self._request.keep else [])
        added = _missing([*known, *self._request.secrets], listed)
        return (site, listed, added) if added and (listed or not site.only_extend) else None

    def _carried(self, site: manifest.Site) -> list[str]:
        """Pull Secrets of the ServiceAccounts whose lists the Pods of `site` would lose."""
        attached = self._request.attached
        accounts = (account for use in site.uses for account in self._accounts(use))
        return [name for account in accounts for name in attached.get(account, ())]

    def _accounts(self, use: manifest.Use) -> tuple[Account, ...]:
        namespace = use.namespace or self._request.namespace
        return tuple((namespace, name) for name in use.accounts)

    def _changes(self, site: manifest.Site, line: int, added: _Added, at: int) -> Iterable[Change]:
        for use in site.uses:
            namespace = use.namespace or self._request.namespace
            accounts = self._accounts(use) if added.empty else ()
            yield Change(use.object, namespace, line, added.names, accounts, use.path, at)


def inject(document: Document, request: Request, file: str = "") -> Injected:
    """`document` with the pull Secrets of `request`; see `Injector.inject`."""
    return Injector(request, file).inject(document)


def image_matches(reference: str, globs: Iterable[str]) -> bool:
    """Whether one of `globs` matches the image `reference`, normalized or as written.

    ``registry.example.com/*`` matches every image of that registry, ``docker.io/library/nginx``
    and ``docker.io/library/nginx:latest`` are what ``nginx`` means, and tags may be left out of a
    glob. What is no reference, such as ``$IMAGE``, counts as it is written.
    """
    names = [reference]
    with contextlib.suppress(InvalidImage):
        parsed = image.parse_image(reference)
        tagged = str(parsed) if parsed.digest else f"{parsed.name}:{parsed.reference}"
        names += [parsed.name, str(parsed), tagged]
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs for name in names)


def _checked(site: manifest.Site, value: Node | None, names: list[str | None]) -> list[str]:
    """The `names` in the list `value` of `site`, which may be missing or empty.

    Raises:
        NotYAML: it is no list of entries with names.
    """
    if value is None or _left_out(value):
        return []
    what = f"{FIELD} of {site.uses[0].object}"
    if isinstance(value, Scalar) and value.null:
        raise NotYAML(
            f"{what} is null, not a list",
            value.start,
            hint=f"take {FIELD} out, or write {FIELD}: []",
        )
    if not isinstance(value, Sequence):
        kind = "a mapping" if isinstance(value, Mapping) else "a string"
        raise NotYAML(
            f"{what} is {kind}, not a list", value.start, hint=f"write {FIELD}: [{{name: NAME}}]"
        )
    found = []
    for item, name in zip(value.items, names, strict=True):
        if name is None:
            raise NotYAML(
                f"an entry of {what} has no name",
                item.start,
                hint="an entry is a mapping, like {name: NAME}",
            )
        found.append(name)
    return found


def _left_out(value: Node) -> bool:
    """Whether nothing stands where the value would."""
    empty = isinstance(value, Scalar) and value.plain and not value.value and not value.anchored
    return empty and value.start == value.end


def _missing(names: Iterable[str], present: list[str]) -> list[str]:
    """Those of `names` that are not `present`, once each, in order."""
    return [name for name in dict.fromkeys(names) if name not in present]
