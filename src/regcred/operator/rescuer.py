"""Finds the Pods that came before their login, and evicts those that are better made anew.

Only while a PullCredential asks for it are Pods watched, and only pending ones; of these, more than
a name is kept only of those that lack the Secret (`regcred.core.strandedpod`). What is decided
about them is in `regcred.core.rescue`.

Evictions go one after another, `PER_MINUTE` of them, and a Pod has to be gone before the next of
its namespace: one whose Pods all came too early comes back Pod by Pod. Each is for the very Pod
that was seen, by UID and resourceVersion, so that one that has begun to run meanwhile stays.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core import fields, nsfailure, rescue, strandedpod
from regcred.core.errors import (
    APIError,
    Conflict,
    Forbidden,
    NotFound,
    NotLeader,
    RegcredError,
)
from regcred.core.pullcredential import Rescue
from regcred.core.rescue import Attempts, Left, Scene
from regcred.core.rescuestatus import PER_MINUTE, Census
from regcred.kube.resources import PODS
from regcred.kube.watch import Watch
from regcred.operator import oplog
from regcred.operator.facts import WatchFigures
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regcred.core.pullcredential import PullCredential
    from regcred.core.strandedpod import StrandedPod
    from regcred.core.view import Event
    from regcred.kube.client import Client
    from regcred.operator.world import World

_GAP_SECONDS = 60.0 / PER_MINUTE
#: What happens so soon after something else is looked at together with it.
_CALM_SECONDS = 0.5
#: After that an evicted Pod that is still there no longer holds up the next of its namespace.
_GOING_SECONDS = 30.0
#: How often a right that is missing is asked for again.
_RIGHT_SECONDS = 30.0
#: The view is about to say what somebody else has changed.
_BEHIND_SECONDS = 2.0
_PENDING = "status.phase=Pending"


@dataclass(frozen=True, slots=True)
class _Stuck:
    """A Pod to be evicted.

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


@dataclass(slots=True)
class _Count:
    """A `Census` that is being taken."""

    stuck: int = 0
    namespaces: set[str] = field(default_factory=set)
    left: Counter[Left] = field(default_factory=Counter)
    trouble: str = ""


