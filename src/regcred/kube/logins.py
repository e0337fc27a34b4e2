"""Write the Secret of a login, and find and restart what still waits for it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regcred.core.errors import AlreadyExists, Conflict, Forbidden, NotFound, TimedOut
from regcred.core.fields import controller
from regcred.core.pods.stuck import Waiting
from regcred.kube import guarded, pullsecrets
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

    An owner that cannot be read (no right, gone) is taken as the Pod names it.
    """
    owners: dict[tuple[str, str], Waiting] = {}
    for pod in pods:
        kind, name, found = await _owner(client, namespace, pod)
        known = owners.get((kind, name))
        if known:
            owners[kind, name] = replace(known, pods=(*known.pods, pod))
            continue
        spec = (found or {}).get("spec") or {}
        template = (spec.get("template") or {}).get("spec") or {}
        owners[kind, name] = Waiting(
            (pod,),
            kind,
            name,
            template_secrets=tuple(
                str(e.get("name") or "") for e in template.get("imagePullSecrets") or []
            ),
            on_delete=(spec.get("updateStrategy") or {}).get("type") == "OnDelete",
            paused=bool(spec.get("paused")),
        )
    return list(owners.values())


async def _owner(
    client: Client, namespace: str, pod: StuckPod
) -> tuple[str, str, dict[str, Any] | None]:
    if pod.owner is None:
        return "Pod", pod.name, None
    _, kind, name = pod.owner
    try:
        if kind == "ReplicaSet":
            replicaset = await client.get(REPLICASETS, name, namespace)
            above = controller(replicaset)
            if above is None or above[1] != "Deployment":
                return kind, name, replicaset
            _, kind, name = above
        resource = _WORKLOADS.get(kind)
        return kind, name, await client.get(resource, name, namespace) if resource else None
    except (Forbidden, NotFound):
        return kind, name, None


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
