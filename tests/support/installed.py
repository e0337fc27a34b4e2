"""A release of the chart whose operator runs on the one node of this project's cluster.

The node has no network for Pods, and takes those that name it: what the chart has no value for is
patched into its Deployment. Two Pods on one host need two ports, hence a second Deployment for the
second replica; nothing else differs.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cluster.node import NODE
from cluster.waiting import await_condition
from tests.support.pods import create

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster import Cluster
    from cluster.registries import Registry
    from tests.support.release import Release


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def values(cluster: Cluster, image: str, name: str, ports: Sequence[int]) -> dict[str, Any]:
    """What the chart is installed with: no Pods yet, see `Installed.start`.

    Args:
        cluster: where.
        image: of the operator; the Secret ``image`` of its namespace has the login.
        name: of its Secrets and its Lease.
        ports: one for each replica.
    """
    server = urlsplit(cluster.server)
    repository, _, tag = image.rpartition(":")
    env = {"KUBERNETES_SERVICE_HOST": server.hostname, "KUBERNETES_SERVICE_PORT": str(server.port)}
    return {
        "replicas": 0,
        "image": {"repository": repository, "tag": tag},
        "imagePullSecrets": [{"name": "image"}],
        "secretName": name,
        "leaderElection": {"leaseName": name},
        "metrics": {"port": ports[0]},
        "extraEnv": [{"name": key, "value": value} for key, value in env.items()],
    }


class Installed:
    """A release whose Pods run on the one node.

    Args:
        cluster: where.
        release: installed without Pods.
        ports: one for each replica.
    """

    def __init__(self, cluster: Cluster, release: Release, ports: Sequence[int]) -> None:
        self.cluster, self.release, self.ports = cluster, release, ports
        self._where = ("-n", release.namespace)

    def start(self, replica: int) -> None:
        """Start the first or the second replica; returns when it is ready."""
        name = f"{self.release.name}-{replica}"
        asked = ("get", "deployment", self.release.name, *self._where, "-o", "json")
        deployment = json.loads(self.cluster.kubectl(*asked).stdout)
        labels = {"app.kubernetes.io/instance": name}
        spec = deployment["spec"] | {"replicas": 1, "selector": {"matchLabels": labels}}
        spec["template"]["metadata"]["labels"] |= labels
        spec["template"]["spec"] |= {"hostNetwork": True, "nodeName": NODE}
        (container,) = spec["template"]["spec"]["containers"]
        port, first = self.ports[replica], self.ports[0]
        container["args"] = [each.replace(f":{first}", f":{port}") for each in container["args"]]
        container["ports"][0] |= {"containerPort": port, "hostPort": port}
        kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
        create(
            self.cluster, self.release.namespace, kind | {"metadata": {"name": name}, "spec": spec}
        )
        self.cluster.kubectl(
            "rollout", "status", f"deployment/{name}", *self._where, "--timeout=120s"
        )

    def pods(self, replica: int) -> list[str]:
        """Names of a replica's Pods, as kubectl takes them."""
        label = f"app.kubernetes.io/instance={self.release.name}-{replica}"
        listed = self.cluster.kubectl("get", "pods", *self._where, "-l", label, "-o", "name")
        return listed.stdout.decode().split()

    def said(self, replica: int) -> Counter[str]:
        """Reasons of what a replica has logged, and how often."""
        found: Counter[str] = Counter()
        for name in self.pods(replica):
            done = self.cluster.kubectl("logs", name, *self._where, check=False)
            found.update(json.loads(line)["reason"] for line in done.stdout.splitlines())
        return found

    def await_said(self, replica: int, reason: str) -> None:
        """Wait until a replica has logged this; fails after a minute."""
        await_condition(
            f"replica {replica} says {reason}",
            lambda: bool(self.said(replica)[reason]),
            timeout=60,
        )

    def put_source(self, registry: Registry) -> None:
        """The Secret ``login`` of the operator's namespace."""
        name = registry.username
        data = {"username": name, "password": registry.accounts()[name]}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
        self.apply(secret | {"stringData": data})

    def apply(self, manifest: dict[str, Any]) -> None:
        """``kubectl apply``, in the operator's namespace where it is not said."""
        stdin = json.dumps(manifest).encode()
        self.cluster.kubectl("apply", *self._where, "-f", "-", stdin=stdin)

    def page(self, replica: int, path: str) -> str:
        """What a replica's own server says."""
        url = f"http://127.0.0.1:{self.ports[replica]}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())
