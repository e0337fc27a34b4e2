"""``regcred operator`` in a process of its own, and what it says while it runs.

::

    with OperatorProcess(kubeconfig, "--namespace", "ops", "--no-leader-elect") as operator:
        operator.wait_for("Synced")
        operator.wait_for("SecretCreated", namespace="team-a")
        operator.stop()

It ends with the block, by SIGKILL if nothing else has ended it. Every line that it writes to stderr
has to be a JSON object; what is not (a traceback, a warning) fails `stop` and `wait_for`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Line = dict[str, Any]

_PATIENCE_SECONDS = 60.0
#: What the operator promises: SIGTERM, and so much later it has ended.
STOPS_WITHIN = 5.0


class OperatorProcess:
    """A context manager; see the module. Any thread may wait for a line.

    Args:
        kubeconfig: of the API server, or of a proxy before it.
        args: after ``regcred operator``; they win over those that are always given.
        env: added to an environment that holds no setting of the person who runs the tests.

    Attributes:
        lines: what it has logged, parsed, the oldest first.
        odd: what it has written to stderr that is not JSON.
        before_stop: called by `stop` while it still runs.
        started: when, by `time.monotonic`.
    """

    def __init__(self, kubeconfig: Path, *args: str, env: Mapping[str, str] | None = None) -> None:
        always = ["--log-format=json", "--metrics-address=127.0.0.1:0"]
        command = ["operator", f"--kubeconfig={kubeconfig}", *always, *args]
        self._command = [sys.executable, "-m", "regcred", *command]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        self._env = clean | {"HOME": "/nonexistent", "REGCRED_DEBUG": "1"} | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self._happened = threading.Condition()
        self._open = 0
        self.lines: list[Line] = []
        self.odd: list[str] = []
        self.before_stop: Callable[[], object] = lambda: None
        self._stdout: list[str] = []
        self.started = 0.0

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        readers = ((self._process.stderr, self._take), (self._process.stdout, self._stdout.append))
        self._open = len(readers)
        for stream, take in readers:
            thread = threading.Thread(target=self._read, args=(stream, take), daemon=True)
            thread.start()
            self._readers.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The child."""
        assert self._process is not None, "it has not been started"
        return self._process

    @property
    def pid(self) -> int:
        """Of the child."""
        return self.process.pid

    @property
    def stdout(self) -> str:
        """What it has printed, for example with ``--uninstall``."""
        return "".join(self._stdout)

    @property
    def stderr(self) -> str:
        """All that it has logged, and whatever else was on stderr; for messages of tests."""
        return "\n".join([*(json.dumps(line) for line in self.lines), *self.odd])

    @property
    def address(self) -> str:
        """``HOST:PORT`` of ``/metrics``; waits until it listens."""
        return str(self.wait_for("Listening")["address"])

    def said(self, reason: str = "", /, **fields: Any) -> list[Line]:
        """Lines with this reason (empty: any) and these values."""
        with self._happened:
            return [line for line in self.lines if _fits(line, reason, fields)]

    def wait_for(
        self,
        reason: str = "",
        /,
        *,
        count: int = 1,
        after: int = 0,
        timeout: float = _PATIENCE_SECONDS,
        **fields: Any,
    ) -> Line:
        """The line with this reason (empty: any) and these values, as soon as it is there.

        Args:
            reason: of the line.
            count: of several such lines which; 1 is the first.
            after: lines to pass over: ``len(operator.lines)`` of an earlier moment.
            timeout: seconds.
            fields: values that the line has.

        Raises:
            AssertionError: it does not come; with the last lines.
        """

        def find() -> Line | None:
            fitting = [line for line in self.lines[after:] if _fits(line, reason, fields)]
            return fitting[count - 1] if len(fitting) >= count else None

        return self.wait_until(f"{reason} {fields or ''}", find, timeout=timeout)

    def wait_until(
        self, what: str, find: Callable[[], Any], *, timeout: float = _PATIENCE_SECONDS
    ) -> Any:
        """What `find` gives as soon as it is true; it is asked after each line.

        Raises:
            AssertionError: it stays false, the process ends, or writes what is no log line.
        """
        with self._happened:
            self._happened.wait_for(lambda: find() or self.odd or not self._open, timeout)
            found = find()
            if not found or self.odd:
                why = "it has ended" if not self._open else f"waited {timeout:g} s"
                raise AssertionError(f"not {what}: {why}\n{self._tail()}")
            return found

    def send_signal(self, number: int) -> None:
        """For example SIGSTOP and SIGCONT."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, if it still runs; returns when it is gone and all that it said is read."""
        if self._process is None:
            return
        self._process.kill()  # does nothing to one that has been waited for
        self._process.wait()
        self._drain()

    def stop(self, *, within: float = STOPS_WITHIN) -> None:
        """SIGTERM; it has to end with exit code 0 in time.

        Raises:
            AssertionError: it does not, or has written something that is no log line.
        """
        self.before_stop()
        self.process.send_signal(signal.SIGTERM)
        assert self.wait(timeout=within) == 0, self._tail()
        assert not self.odd, self._tail()

    def wait(self, *, timeout: float = _PATIENCE_SECONDS) -> int:
        """Its exit code, once it ends by itself.

        Raises:
            AssertionError: it does not end; it is killed then.
        """
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"has not ended after {timeout:g} s\n{self._tail()}") from None
        self._drain()
        return code

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages, for example ``/metrics``."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _read(self, stream: IO[bytes], take: Callable[[str], None]) -> None:
        for line in stream:
            with self._happened:
                take(line.decode(errors="replace"))
                self._happened.notify_all()
        with self._happened:
            self._open -= 1
            self._happened.notify_all()

    def _take(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict):
            self.lines.append(line)
        else:
            self.odd.append(text.rstrip("\n"))

    def _drain(self) -> None:
        for thread in self._readers:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _tail(self) -> str:
        code = self.process.poll()
        lines = [json.dumps(line, ensure_ascii=False) for line in self.lines[-20:]]
        return "\n".join([f"exit code: {code}", *lines, *self.odd[-60:], self.stdout[-2000:]])


def _fits(line: Line, reason: str, fields: Mapping[str, Any]) -> bool:
    said = {"reason": reason} | dict(fields) if reason else fields
    return all(line.get(key) == value for key, value in said.items())
