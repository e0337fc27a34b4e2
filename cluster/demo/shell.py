"""Commands as the person at the terminal would type them: shown, then run just so."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Shell:
    """Runs commands in one folder, with one environment.

    Args:
        folder: where they run.
        env: their variables; ``PATH`` says where ``kubectl`` and ``regcred`` are.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self._env = dict(env)

    def show(self, *argv: str, stdin: str = "") -> None:
        """Print a command, run it, and let what it says through.

        Args:
            argv: the command; no secrets, since all can see them.
            stdin: what it reads.

        Raises:
            ClusterError: it fails; why, it has said itself.
        """
        say(_bold(f"$ {shlex.join(argv)}"))
        done = subprocess.run(
            argv, cwd=self.folder, env=self._env, input=stdin, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(
                f"{shlex.join(argv[:2])} exited with {done.returncode}",
                hint="why, it says above",
            )

    def ask(self, *argv: str) -> str:
        """What a command answers; it is not shown.

        Raises:
            ClusterError: it fails; with what it said.
        """
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(
                f"{shlex.join(argv[:2])} exited with {done.returncode}", log=done.stderr
            )
        return done.stdout


def say(line: str = "") -> None:
    """Print one line, now: what commands print comes after it."""
    print(line, flush=True)


def _bold(text: str) -> str:
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not sys.stdout.isatty() else f"\x1b[1m{text}\x1b[0m"
