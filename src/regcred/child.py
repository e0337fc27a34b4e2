"""Ask a program on stdin and read its answer, of which there may not be any amount.

`subprocess.Popen.communicate` keeps all that a child prints, so one that prints without end takes
all memory; and on Ctrl-C it leaves the child behind.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHUNK = 65536
#: What POSIX says can be written to a pipe that select calls writable.
_PIPE_BUF = 512
#: How often a program that has closed its outputs is asked whether it has ended, in seconds.
_TICK = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said.

    Args:
        code: its exit code; negative for a signal.
        stdout: all of it.
        stderr: the end of it.
    """

    code: int
    stdout: bytes
    stderr: bytes


class TooMuchOutput(Exception):
    """The program printed more than it may, and was ended."""


class Stopped(Exception):
    """Nobody waits for the program any more, and it was ended."""


def ask(
    command: Sequence[str],
    stdin: bytes,
    *,
    env: Mapping[str, str],
    timeout: float,
    most: int,
    tail: int = 4096,
    stop: int | None = None,
) -> Answer:
    """Run a program to its end. It does not outlive this call, however that ends.

    Args:
        command: program and arguments.
        stdin: what it is to read.
        env: its environment.
        timeout: seconds.
        most: bytes of stdout that it may print.
        tail: bytes of stderr that are kept.
        stop: a file descriptor that can be read when nobody waits any more. With it the program
            is away from the terminal, and what it started is ended with it.

    Raises:
        OSError: it does not start.
        TooMuchOutput, Stopped: see there.
        subprocess.TimeoutExpired: it takes too long, and was ended.
    """
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        start_new_session=stop is not None,
    ) as child:
        try:
            stdout, stderr = _talk(child, stdin, deadline, most, tail, stop)
            code = _wait(child, deadline, stop)
        except BaseException:
            if stop is not None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            child.kill()
            child.wait()
            raise
    return Answer(code, stdout, stderr)


def _talk(
    child: subprocess.Popen[bytes],
    stdin: bytes,
    deadline: float,
    most: int,
    tail: int,
    stop: int | None,
) -> tuple[bytes, bytes]:
    """Write and read until both outputs are closed."""
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 - all are pipes
    stdout, stderr, unsent = bytearray(), bytearray(), memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdin, selectors.EVENT_WRITE)
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        if stop is not None:
            selector.register(stop, selectors.EVENT_READ)
        while len(selector.get_map()) > (stop is not None):
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(child.args, 0)
            for key, _ in selector.select(left):
                if key.fd == stop:
                    raise Stopped
                if key.fileobj is child.stdin:
                    try:
                        unsent = unsent[os.write(key.fd, unsent[:_PIPE_BUF]) :]
                    except BrokenPipeError:  # it does not care to read
                        unsent = unsent[:0]
                    if not unsent:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is child.stdout:
                    stdout += data
                    if len(stdout) > most:
                        raise TooMuchOutput
                else:
                    stderr += data
                    del stderr[:-tail]
    return bytes(stdout), bytes(stderr)


def _wait(child: subprocess.Popen[bytes], deadline: float, stop: int | None) -> int:
    """The exit code of a program that has closed its outputs."""
    if stop is None:
        return child.wait(max(0, deadline - time.monotonic()))
    with selectors.DefaultSelector() as selector:
        selector.register(stop, selectors.EVENT_READ)
        while (code := child.poll()) is None:
            if deadline <= time.monotonic():
                raise subprocess.TimeoutExpired(child.args, 0)
            if selector.select(_TICK):
                raise Stopped
    return code
