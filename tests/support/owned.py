"""What tests that kill a cluster's owner share."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.paths import CHECKOUT
from cluster.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Owned:
    """A cluster of another process.

    Args:
        owner: that process.
        folder: the cluster's.
        supervisor: whose end is the cluster's.
        processes: all that the cluster consists of, containers' processes included.
    """

    owner: subprocess.Popen[bytes]
    folder: Path
    supervisor: ProcessId
    processes: list[ProcessId]


@contextmanager
def owned_cluster(*arguments: str) -> Iterator[Owned]:
    """A cluster that `tests.support.owner` owns, and is to be ended in the block."""
    command = [sys.executable, "-m", "tests.support.owner", *arguments]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        try:
            report = json.loads(owner.stdout.readline())
            yield Owned(
                owner,
                Path(report["folder"]),
                ProcessId(**report["supervisor"]),
                [ProcessId(**process) for process in report["processes"]],
            )
        finally:
            owner.kill()
