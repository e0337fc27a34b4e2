"""Ask a program on stdin and read its answer, of which there may not be any amount.

`subprocess.Popen.communicate` keeps all that a child prints, so one that prints without end takes
all memory; and on Ctrl-C it leaves the child behind.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHUNK = 65536
#: What POSIX says can be written to a pipe that select calls writable.
_PIPE_BUF = 512


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


def ask(
    command: Sequence[str],
    stdin: bytes,
    *,
    env: Mapping[str, str],
    timeout: float,
    most: int,
    tail: int = 4096,
) -> Answer:
    """Run a program to its end. It does not outlive this call, however that ends.

    Args:
        command: program and arguments.
        stdin: what it is to read.
        env: its environment.
        timeout: seconds.
        most: bytes of stdout that it may print.
        tail: bytes of stderr that are kept.

    Raises:
        OSError: it does not start.
        TooMuchOutput: see there.
        subprocess.TimeoutExpired: it takes too long, and was ended.
    """
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
    ) as child:
        try:
            stdout, stderr = _talk(child, stdin, deadline, most, tail)
            code = child.wait(max(0, deadline - time.monotonic()))
        except BaseException:
            child.kill()
            child.wait()
            raise
    return Answer(code, stdout, stderr)


def _talk(
    child: subprocess.Popen[bytes], stdin: bytes, deadline: float, most: int, tail: int
) -> tuple[bytes, bytes]:
    """Write and read until both outputs are closed."""
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 - all are pipes
    stdout, stderr, unsent = bytearray(), bytearray(), memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdin, selectors.EVENT_WRITE)
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(child.args, 0)
            for key, _ in selector.select(left):
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
