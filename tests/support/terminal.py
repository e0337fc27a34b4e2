"""Run regcred, or a shell, on a terminal of its own, as somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATIENCE_SECONDS = 60


def _own_the_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A shell that started the tests in the background had this ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A running ``regcred ARGS`` whose stdin, stdout and stderr are one terminal.

    Args:
        args: the arguments.
        env: added to an environment without the tester's own settings.
        piped: keep stdout, stderr off the terminal.
        cwd: where it runs.
        program: what is run in place of regcred.
    """

    def __init__(
        self,
        *args: str,
        env: Mapping[str, str],
        piped: bool = False,
        cwd: str | os.PathLike[str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "regcred"),
    ) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        clean |= {"HOME": "/nonexistent", "TERM": "xterm", **env}
        clean.pop("NO_COLOR", None) if "NO_COLOR" not in env else None
        self._master, slave = pty.openpty()
        out = subprocess.PIPE if piped else slave
        self.process = subprocess.Popen(
            [*program, *args],
            stdin=slave,
            stdout=out,
            stderr=out,
            env=clean,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_own_the_terminal,
        )
        os.close(slave)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def expect(self, text: str) -> None:
        """Read until `text` is there."""
        while text not in self.seen:
            assert self._read(), f"{text!r} did not come: {self.seen}"

    def type(self, text: str) -> None:
        """Type `text`."""
        os.write(self._master, text.encode())

    def press_until_end(self, key: str) -> int:
        """Press `key` again and again, as a person does where nothing happens; the exit code.

        A signal that comes right before CPython's readline waits for input is only looked at
        after more of it.
        """
        for _ in range(_PATIENCE_SECONDS // 5):
            self.type(key)
            while select.select([self._master], [], [], 5)[0]:
                if not self._read():
                    return self.process.wait(_PATIENCE_SECONDS)
        raise AssertionError(f"it does not end: {self.seen}")

    def finish(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_SECONDS)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], _PATIENCE_SECONDS)
        assert ready, f"nothing comes any more: {self.seen}"
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the other side has gone
            return False
        self.seen += chunk.decode("utf-8", "replace")
        return bool(chunk)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
