"""Trouble that is told at most once a minute, with how often it was since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from regcred.core.errors import RegcredError
from regcred.core.operator import nsfailure
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 60.0


class Seldom:
    """One kind of trouble.

    Args:
        reason: of the log line.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, reason: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reason, self._clock = reason, clock
        self._last = float("-inf")
        self._untold = 0

    def say(self, trouble: str | Exception, **fields: str) -> None:
        """It happened.

        Args:
            trouble: a sentence, or what was raised: of an error that is not ours, only its kind,
                since what it says is not known.
            fields: as for `oplog.say`.
        """
        now = self._clock()
        if now - self._last < _SECONDS:
            self._untold += 1
            return
        if isinstance(trouble, RegcredError):
            trouble = nsfailure.told(trouble)
        elif isinstance(trouble, Exception):
            trouble = type(trouble).__name__
        more = f" ({self._untold} more since the last line)" if self._untold else ""
        oplog.say("warning", self._reason, f"{trouble}{more}", **fields)
        self._last, self._untold = now, 0
