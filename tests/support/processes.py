"""Whether processes that tests know by their ID are still there."""

from __future__ import annotations

import contextlib
import os
import select

_SECONDS = 60


def is_gone(pid: int) -> bool:
    """Whether there is no such process, not even one that waits to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for_end(pid: int) -> None:
    """Until a process has ended; whoever adopted it may reap it when it likes."""
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            assert select.select([process], [], [], _SECONDS)[0]
        finally:
            os.close(process)
