"""Whose turn it is: evictions go one after another, and the namespaces take turns.

Whoever may write in a namespace decides how many Pods wait there, and may have each eviction
refused. So the next one is of the namespace whose last try is the longest ago, and a right that is
missing in one keeps nothing from being done in others.

`now` is seconds on any clock that goes on.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from regcred.core.errors import APIError, Conflict, NotFound, NotLeader
from regcred.core.operator import nsfailure
from regcred.core.operator.rescuestatus import PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from regcred.core.errors import RegcredError
    from regcred.core.operator.attempts import Attempts
    from regcred.core.operator.survey import Evictable

_GAP_SECONDS = 60.0 / PER_MINUTE
#: After that an evicted Pod that is still there no longer holds up the next of its namespace.
_GOING_SECONDS = 30.0
#: How often a right that is missing is asked for again.
_RIGHT_SECONDS = 30.0
#: The view is about to say what somebody else has changed.
_BEHIND_SECONDS = 2.0
#: Where it was no Pod's fault that nothing came of it.
_PAUSE_SECONDS = 1.0
#: Seconds for which the last try in a namespace is remembered.
_MEMORY = 24 * 3600.0


class Turns:
    """Says who is evicted next, and is told what became of it.

    Args:
        attempts: is told of each.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._next = 0.0
        # By namespace: the last try; the Pod that was evicted last, and until when it is waited
        # for; when the right that is missing is asked for again.
        self._last: dict[str, float] = {}
        self._going: dict[str, tuple[str, float]] = {}
        self._barred: dict[str, float] = {}

    def next(
        self, evictable: Iterable[Evictable], now: float, is_there: Callable[[str, str], bool]
    ) -> Evictable | float | None:
        """Who is evicted now, or in how many seconds somebody may be; None for nobody.

        Args:
            evictable: who there is.
            now: see the module.
            is_there: whether a Pod is still to be seen; its namespace, and its name.
        """
        if now < self._next:
            return self._next - now
        free, soonest = [], None
        for each in evictable:
            wait = self._wait(each, now, is_there)
            if wait <= 0:
                free.append(each)
            elif soonest is None or wait < soonest:
                soonest = wait
        return min(free, key=self._rank) if free else soonest

    def evicted(self, chosen: Evictable, others: Iterable[Evictable], now: float) -> None:
        """It was; `others` are all that might have been, itself among them."""
        self._tried(chosen, now, _GAP_SECONDS)
        self._barred.pop(chosen.namespace, None)
        self._going[chosen.namespace] = chosen.name, now + _GOING_SECONDS
        there = [each.pod for each in others if each.namespace == chosen.namespace]
        self._attempts.evicted(chosen.pod, there, now)

    def failed(self, chosen: Evictable, error: RegcredError, now: float, *, chance: float) -> bool:
        """It could not be.

        Args:
            chosen: who.
            error: why; not that a right is missing, see `barred`.
            now: see the module.
            chance: random, from 0 to 1.

        Returns:
            Whether somebody has anything against it, which is to be told.
        """
        match error:
            case NotLeader():
                self._next = now + _PAUSE_SECONDS
                return False
            case NotFound() | Conflict():
                # It is gone, or kubelet has written to it; the watch is about to say so.
                self._tried(chosen, now, 0.0)
                self._attempts.put_off(chosen.pod.uid, now + _BEHIND_SECONDS)
                return False
        self._tried(chosen, now, _GAP_SECONDS)
        self._barred.pop(chosen.namespace, None)
        asked = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        why = nsfailure.told(error)
        self._attempts.refused(chosen.pod.uid, now, why=why, chance=chance, asked=asked)
        return True

    def barred(self, chosen: Evictable, now: float) -> None:
        """The right to evict is missing, in its namespace at least."""
        self._tried(chosen, now, _PAUSE_SECONDS)
        self._barred[chosen.namespace] = now + _RIGHT_SECONDS

    def lacking(self, evictable: Iterable[Evictable]) -> dict[str, tuple[str, bool]]:
        """By PullCredential: the first namespace without the right, and whether it is in none.

        Of one that can evict all its Pods nothing is said.
        """
        where: defaultdict[str, set[str]] = defaultdict(set)
        for each in evictable:
            for name in each.names:
                where[name].add(each.namespace)
        return {
            name: (min(barred), barred == namespaces)
            for name, namespaces in where.items()
            if (barred := namespaces & self._barred.keys())
        }

    def keep(self, evictable: Sequence[Evictable], now: float) -> None:
        """Forget what is no matter any more, since these are all that there are."""
        namespaces = {each.namespace for each in evictable}
        for namespace in self._barred.keys() - namespaces:
            del self._barred[namespace]
        for namespace in [key for key, (_, until) in self._going.items() if until <= now]:
            del self._going[namespace]
        for namespace in [key for key, when in self._last.items() if now - when > _MEMORY]:
            del self._last[namespace]

    def _wait(self, each: Evictable, now: float, is_there: Callable[[str, str], bool]) -> float:
        """Seconds until it may be evicted, as far as others are no matter."""
        gone, until = self._going.get(each.namespace, ("", 0.0))
        held = _BEHIND_SECONDS if now < until and is_there(each.namespace, gone) else 0.0
        due = max(self._attempts.due(each.pod.uid), self._barred.get(each.namespace, 0.0))
        return max(held, due - now)

    def _rank(self, each: Evictable) -> tuple[float, datetime, str, str]:
        last = self._last.get(each.namespace, float("-inf"))
        return last, each.pod.created, each.namespace, each.name

    def _tried(self, chosen: Evictable, now: float, pause: float) -> None:
        self._last[chosen.namespace] = now
        self._next = now + pause
