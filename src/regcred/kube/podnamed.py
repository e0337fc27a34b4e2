"""Which Pods do not run of those that a person names, and of workloads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regcred.core.errors import Forbidden, NotFound, RegcredError
from regcred.core.fields import controller, mapping
from regcred.core.pods import notmade, podstate
from regcred.kube.fanout import each
from regcred.kube.podcensus import Census, state
from regcred.kube.podsearch import REFUSALS, Found, exists, unread
from regcred.kube.podtargets import MAKERS, Target, alike, is_kind
from regcred.kube.resources import CRONJOBS, DEPLOYMENTS, EVENTS, JOBS, PODS, REPLICASETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from regcred.core.diagnosis.facts import Unread
    from regcred.core.pods.failing import NotMade
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

#: What stands between a workload and its Pods.
_BETWEEN = {DEPLOYMENTS: REPLICASETS, CRONJOBS: JOBS}


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
        found.fine.append(f"{target} in {namespace} {state(obj, now)}")


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
        raise NotFound(
            f"{target} does not exist in {namespace}",
            status=404,
            hint=f"kubectl get pods -n {namespace}",
        ) from None
    return pod


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
    census = Census(now)
    async for page in client.list_pages(PODS, namespace, label_selector=labels):
        for item in page.get("items") or ():
            if _belongs(item, target, between, makers):
                census.add(item)
    if barred and not census.all:
        raise barred  # Nobody knows whether it exists.
    found.looked = True
    found.unread += missing
    found.keep(objects)
    not_made = await _not_made(client, objects, namespace, now, found)
    found.not_made += not_made
    failing = sorted(
        census.failing, key=lambda pod: (pod.created is not None, pod.created, pod.name)
    )
    found.failing += failing[-1:]
    found.siblings += failing[:-1]
    if not failing and not not_made:
        said = f"has no pull that fails ({census.pods})" if census.all else "has no Pod"
        if census.starting:
            some = f"{census.starting:,} of {census.all:,}"
            said = f"has Pods that have not come to their pulls yet ({some})"
        found.fine.append(f"{target} in {namespace} {said}")
        found.fine += census.notable


async def _not_made(
    client: Client, objects: list[dict[str, Any]], namespace: str, now: datetime, found: Found
) -> list[NotMade]:
    if not objects:
        return []
    try:
        events = await client.list(EVENTS, namespace, field_selector=REFUSALS)
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
            if not await exists(client, namespace, checked):
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
