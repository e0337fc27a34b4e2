"""How much work a call is, counted and not timed: lines of Python that it runs.

What a regular expression does inside of one line is not counted; one that tries for ever is found
by the time-out of the test, since no machine is fast enough for it.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def steps(call: Callable[[], object]) -> int:
    """Lines of regcred, and of what it calls, that `call` runs; calls of C count one.

    The garbage collector waits: others have it call them (Hypothesis does), as often as it likes.
    """
    count = 0

    def each(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += 1
        return each

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(each)
    try:
        call()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count
