"""Which Pods from before a login would be mended by a successor, and which of them are evicted.

A Pod is *stuck* for want of a PullCredential where the PullCredential selects its namespace and its
ServiceAccount, has a login in the Secret there for an image that the Pod waits for, and the Pod's
frozen list does not name that Secret (`regcred.core.strandedpod`).

It is evicted only where its end does no harm and helps: nothing of it runs, its controller is sure
to make another, and the other will have the Secret. Where successors turn out to be stuck as well,
that was a mistake, and the second one is the last: `Attempts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from regcred.core import backoff, glob, mend, select
from regcred.core.pullcredential import Attach
from regcred.core.urlmatch import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from regcred.core.pullcredential import PullCredential
    from regcred.core.strandedpod import Owner, StrandedPod

#: Successors that are evicted again, of one controller; then it is left alone.
_SUCCESSORS = 1
#: Seconds until an eviction that was refused is tried again: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0
#: Seconds for which a controller is remembered after the last that was done to it.
_MEMORY = 24 * 3600.0


class Left(StrEnum):
    """Why a stuck Pod is not evicted, a clause about it."""

    #: Nobody would make another.
    BARE = "without a controller"
    #: Some do not make another, or count the end of one as a failure.
    CONTROLLER = "of a controller that may not make another, such as a Job"
    #: It does some of its work.
    RUNS = "with a container that runs"
    #: The ServiceAccount does not have the Secret, or the Pod has a list of its own.
    SUCCESSOR = "whose successor would be without the Secret as well"
    #: Evicting did not help.
    AGAIN = "whose controller made others without the Secret after an eviction"


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a namespace.

    Args:
        name: its name.
        labels: its labels.
        secret: the name of the operator's Secret.
        entries: registry (`claim.identity`) → name of the PullCredential whose login for it is in
            the Secret that is there.
        accounts: ServiceAccount → the names in its list.
    """

    name: str
    labels: Mapping[str, str]
    secret: str
    entries: Mapping[str, str]
    accounts: Mapping[str, tuple[str, ...]]


def lacks(pod: StrandedPod, scene: Scene, pullcredential: PullCredential) -> bool:
    """Whether the Pod is stuck for want of what this PullCredential gives."""
    spec = pullcredential.spec
    if spec is None or not select.namespace(pullcredential, scene.name, scene.labels):
        return False
    # With None it is for manifests to name the Secret, whatever ServiceAccount they name.
    if spec.attach is not Attach.NONE and not glob.any_matches(spec.service_accounts, pod.account):
        return False
    mine = [registry for registry, name in scene.entries.items() if name == pullcredential.name]
    return any(_covers(registry, image) for image in pod.images for registry in mine)


def left(
    pod: StrandedPod,
    scene: Scene,
    pullcredentials: Iterable[PullCredential],
    *,
    by_admission: bool,
) -> Left | None:
    """Why a stuck Pod is not to be evicted; None where it is.

    Args:
        pod: the Pod.
        scene: its namespace.
        pullcredentials: all that there are.
        by_admission: whether Pods are given the Secret as they are created.
    """
    if pod.owner is None:
        return Left.BARE
    if not mend.replaces(pod.owner.kind):
        return Left.CONTROLLER
    if pod.runs:
        return Left.RUNS
    names = scene.accounts.get(pod.account)
    if names is None:
        return Left.SUCCESSOR  # Without the ServiceAccount there would be none at all.
    # Names are copied where a Pod has none of its own; so a list that is another has not been.
    copied = not pod.names or pod.names == tuple(each for each in names if each != scene.secret)
    if copied and scene.secret in names:
        return None
    if by_admission and any(_admits(each, pod, scene) for each in pullcredentials):
        return None
    return Left.SUCCESSOR


def _admits(pullcredential: PullCredential, pod: StrandedPod, scene: Scene) -> bool:
    """Whether admission would give the successor the Secret by this one (`core.admission`)."""
    spec = pullcredential.spec
    return (
        spec is not None
        and spec.attach is not Attach.NONE
        and glob.any_matches(spec.service_accounts, pod.account)
        and select.namespace(pullcredential, scene.name, scene.labels)
    )


@lru_cache(maxsize=4096)
def _covers(registry: str, image: str) -> bool:
    mine, pulled = place(registry), place(image)
    return mine is not None and pulled is not None and mine.covers(pulled)


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


@dataclass(slots=True)
class Attempts:
    """What was evicted, or tried to be; `now` is seconds on any clock that goes on."""

    _done: dict[str, float] = field(default_factory=dict)
    _refused: dict[str, tuple[int, float]] = field(default_factory=dict)
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
        return self._refused.get(uid, (0, 0.0))[1]

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

    def refused(self, uid: str, now: float, *, chance: float, asked: float = 0.0) -> float:
        """It could not be; seconds until it may be tried again.

        Args:
            uid: of the Pod.
            now: see the class.
            chance: random, from 0 to 1.
            asked: seconds that the API server asks for.
        """
        times = self._refused.get(uid, (0, 0.0))[0] + 1
        pause = backoff.growing(times, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
        pause = max(pause, min(asked, _LONGEST_PAUSE))
        self._refused[uid] = times, now + pause
        return pause

    def put_off(self, uid: str, until: float) -> None:
        """It is to be tried again, but not before `until`: it was changed meanwhile."""
        self._refused[uid] = self._refused.get(uid, (0, 0.0))[0], until

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
