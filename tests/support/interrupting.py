"""Stop a process right before or right after its n-th write has reached the API server."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.faults import Cut, Delay, Matcher, Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.faultyproxy import FaultyProxy


def about(prefix: str) -> Matcher:
    """Writes that have to do with objects of a world: by their path, or, as Events, their body."""
    return lambda seen: (
        seen.method != "GET" and (prefix in seen.path or prefix.encode() in seen.body)
    )


class Numbered:
    """Requests that a matcher likes, in the order in which they came to a proxy.

    Args:
        like: which count.
    """

    def __init__(self, like: Matcher) -> None:
        self._like = like
        self._numbers: dict[int, int] = {}
        self._came = threading.Condition()
        self.seen: list[Seen] = []

    def __call__(self, seen: Seen) -> bool:
        """As a matcher: all of them."""
        return self._number(seen) >= 0

    def __len__(self) -> int:
        return len(self.seen)

    def at(self, n: int) -> Matcher:
        """The n-th, from 0."""
        return lambda seen: self._number(seen) == n

    def beyond(self, n: int) -> Matcher:
        """All after the n-th."""
        return lambda seen: self._number(seen) > n

    def wait(self, n: int, given_up: Callable[[], bool]) -> Seen | None:
        """The n-th, once it is there; None when there is no sense in waiting any longer.

        Args:
            n: from 0.
            given_up: asked now and then.
        """
        over = False
        while True:
            with self._came:
                if self._came.wait_for(lambda: len(self.seen) > n, 0.0 if over else 0.5):
                    return self.seen[n]
            if over:
                return None
            over = given_up()  # and yet the n-th may have come before

    def _number(self, seen: Seen) -> int:
        if not self._like(seen):
            return -1
        with self._came:
            if id(seen) not in self._numbers:
                self._numbers[id(seen)] = len(self.seen)
                self.seen.append(seen)
                self._came.notify_all()
            return self._numbers[id(seen)]


@dataclass(frozen=True)
class Point:
    """A moment in the course of a workload.

    Args:
        n: a write, from 0.
        after: it has reached the API server, and its answer is lost; otherwise it never gets there.
    """

    n: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} write {self.n}"


def points(writes: int, few: int | None) -> list[Point]:
    """The moments before and after so many writes, in the order of time.

    Args:
        writes: how many.
        few: about so many of the moments, of both kinds, from the whole course; None for all.
    """
    step = 1 if few is None else 2 * writes // few
    step = max(1, step - 1 + step % 2)  # an odd one meets both kinds in turns
    return [Point(i // 2, bool(i % 2)) for i in range(0, 2 * writes, step)]


class Interruption:
    """Holds a process at a point, so that it can be killed there: none of its writes gets further.

    Args:
        proxy: between the process and the API server.
        like: which writes count.
        point: where.
    """

    def __init__(self, proxy: FaultyProxy, like: Matcher, point: Point) -> None:
        self._proxy, self._point = proxy, point
        self._writes = Numbered(like)
        self._hold = proxy.event()
        if point.after:
            proxy.on(self._writes.at(point.n), Cut(after=True))
        held = self._writes.beyond(point.n if point.after else point.n - 1)
        proxy.on(held, Delay(until=self._hold), times=None)

    def wait(self, given_up: Callable[[], bool]) -> bool:
        """Wait until it strikes; False when all is done before so many writes were made."""
        seen = self._writes.wait(self._point.n, given_up)
        if seen is not None and self._point.after:
            assert seen.over.wait(60), "the API server does not answer"
        return seen is not None

    def end(self) -> None:
        """After the process has been killed: what was held has come to nothing."""
        for seen in list(self._writes.seen):
            assert seen.over.wait(60), "the proxy has not noticed the end of the process"
        self._proxy.clear()
        self._hold.set()
