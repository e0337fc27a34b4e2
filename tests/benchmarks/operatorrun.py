"""``regcred operator`` as it is measured: the installed one, logging into a file."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cluster.waiting import await_condition
from tests.benchmarks.installation import environment

if TYPE_CHECKING:
    from tests.benchmarks.installation import Installation

NAMESPACE = "regcred-system"
#: Kinds of what the operator may ask for at all; of leases, what others never do with theirs.
_KINDS = {"secrets", "serviceaccounts", "pullcredentials", "namespaces", "events", "leases"}
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([-+.\deE]+|NaN)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_TICKS = os.sysconf("SC_CLK_TCK")

Sample = tuple[str, dict[str, str], float]


class OperatorRun:
    """A context manager; whatever happens in its block, the process has ended after it.

    Args:
        installation: whose regcred it is.
        kubeconfig: of an administrator.
        log: a file for what it writes to stderr.
        args: more of them.
    """

    def __init__(self, installation: Installation, kubeconfig: Path, log: Path, *args: str) -> None:
        self._log = log
        always = ("--log-format=json", "--metrics-address=127.0.0.1:0", f"--namespace={NAMESPACE}")
        self._command = [installation.regcred, "operator", f"--kubeconfig={kubeconfig}", *always]
        self._command += args
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> float:
        """SIGTERM; seconds until it has ended, with exit code 0."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=30)
        assert code == 0, f"exit code {code}: {self._tail()}"
        return time.monotonic() - began

    def wait_for(self, reason: str, timeout: float = 60) -> dict[str, Any]:
        """The first line with this reason."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            self._running()
            mark = f'"{reason}"'.encode()
            with self._log.open("rb") as lines:
                found.extend(json.loads(line) for line in lines if mark in line)
            return any(line["reason"] == reason for line in found)

        await_condition(f"the operator logs {reason}", look, timeout=timeout, log=self._tail)
        return next(line for line in found if line["reason"] == reason)

    def samples(self) -> list[Sample]:
        """What ``/metrics`` says."""
        return samples(self._get("/metrics"))

    def requests(self) -> dict[str, float]:
        """How many it says that it has made, by verb and code."""
        return {
            " ".join(labels[each] for each in sorted(labels, reverse=True)): value
            for name, labels, value in self.samples()
            if name == "regcred_api_requests_total" and value
        }

    @property
    def peak(self) -> int:
        """The most bytes of memory that it ever had."""
        self._running()
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    @property
    def cpu(self) -> float:
        """Seconds that it has kept a processor."""
        self._running()
        return cpu_of(self._process.pid)

    def _get(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    @property
    def address(self) -> str:
        """Where its pages are."""
        return str(self.wait_for("Listening")["address"])

    def _running(self) -> None:
        code = self._process.poll()
        assert code is None, f"it has ended with exit code {code}: {self._tail()}"

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def cpu_of(pid: int) -> float:
    """Seconds that a process has kept a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def samples(text: str) -> list[Sample]:
    """Name, labels and value of each line of a Prometheus exposition."""
    return [
        (name, dict(_LABEL.findall(labels or "")), float(value))
        for name, labels, value in _SAMPLE.findall(text)
    ]


def requests_seen(text: str) -> dict[str, float]:
    """How many requests of the kinds that the operator makes an API server has answered.

    Watches are not among them: they are counted when they end. Nor is what API servers and their
    controllers do with Leases of their own, which they never patch.

    Args:
        text: the API server's ``/metrics``.
    """
    seen: dict[str, float] = {}
    for name, labels, value in samples(text):
        if name != "apiserver_request_total" or labels["resource"] not in _KINDS:
            continue
        verb, resource = labels["verb"], labels["resource"]
        if verb == "WATCH" or (resource == "leases" and verb not in ("PATCH", "POST")):
            continue
        what = f"{verb} {resource}{'/' if labels['subresource'] else ''}{labels['subresource']}"
        seen[what] = seen.get(what, 0) + value
    return seen
