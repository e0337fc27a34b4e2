"""Causes of failing pulls, staged on a cluster: applied, awaited, asked about, mended."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import string
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from cluster import Cluster
    from tests.support.causes import Cause

#: Seconds that kubelet may take for what a cause waits for: its third try comes after 30, and
#: the one after that 40 later.
_PATIENCE = 120
#: The event where an owner cannot create its Pods: there is no Pod to look at.
_NO_POD = "FailedCreate"


class Turns:
    """Lets a few programs run at a time: those first that are urgent, then those that came first.

    Args:
        count: how many at a time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._came = itertools.count()
        self._waiting: list[tuple[bool, int]] = []
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, *, urgent: bool) -> Iterator[None]:
        """Wait for a turn, and have it in the block."""
        with self._changed:
            ticket = not urgent, next(self._came)
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


class World:
    """The Pods and events of all namespaces, read at most once in half a second.

    Args:
        cluster: the cluster.
    """

    _FRESH = 0.5

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, list[dict[str, Any]]]] = {}

    def find(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """The objects of one namespace.

        Args:
            kind: ``pods`` or ``events``.
            namespace: theirs.
        """
        with self._lock:
            when, objects = self._read.get(kind, (0.0, []))
            if time.monotonic() - when > self._FRESH:
                status, content = self._cluster.api.request("GET", f"/api/v1/{kind}")
                assert status == 200, content
                objects = json.loads(content)["items"] or []
                self._read[kind] = time.monotonic(), objects
        return [each for each in objects if each["metadata"]["namespace"] == namespace]


class Stage:
    """One cause on the cluster.

    Args:
        cluster: one with a node.
        world: of that cluster.
        cause: what is staged.
        namespace: where; it is there already.
        known: from `tests.support.causes.variables`.
        turns: in which programs run.
    """

    def __init__(
        self,
        cluster: Cluster,
        world: World,
        cause: Cause,
        namespace: str,
        known: Mapping[str, str],
        turns: Turns,
    ) -> None:
        self._cluster, self._world, self.cause = cluster, world, cause
        self.namespace, self.known, self._turns = namespace, known, turns

    def set(self, other_namespace: str) -> None:
        """Apply all; ends when kubelet has failed as it should."""
        for path in self.cause.elsewhere:
            self._apply(path, other_namespace)
        for step in self.cause.steps:
            if step.suffix == ".sh":
                self.shell(step.read_text())
            else:
                self._apply(step, self.namespace)
            if what := self.cause.wait.get(step.name):
                self.wait(what)
        self.wait("fails")

    def _apply(self, path: Path, namespace: str) -> None:
        manifest = string.Template(path.read_text()).substitute(self.known).encode()
        with self.turn():
            self._cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest)

    def shell(self, command: str, **env: str) -> str:
        """Run a command as a person would type it, where regcred and kubectl are found.

        Returns:
            What it wrote.
        """
        path = [Path(sys.executable).parent, self._cluster.kubectl_path.parent, os.environ["PATH"]]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        own = {
            "PATH": os.pathsep.join(map(str, path)),
            "KUBERC": "off",
            "KUBECACHEDIR": str(self._cluster.folder.root / "kubectl-cache"),
            "NAMESPACE": self.namespace,
        }
        with self.turn():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                env=clean | dict(self.known) | own | env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @property
    def is_urgent(self) -> bool:
        """Whether kubelet is waited for in between: it is to be asked about before its next try."""
        return bool(self.cause.wait)

    def turn(self) -> AbstractContextManager[None]:
        """The block in which to run a program."""
        return self._turns.turn(urgent=self.is_urgent)

    def wait(self, what: str) -> None:
        """Wait for the world: ``fails``, ``fails three times``, ``runs``, or a kubelet's reason."""
        holds = {
            "fails": self._fails,
            "fails three times": self._fails_three_times,
            "runs": self._runs,
        }.get(what, lambda: what in self.states().values())
        log = lambda: json.dumps(self.states(), indent=1)  # noqa: E731
        await_condition(f"{self.cause.name} {what}", holds, timeout=_PATIENCE, log=log)

    def states(self) -> dict[str, str]:
        """Pod/container → kubelet's reason for waiting, ``running``, ``done``, or ``failed``.

        Pods that are being deleted do not count.
        """
        found = {}
        for pod in self._world.find("pods", self.namespace):
            if pod["metadata"].get("deletionTimestamp"):
                continue
            for kind in ("initContainer", "container", "ephemeralContainer"):
                for status in pod["status"].get(f"{kind}Statuses") or []:
                    name = f"{pod['metadata']['name']}/{status['name']}"
                    found[name] = _word(status.get("state") or {})
        return found

    def _runs(self) -> bool:
        states = self.states().values()
        return bool(states) and all(state in ("running", "done") for state in states)

    def _fails(self) -> bool:
        if self.cause.state == _NO_POD:
            return any(event["reason"] == _NO_POD for event in self._events())
        failing = [state for state in self.states().values() if state in self.cause.states]
        return len(failing) >= max(1, len(self.cause.reasons))

    def _fails_three_times(self) -> bool:
        pulls = [e.get("count") or 1 for e in self._events() if e["reason"] == "Pulling"]
        return sum(pulls) >= 3 and "ImagePullBackOff" in self.states().values()

    def _events(self) -> list[dict[str, Any]]:
        return self._world.find("events", self.namespace)


def _word(state: dict[str, Any]) -> str:
    if "running" in state:
        return "running"
    if ended := state.get("terminated"):
        return "failed" if ended.get("exitCode") else "done"
    return (state.get("waiting") or {}).get("reason", "")
