"""Write the Secret of a login, and find and restart what still waits for it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from regcred.core.errors import AlreadyExists, Conflict, Forbidden, NotFound, TimedOut
from regcred.core.fields import controller
from regcred.core.pods.stuck import Waiting
from regcred.kube import guarded, pullsecrets
from regcred.kube.podowners import makes_newer
from regcred.kube.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    PODS,
    REPLICASETS,
    SECRETS,
    STATEFULSETS,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from regcred.core.namespace.loginsecret import SecretChange
    from regcred.core.pods.stuck import StuckPod
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

_WORKLOADS: dict[str, Resource] = {
    "Deployment": DEPLOYMENTS,
    "StatefulSet": STATEFULSETS,
    "DaemonSet": DAEMONSETS,
}


async def write_secret(
    client: Client,
    name: str,
    namespace: str,
    decide: Callable[[dict[str, Any] | None], SecretChange],
    *,
    dry_run: str,
) -> SecretChange:
    """Carry out what `decide` says of the Secret, and of each newer version of it.

    Args:
        client: the API server.
        name: the Secret's name.
        namespace: its namespace.
        decide: `loginsecret.merge` or `take_out` with its arguments bound.
        dry_run: ``none``; ``server`` to have the server check the change without keeping it;
            ``client`` to write nothing.

    Raises:
        NotOurs, UnusableSecret: as `decide` does.
        TimedOut: others kept writing it.
        APIError: what the API server answered.
    """
    dry = dry_run == "server"
    for attempt in range(guarded.ATTEMPTS):
        existing = await pullsecrets.find(client, name, namespace)
        change = decide(existing)
        if dry_run == "client":
            return change
        try:
            if change.create:
                await client.create(SECRETS, change.create, namespace, dry_run=dry)
            elif change.delete and existing:
                metadata = existing["metadata"]
                await client.delete(
                    SECRETS,
                    name,
                    namespace,
                    uid=metadata["uid"],
                    resource_version=metadata["resourceVersion"],
                    dry_run=dry,
                )
            elif change.patch and existing:
                written = await guarded.patch(client, SECRETS, existing, change.patch, dry_run=dry)
                if not written:
                    raise Conflict("somebody else wrote in between")
        except (AlreadyExists, Conflict):
            await guarded.pause(attempt)
            continue
        return change
    raise TimedOut(
        f"Secret {namespace}/{name} is being written all the time by somebody else",
        hint=f"see who writes it: kubectl get secret {name} -n {namespace} -o yaml "
        "--show-managed-fields",
    )


async def find_waiting(client: Client, namespace: str, pods: list[StuckPod]) -> list[Waiting]:
    """Group stuck Pods by what makes them, up to the Deployment.

    An owner that cannot be read (no right, gone) is taken as the Pod names it. Pods of a Deployment
    that makes others already are a group of their own.
    """
    owners: dict[tuple[str, str, bool], Waiting] = {}
    for pod in pods:
        owner = await _owner(client, namespace, pod)
        key = owner.kind, owner.name, owner.newer
        known = owners.get(key)
        if known:
            owners[key] = replace(known, pods=(*known.pods, pod))
            continue
        spec = (owner.found or {}).get("spec") or {}
        template = (spec.get("template") or {}).get("spec") or {}
        owners[key] = Waiting(
            (pod,),
            owner.kind,
            owner.name,
            template_secrets=tuple(
                str(e.get("name") or "") for e in template.get("imagePullSecrets") or []
            ),
            on_delete=(spec.get("updateStrategy") or {}).get("type") == "OnDelete",
            paused=bool(spec.get("paused")),
            newer=owner.newer,
            unread=owner.unread,
        )
    return list(owners.values())


class _Owner(NamedTuple):
    """What makes a Pod, as far as it is known."""

    kind: str
    name: str
    found: dict[str, Any] | None = None
    newer: bool = False
    unread: Forbidden | None = None


async def _owner(client: Client, namespace: str, pod: StuckPod) -> _Owner:
    if pod.owner is None:
        return _Owner("Pod", pod.name)
    _, kind, name = pod.owner
    made = None
    try:
        if kind == "ReplicaSet":
            made = await client.get(REPLICASETS, name, namespace)
            above = controller(made)
            if above is None or above[1] != "Deployment":
                return _Owner(kind, name, made)
            _, kind, name = above
        resource = _WORKLOADS.get(kind)
        found = await client.get(resource, name, namespace) if resource else None
    except NotFound:
        return _Owner(kind, name)
    except Forbidden as error:
        return _Owner(kind, name, unread=error)
    return _Owner(kind, name, found, makes_newer(made, found))


async def restart(
    client: Client, namespace: str, waiting: Waiting, now: datetime, *, dry_run: bool = False
) -> None:
    """Have the owner make its Pods anew, as ``kubectl rollout restart`` does.

    A StatefulSet waits for its stuck Pod to become ready before it replaces it, which would
    be for ever, and with the strategy OnDelete nothing is replaced at all: there the Pods,
    which never ran, are deleted too.

    Args:
        client: the API server.
        namespace: the namespace.
        waiting: what `find_waiting` found, of a kind in `mend.RESTARTABLE`.
        now: written into the annotation; with time zone.
        dry_run: have the server check the change without keeping it.

    Raises:
        APIError: what the API server answered.
    """
    stamp = now.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    annotations = {"kubectl.kubernetes.io/restartedAt": stamp}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    await client.merge_patch(
        _WORKLOADS[waiting.kind], waiting.name, namespace, body, dry_run=dry_run
    )
    if waiting.kind == "StatefulSet" or waiting.on_delete:
        for pod in waiting.pods:
            # By UID: the controller may have replaced it already, under the same name.
            with contextlib.suppress(NotFound, Conflict):
                await client.delete(PODS, pod.name, namespace, uid=pod.uid, dry_run=dry_run)
