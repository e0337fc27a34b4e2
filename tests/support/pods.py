"""Pods that this project's cluster can run, and what becomes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.node import NODE
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster import Cluster
    from cluster.registries import Registry

_WAITING = "{.status.containerStatuses[0].state.waiting.reason}"
_REFUSED = ("ErrImagePull", "ImagePullBackOff")


def pod(name: str, image: str, *, pull_secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Pod with one container, on the one node.

    Args:
        name: of the Pod.
        image: asked for at the registry each time, so that no test profits from another's pull.
        pull_secrets: the Pod's own ``imagePullSecrets``.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": NODE,
            "hostNetwork": True,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "app", "image": image, "imagePullPolicy": "Always"}],
            "imagePullSecrets": [{"name": secret} for secret in pull_secrets],
        },
    }


def login_secret(name: str, registry: Registry, username: str = "") -> dict[str, Any]:
    """A pull Secret for a registry.

    Args:
        name: of the Secret.
        registry: whose address it has as key.
        username: one of the registry's accounts; the one that may pull by default.
    """
    who = username or registry.username
    entry = {"username": who, "password": registry.accounts()[who]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {registry.address: entry}})},
    }


def create(cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> None:
    """Create an object."""
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(manifest).encode())


def await_waiting(cluster: Cluster, namespace: str, name: str, reason: str) -> None:
    """Wait until a Pod's container waits for this reason; fails after a minute."""
    condition = f"--for=jsonpath={_WAITING}={reason}"
    cluster.kubectl("wait", f"pod/{name}", "-n", namespace, condition, "--timeout=60s")


def await_running(cluster: Cluster, namespace: str, name: str) -> None:
    """Wait until a Pod is ready; fails after a minute."""
    cluster.kubectl(
        "wait", f"pod/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s"
    )


def workload(kind: str, name: str, image: str, **spec: Any) -> dict[str, Any]:
    """What makes one Pod of `pod`'s kind.

    Args:
        kind: ``Deployment``, ``ReplicaSet``, ``StatefulSet``, ``DaemonSet`` or ``Job``.
        name: of the object.
        image: of its Pod.
        spec: more for the Pod's spec.
    """
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, image)["spec"] | spec}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        made: dict[str, Any] = {"template": template}
    else:
        made = {"selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": made,
    }


def await_refused(cluster: Cluster, namespace: str, count: int) -> None:
    """Wait until `count` Pods wait for their images after a failed pull."""
    _await_states(cluster, namespace, count, lambda state: _reason(state) in _REFUSED)


def await_all_running(cluster: Cluster, namespace: str, count: int) -> None:
    """Wait until there are `count` Pods and all of them run: those that were replaced are gone."""
    _await_states(cluster, namespace, count, lambda state: "running" in state)


def _await_states(
    cluster: Cluster, namespace: str, count: int, holds: Callable[[dict[str, Any]], bool]
) -> None:
    states: dict[str, dict[str, Any]] = {}

    def ask() -> bool:
        listed = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)
        states.clear()
        for found in listed["items"]:
            statuses = found.get("status", {}).get("containerStatuses") or [{}]
            states[found["metadata"]["name"]] = statuses[0].get("state") or {}
        return len(states) == count and all(map(holds, states.values()))

    await_condition(
        f"{count} Pods are in the state they should be in",
        ask,
        timeout=120,
        log=lambda: json.dumps(states, indent=1),
    )


def _reason(state: dict[str, Any]) -> str:
    return state.get("waiting", {}).get("reason", "")
