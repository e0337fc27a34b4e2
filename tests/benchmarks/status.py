"""``regcred status -A`` over 1,000 namespaces, against the bare lists that it has to read."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import Cluster
from cluster.progress import Progress
from cluster.waiting import await_condition
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Figure, in_turns, seconds
from tests.benchmarks.sender import Sender

if TYPE_CHECKING:
    from tests.benchmarks.installation import Installation

ROUNDS = 9
NAMESPACES = 1000
GOAL_SECONDS = 3.0
#: Pods in each namespace, namespaces without a login, and those whose Pods fail to pull.
_PODS, _WITHOUT, _FAILING = 3, 50, 10
_JSON, _MERGE = "application/json", "application/merge-patch+json"
SUMMARY = "1,000 namespaces: 950 with a login, 50 without; 30 Pods fail to pull in 10"
_LISTS = (
    "/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed",
    "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fdockerconfigjson",
    "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fdockercfg",
    "/api/v1/serviceaccounts",
    "/api/v1/namespaces",
)


def status(installation: Installation, rounds: int) -> Figure:
    """``regcred status -A`` against one GET for each list, whose answers nobody looks at."""
    with Cluster(progress=Progress()) as cluster, tempfile.TemporaryDirectory() as folder:
        bench = _Bench(cluster, installation, Path(folder))
        fill(cluster, installation.python, Path(folder))
        measured = in_turns(bench.ours, bench.floor, rounds)
    what = f"status -A, {NAMESPACES:,} namespaces"
    return Figure(what, "its lists, bare", *measured, goal=None, goal_seconds=GOAL_SECONDS)


def fill(cluster: Cluster, python: Path, folder: Path) -> None:
    """Make namespaces until there are `NAMESPACES`; a login in most, Pods in all.

    Args:
        cluster: a cluster without a node: nothing becomes of the Pods.
        python: an interpreter that has aiohttp.
        folder: for a file with what is to be sent.
    """
    sender = Sender(cluster, python, folder)
    have = sender.names("/api/v1/namespaces")
    sender.send(
        ("POST", "/api/v1/namespaces", _JSON, {"metadata": {"name": f"bench-{number:04}"}})
        for number in range(NAMESPACES - len(have))
    )
    default = "/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault"
    await_condition(
        f"the {NAMESPACES:,} namespaces have their default ServiceAccounts",
        lambda: len(sender.names(default)) == NAMESPACES,
        timeout=300,
    )
    namespaces = sorted(sender.names("/api/v1/namespaces"))
    with_login = namespaces[: NAMESPACES - _WITHOUT]
    patch = {"imagePullSecrets": [{"name": "regcred"}]}
    sender.send(("POST", f"{_in(n)}/secrets", _JSON, _secret(n)) for n in with_login)
    sender.send(("PATCH", f"{_in(n)}/serviceaccounts/default", _MERGE, patch) for n in with_login)
    sender.send(
        ("POST", f"{_in(n)}/pods", _JSON, _pod(f"web-{number}"))
        for n in namespaces
        for number in range(_PODS)
    )
    sender.send(
        ("PATCH", f"{_in(n)}/pods/web-{number}/status", _MERGE, _REFUSED)
        for n in with_login[:: NAMESPACES // _FAILING]
        for number in range(_PODS)
    )


class _Bench:
    """Who reads the cluster."""

    def __init__(self, cluster: Cluster, installation: Installation, folder: Path) -> None:
        self._cluster = cluster
        self._installation = installation
        self._sender = Sender(cluster, installation.python, folder)

    def ours(self) -> float:
        """Seconds that regcred takes; what it says is looked at."""
        command = [self._installation.regcred, "status", "-A"]
        env = environment(KUBECONFIG=str(self._cluster.kubeconfig))
        said: list[bytes] = []

        def run() -> None:
            done = subprocess.run(command, env=env, capture_output=True, check=True)
            said.extend((done.stdout, done.stderr))

        took = seconds(run)
        assert said[0].count(b"\n") == 1 + NAMESPACES - _WITHOUT, said[0][-1000:]
        assert said[1].decode() == f"{SUMMARY}\n", said[1]
        return took

    def floor(self) -> float:
        """Seconds that the lists take alone."""
        self._sender.prepare(("GET", path, _JSON, None) for path in _LISTS)
        return seconds(self._sender.run)


def _in(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


def _secret(namespace: str) -> dict[str, Any]:
    """A login with a password of its own, as long as a Google key."""
    password = f"{namespace}-" * 200
    entry = {"username": "puller", "password": password}
    config = json.dumps({"auths": {"registry.example.com": entry}})
    return {
        "metadata": {"name": "regcred"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
    }


def _pod(name: str) -> dict[str, Any]:
    image = "registry.example.com/team/app:1"
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "app", "image": image}]}}


_REFUSED = {
    "status": {
        "containerStatuses": [
            {
                "name": "app",
                "image": "",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ImagePullBackOff"}},
            }
        ]
    }
}
