"""A watch of the objects of a kind by a kubectl of its own: no client of ours between."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from cluster import Cluster


class Watching:
    """What becomes of the objects of a kind; a context manager.

    Whoever inherits from it says what is done with those that are there (`begin`), and with each
    event (`see`, in a thread). After an ERROR nothing comes any more.

    Args:
        cluster: where.
        path: of the kind, in all namespaces.
    """

    def __init__(self, cluster: Cluster, path: str) -> None:
        self._cluster, self.path = cluster, path

    def __enter__(self) -> Self:
        listed = self.listed()
        self.begin(listed["items"])
        kubectl = [str(self._cluster.kubectl_path), f"--kubeconfig={self._cluster.kubeconfig}"]
        query = f"{self.path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}"
        self._process = subprocess.Popen(
            [*kubectl, "get", "--raw", query], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, objects: list[dict[str, Any]]) -> None:
        """Take those that are there before the first event."""
        raise NotImplementedError

    def see(self, kind: str, obj: dict[str, Any]) -> None:
        """Take an event: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        raise NotImplementedError

    def listed(self) -> dict[str, Any]:
        """The list of the kind as it is now."""
        status, content = self._cluster.api.request("GET", self.path)
        assert status == 200, content
        found: dict[str, Any] = json.loads(content)
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                self.see(event["type"], event["object"])
