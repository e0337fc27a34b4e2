"""One at a time: a lock that processes hold on a file, and lose when they die."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.progress import Progress


@contextmanager
def locked(path: Path, progress: Progress, waiting: str) -> Iterator[None]:
    """Hold the lock of `path` (flock(2)) during the block, waiting for it as long as it takes.

    Args:
        path: the lock file; made if need be, and left there, since removing it is a race.
        progress: where to say that there is a wait.
        waiting: what to say.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.task(waiting):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
