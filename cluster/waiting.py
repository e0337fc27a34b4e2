"""Awaiting a condition of the world."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.1


def await_condition(
    what: str,
    holds: Callable[[], bool],
    *,
    timeout: float,
    meanwhile: Callable[[], None] = lambda: None,
    log: Callable[[], str] = lambda: "",
) -> None:
    """Ask again until `holds` says yes.

    Args:
        what: the condition, for the error: "the API server is ready".
        holds: asks; an OSError counts as no, since what is awaited may not listen yet.
        timeout: seconds.
        meanwhile: called between two tries; raises when there is no sense in waiting on.
        log: the end of the log that tells why, for the error.

    Raises:
        ClusterError: it does not hold within `timeout`.
    """
    deadline = time.monotonic() + timeout
    while not _asked(holds):
        meanwhile()
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {timeout:.0f} s, but not: {what}", log=log())
        time.sleep(_PAUSE)


def _asked(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except OSError:
        return False
