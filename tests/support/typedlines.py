"""Lines that a person would type, run by a shell that finds this regcred and this kubectl."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cluster import Cluster


def shell_in(
    folder: Path, cluster: Cluster
) -> Callable[[str, Mapping[str, str]], subprocess.CompletedProcess[bytes]]:
    """A shell: called with a line and the environment, which needs no PATH.

    Args:
        folder: where the programs are put, which is made.
        cluster: whose kubectl it is.
    """
    folder.mkdir()
    programs = {"regcred": f"{sys.executable} -m regcred", "kubectl": str(cluster.kubectl_path)}
    for name, command in programs.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        path.chmod(0o755)

    def run(line: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["sh", "-ec", line],
            env={**env, "PATH": f"{folder}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done

    return run
