"""One look at the Pods from before: how many are stuck, and who is to be evicted, in which order.

What is decided about one Pod is in `regcred.core.rescue`, what was tried in
`regcred.core.attempts`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core import rescue
from regcred.core.pullcredential import Rescue
from regcred.core.rescue import Left
from regcred.core.rescuestatus import Census

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regcred.core.attempts import Attempts
    from regcred.core.pullcredential import PullCredential
    from regcred.core.rescue import Scene
    from regcred.core.strandedpod import StrandedPod


@dataclass(frozen=True, slots=True)
class Evictable:
    """A Pod that is to be evicted.

    Args:
        namespace: its namespace.
        name: its name.
        pod: what is kept of it.
        names: of the PullCredentials that ask for it.
    """

    namespace: str
    name: str
    pod: StrandedPod
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look has found.

    Args:
        censuses: of each PullCredential that asks; without what was evicted, and what is lacking.
        evictable: those whose turn it is first stand first.
        uids: of all Pods that were looked at.
    """

    censuses: dict[str, Census]
    evictable: list[Evictable]
    uids: set[str]


@dataclass(slots=True)
class _Count:
    """A `Census` that is being taken."""

    stuck: int = 0
    namespaces: set[str] = field(default_factory=set)
    left: Counter[Left] = field(default_factory=Counter)
    trouble: str = ""

    def census(self) -> Census:
        first = min(self.namespaces, default="")
        where = len(self.namespaces)
        return Census(True, self.stuck, where, first, self.left, trouble=self.trouble)


@dataclass(frozen=True, slots=True)
class Survey:
    """How to look.

    Args:
        scene: what is known of a namespace; None where it gives nothing now.
        is_ready: whether a namespace has all that a PullCredential gives it; names of both, the
            PullCredential first.
        by_admission: whether Pods are given the Secret as they are created.
    """

    scene: Callable[[str], Scene | None]
    is_ready: Callable[[str, str], bool]
    by_admission: bool = False

    def look(
        self,
        pods: Mapping[str, Mapping[str, StrandedPod]],
        pullcredentials: Mapping[str, PullCredential],
        attempts: Attempts,
    ) -> Findings:
        """Look at everything.

        Args:
            pods: by namespace and name.
            pullcredentials: all that there are, by name.
            attempts: what was tried.
        """
        asking = {
            name: each
            for name, each in pullcredentials.items()
            if rescue.mode(each) is not Rescue.OFF
        }
        counts = {name: _Count() for name in asking}
        evictable: list[Evictable] = []
        uids: set[str] = set()
        for namespace, there in pods.items():
            waiting = {n: pod for n, pod in there.items() if not attempts.was_evicted(pod.uid)}
            uids.update(pod.uid for pod in waiting.values())
            scene = self.scene(namespace)
            if scene is None:
                continue
            for name, pod in waiting.items():
                lacking = [n for n, each in asking.items() if rescue.lacks(pod, scene, each)]
                if not lacking:
                    continue
                why = rescue.left(
                    pod, scene, pullcredentials.values(), by_admission=self.by_admission
                )
                if why is None and attempts.is_futile(pod):
                    why = Left.AGAIN
                for each in lacking:
                    count = counts[each]
                    count.stuck += 1
                    count.namespaces.add(namespace)
                    if why is not None:
                        count.left[why] += 1
                    count.trouble = count.trouble or attempts.trouble(pod.uid)
                names = self.evicting(lacking, pullcredentials, namespace)
                if why is None and names:
                    evictable.append(Evictable(namespace, name, pod, names))
        evictable.sort(key=lambda each: (each.pod.created, each.namespace, each.name))
        censuses = {name: count.census() for name, count in counts.items()}
        return Findings(censuses, evictable, uids)

    def evicting(
        self,
        names: list[str] | tuple[str, ...],
        pullcredentials: Mapping[str, PullCredential],
        namespace: str,
    ) -> tuple[str, ...]:
        """Those of these that want eviction, and whose login is surely there."""
        return tuple(
            name
            for name in names
            if name in pullcredentials
            and rescue.mode(pullcredentials[name]) is Rescue.EVICT
            and self.is_ready(name, namespace)
        )
