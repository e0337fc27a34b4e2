"""What of a Pod no pull of which fails is not well all the same, or keeps it from starting.

Of these nothing is known but what its status says, so that `kubectl describe pod` is to tell more:
a volume that cannot be mounted, for one, stands in events alone.

Sources: ``pkg/kubelet/status/generate.go`` and ``PodReadyToStartContainers`` in
https://pkg.go.dev/k8s.io/api/core/v1#PodConditionType
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.fields import condition, entries, instant, mapping, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: So long a Pod may take to start before it is said to wait.
_PATIENCE = timedelta(minutes=1)
#: A container that was started anew longer ago is no news where all Pods are looked at.
_RECENT = timedelta(hours=1)


def not_well(pod: dict[str, Any], now: datetime, *, all_restarts: bool = True) -> str:
    """Which containers of a Pod that has started are not ready, or have restarted.

    Args:
        pod: from the API server; nothing of it fails.
        now: the time.
        all_restarts: whether restarts count that were long ago.

    Returns:
        A clause; empty where all is well.
    """
    if mapping(pod.get("metadata")).get("deletionTimestamp"):
        return ""
    spec, status = mapping(pod.get("spec")), mapping(pod.get("status"))
    always = text(spec.get("restartPolicy")) in {"", "Always"}
    said = [
        clause
        for each in entries(status.get("containerStatuses"))
        if (clause := _container(each, always, None if all_restarts else now - _RECENT))
    ]
    return ", ".join(said)


def _container(status: dict[str, Any], always: bool, since: datetime | None) -> str:
    state = mapping(status.get("state"))
    name = f"container {text(status.get('name'))}"
    if ended := mapping(state.get("terminated")):
        return f"{name} has ended, and is to be started again" if always or _code(ended) else ""
    restarts = number(status.get("restartCount"))
    last = instant(mapping(mapping(status.get("lastState")).get("terminated")).get("finishedAt"))
    clauses = ["is not ready"] * (status.get("ready") is not True)
    if restarts and (clauses or since is None or (last is not None and last >= since)):
        times = "once" if restarts == 1 else f"{restarts:,} times"
        clauses.append(f"has restarted {times}")
    return f"{name} {' and '.join(clauses)}" if clauses else ""


def _code(ended: dict[str, Any]) -> int:
    return number(ended.get("exitCode"), 1)


def waits_for(pod: dict[str, Any], now: datetime) -> str:
    """What a Pod that is only starting waits for, as far as its status tells.

    Returns:
        A clause; empty where it has not been long.
    """
    made = instant(mapping(pod.get("metadata")).get("creationTimestamp"))
    if made is None or now - made < _PATIENCE:
        return ""
    minutes = int((now - made).total_seconds() // 60)
    return f"has been starting for {minutes:,} min, and {next(_reasons(pod))}"


def _reasons(pod: dict[str, Any]) -> Iterator[str]:
    spec, status = mapping(pod.get("spec")), mapping(pod.get("status"))
    node = text(spec.get("nodeName"))
    if not node:
        yield "is on no node: its scheduler has not taken it up"
    if not entries(status.get("conditions")) and not entries(status.get("containerStatuses")):
        yield f"node {node} has said nothing of it"
    if condition(pod, "PodReadyToStartContainers", "False"):
        yield "waits for its volumes or its network"
    sidecars = _sidecars(spec)
    for each in entries(status.get("initContainerStatuses")):
        name = text(each.get("name"))
        if "running" in mapping(each.get("state")) and name not in sidecars:
            yield f"waits for init container {name} to end"
    if condition(pod, "PodReadyToStartContainers", "True"):
        yield "is pulling its images, or creating its containers"
    yield "waits for volumes, its network or images"


def _sidecars(spec: dict[str, Any]) -> set[str]:
    """Init containers that are not to end."""
    inits = entries(spec.get("initContainers"))
    return {text(each.get("name")) for each in inits if each.get("restartPolicy") == "Always"}
