"""Namespaces that wait to be looked at: each once, and never two at work on one.

client-go's workqueue (util/workqueue) with two lanes: what has happened in one namespace goes
before what a change of a PullCredential asks of thousands, so that a Secret that somebody deletes
is back at once also while a new password is written everywhere.
"""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Queue:
    """Keys to be worked at; not more than `limit` at the same time.

    Args:
        limit: how many may be at work; asked each time.
        clock: seconds, as `time.monotonic`.
        wake: called when something that was asleep, or held up, may be ready now.
    """

    def __init__(
        self,
        limit: Callable[[], int],
        *,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._wake, self._clock = limit, wake, clock
        self._urgent: OrderedDict[str, float] = OrderedDict()
        self._bulk: OrderedDict[str, float] = OrderedDict()
        self._asleep: dict[str, float] = {}
        self._alarms: list[tuple[float, str]] = []
        self._working: dict[str, bool | None] = {}

    def __len__(self) -> int:
        """How many wait, those that are asleep not counted."""
        return len(self._urgent) + len(self._bulk)

    @property
    def at_work(self) -> int:
        """How many are worked at."""
        return len(self._working)

    @property
    def is_idle(self) -> bool:
        """Nothing waits or is worked at; something may be asleep."""
        return not (self._urgent or self._bulk or self._working)

    def oldest(self) -> float:
        """Seconds that the one that has waited longest has; 0.0 for none."""
        # The bulk lane is in order; what has become urgent keeps the time since which it waits.
        times = [*self._urgent.values(), *islice(self._bulk.values(), 1)]
        return max(0.0, self._clock() - min(times)) if times else 0.0

    def add(self, key: str, *, urgent: bool = True) -> None:
        """It has to be looked at (again)."""
        if key in self._working:
            # Not now: whoever works at it may have read it before it changed.
            self._working[key] = self._working[key] or urgent
            return
        self._asleep.pop(key, None)
        if key in self._urgent:
            return
        since = self._bulk.pop(key, self._clock()) if urgent else self._clock()
        (self._urgent if urgent else self._bulk).setdefault(key, since)
        self._wake()

    def later(self, key: str, seconds: float) -> None:
        """It has to be looked at after a while, unless it is before."""
        if key in self._urgent or key in self._bulk or self._working.get(key) is not None:
            return
        due = self._clock() + seconds
        if due < self._asleep.get(key, float("inf")):
            self._asleep[key] = due
            heapq.heappush(self._alarms, (due, key))
            self._wake()

    def take(self) -> str | None:
        """The next one to work at; None where there is none, or enough are worked at.

        Whoever takes it has to say `done`.
        """
        self._rouse()
        if len(self._working) >= self._limit():
            return None
        for lane in (self._urgent, self._bulk):
            if lane:
                key, _ = lane.popitem(last=False)
                self._working[key] = None
                return key
        return None

    def done(self, key: str) -> None:
        """It is not worked at any more."""
        again = self._working.pop(key)
        if again is not None:
            self.add(key, urgent=again)
        self._wake()

    def next_alarm(self) -> float | None:
        """Seconds until the first of those that are asleep is ready; None for none."""
        while self._alarms and self._asleep.get(self._alarms[0][1]) != self._alarms[0][0]:
            heapq.heappop(self._alarms)
        return max(0.0, self._alarms[0][0] - self._clock()) if self._alarms else None

    def _rouse(self) -> None:
        now = self._clock()
        while self._alarms and self._alarms[0][0] <= now:
            due, key = heapq.heappop(self._alarms)
            if self._asleep.get(key) == due:
                # What failed is tried again after what has happened since.
                self.add(key, urgent=False)
