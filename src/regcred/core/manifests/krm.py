"""The KRM function: pull Secrets into the items of a ResourceList.

An orchestrator (kustomize, kpt) gives a function all objects at once, so what ServiceAccounts
have is known as far as they are among them. Whatever there is to say becomes a result: each list
that has changed, Pods that no longer get their ServiceAccount's pull Secrets, and an error, with
which the items stay as they were.

Source: https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidManifest
from regcred.core.formats.documents import Document
from regcred.core.manifests import krmsettings, resourcelist
from regcred.core.manifests.inject import Injector
from regcred.core.manifests.krmsettings import BadSetting
from regcred.core.manifests.manifestpath import FIELD
from regcred.core.manifests.resourcelist import Edit, Item, ResourceList, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.core.manifests.inject import Account, Change, Request

#: Objects that one message names.
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function gives back.

    Args:
        text: the ResourceList as it is now.
        results: those that are new in it.
    """

    text: str
    results: tuple[Result, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether one of the results is an error: the items are unchanged then."""
        return any(result.severity == "error" for result in self.results)


def run(text: str, env: Mapping[str, str]) -> Answer:
    """The ResourceList in `text` with pull Secrets in its Pod templates.

    Args:
        text: all that came.
        env: the environment, for settings that the functionConfig does not make.

    Raises:
        InvalidManifest: it is no ResourceList, so nothing can be said in it.
    """
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    resources = resourcelist.read(text.removeprefix(bom))
    edits: list[Edit] = []
    try:
        request = krmsettings.request(resources.config, env)
        edits, results = _inject(resources, request)
    except BadSetting as error:
        results = [Result(error.problem, "error", resources.config_item(), error.field)]
    except InvalidManifest as error:
        results = [_failure(resources, error)]
    return Answer(bom + resources.edited(edits, results), tuple(results))


def _inject(resources: ResourceList, request: Request) -> tuple[list[Edit], list[Result]]:
    document = Document(resources.text)
    attached = _attached(resources, request, document)
    injected = Injector(replace(request, attached=attached)).inject(document)
    edits = [Edit(made.at, made.at, made.text) for made in injected.insertions]
    told = _Teller(resources, request, attached)
    results = [result for change in injected.changes for result in told.changed(change)]
    return edits, [*results, *told.unknown()]


def _attached(
    resources: ResourceList, request: Request, document: Document
) -> dict[Account, tuple[str, ...]]:
    """The pull Secrets of ServiceAccounts, under former names of theirs too.

    kustomize renames objects (``namePrefix``) before transformers are run, and puts references
    right after the last one, so Pods still name a ServiceAccount as it was called.
    """
    attached = Injector(request).serviceaccounts(document)
    former: dict[Account, set[tuple[str, ...]]] = {}
    for item in resources.items:
        namespace = item.namespace or request.namespace
        if (item.api_version, item.kind) == ("v1", "ServiceAccount"):
            for name in item.former:
                found = attached.get((namespace, item.name), ())
                former.setdefault((namespace, name), set()).add(found)
    # Two that had one name: which of them a Pod means, kustomize alone can tell.
    known = {account: found.pop() for account, found in former.items() if len(found) == 1}
    return known | attached


class _Teller:
    """Says what changes mean.

    Args:
        resources: in which they are.
        request: what was asked for.
        attached: the pull Secrets of the ServiceAccounts among them.
    """

    def __init__(
        self,
        resources: ResourceList,
        request: Request,
        attached: Mapping[Account, tuple[str, ...]],
    ) -> None:
        self._resources = resources
        self._request = request
        self._attached = attached
        self._items: dict[tuple[str, str], list[Item]] = {}
        for item in resources.items:
            of = item.key, item.namespace or request.namespace
            self._items.setdefault(of, []).append(item)
        self._unknown: dict[Account, list[str]] = {}

    def changed(self, change: Change) -> Iterable[Result]:
        """What there is to say of one change."""
        plural = "s" if len(change.added) > 1 else ""
        yield self._result(change, f"pull Secret{plural} {', '.join(change.added)} added", "info")
        for account in change.serviceaccounts:
            if account not in self._attached:
                named = self._unknown.setdefault(account, [])
                if change.object not in named:
                    named.append(change.object)
                continue
            lost = [name for name in self._attached[account] if name not in change.added]
            if not lost:
                continue
            yield self._result(
                change,
                f"its Pods no longer get {', '.join(lost)} from ServiceAccount {account[1]}, whose "
                "list counts only for Pods without one of their own; "
                f"{krmsettings.keep_key(self._resources.config)}: true carries it over",
                "warning",
            )

    def unknown(self) -> Iterable[Result]:
        """What there is to say of ServiceAccounts that are not among the items."""
        for (namespace, name), objects in self._unknown.items():
            where = f" in namespace {namespace}" if namespace else ""
            named = ", ".join(objects[:MAX_NAMED])
            more = f" and {len(objects) - MAX_NAMED:,} more" if len(objects) > MAX_NAMED else ""
            yield Result(
                f"ServiceAccount {name}{where} is not among the resources: if it has pull "
                f"Secrets in the cluster, Pods of {named}{more} no longer get them",
                # Who asks to keep them has to know; to others it is no news.
                "warning" if self._request.keep else "info",
            )

    def _result(self, change: Change, message: str, severity: resourcelist.Severity) -> Result:
        named = self._items.get((change.object, change.namespace), [])
        item = named[0] if len(named) == 1 else self._above(change, named)
        if named and item and item.reference:
            return Result(message, severity, item, f"{change.path}.{FIELD}".removeprefix("."))
        return Result(f"{change.object}: {message}", severity, item)

    def _above(self, change: Change, named: list[Item]) -> Item | None:
        """The item of a change, by its place: of several that have its name, or a List."""
        above = [item for item in named or self._resources.items if item.start < change.at]
        return above[-1] if above else None


def _failure(resources: ResourceList, error: InvalidManifest) -> Result:
    """What went wrong, on which item; there the place in the whole says nothing to a person."""
    item = resources.item_at(error.at)
    return Result(error.problem if item else error.message, "error", item)
