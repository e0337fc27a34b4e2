"""Which Pods do not run: those that a person names, those of a workload, or all of a namespace.

Of Pods that run nothing is kept, so that a large cluster costs time and not memory. What else may
not be read than the Pods themselves is named, and costs only what it would have told.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from regcred.core import notmade, podready, podstate
from regcred.core.errors import Forbidden, NotFound, RegcredError
from regcred.core.facts import Unread
from regcred.core.fields import controller, mapping, text
from regcred.kube.fanout import each
from regcred.kube.podtargets import MAKERS, Target, alike, is_kind
from regcred.kube.resources import (
    CRONJOBS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICASETS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from regcred.core.failing import FailingPod, NotMade
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

#: What stands between a workload and its Pods.
_BETWEEN = {DEPLOYMENTS: REPLICASETS, CRONJOBS: JOBS}

#: Pods that have done their work pull nothing, and of events only refusals are wanted.
_SELECTORS = {PODS: "status.phase!=Succeeded", EVENTS: "reason=FailedCreate"}

#: Pods that are not well although their images come, and that are named.
_NAMED = 5

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
    counts = {"all": 0, "starting": 0}
    failing: list[FailingPod] = []
    notable: list[str] = []
    objects: list[dict[str, Any]] = []
    refusals: list[dict[str, Any]] = []

    async def read(resource: Resource) -> None:
        selector = _SELECTORS.get(resource, "")
        async for page in client.list_pages(resource, scope, field_selector=selector):
            step()
            for item in page.get("items") or ():
                if resource is PODS:
                    counts["all"] += 1
                    counts["starting"] += podstate.is_starting(item)
                    if pod := podstate.read(item):
                        failing.append(pod)
                    elif said := _notable(item, now):
                        notable.append(said)
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
    if scope and not counts["all"] and not objects and not await _exists(client, scope, found):
        return
    found.keep(objects)
    not_made = notmade.read(objects, refusals, now)
    found.failing += failing
    found.not_made += not_made
    if failing or not_made:
        said = f"{counts['starting']:,} more in {where} have not come to their pulls yet"
        found.fine += [said] * bool(counts["starting"])
    else:
        found.fine.append(_said(where, **counts))
    found.fine += _few(notable)


def _said(where: str, *, all: int, starting: int) -> str:
    """What is to be said where nothing fails."""
    if not all:
        return f"there is no Pod in {where}"
    pods = f"{all:,} Pod" if all == 1 else f"{all:,} Pods"
    if starting:
        return f"no pull has failed in {where}; {starting:,} of {pods} only starting"
    return f"no pull fails in {where} ({pods})"


def _notable(pod: dict[str, Any], now: datetime) -> str:
    """What a Pod is named for although no pull of it fails."""
    if podstate.is_starting(pod):
        said = podready.waits_for(pod, now)
    else:
        said = podready.not_well(pod, now, all_restarts=False)
    return f"{_name(pod)} {said}{_describe(pod)}" if said else ""


def _few(notable: list[str]) -> list[str]:
    more = len(notable) - _NAMED
    return notable[:_NAMED] + [f"{more:,} more Pods are not ready, or still starting"] * (more > 0)


def _name(pod: dict[str, Any]) -> str:
    metadata = mapping(pod.get("metadata"))
    return f"pod/{text(metadata.get('name'))} in {text(metadata.get('namespace'))}"


def _describe(pod: dict[str, Any]) -> str:
    metadata = mapping(pod.get("metadata"))
    name, namespace = text(metadata.get("name")), text(metadata.get("namespace"))
    return f": kubectl describe pod {shlex.quote(name)} -n {shlex.quote(namespace)}"


async def _exists(client: Client, namespace: str, found: Found) -> bool:
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


async def named(
    client: Client,
    targets: Sequence[Target],
    namespace: str,
    now: datetime,
    step: Callable[[], None] = lambda: None,
) -> Found:
    """What does not run of the targets.

    Args:
        client: the API server.
        targets: what is asked about, each once.
        namespace: theirs.
        now: the time.
        step: a target has been looked at.

    Raises:
        ClusterUnreachable: no answer came.
        Unauthorized: the cluster does not let us in.
    """
    found = Found()

    async def look(target: Target) -> None:
        if target.resource is PODS:
            await _pod(client, target, namespace, now, found)
        else:
            await _workload(client, target, namespace, now, found)

    async for target, answer in each(targets, look):
        step()
        if isinstance(answer, NotFound):
            found.looked = True
            found.wrong.append(await _missing(client, target, namespace))
        elif isinstance(answer, RegcredError):
            found.wrong.append(answer)
    found.failing.sort(key=lambda pod: pod.name)
    return found


async def _pod(client: Client, target: Target, namespace: str, now: datetime, found: Found) -> None:
    obj = await _get_pod(client, target, namespace)
    found.looked = True
    pod = podstate.read(obj)
    if pod:
        found.failing.append(pod)
    else:
        found.fine.append(f"{target} in {namespace} {_state(obj, now)}")


async def _get_pod(client: Client, target: Target, namespace: str) -> dict[str, Any]:
    """The Pod, by a list of one where that alone is allowed."""
    try:
        return await client.get(PODS, target.name, namespace)
    except Forbidden as error:
        barred = error
    try:
        (*_, pod) = await client.list(
            PODS, namespace, field_selector=f"metadata.name={target.name}"
        )
    except Forbidden:
        raise barred from None
    except ValueError:
        raise NotFound(f"{target} does not exist in {namespace}", status=404) from None
    return pod


def _state(pod: dict[str, Any], now: datetime) -> str:
    """What is to be said of a Pod of which nothing fails: no more than was looked at."""
    if mapping(pod.get("metadata")).get("deletionTimestamp"):
        return "is being deleted"
    if podstate.is_starting(pod):
        if said := podready.waits_for(pod, now):
            return f"{said}{_describe(pod)}"
        on = "" if mapping(pod.get("spec")).get("nodeName") else ", and is on no node so far"
        return f"has not come to its pulls yet, or is pulling{on}: none has failed"
    if text(mapping(pod.get("status")).get("phase")) == "Succeeded":
        return "has done its work"
    said = podready.not_well(pod, now)
    fine = "has no pull that fails"
    return f"{fine}; {said}{_describe(pod)}" if said else fine


async def _workload(
    client: Client, target: Target, namespace: str, now: datetime, found: Found
) -> None:
    """The newest Pod of a workload that fails, and whether it can create its Pods."""
    resource = target.resource
    objects: list[dict[str, Any]] = []
    missing: list[Unread] = []
    labels, barred = "", None
    try:
        obj = await client.get(resource, target.name, namespace)
    except Forbidden as error:
        barred = error
        what = f"{resource.kind} {namespace}/{target.name}"
        missing.append(unread(what, error, "get", resource.plural, namespace))
    else:
        objects.append({"kind": resource.kind, "apiVersion": resource.api_version, **obj})
        labels = _labels(obj)
    between = _BETWEEN.get(resource)
    makers: set[str] | None = None
    if between:
        try:
            middle = [
                each
                for each in await client.list(between, namespace, label_selector=labels)
                if _is_made_by(each, target)
            ]
            objects += middle
            makers = {each["metadata"]["name"] for each in middle}
        except Forbidden as error:
            what = f"{between.plural} of {target} in {namespace}"
            missing.append(unread(what, error, "list", between.plural, namespace))
    failing: list[FailingPod] = []
    notable: list[str] = []
    count, starting = 0, 0
    async for page in client.list_pages(PODS, namespace, label_selector=labels):
        for item in page.get("items") or ():
            if not _belongs(item, target, between, makers):
                continue
            count += 1
            starting += podstate.is_starting(item)
            if pod := podstate.read(item):
                failing.append(pod)
            elif said := _notable(item, now):
                notable.append(said)
    if barred and not count:
        raise barred  # Nobody knows whether it exists.
    found.looked = True
    found.unread += missing
    found.keep(objects)
    not_made = await _not_made(client, objects, namespace, now, found)
    found.not_made += not_made
    failing.sort(key=lambda pod: (pod.created is not None, pod.created, pod.name))
    found.failing += failing[-1:]
    found.siblings += failing[:-1]
    if not failing and not not_made:
        pods = f"{count:,} Pod" if count == 1 else f"{count:,} Pods"
        said = f"has no pull that fails ({pods})" if count else "has no Pod"
        if starting:
            said = f"has Pods that have not come to their pulls yet ({starting:,} of {count:,})"
        found.fine.append(f"{target} in {namespace} {said}")
        found.fine += _few(notable)


async def _not_made(
    client: Client, objects: list[dict[str, Any]], namespace: str, now: datetime, found: Found
) -> list[NotMade]:
    if not objects:
        return []
    try:
        events = await client.list(EVENTS, namespace, field_selector=_SELECTORS[EVENTS])
    except Forbidden as error:
        what = f"events in {namespace}"
        found.unread.append(unread(what, error, "list", EVENTS.plural, namespace))
        events = []
    return notmade.read(objects, events, now)


def _labels(obj: dict[str, Any]) -> str:
    """The labels that its Pods have, and more Pods perhaps."""
    selector = mapping(mapping(obj.get("spec")).get("selector"))
    labels = mapping(selector.get("matchLabels")) if "matchLabels" in selector else selector
    pairs = [(key, value) for key, value in labels.items() if isinstance(value, str)]
    return ",".join(f"{key}={value}" for key, value in pairs)


def _is_made_by(obj: dict[str, Any], target: Target) -> bool:
    owner = controller(obj)
    return owner is not None and owner[1:] == (target.resource.kind, target.name)


def _belongs(
    pod: dict[str, Any], target: Target, between: Resource | None, makers: set[str] | None
) -> bool:
    """Whether a Pod is the target's; by names where what stands between may not be read."""
    if not between:
        return _is_made_by(pod, target)
    owner = controller(pod)
    if owner is None or owner[1] != between.kind:
        return False
    if makers is not None:
        return owner[2] in makers
    return bool(re.fullmatch(rf"{re.escape(target.name)}-[a-z0-9]+", owner[2]))


