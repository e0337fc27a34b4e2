"""Which Pods of a namespace, or of all, do not run.

What else may not be read than the Pods themselves is named, and costs only what it would have told.
Those that a person names are `regcred.kube.podnamed`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from regcred.core.diagnosis.facts import Unread
from regcred.core.errors import Forbidden, NotFound, RegcredError
from regcred.core.pods import notmade
from regcred.kube.fanout import each
from regcred.kube.podcensus import Census
from regcred.kube.podtargets import MAKERS
from regcred.kube.resources import EVENTS, NAMESPACES, PODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from regcred.core.pods.failing import FailingPod, NotMade
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

#: Pods that have done their work pull nothing, and of events only refusals are wanted.
REFUSALS = "reason=FailedCreate"
_SELECTORS = {PODS: "status.phase!=Succeeded", EVENTS: REFUSALS}

#: Kind, namespace and name.
Key: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class Found:
    """What does not run, and what does.

    Args:
        failing: Pods to tell about.
        siblings: Pods of the same owners that fail as well, and are not told about.
        not_made: owners that cannot create their Pods.
        fine: targets that run; a clause each.
        objects: what makes Pods, as far as it was read on the way.
        unread: what may not be read, or could not.
        wrong: what was asked about and could not be looked at.
        looked: whether any Pods could be looked at.
    """

    failing: list[FailingPod] = field(default_factory=list)
    siblings: list[FailingPod] = field(default_factory=list)
    not_made: list[NotMade] = field(default_factory=list)
    fine: list[str] = field(default_factory=list)
    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    wrong: list[RegcredError] = field(default_factory=list)
    looked: bool = False

    def keep(self, objects: Iterable[dict[str, Any]]) -> None:
        """Note down objects that make Pods."""
        for obj in objects:
            metadata = obj["metadata"]
            self.objects[obj["kind"], metadata["namespace"], metadata["name"]] = obj


def unread(what: str, error: RegcredError, verb: str, plural: str, namespace: str | None) -> Unread:
    """What could not be read, with the right that it takes where that is why."""
    if isinstance(error, Forbidden):
        where = "all namespaces" if namespace is None else namespace
        return Unread(what, f"{verb} {plural} in {where}" if where else f"{verb} {plural}")
    return Unread(what, why=error.message)


async def everything(
    client: Client,
    namespaces: Sequence[str] | None,
    now: datetime,
    step: Callable[[], None] = lambda: None,
) -> Found:
    """All Pods of namespaces that do not run.

    Args:
        client: the API server.
        namespaces: their names; None for all.
        now: the time.
        step: a page has come.

    Raises:
        ClusterUnreachable: no answer came.
        Unauthorized: the cluster does not let us in.
    """
    found = Found()
    for scope in namespaces or (None,):
        await _scope(client, scope, now, found, step)
    return found


async def _scope(
    client: Client, scope: str | None, now: datetime, found: Found, step: Callable[[], None]
) -> None:
    census = Census(now)
    objects: list[dict[str, Any]] = []
    refusals: list[dict[str, Any]] = []

    async def read(resource: Resource) -> None:
        selector = _SELECTORS.get(resource, "")
        async for page in client.list_pages(resource, scope, field_selector=selector):
            step()
            for item in page.get("items") or ():
                if resource is PODS:
                    census.add(item)
                elif resource is EVENTS:
                    refusals.append(item)
                else:
                    known = {"kind": resource.kind, "apiVersion": resource.api_version}
                    objects.append({**known, **item})

    where = scope or "all namespaces"
    barred: list[str] = []
    async for resource, answer in each((PODS, *MAKERS, EVENTS), read):
        if not isinstance(answer, RegcredError):
            continue
        if resource is PODS:
            found.wrong.append(answer)
            return
        if isinstance(answer, Forbidden) and resource is not EVENTS:
            barred.append(resource.plural)
        else:
            what = f"{resource.plural} in {where}"
            found.unread.append(unread(what, answer, "list", resource.plural, scope))
    if barred:
        right = f"list {', '.join(sorted(barred))} in {where}"
        found.unread.append(Unread(f"Pods that their owners cannot create in {where}", right))
    found.looked = True
    if scope and not census.all and not objects and not await exists(client, scope, found):
        return
    found.keep(objects)
    not_made = notmade.read(objects, refusals, now)
    found.failing += census.failing
    found.not_made += not_made
    if census.failing or not_made:
        said = f"{census.starting:,} more in {where} have not come to their pulls yet"
        found.fine += [said] * bool(census.starting)
    else:
        found.fine.append(_said(where, census))
    found.fine += census.notable


def _said(where: str, census: Census) -> str:
    """What is to be said where nothing fails."""
    if not census.all:
        return f"there is no Pod in {where}"
    if census.starting:
        return f"no pull has failed in {where}; {census.starting:,} of {census.pods} only starting"
    return f"no pull fails in {where} ({census.pods})"


async def exists(client: Client, namespace: str, found: Found) -> bool:
    """Whether there is the namespace, as far as anybody may know; that there is none is noted."""
    try:
        await client.get(NAMESPACES, namespace)
    except NotFound as error:
        hint = "kubectl get namespaces"
        found.wrong.append(
            NotFound(f"namespace {namespace} does not exist", hint=hint, status=error.status)
        )
        return False
    except Forbidden:
        pass  # Who may only work in a namespace need not be able to read it.
    return True
