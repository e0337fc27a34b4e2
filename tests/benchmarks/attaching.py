"""``regcred attach -A`` over 1,000 namespaces, against the one request that each needs at least."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import Cluster
from cluster.progress import Progress
from cluster.waiting import await_condition
from tests.benchmarks import floor
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Figure, in_turns, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.installation import Installation

ROUNDS = 9
NAMESPACES = 1000
_SECRET = "regcred"
_ENTRIES = [{"name": _SECRET}]


def attach(installation: Installation, rounds: int) -> Figure:
    """``regcred attach -A`` against a JSON Patch each, with the names known beforehand."""
    with Cluster(progress=Progress()) as cluster, tempfile.TemporaryDirectory() as folder:
        bench = _Bench(cluster, installation, Path(folder))
        bench.fill()
        measured = in_turns(bench.ours, bench.floor, rounds)
    what = f"attach -A, {NAMESPACES:,} namespaces"
    return Figure(what, "one patch each", *measured, goal=1.5)


class _Bench:
    """One cluster, its ServiceAccounts, and who writes to them."""

    def __init__(self, cluster: Cluster, installation: Installation, folder: Path) -> None:
        self._cluster = cluster
        self._installation = installation
        self._job = folder / "job.json"

    def fill(self) -> None:
        """Make namespaces until there are `NAMESPACES`, each with its default ServiceAccount."""
        missing = NAMESPACES - len(self._list("/api/v1/namespaces"))
        path, kind = "/api/v1/namespaces", "application/json"
        self._prepare(
            [
                ("POST", path, kind, {"metadata": {"name": f"bench-{number:04}"}})
                for number in range(missing)
            ]
        )
        self._send()
        await_condition(
            f"the {NAMESPACES:,} namespaces have their default ServiceAccounts",
            lambda: len(self._serviceaccounts()) == NAMESPACES,
            timeout=300,
        )

    def ours(self) -> float:
        """Seconds that regcred takes to attach the Secret everywhere."""
        command = [self._installation.regcred, "attach", _SECRET, "-A"]
        env = environment(KUBECONFIG=str(self._cluster.kubeconfig))
        return self._measure(
            lambda: subprocess.run(command, env=env, capture_output=True, check=True)
        )

    def floor(self) -> float:
        """Seconds that the floor takes to do so; what it sends is ready before the clock runs."""
        self._prepare_patches({"op": "add", "path": "/imagePullSecrets", "value": _ENTRIES})
        return self._measure(self._send)

    def _measure(self, attach: Callable[[], object]) -> float:
        took = seconds(attach)
        attached = [sa.get("imagePullSecrets") for sa in self._serviceaccounts()]
        assert attached == [_ENTRIES] * NAMESPACES, "not every ServiceAccount is attached"
        self._prepare_patches({"op": "remove", "path": "/imagePullSecrets"})
        self._send()
        assert not any("imagePullSecrets" in sa for sa in self._serviceaccounts())
        return took

    def _prepare_patches(self, change: dict[str, Any]) -> None:
        """Write a job for the floor: `change` to each, and away with the note that regcred left."""
        requests = []
        for sa in self._serviceaccounts():
            metadata = sa["metadata"]
            version = metadata["resourceVersion"]
            patch = [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, change]
            if "annotations" in metadata:
                patch.append({"op": "remove", "path": "/metadata/annotations"})
            path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/default"
            requests.append(("PATCH", path, "application/json-patch+json", patch))
        self._prepare(requests)

    def _prepare(self, requests: list[tuple[str, str, str, Any]]) -> None:
        pki = self._cluster.folder.pki
        job = {
            "server": self._cluster.server,
            "ca": str(self._cluster.ca_file),
            "certificate": str(pki / "admin.crt"),
            "key": str(pki / "admin.key"),
            "requests": requests,
        }
        self._job.write_text(json.dumps(job))

    def _send(self) -> None:
        command = [self._installation.python, floor.__file__, self._job]
        subprocess.run(command, env=environment(), check=True)

    def _serviceaccounts(self) -> list[dict[str, Any]]:
        return self._list("/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault")

    def _list(self, path: str) -> list[dict[str, Any]]:
        status, content = self._cluster.api.request("GET", path)
        assert status == 200, content
        items: list[dict[str, Any]] = json.loads(content)["items"]
        return items
