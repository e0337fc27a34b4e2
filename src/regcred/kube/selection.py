"""Which ServiceAccounts a command means, and which of them are there.

Those that are called by name may still be on their way: kube-controller-manager makes a
namespace's ``default`` a moment after the namespace.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import names
from regcred.core.errors import BadRequest, Forbidden, NotFound, UsageError
from regcred.kube.resources import NAMESPACES, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.kube.client import Client

#: (namespace, name) → the ServiceAccount as it was read.
Found = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which ServiceAccounts are meant.

    Args:
        namespaces: their namespaces; empty for the context's own.
        all_namespaces: in every namespace.
        namespace_selector: in the namespaces with these labels.
        patterns: names or globs.
        selector: with these labels.
        patience: seconds to wait for a named one that is not there yet.
    """

    namespaces: list[str]
    all_namespaces: bool
    namespace_selector: str
    patterns: list[str]
    selector: str
    patience: float

    @property
    def exact(self) -> bool:
        """Whether every ServiceAccount is called by its name."""
        return not self.selector and not any(map(names.is_glob, self.patterns))

    @property
    def everywhere(self) -> bool:
        """Whether namespaces are looked up rather than named."""
        return self.all_namespaces or bool(self.namespace_selector)

    @property
    def looked_up(self) -> bool:
        """Whether ServiceAccounts are found rather than called by name and namespace."""
        return self.everywhere or not self.exact

    def scope(self, own_namespace: str) -> str:
        """The namespaces as flags of kubectl."""
        if self.everywhere:
            return "-A"
        return " ".join(f"-n {n}" for n in self.namespaces or [own_namespace])


async def find(
    client: Client, selection: Selection, own_namespace: str
) -> tuple[Found, list[tuple[str, str]]]:
    """Look the ServiceAccounts up.

    Returns:
        Those that are there, and the (namespace, name) of those that are called by name and
        have to be waited for.
    """
    if selection.everywhere:
        return await _find_everywhere(client, selection)
    namespaces = selection.namespaces or [own_namespace]
    if selection.exact:
        return {}, [(n, name) for n in namespaces for name in selection.patterns]
    found: Found = {}
    for namespace in namespaces:
        with _meant("--selector", selection.selector):
            objects = await client.list(
                SERVICEACCOUNTS, namespace, label_selector=selection.selector
            )
        found |= _index(objects, selection, None)
    return found, []


async def _find_everywhere(
    client: Client, selection: Selection
) -> tuple[Found, list[tuple[str, str]]]:
    active: set[str] | None = None
    try:
        with _meant("--namespace-selector", selection.namespace_selector):
            listed = await client.list(NAMESPACES, label_selector=selection.namespace_selector)
        active = {
            n["metadata"]["name"] for n in listed if not n["metadata"].get("deletionTimestamp")
        }
        if selection.namespace_selector and not active:
            raise NotFound(
                f"no namespace has the labels {selection.namespace_selector}",
                hint="kubectl get namespaces --show-labels",
            )
    except Forbidden:
        # Without the list nobody can be waited for, but -A still means all there are.
        if selection.namespace_selector:
            raise
    only = selection.patterns[0] if selection.exact and len(selection.patterns) == 1 else ""
    with _meant("--selector", selection.selector):
        objects = await client.list(
            SERVICEACCOUNTS,
            label_selector=selection.selector,
            field_selector=f"metadata.name={only}" if only else "",
        )
    found = _index(objects, selection, active)
    if not selection.patience or not selection.exact or "default" not in selection.patterns:
        return found, []
    # Every namespace gets a `default`, so one without is just being made. Other names are
    # nobody's promise.
    return found, [(n, "default") for n in sorted(active or ()) if (n, "default") not in found]


@contextlib.contextmanager
def _meant(flag: str, selector: str) -> Iterator[None]:
    """What the API server says of a selector of labels that is none is about the flag.

    Raises:
        UsageError: it says so.
    """
    try:
        yield
    except BadRequest as error:
        if not selector:
            raise
        said = error.message.partition(": ")[2]
        raise UsageError(
            f"{flag} {selector!r} is no selector of labels: {said}",
            hint="it is as kubectl's -l: team=a, team!=a, 'team in (a,b)'",
        ) from None


def _index(
    objects: list[dict[str, Any]], selection: Selection, namespaces: set[str] | None
) -> Found:
    found: Found = {}
    for obj in objects:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        inside = namespaces is None or namespace in namespaces
        if inside and names.matches_any(name, selection.patterns):
            found[namespace, name] = obj
    return found
