"""Requests that somebody else than regcred sends: bare aiohttp, 64 at a time."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.benchmarks import floor
from tests.benchmarks.installation import environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cluster import Cluster

#: Method, path, content type and body.
Request = tuple[str, str, str, Any]


class Sender:
    """Sends requests to a cluster.

    Args:
        cluster: it is their administrator who sends.
        python: an interpreter that has aiohttp.
        folder: for a file with what is to be sent.
    """

    def __init__(self, cluster: Cluster, python: Path, folder: Path) -> None:
        self._cluster = cluster
        self._python = python
        self._job = folder / "job.json"
        self._told = folder / "told.json"

    def send(self, requests: Iterable[Request]) -> None:
        """Send them."""
        self.prepare(requests)
        self.run()

    def prepare(self, requests: Iterable[Request]) -> None:
        """Have them ready before the clock runs."""
        job = {**access(self._cluster), "requests": list(requests)}
        self._job.write_text(json.dumps(job))

    def run(self) -> dict[str, float]:
        """Send what was prepared; what the sender tells, see `tests.benchmarks.floor`."""
        command = [self._python, floor.__file__, self._job, self._told]
        subprocess.run(command, env=environment(), check=True)
        told: dict[str, float] = json.loads(self._told.read_bytes())
        return told

    def names(self, path: str) -> set[str]:
        """The namespaces of what is listed there, or that are."""
        answered, content = self._cluster.api.request("GET", path)
        assert answered == 200, content
        return {
            item["metadata"].get("namespace", item["metadata"]["name"])
            for item in json.loads(content)["items"]
        }


def access(cluster: Cluster) -> dict[str, str]:
    """Where a cluster is, and the administrator's files."""
    pki = cluster.folder.pki
    return {
        "server": cluster.server,
        "ca": str(cluster.ca_file),
        "certificate": str(pki / "admin.crt"),
        "key": str(pki / "admin.key"),
    }
