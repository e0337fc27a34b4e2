"""What was evicted, or tried to be: whom to try again, when, and whom not any more.

A controller whose successors are stuck as well makes no others for our doing: one of them is
evicted, since the first eviction may have come a moment too early, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regcred.core import backoff

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.operator.strandedpod import Owner, StrandedPod

#: Successors that are evicted again, of one controller; then it is left alone.
_SUCCESSORS = 1
#: Seconds until an eviction that was refused is tried again: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0
#: Seconds for which a controller is remembered after the last that was done to it.
_MEMORY = 24 * 3600.0


@dataclass(slots=True)
class _Controller:
    """What was done to the Pods of one controller.

    Args:
        newest: when the youngest Pod was made that was stuck at the first eviction: those that are
            older are no successors.
        last: seconds, of the last eviction.
        successors: how many of those were evicted.
    """

    newest: datetime
    last: float
    successors: int = 0


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a Pod waits.

    Args:
        times: how often an eviction was refused.
        until: seconds, until when it waits.
        why: what was said the last time.
    """

    times: int = 0
    until: float = 0.0
    why: str = ""


@dataclass(slots=True)
class Attempts:
    """What was evicted, or tried to be; `now` is seconds on any clock that goes on."""

    _done: dict[str, float] = field(default_factory=dict)
    _refused: dict[str, _Refusal] = field(default_factory=dict)
    _controllers: dict[Owner, _Controller] = field(default_factory=dict)

    def was_evicted(self, uid: str) -> bool:
        """Whether the Pod is on its way out by our doing: never twice."""
        return uid in self._done

    def is_futile(self, pod: StrandedPod) -> bool:
        """Whether successors of its controller's Pods were stuck too, as this one is."""
        known = self._controllers.get(pod.owner) if pod.owner else None
        return known is not None and pod.created > known.newest and known.successors >= _SUCCESSORS

    def due(self, uid: str) -> float:
        """When it may be tried, in seconds on that clock; 0.0 for at any time."""
        return self._refused.get(uid, _Refusal()).until

    def trouble(self, uid: str) -> str:
        """What was said when it could not be evicted; empty for nothing."""
        return self._refused.get(uid, _Refusal()).why

    def evicted(self, pod: StrandedPod, stuck: Iterable[StrandedPod], now: float) -> None:
        """It was evicted.

        Args:
            pod: the Pod.
            stuck: those that are stuck in its namespace, itself among them.
            now: see the class.
        """
        self._forget(now)
        self._done[pod.uid] = now
        self._refused.pop(pod.uid, None)
        if pod.owner is None:
            return
        known = self._controllers.get(pod.owner)
        if known is None:
            newest = max([pod.created, *(e.created for e in stuck if e.owner == pod.owner)])
            self._controllers[pod.owner] = _Controller(newest, now)
            return
        known.last = now
        known.successors += pod.created > known.newest

    def refused(
        self, uid: str, now: float, *, why: str = "", chance: float, asked: float = 0.0
    ) -> float:
        """It could not be; seconds until it may be tried again.

        Args:
            uid: of the Pod.
            now: see the class.
            why: what was said, a clause.
            chance: random, from 0 to 1.
            asked: seconds that the API server asks for.
        """
        times = self._refused.get(uid, _Refusal()).times + 1
        pause = backoff.growing(times, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
        pause = max(pause, min(asked, _LONGEST_PAUSE))
        self._refused[uid] = _Refusal(times, now + pause, why)
        return pause

    def put_off(self, uid: str, until: float) -> None:
        """It is to be tried again, but not before `until`: it was changed meanwhile."""
        self._refused[uid] = replace(self._refused.get(uid, _Refusal()), until=until)

    def start_over(self) -> None:
        """Somebody has changed what is wanted: what was futile may not be any more."""
        self._controllers.clear()

    def keep(self, uids: set[str]) -> None:
        """Forget the refusals of all Pods but these."""
        for uid in self._refused.keys() - uids:
            del self._refused[uid]

    def _forget(self, now: float) -> None:
        for uid in [key for key, when in self._done.items() if now - when > _MEMORY]:
            del self._done[uid]
        for owner in [k for k, each in self._controllers.items() if now - each.last > _MEMORY]:
            del self._controllers[owner]
