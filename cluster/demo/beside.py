"""The programs of a control plane, built by a child while the first acts play.

The child is `cluster.demo.building`: it says by lines of JSON how far it is. It has a session of
its own, so Ctrl-C reaches it by way of the demo only, with all that it has started.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from cluster.demo.shell import GRACE_SECONDS, end_group, say
from cluster.errors import ClusterError
from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from types import TracebackType

    from cluster.progress import Progress

_LINES = 15
_BUILDING = (sys.executable, "-m", "cluster.demo.building")


class Beside:
    """A build that goes on during the block, and ends with it.

    Args:
        command: what builds.
    """

    def __init__(self, *command: str) -> None:
        self._command = command or _BUILDING
        self._told = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._odd: list[str] = []
        self._ended = False
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end_group(self._process)
        # What has left the group may hold the pipe for ever.
        self._reader.join(GRACE_SECONDS)

    @property
    def goes_on(self) -> bool:
        """Whether there is something left to build."""
        with self._told:
            return not self._ended

    def glance(self) -> None:
        """Print one line that says how far it is; nothing when it is done."""
        with self._told:
            events, ended = list(self._events), self._ended
        titles = [at for at, event in enumerate(events) if "task" in event]
        if ended or not titles:
            return
        task, steps = events[titles[-1]], len(events) - titles[-1] - 1
        what = task["task"].partition(" (")[0]
        far = f", {steps} of {task['total']} packages" if task["total"] else ""
        say(f"   [beside this: {what}{far}, {self._minutes():.1f} min]")

    def wait(self, progress: Progress) -> None:
        """Return once all is built.

        Args:
            progress: told how far it is, from where it is by now.

        Raises:
            ClusterError: it fails; with what it said.
        """
        at = 0
        while (event := self._next(at)) is not None:
            at += 1
            if "task" in event:
                with progress.task(event["task"], total=event["total"]) as task:
                    while (step := self._next(at)) is not None and "step" in step:
                        at += 1
                        task.advance(step["step"])
            elif "say" in event:
                progress.say(event["say"])
            elif "error" in event:
                raise ClusterError(event["error"])
        if code := self._process.wait():
            raise ClusterError(
                f"the build ended with exit code {code}", log="\n".join(self._odd[-_LINES:])
            )

    def _next(self, at: int) -> dict[str, Any] | None:
        """What it said as number `at`, as soon as that is there; None when it said no more."""
        with self._told:
            # In portions: a wait without end would keep Ctrl-C out.
            while len(self._events) <= at and not self._ended:
                self._told.wait(1.0)
            return self._events[at] if len(self._events) > at else None

    def _minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def _read(self) -> None:
        lines = self._process.stdout or io.StringIO()
        with lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    self._odd.append(line.rstrip())
                    continue
                with self._told:
                    self._events.append(event)
                    self._told.notify_all()
        with self._told:
            self._ended = True
            self._told.notify_all()
