"""Ask `tests.support.forkserver` for a program: what `subprocess.run` is to a real start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_only_one = threading.Lock()


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The server of this process, which ends with it, and the way there."""
    ours, theirs = socket.socketpair()
    with theirs:
        number = theirs.fileno()
        command = [sys.executable, "-m", "tests.support.forkserver", str(number)]
        # Pipes, as each program has: Python looks at them when it starts.
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return ours, subprocess.Popen(command, pass_fds=[number], cwd=CHECKOUT, **pipes)


def run(
    module: str,
    args: Sequence[str],
    *,
    stdin: bytes,
    env: Mapping[str, str],
    cwd: str | os.PathLike[str] | None,
    timeout: float,
) -> subprocess.CompletedProcess[bytes]:
    """What ``python -m MODULE ARGS`` does, a quarter of a second sooner.

    Raises:
        subprocess.TimeoutExpired: it did not end; it is killed then.
    """
    where = os.path.abspath(cwd or ".")  # noqa: PTH100 - kept as it is written
    request = {"module": module, "args": list(args), "env": dict(env), "cwd": where}
    with _only_one:
        channel, server = _server()
    pipes = [os.pipe() for _ in range(3)]
    (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = pipes
    asked, theirs = socket.socketpair()
    with asked, asked.makefile() as told:
        given = [theirs.fileno(), theirs_in, theirs_out, theirs_err]
        socket.send_fds(channel, [b"."], given)
        theirs.close()
        for fd in given[1:]:
            os.close(fd)
        asked.sendall(json.dumps(request).encode() + b"\n")
        pid = int(told.readline() or _why(server))
        streams = _Streams(stdin, ours_in, ours_out, ours_err)
        if late := not streams.wait(timeout):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = int(told.readline())
    if late:
        raise subprocess.TimeoutExpired([module, *args], timeout)
    return subprocess.CompletedProcess([module, *args], code, streams.out, streams.err)


def _why(server: subprocess.Popen[bytes]) -> NoReturn:
    said = server.communicate()[1].decode()
    raise AssertionError(f"the fork server has ended with {server.returncode}: {said}")


class _Streams:
    """Feeds a program and takes what it says, until it closes both of its ends."""

    def __init__(self, stdin: bytes, into: int, out: int, err: int) -> None:
        self.out = self.err = b""
        self._threads = [
            threading.Thread(target=target, args=args, daemon=True)
            for target, args in (
                (self._feed, (stdin, into)),
                (self._take, ("out", out)),
                (self._take, ("err", err)),
            )
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, timeout: float) -> bool:
        for thread in self._threads[1:]:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads[1:])

    def _feed(self, stdin: bytes, into: int) -> None:
        with suppress(BrokenPipeError), open(into, "wb") as stream:
            stream.write(stdin)

    def _take(self, name: str, fd: int) -> None:
        with open(fd, "rb") as stream:
            setattr(self, name, stream.read())
