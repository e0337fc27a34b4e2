"""The process that owns a cluster's processes, so that all of them end with it.

Run as a script (standard library only); `cluster.processes.Supervisor` starts it and talks to it.
It is two processes:

* the *outer* one, whose id is recorded: SIGTERM to it ends the cluster. It ends the inner one,
  waits until every process of the cluster is gone, then removes what they left: control groups
  and the cluster's folder, all but the logs;
* the *inner* one starts the processes and listens to the owner, over a socket. When the owner
  dies, however it dies, the kernel closes that socket, and the cluster ends, unless the owner
  has said ``detach``.

Nothing of a throw-away cluster needs a graceful end, so it ends by SIGKILL, and the kernel sees
to the rest whoever dies first. Each process gets SIGKILL when the process that started it dies
(PR_SET_PDEATHSIG), and orphans fall to the outer one (PR_SET_CHILD_SUBREAPER). A cluster with a
node (``--isolate``) lives in a PID and a mount namespace of its own (namespaces(7)), with the
inner process as init: when that dies, the kernel kills containerd's shims and the Pods' processes
and undoes all mounts, and what kubelet and containerd write below `HIDDEN` and into kernel
settings never reaches the machine.

Requests and answers are lines of JSON:
``{"do": "start", "name", "argv", "env", "cwd", "log"}`` -> ``{"pid": …}`` or ``{"error": …}``;
``{"do": "status"}`` -> ``{"pids": {name: pid}, "exits": {name: exit code, minus the signal}}``;
``{"do": "detach"}`` -> ``{}``.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000

HIDDEN = (Path("/run"), Path("/var/log"), Path("/var/lib/kubelet"))
"""Folders of the machine that a node sees empty: kubelet and containerd write there unasked."""

_KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
"""What kubelet would set on the machine (setupKernelTunables): it is shown them as set."""

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _die_with_parent() -> None:
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)


class Inner:
    """Starts the processes and answers the owner.

    Args:
        control: the socket to the owner.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._names: dict[int, str] = {}
        self._exits: dict[str, int] = {}
        self._detached = False

    def serve(self) -> None:
        """Answer until the owner is gone; for ever once it has said ``detach``."""
        # SIGCHLD wakes select: Python writes a byte for each signal that has a handler.
        woken, wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        sources = [self._control, woken]
        pending = b""
        while True:
            ready, _, _ = select.select(sources, [], [])
            if woken in ready:
                woken.recv(4096)
                self._reap()
            if self._control in ready:
                data = self._receive()
                if not data:
                    if not self._detached:
                        return
                    sources.remove(self._control)
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    answer = self._answer(json.loads(line))
                    self._control.sendall(json.dumps(answer).encode() + b"\n")

    def _receive(self) -> bytes:
        try:
            return self._control.recv(65536)
        except ConnectionResetError:  # the owner died before it read our last answer
            return b""

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "start":
                return self._start(request)
            case "status":
                self._reap()
                pids = {name: pid for pid, name in self._names.items()}
                return {"pids": pids, "exits": self._exits}
            case "detach":
                self._detached = True
                return {}
            case unknown:
                return {"error": f"cannot {unknown}"}

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        with Path(request["log"]).open("ab") as log:
            try:
                process = subprocess.Popen(
                    request["argv"],
                    env=request["env"],
                    cwd=request["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Safe: this process has one thread only.
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                return {"error": str(error)}
        self._names[process.pid] = request["name"]
        # Popen would wait for it when collected; `_reap` does that, for orphans too.
        process.returncode = 0
        return {"pid": process.pid}

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if name := self._names.pop(pid, ""):
                self._exits[name] = os.waitstatus_to_exitcode(status)


def _isolate(folder: Path) -> None:
    """Make this process's view of the machine one that a node may write to."""
    _call("unshare", _CLONE_NEWNS)

    def mount(*arguments: str) -> None:
        subprocess.run(["mount", "--no-mtab", *arguments], check=True)

    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    for hidden in HIDDEN:
        hidden.mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(hidden))
    shown = folder / "node" / "kernel"
    shown.mkdir(parents=True, exist_ok=True)
    for name, value in _KERNEL_SETTINGS.items():
        if Path("/proc/sys", name).exists():
            file = shown / name.replace("/", ".")
            file.write_text(f"{value}\n")
            mount("--bind", str(file), f"/proc/sys/{name}")


def _end(inner: int) -> None:
    """Kill the inner process, and all that fell to us, until nothing is left."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    os.kill(inner, signal.SIGKILL)
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
        for orphan in children.read_text().split():
            os.kill(int(orphan), signal.SIGKILL)


def _clean(folder: Path, cgroup: str) -> None:
    """Remove what a cluster leaves behind, all but its logs."""
    roots = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
    for top in [root / cgroup for root in roots] if cgroup else []:
        for group, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # a controller that keeps a dying group busy
                Path(group).rmdir()
    for part in folder.iterdir():
        if part.name == "logs":
            continue
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()


def main() -> NoReturn:
    """Be the outer process; fork the inner one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, required=True, help="descriptor of the socket")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cgroup", default="", help="control group to remove at the end")
    parser.add_argument("--isolate", action="store_true", help="own PID and mount namespace")
    options = parser.parse_args()

    # Held back until there is an inner process to end; then taken by sigwait below.
    awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1)
    if options.isolate:
        _call("unshare", _CLONE_NEWPID)  # for children only: the inner process is the first
    inner = os.fork()
    if inner == 0:
        _die_with_parent()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited)
        if options.isolate:
            _isolate(options.folder)
        Inner(socket.socket(fileno=options.control)).serve()
        os._exit(0)
    os.close(options.control)
    while signal.sigwait(awaited) == signal.SIGCHLD:
        # Orphans are children too: only the inner process's end is the end.
        if os.waitid(os.P_PID, inner, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    _end(inner)
    _clean(options.folder, options.cgroup)
    os._exit(0)


if __name__ == "__main__":
    main()
