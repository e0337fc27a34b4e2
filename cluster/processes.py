"""The owner's side of `cluster.supervise`, and processes named beyond doubt.

A process id alone is reused by the kernel; with the time at which the process started it is not.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from cluster.paths import CHECKOUT, Folder, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PROGRAM = Path(__file__).with_name("supervise.py")


@dataclass(frozen=True)
class ProcessId:
    """A process of this machine.

    Args:
        pid: its id, as this process sees it.
        started: clock ticks from the machine's start to its own (proc_pid_stat(5), field 22).
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this id now; None when there is none, or only its remains."""
        fields = _stat(pid)
        if not fields or fields[0] in ("Z", "X"):
            return None
        return cls(pid, int(fields[19]))

    def runs(self) -> bool:
        """Whether it is still there."""
        return ProcessId.of(self.pid) == self

    def descendants(self) -> list[ProcessId]:
        """All processes below it, in namespaces of their own too; the nearest first."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, below = [], [self.pid]
        while below:
            below = [child for pid in below for child in children.get(pid, ())]
            found += [process for pid in below if (process := ProcessId.of(pid))]
        return found

    @property
    def inner_pid(self) -> int:
        """Its id in its own PID namespace; 0 when it is gone."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        return int(status.split("NSpid:")[1].split("\n")[0].split()[-1])

    def end(self, timeout: float) -> bool:
        """Send SIGTERM and wait for its end; whether that came within `timeout` seconds."""
        if self.runs():
            os.kill(self.pid, signal.SIGTERM)
        return not await_end([self], timeout)


def await_end(processes: Iterable[ProcessId], timeout: float) -> list[ProcessId]:
    """Wait until processes are gone.

    Args:
        processes: any processes of this machine, not only children.
        timeout: seconds for all of them together.

    Returns:
        Those that are still there.
    """
    deadline = time.monotonic() + timeout
    left = []
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            # Checked after opening: a descriptor never comes to mean another process.
            if process.runs():
                ended = select.poll()  # select knows no descriptor over 1023
                ended.register(descriptor, select.POLLIN)
                ended.poll(max(0.0, deadline - time.monotonic()) * 1000)
        finally:
            os.close(descriptor)
        if process.runs():
            left.append(process)
    return left


class Supervisor:
    """Starts processes that end with their owner, which is this process, or with `stop`.

    Args:
        folder: the cluster's folder; emptied at the end, all but its logs.
        isolate: give them a PID and a mount namespace of their own, as a node needs (root only).
        cgroup: the control group, below the root, to remove at the end.
    """

    def __init__(self, folder: Folder, *, isolate: bool = False, cgroup: str = "") -> None:
        self._log = folder.log("supervisor")
        self._logs: dict[str, Path] = {}
        self._folder = folder
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", str(_PROGRAM), "--control", str(theirs.fileno())]
        command += ["--folder", str(folder.root), "--cgroup", cgroup]
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--isolate"] if isolate else command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=plain_environment(),
                pass_fds=[theirs.fileno()],
                # Not of the terminal's group: Ctrl-C is the owner's to answer.
                start_new_session=True,
            )
        self._socket = ours
        self._answers = ours.makefile("rb")
        started = ProcessId.of(self._process.pid)
        if started is None:
            raise ClusterError("the supervisor ended at once", log=last_lines(self._log))
        self.process = started

    def start(
        self, name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> None:
        """Start a process.

        Args:
            name: of it, and of its log.
            argv: the program, by its path, and its arguments; no secrets, since all can see them.
            env: variables beside PATH, HOME and the locale.

        Raises:
            ClusterError: it cannot be started.
        """
        log = self._logs[name] = self._folder.log(name)
        answer = self._ask(
            do="start",
            name=name,
            argv=[str(word) for word in argv],
            env={**plain_environment(), **(env or {})},
            cwd=str(CHECKOUT),
            log=str(log),
        )
        if "error" in answer:
            raise ClusterError(f"cannot start {name}: {answer['error']}")

    def check(self) -> None:
        """See that all processes still run.

        Raises:
            ClusterError: one has ended; with the end of its log.
        """
        for name, code in self._ask(do="status")["exits"].items():
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ClusterError(f"{name} ended with {how}", log=last_lines(self._logs[name]))

    def pids(self) -> dict[str, ProcessId]:
        """The processes that run, by name."""
        inner: dict[str, int] = self._ask(do="status")["pids"]
        by_inner = {process.inner_pid: process for process in self.process.descendants()}
        return {name: by_inner[pid] for name, pid in inner.items() if pid in by_inner}

    def detach(self) -> None:
        """Let the processes go on when this one ends."""
        self._ask(do="detach")
        self._close()
        # Nobody will wait for it here: without this, Popen would say so at its collection.
        self._process.returncode = 0

    def stop(self) -> None:
        """End all processes; returns when the last one is gone, and its ports are free."""
        self._close()
        self._process.terminate()
        self._process.wait()

    def _close(self) -> None:
        self._answers.close()
        self._socket.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            answer = self._answers.readline()
        except OSError:
            answer = b""
        if not answer:
            raise ClusterError("the cluster's supervisor has ended", log=last_lines(self._log))
        decoded: dict[str, Any] = json.loads(answer)
        return decoded


def plain_environment() -> dict[str, str]:
    """What a process of a cluster sees: no proxies, no settings of the person who started it."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **kept}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: state, parent, …; empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The second field, a name in brackets, may hold spaces and brackets of its own.
    return text.rpartition(")")[2].split()