async def _missing(client: Client, target: Target, namespace: str) -> RegcredError:
    """The error for a target that does not exist, with what it may have been meant for."""
    said = f"{target} does not exist in {namespace}"
    resource = target.resource
    hint = f"kubectl get {resource.plural} -n {namespace}"
    if makers := await _makers(client, target, namespace):
        hint = f"regcred why {' '.join(makers)} -n {namespace}"
        return NotFound(said, hint=hint, status=404)
    try:
        names = [
            item["metadata"]["name"]
            async for page in client.list_pages(resource, namespace, metadata_only=True)
            for item in page.get("items") or ()
        ]
        if not names:
            checked = Found()
            if not await _exists(client, namespace, checked):
                return checked.wrong[0]
        if near := alike(target.name, names):
            hint = f"is it one of {', '.join(f'{resource.kind.lower()}/{each}' for each in near)}?"
    except Forbidden:
        pass
    if resource is PODS and is_kind(target.name):
        hint = f"{target.name} is a kind: regcred why {target.name}/NAME -n {namespace}"
    return NotFound(said, hint=hint, status=404)


async def _makers(client: Client, target: Target, namespace: str) -> list[str]:
    """What makes Pods and has the name that was taken for a Pod's."""
    if target.resource is not PODS:
        return []

    async def read(resource: Resource) -> None:
        await client.get(resource, target.name, namespace)

    answers = {resource: answer async for resource, answer in each(MAKERS, read)}
    return [str(Target(resource, target.name)) for resource in MAKERS if answers[resource] is None]
