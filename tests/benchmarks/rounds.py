"""Two things measured in turns, so that the noise of the machine meets both."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured.

    Args:
        what: the thing of ours.
        against: the thing that it is held against.
        ours: seconds (or bytes), one for each round.
        theirs: those of the same rounds.
        goal: the highest ratio allowed; None for one that is only for information.
        unit: of both: ``s``, or ``MB`` where they are bytes.
        goal_seconds: the longest that ours may take, where that is the goal.
    """

    what: str
    against: str
    ours: list[float]
    theirs: list[float]
    goal: float | None
    unit: str = "s"
    goal_seconds: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Ours by theirs, round by round, sorted."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: a machine that changes its speed changes both."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the rounds' ratios."""
        if len(self.ratios) < 2:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or empty without a goal."""
        if self.goal_seconds is not None:
            return "met" if statistics.median(self.ours) <= self.goal_seconds else "missed"
        if self.goal is None:
            return ""
        return "met" if self.ratio <= self.goal else "missed"


@dataclass(frozen=True, slots=True)
class Amount:
    """What was measured and is held against nothing but a number.

    Args:
        what: the thing of ours.
        measured: one for each round.
        unit: ``s``, ``MB`` where they are bytes, or what is counted.
        goal: the most that it may be; None for one that is only for information.
    """

    what: str
    measured: list[float]
    unit: str = "s"
    goal: float | None = None

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or empty without a goal."""
        if self.goal is None:
            return ""
        return "met" if statistics.median(self.measured) <= self.goal else "missed"


def seconds(do: Callable[[], object]) -> float:
    """How long `do` takes by the clock on the wall."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of both in each of `rounds`, after one round that warms caches and is not counted.

    Who goes first changes from round to round.
    """
    ours(), theirs()
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            measured[side].append((ours, theirs)[side]())
    return measured
