"""Namespaces that are written to again and again: somebody else undoes what we do.

Two controllers that disagree would write as fast as they can. So each write heats its namespace up,
time cools it down, and one that is hot is left alone for a while. What a person breaks by hand is
put right at once all the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Writes in a row that nobody minds.
_BURST = 10
#: Seconds in which one write is forgotten.
_COOL = 10.0
#: What is kept of namespaces that have cooled down is thrown away when it comes to more.
_MANY = 1024


class Heat:
    """How hot each namespace is.

    Args:
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._levels: dict[str, tuple[float, float, int]] = {}
        self._swept = clock()

    def wait(self, namespace: str, revision: int, spare: int = 0) -> float:
        """Seconds until it may be written to; 0.0 for now.

        Args:
            namespace: its name.
            revision: of what it is to have; writes that made it another do not count.
            spare: writes beyond a burst that nobody minds: one for each of its ServiceAccounts,
                which often come one after another.
        """
        over = self._level(namespace, revision, self._clock()) - _BURST - spare
        return max(0.0, over) * _COOL

    def wrote(self, namespace: str, revision: int) -> None:
        """It has been written to, or that was tried."""
        now = self._clock()
        self._levels[namespace] = self._level(namespace, revision, now) + 1.0, now, revision
        if len(self._levels) > _MANY and now - self._swept > _COOL:
            self._swept = now
            self._levels = {
                key: entry for key, entry in self._levels.items() if now - entry[1] < _COOL * _BURST
            }

    def _level(self, namespace: str, revision: int, now: float) -> float:
        level, when, of = self._levels.get(namespace, (0.0, now, revision))
        return max(0.0, level - (now - when) / _COOL) if of == revision else 0.0
