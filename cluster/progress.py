"""What a long task tells the person who waits: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


class Task:
    """One thing that goes on.

    Args:
        show: called with (done, detail) after each step.
    """

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self._show = show
        self._done = 0

    def advance(self, detail: str = "") -> None:
        """One step more is done; `detail` names it."""
        self._done += 1
        self._show(self._done, detail)


class Progress:
    """Says what happens, on stderr by default.

    Args:
        stream: where to; None says nothing at all.
    """

    def __init__(self, stream: TextIO | None = None, *, silent: bool = False) -> None:
        self._stream = None if silent else (stream or sys.stderr)

    def say(self, line: str) -> None:
        """Print one line."""
        if self._stream is not None:
            print(line, file=self._stream, flush=True)

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        """Show a task until the block ends.

        Args:
            title: what is being done, and about how long it takes.
            total: how many steps it has; None when nobody knows.
        """
        if self._stream is None:
            yield Task(lambda done, detail: None)
        elif self._stream.isatty():
            yield from self._bar(title, total)
        else:
            yield from self._lines(title, total)

    def _bar(self, title: str, total: int | None) -> Iterator[Task]:
        # rich takes 90 ms to import: only where a bar is drawn.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars
        from rich.table import Column

        # The title has a line of its own: in front of the bar it would leave no room for it.
        self.say(title)
        columns = (
            *((BarColumn(), MofNCompleteColumn()) if total else ()),
            TimeElapsedColumn(),
            TextColumn(
                "[dim]{task.fields[detail]}",
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
        )
        with Bars(*columns, console=Console(file=self._stream), transient=True) as bars:
            bar = bars.add_task("", total=total, detail="")
            yield Task(lambda done, detail: bars.update(bar, completed=done, detail=detail))

    def _lines(self, title: str, total: int | None) -> Iterator[Task]:
        self.say(title)
        began = said = time.monotonic()

        def show(done: int, detail: str) -> None:
            nonlocal said
            now = time.monotonic()
            if now - said >= _EVERY:
                said = now
                share = f"{done} of {total}" if total else f"{done}"
                named = f" ({detail})" if detail else ""
                self.say(f"  {share} after {(now - began) / 60:.1f} min{named}")

        yield Task(show)


SILENT = Progress(silent=True)
"""Says nothing."""
