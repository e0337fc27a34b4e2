"""Pods that this project's cluster can run, and what becomes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.node import NODE

if TYPE_CHECKING:
    from cluster import Cluster
    from cluster.registries import Registry

_WAITING = "{.status.containerStatuses[0].state.waiting.reason}"


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
