"""One look at the stranded Pods: how many are stuck, and which of them are evictable.

What is decided about one Pod is in `regcred.core.operator.rescue`, what was tried in
`regcred.core.operator.attempts`, and whose turn it is in `regcred.core.operator.turns`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.operator import rescue
from regcred.core.operator.pullcredential import Rescue
from regcred.core.operator.rescue import Judge, Left
from regcred.core.operator.rescuestatus import Census

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from regcred.core.operator.attempts import Attempts
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.rescue import Judgement, Scene
    from regcred.core.operator.strandedpod import StrandedPod

    #: Name → a Pod, and what is to be said of it.
    _Judged = dict[str, tuple[StrandedPod, Judgement]]


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
        evictable: whose turn it is, `regcred.core.operator.turns` says.
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

    def add(self, namespace: str, why: Left | None, trouble: str) -> None:
        """A Pod that is stuck: where, why it is left alone, why it was not evicted so far."""
        self.stuck += 1
        self.namespaces.add(namespace)
        if why is not None:
            self.left[why] += 1
        self.trouble = self.trouble or trouble

    def census(self) -> Census:
        """The sum."""
        first = min(self.namespaces, default="")
        where = len(self.namespaces)
        return Census(True, self.stuck, where, first, self.left, trouble=self.trouble)


class Survey:
    """Looks at everything, and remembers what it thinks of Pods about which nothing has changed.

    Args:
        scene: what is known of a namespace; None where it gives nothing now.
        is_ready: whether a namespace has all that a PullCredential gives it; names of both, the
            PullCredential first.
        by_admission: whether Pods are given the Secret as they are created.
    """

    def __init__(
        self,
        scene: Callable[[str], Scene | None],
        is_ready: Callable[[str, str], bool],
        *,
        by_admission: bool = False,
    ) -> None:
        self._scene, self._is_ready, self._by_admission = scene, is_ready, by_admission
        self._pullcredentials: dict[str, PullCredential] = {}
        self._known: dict[str, tuple[Judge, _Judged]] = {}

    def look(
        self,
        pods: Mapping[str, Mapping[str, StrandedPod]],
        pullcredentials: Mapping[str, PullCredential],
        attempts: Attempts,
    ) -> Generator[None, None, Findings]:
        """Look at everything, in small pieces: others can do something at each that it yields.

        Args:
            pods: those that are stranded, by namespace and name.
            pullcredentials: all that there are, by name.
            attempts: what was tried.
        """
        if pullcredentials != self._pullcredentials:
            self._pullcredentials = dict(pullcredentials)
            self._known.clear()
        counts = {
            name: _Count()
            for name, each in pullcredentials.items()
            if rescue.mode(each) is not Rescue.OFF
        }
        evictable: list[Evictable] = []
        uids: set[str] = set()
        for namespace in self._known.keys() - pods.keys():
            del self._known[namespace]
        for namespace, there in pods.items():
            yield
            waiting = {n: pod for n, pod in there.items() if not attempts.was_evicted(pod.uid)}
            uids.update(pod.uid for pod in waiting.values())
            judged = yield from self._judge(namespace, waiting)
            for name, (pod, judgement) in judged.items():
                lacking, why = judgement.lacking, judgement.left
                if lacking and why is None and attempts.is_futile(pod):
                    why = Left.AGAIN
                for each in lacking:
                    counts[each].add(namespace, why, attempts.trouble(pod.uid))
                if why is None and (names := self._evicting(lacking, namespace)):
                    evictable.append(Evictable(namespace, name, pod, names))
        censuses = {name: count.census() for name, count in counts.items()}
        return Findings(censuses, evictable, uids)

    def _evicting(self, names: tuple[str, ...], namespace: str) -> tuple[str, ...]:
        """Those of these PullCredentials that want eviction, and whose login is surely there."""
        return tuple(
            name
            for name in names
            if rescue.mode(self._pullcredentials[name]) is Rescue.EVICT
            and self._is_ready(name, namespace)
        )

    def _judge(
        self, namespace: str, pods: Mapping[str, StrandedPod]
    ) -> Generator[None, None, _Judged]:
        """Judge the Pods of a namespace; anew only those of which something has changed."""
        judge, before = self._known.pop(namespace, (None, {}))
        scene = self._scene(namespace)
        if scene is None:
            return {}
        if judge is None or judge.scene != scene:
            everyone = self._pullcredentials.values()
            judge, before = Judge(scene, everyone, by_admission=self._by_admission), {}
        judged: _Judged = {}
        for name, pod in pods.items():
            known = before.get(name)
            if known is not None and known[0] == pod:
                judged[name] = pod, known[1]  # Its version may be another.
            else:
                judged[name] = pod, judge.judge(pod)
                yield
        self._known[namespace] = judge, judged
        return judged
