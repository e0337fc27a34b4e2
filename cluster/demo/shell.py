"""Commands as the person at the terminal would type them: shown, then run just so."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from cluster.processes import ProcessId, await_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GRACE_SECONDS = 5.0
"""What has to end gets this long before it is ended by force, and once more after that."""

_WIDTH = 80


class CommandFailed(ClusterError):
    """A command that was shown ended otherwise than the story wants.

    Args:
        said: what it said; it has been shown.
    """

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message, hint="why, it says above")
        self.said = said


class Shell:
    """Runs commands in one folder, with one environment.

    Args:
        folder: where they run.
        env: their variables; ``PATH`` says where ``kubectl`` and ``regcred`` are.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = dict(env)

    def show(self, line: str, *, exits: int = 0) -> None:
        """Print a line, have bash run it, and let what it says through, folded at 80 columns.

        Args:
            line: as it is typed; no secrets, since all can see them.
            exits: the exit code that the story wants; another one ends it.

        Raises:
            CommandFailed: it ends otherwise; why, it has said itself.
        """
        heard = []
        say(_bold(f"$ {line}"))
        with subprocess.Popen(
            ["bash", "-u", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        ) as process:
            try:
                for said in process.stdout or ():
                    heard.append(said)
                    for part in folded(said.rstrip("\n")):
                        say(part)
            except BaseException:
                end_group(process)
                raise
        if process.returncode != exits:
            raise CommandFailed(
                f"{_named(line)} exited with {process.returncode} in place of {exits}",
                "".join(heard),
            )
        if exits:
            say(f"(exit code {exits})")

    def ask(self, *argv: str) -> str:
        """What a command answers; it is not shown.

        Raises:
            ClusterError: it fails; with what it said.
        """
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.env,
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


def end_group(process: subprocess.Popen[str]) -> None:
    """End the leader of a process group as Ctrl-C does, and by force what is left of the group.

    A leader that has been waited for stays as it is: its number may be another's by now.
    """
    if process.returncode is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    # Not waited for as a child: so the number stays the group's until the group has ended.
    if leader := ProcessId.of(process.pid):
        await_end([leader], GRACE_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)


def say(line: str = "") -> None:
    """Print one line, now: what commands print comes after it."""
    print(line, flush=True)


def heading(title: str, why: str) -> None:
    """Print what comes now, and what it is to show.

    Args:
        title: one line.
        why: for somebody who has never seen it; it is folded.
    """
    say(f"\n{_bold(title)}")
    for line in textwrap.wrap(why, _WIDTH - 3, break_on_hyphens=False):
        say(f"   {line}")


def folded(line: str) -> list[str]:
    """A line in parts of at most 80 columns, the later ones further in."""
    if len(line) <= _WIDTH:
        return [line]
    margin = re.match(r" *", line)
    inner = " " * ((margin.end() if margin else 0) + 4)
    return textwrap.wrap(line, _WIDTH, subsequent_indent=inner, break_on_hyphens=False)


def _named(line: str) -> str:
    """The first words of a command, for a message."""
    return " ".join(line.split()[:2])


def _bold(text: str) -> str:
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not sys.stdout.isatty() else f"\x1b[1m{text}\x1b[0m"
