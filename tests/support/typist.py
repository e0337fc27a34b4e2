"""Somebody who types a page's commands into one shell, from the first to the last.

For pages whose commands build upon each other: variables, folders and background jobs stay.
Commands stand in ``sh`` blocks, all lines of one at once, or after ``$`` in ``console`` blocks,
with what they print.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK = re.compile(r"^```(?P<language>sh|console)\n(?P<text>[\s\S]*?)^```", re.MULTILINE)
_END = "\x1e"
_PATIENCE_SECONDS = 120
_SIZE = (50, 100)
"""Lines and columns."""


@dataclass(frozen=True)
class Typed:
    """What is typed at once.

    Args:
        command: one, or several lines of them.
        output: what the page shows of it; empty for nothing.
    """

    command: str
    output: str = ""


def typed(page: Path) -> list[Typed]:
    """All commands of a page, in their order."""
    found = []
    for block in _BLOCK.finditer(page.read_text()):
        text = block["text"]
        if block["language"] == "sh":
            found.append(Typed(text))
            continue
        for each in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command = re.match(r"(?:.*(?:\\|\|)\n)*.*\n", each)
            assert command, each
            found.append(Typed(command[0], each[command.end() :]))
    return found


class Typist:
    """A shell for the time of the block, whose output goes to a terminal.

    Args:
        folder: where it begins.
        env: its variables.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        # Neither colours nor bars that draw over themselves.
        self._env = dict(env) | {"TERM": "dumb", "NO_COLOR": "1"}

    def __enter__(self) -> Self:
        self._seen, slave = pty.openpty()
        termios.tcsetwinsize(slave, _SIZE)
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=slave,
            stderr=slave,
            process_group=0,
        )
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        # With its background jobs.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        os.close(self._seen)

    def type(self, command: str) -> str:
        """Type a command; what it prints until it has ended.

        Raises:
            AssertionError: it does not end.
        """
        # ``$?`` stays what the command left.
        line = f"{{\n{command}\n}} </dev/null\n__code=$?; echo '{_END}'; (exit $__code)\n"
        assert self._process.stdin
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        said = b""
        end = f"{_END}\r\n".encode()
        while not said.endswith(end):
            ready, _, _ = select.select([self._seen], [], [], _PATIENCE_SECONDS)
            assert ready, f"it does not end: {command}\n{said.decode()}"
            said += os.read(self._seen, 65536)
        return said.removesuffix(end).decode().replace("\r\n", "\n")