class Rescuer:
    """Rescues Pods while its leader leads.

    Args:
        client: to read and to write with.
        world: what else is watched.
        by_admission: whether Pods are given the Secret as they are created.
        is_ready: whether a namespace has all that a PullCredential gives it; names of both, the
            PullCredential first.
        on_change: told the name of a PullCredential of which `census` says something else.
    """

    def __init__(
        self,
        client: Client,
        world: World,
        *,
        by_admission: bool,
        is_ready: Callable[[str, str], bool],
        on_change: Callable[[str], None],
    ) -> None:
        self._client, self._world = client, world
        self._by_admission = by_admission
        self._is_ready, self._on_change = is_ready, on_change
        self._news = asyncio.Event()
        self._watch: Watch[StrandedPod | None] | None = None
        self._watching: asyncio.Task[NoReturn] | None = None
        self._attempts = Attempts()
        self._censuses: dict[str, Census] = {}
        self._evicted: dict[str, int] = {}
        # Right that is missing → when it is asked for again.
        self._barred: dict[str, float] = {}
        self._going: dict[str, tuple[str, float]] = {}
        self._next = 0.0
        # UID → why the Pod could not be evicted, so far.
        self._said: dict[str, str] = {}
        self._trouble = Seldom("EvictionRefused")
        self._watch_trouble = Seldom("WatchTrouble")

    def poke(self) -> None:
        """Something that it depends on has changed."""
        if self._censuses:
            self._news.set()

    def pullcredential_changed(self, name: str) -> None:
        """It has come, gone, or asks for something else."""
        seen = self._world.pullcredentials.view.get(("", name))
        if name in self._censuses or (seen is not None and _mode(seen.object) is not Rescue.OFF):
            self._attempts.start_over()
            self._news.set()

    def census(self, name: str) -> Census | None:
        """The Pods that are stuck for want of a PullCredential; None where it does not ask."""
        return self._censuses.get(name)

    def figures(self) -> dict[str, WatchFigures]:
        """The watch in numbers, while there is one."""
        watch = self._watch
        if watch is None:
            return {}
        there = dict(watch.restarts), dict(watch.events), len(watch.view), watch.trouble is None
        return {"pods": WatchFigures(*there)}

    async def run(self, stopping: asyncio.Event) -> NoReturn:
        """Work until cancelled; nothing is evicted any more once `stopping` is set."""
        try:
            while True:
                self._news.clear()
                pause: float | None = _RIGHT_SECONDS
                try:
                    pause = await self._once(stopping)
                except Exception as error:
                    if os.environ.get("REGCRED_DEBUG"):
                        raise
                    # Whatever is so odd about these Pods, the namespaces are served.
                    said = f"this is a bug in regcred: {type(error).__name__}"
                    oplog.say("error", "InternalError", said)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._news.wait()
                await asyncio.sleep(_CALM_SECONDS)
        finally:
            await self._stop_watching()

    async def _once(self, stopping: asyncio.Event) -> float | None:
        """Look once, and evict at most one; seconds until it is to be done again, at the latest."""
        asking = self._asking()
        await self._arrange(asking)
        watch = self._watch
        if watch is None or not watch.is_synced:
            right = self._lacking("Report")
            self._publish(
                {name: Census(evicted=self._evicted_by(name), lacking=right) for name in asking}
            )
            return self._until(*self._barred.values())
        self._barred.pop("Report", None)
        counts, ready = self._look(watch, asking)
        self._publish({name: self._judged(name, counts[name]) for name in asking})
        if not ready or stopping.is_set():
            return None
        pause = self._until(self._next, *self._barred.values())
        if pause:
            return pause
        now = time.monotonic()
        due = [each for each in ready if self._attempts.due(each.pod.uid) <= now]
        free = [each for each in due if not self._is_going(each.namespace, watch)]
        if not free:
            soonest = min(self._attempts.due(each.pod.uid) for each in ready)
            return _BEHIND_SECONDS if due else max(0.0, soonest - now)
        await self._evict(free[0], [each.pod for each in ready])
        self._next = time.monotonic() + _GAP_SECONDS
        return 0.0

    # The watch.

    def _asking(self) -> dict[str, PullCredential]:
        return {
            name: seen.object
            for (_, name), seen in self._world.pullcredentials.view.items()
            if _mode(seen.object) is not Rescue.OFF
        }

    async def _arrange(self, asking: dict[str, PullCredential]) -> None:
        """Watch Pods where that is asked for, and may be."""
        if self._watching is not None and self._watching.done():
            task, self._watching, self._watch = self._watching, None, None
            task.result()  # Only a bug ends it.
        if not asking or self._barred.get("Report", 0.0) > time.monotonic():
            await self._stop_watching()
        elif self._watching is None:
            self._watch = Watch(
                self._client,
                PODS,
                keep=partial(strandedpod.see, secret=self._world.secret),
                on_event=self._seen,
                on_trouble=self._troubled,
                field_selector=_PENDING,
                settings=self._world.settings,
            )
            self._watching = asyncio.create_task(self._watch.run())

    async def _stop_watching(self) -> None:
        task, self._watching, self._watch = self._watching, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _seen(self, _event: Event[StrandedPod | None]) -> None:
        self._news.set()

    def _troubled(self, error: RegcredError, _pause: float) -> None:
        if isinstance(error, Forbidden):
            self._barred["Report"] = time.monotonic() + _RIGHT_SECONDS
            self._news.set()
        else:
            self._watch_trouble.say(error, resource=PODS.describe(None))

    # Looking.

    def _look(
        self, watch: Watch[StrandedPod | None], asking: dict[str, PullCredential]
    ) -> tuple[dict[str, _Count], list[_Stuck]]:
        """Count those that are stuck, by PullCredential; and which of them are to be evicted."""
        counts = {name: _Count() for name in asking}
        ready: list[_Stuck] = []
        uids: set[str] = set()
        everyone = [seen.object for seen in self._world.pullcredentials.view.values()]
        by_namespace: defaultdict[str, list[tuple[str, StrandedPod]]] = defaultdict(list)
        for (namespace, name), pod in watch.view.items():
            if pod is not None and not self._attempts.was_evicted(pod.uid):
                by_namespace[namespace].append((name, pod))
                uids.add(pod.uid)
        for namespace, pods in by_namespace.items():
            scene = self._scene(namespace)
            if scene is None:
                continue
            for name, pod in pods:
                lacking = [n for n, each in asking.items() if rescue.lacks(pod, scene, each)]
                if not lacking:
                    continue
                why = rescue.left(pod, scene, everyone, by_admission=self._by_admission)
                if why is None and self._attempts.is_futile(pod):
                    why = Left.AGAIN
                for each in lacking:
                    count = counts[each]
                    count.stuck += 1
                    count.namespaces.add(namespace)
                    if why is not None:
                        count.left[why] += 1
                    count.trouble = count.trouble or self._said.get(pod.uid, "")
                evicting = tuple(self._evicting(lacking, asking, namespace))
                if why is None and evicting:
                    ready.append(_Stuck(namespace, name, pod, evicting))
        self._attempts.keep(uids)
        self._said = {uid: said for uid, said in self._said.items() if uid in uids}
        ready.sort(key=lambda each: (each.pod.created, each.namespace, each.name))
        return counts, ready

    def _evicting(
        self, names: list[str], asking: dict[str, PullCredential], namespace: str
    ) -> Iterator[str]:
        """Those that want eviction, and whose login is surely there."""
        for name in names:
            if _mode(asking[name]) is Rescue.EVICT and self._is_ready(name, namespace):
                yield name

    def _scene(self, namespace: str) -> Scene | None:
        """What is known of a namespace; None where the Secret is not there, or not ours."""
        observed = self._world.observe(namespace)
        if observed is None or observed.terminating:
            return None
        secret = observed.secret
        if secret is None or not secret.is_ours:
            return None
        # What is surely in it, and not only said to be.
        entries = {k: n for k, n in secret.owner_names().items() if k in secret.content.entries}
        accounts = {each.name: each.names for each in observed.accounts}
        labels = self._world.labels(namespace)
        return Scene(namespace, labels, self._world.secret, entries, accounts)

    def _judged(self, name: str, count: _Count) -> Census:
        return Census(
            True,
            count.stuck,
            len(count.namespaces),
            min(count.namespaces, default=""),
            count.left,
            self._evicted_by(name),
            self._lacking("Evict"),
            count.trouble,
        )

    def _lacking(self, right: str) -> str:
        return right if right in self._barred else ""

    def _evicted_by(self, name: str) -> int:
        """How many were evicted; those of terms before this one are in the status."""
        if name not in self._evicted:
            seen = self._world.pullcredentials.view.get(("", name))
            status = fields.mapping(seen.status.get("rescue")) if seen else {}
            self._evicted[name] = fields.number(status.get("evicted"))
        return self._evicted[name]

    def _publish(self, censuses: dict[str, Census]) -> None:
        before, self._censuses = self._censuses, censuses
        for name in self._evicted.keys() - censuses.keys():
            del self._evicted[name]
        for name in before.keys() | censuses.keys():
            if before.get(name) != censuses.get(name):
                self._on_change(name)

    # Evicting.

    def _until(self, *moments: float) -> float | None:
        """Seconds until the first of these that is to come; None where none is."""
        now = time.monotonic()
        return min((each - now for each in moments if each > now), default=None)

    def _is_going(self, namespace: str, watch: Watch[Any]) -> bool:
        """Whether the Pod that was evicted last there has yet to go."""
        name, deadline = self._going.get(namespace, ("", 0.0))
        if time.monotonic() < deadline and (namespace, name) in watch.view:
            return True
        self._going.pop(namespace, None)
        return False

    async def _evict(self, stuck: _Stuck, others: list[StrandedPod]) -> None:
        """Evict a Pod, or see why not."""
        namespace, name, pod = stuck.namespace, stuck.name, stuck.pod
        try:
            await self._client.request(
                "POST",
                PODS.path(namespace, name, "eviction"),
                body=_eviction(namespace, name, pod),
                doing=f"evict {PODS.describe(namespace, name)}",
            )
        except NotLeader:
            self._next = time.monotonic() + 1.0
            return
        except (NotFound, Conflict):
            # It is gone, or kubelet has written to it; the watch is about to say so.
            self._attempts.put_off(pod.uid, time.monotonic() + _BEHIND_SECONDS)
            return
        except RegcredError as error:
            self._refused(stuck, error)
            return
        now = time.monotonic()
        self._barred.pop("Evict", None)
        self._attempts.evicted(pod, others, now)
        self._going[namespace] = name, now + _GOING_SECONDS
        for each in stuck.names:
            self._evicted[each] = self._evicted_by(each) + 1
        owner = f"{pod.owner.kind} {pod.owner.name}" if pod.owner else ""
        said = f"it waited for {pod.images[0]}, without the Secret; {owner} makes another"
        oplog.say("info", "Evicted", said, namespace=namespace, pod=name)

    def _refused(self, stuck: _Stuck, error: RegcredError) -> None:
        now = time.monotonic()
        if isinstance(error, Forbidden) and _is_rbac(error):
            self._barred["Evict"] = now + _RIGHT_SECONDS
            return
        self._barred.pop("Evict", None)
        asked = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        chance = random.random()  # noqa: S311 - jitter, not a secret
        self._attempts.refused(stuck.pod.uid, now, chance=chance, asked=asked)
        self._said[stuck.pod.uid] = nsfailure.told(error)
        self._trouble.say(error, namespace=stuck.namespace, pod=stuck.name)


def _mode(pullcredential: PullCredential) -> Rescue:
    spec = pullcredential.spec
    return Rescue.OFF if spec is None or pullcredential.deleting else spec.rescue


def _eviction(namespace: str, name: str, pod: StrandedPod) -> dict[str, Any]:
    preconditions = {"uid": pod.uid, "resourceVersion": pod.version}
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": preconditions},
    }


def _is_rbac(error: Forbidden) -> bool:
    """Whether a right is missing; admission refuses with the same status."""
    return 'cannot create resource "pods/eviction"' in error.message
