"""How many namespaces are worked at together: fewer when the API server says that it is too many.

Additive increase, multiplicative decrease, as TCP does it: halved on a 429, and for each full round
of answers without one, one more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: However many requests are refused together, that counts once.
_SAME_SECONDS = 1.0


class Pace:
    """A limit that follows the answers.

    Args:
        most: never more than this.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._limit = float(most)
        self._slowed = float("-inf")

    @property
    def limit(self) -> int:
        """How many now; at least one."""
        return int(self._limit)

    def answered(self, status: int) -> None:
        """An answer came.

        Args:
            status: of HTTP; 0 for none.
        """
        if status != 429:
            if self._limit < self._most and status:
                self._limit = min(self._most, self._limit + 1 / self._limit)
            return
        now = self._clock()
        if now - self._slowed >= _SAME_SECONDS:
            self._slowed = now
            self._limit = max(1.0, self._limit / 2)
