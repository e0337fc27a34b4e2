"""``python -m cluster.demo.building``: build what a cluster lacks, and say it by lines of JSON.

``{"task": title, "total": steps or null}``, then ``{"step": detail}`` for each; ``{"say": line}``;
``{"error": text}`` when it fails. It ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cluster.binaries import ensure_programs
from cluster.cluster import WITH_NODE
from cluster.errors import ClusterError
from cluster.progress import Progress, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_NICER = 5
"""The acts that play beside it come first."""


class _Told(Progress):
    def say(self, line: str) -> None:
        _tell(say=line)

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        _tell(task=title, total=total)
        yield Task(lambda done, detail: _tell(step=detail))


def main() -> int:
    """Build; the exit code."""
    # By prctl(2) as if by Ctrl-C: then the compiler is ended, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    os.nice(_NICER)
    try:
        ensure_programs(WITH_NODE, _Told())
    except ClusterError as error:
        _tell(error=str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _tell(**event: str | int | None) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
