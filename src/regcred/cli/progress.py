"""A progress bar on a terminal for what takes over a second; nothing anywhere else."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

#: What takes no longer needs no bar.
PATIENCE_SECONDS = 1.0


class Progress:
    """Counts steps towards a total.

    Args:
        what: what is being done, e.g. ``attaching``.
        total: how many steps there are, or None while that is not known.
        steps: what they are, to be said where their number is all that is known: ``documents``.
    """

    def __init__(self, what: str, total: int | None, steps: str = "") -> None:
        self._what, self._total, self._steps = what, total, steps
        self._done = 0
        self._started = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        else:
            self.show_if_late()

    def show_if_late(self) -> None:
        """Show the bar where it takes long, though no step may be done for a while yet."""
        is_late = time.monotonic() - self._started >= PATIENCE_SECONDS
        if self._bar is None and is_late and sys.stderr.isatty():
            self._show()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        count = [MofNCompleteColumn(), TimeRemainingColumn()]
        if self._total is None:
            count = [TextColumn(f"{{task.completed:,}} {self._steps}")]
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            *count,
            # A command above the bar that is longer than a line stays whole.
            console=Console(stderr=True, soft_wrap=True),
            transient=True,
            # Lines on the same terminal go above the bar; a pipe must stay as it is.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._bar.add_task(self._what, total=self._total, completed=self._done)
        self._bar.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()
