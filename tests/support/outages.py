"""Stops and starts the parts of a cluster, and lets etcd run full: for clusters of a test's own."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.waiting import await_condition
from tests.support.operatorworld import PULLCREDENTIALS

if TYPE_CHECKING:
    from cluster import Cluster
    from cluster.processes import ProcessId, Supervisor

API_SERVER = "kube-apiserver"
ETCD = "etcd"


class Outages:
    """What can happen to a control plane.

    Args:
        cluster: one that this process has started.
    """

    def __init__(self, cluster: Cluster) -> None:
        supervisor = cluster._supervisor
        assert supervisor is not None, "it is not ours"
        self._supervisor: Supervisor = supervisor
        self._cluster = cluster
        self._commands: dict[str, list[str]] = {}

    def kill(self, name: str) -> None:
        """SIGKILL; returns when it is gone. Its command is remembered for `start`."""
        process = self._process(name)
        self._commands[name] = _command(process)
        os.kill(process.pid, signal.SIGKILL)
        # Not when it is a zombie: its last threads may hold its port for a moment yet.
        gone = Path(f"/proc/{process.pid}")
        await_condition(f"{name} is gone", lambda: not gone.exists(), timeout=30)

    def start(self, name: str) -> None:
        """Start it again; returns when the API server is ready."""
        self._supervisor.start(name, self._commands[name])
        self.await_ready()

    def pause(self, name: str) -> None:
        """It is there, and does nothing: connections stay open, and nobody answers."""
        os.kill(self._process(name).pid, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """After `pause`; returns when the API server is ready."""
        os.kill(self._process(name).pid, signal.SIGCONT)
        self.await_ready()

    def fill_etcd(self) -> None:
        """As if its quota were used up: it refuses everything that needs space."""
        self._alarm("ACTIVATE")

    def empty_etcd(self) -> None:
        """There is space again."""
        self._alarm("DEACTIVATE")

    def await_ready(self) -> None:
        """Wait until the API server says that it is, and has its store of custom resources."""
        api = self._cluster.api
        await_condition("the API server is ready", api.is_ready, timeout=120)
        await_condition(
            "it serves custom resources",
            lambda: api.request("GET", PULLCREDENTIALS)[0] in (200, 404),
            timeout=60,
        )

    def _process(self, name: str) -> ProcessId:
        return self._supervisor.pids()[name]

    def _alarm(self, action: str) -> None:
        # https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota, by etcd's gateway.
        (url,) = [
            word.partition("=")[2]
            for word in _command(self._process(ETCD))
            if word.startswith("--listen-client-urls=")
        ]
        status = _post(f"{url}/v3/maintenance/status", {})
        member = status["header"]["member_id"]
        body = {"action": action, "memberID": member, "alarm": "NOSPACE"}
        _post(f"{url}/v3/maintenance/alarm", body)


def _command(process: ProcessId) -> list[str]:
    words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    return [word.decode() for word in words[:-1]]


def _post(url: str, body: dict[str, str]) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(url, json.dumps(body).encode())  # noqa: S310 - our own etcd
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, dict[str, str]] = json.loads(answer.read())
        return found
