"""Evicts the Pods that came before their login, where they are better made anew.

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
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core import fields, nsfailure, rescue
from regcred.core.attempts import Attempts
from regcred.core.errors import (
    APIError,
    Conflict,
    Forbidden,
    NotFound,
    NotLeader,
    RegcredError,
)
from regcred.core.pullcredential import Rescue
from regcred.core.rescue import Scene
from regcred.core.rescuestatus import PER_MINUTE, Census
from regcred.core.survey import Survey
from regcred.kube.resources import PODS
from regcred.operator import oplog
from regcred.operator.podwatch import PodWatch
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from regcred.core.pullcredential import PullCredential
    from regcred.core.strandedpod import StrandedPod
    from regcred.core.survey import Evictable, Findings
    from regcred.kube.client import Client
    from regcred.operator.facts import WatchFigures
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
        self._client, self._world, self._on_change = client, world, on_change
        self._news = asyncio.Event()
        self._watch = PodWatch(client, world, self._news.set)
        self._survey = Survey(self._scene, is_ready, by_admission=by_admission)
        self._attempts = Attempts()
        self._censuses: dict[str, Census] = {}
        self._evicted: dict[str, int] = {}
        # When the right to evict, which is missing, is asked for again.
        self._barred: float | None = None
        self._going: dict[str, tuple[str, float]] = {}
        self._next = self._took = 0.0
        self._trouble = Seldom("EvictionRefused")

    def poke(self) -> None:
        """Something that it depends on has changed."""
        if self._censuses:
            self._news.set()

    def pullcredential_changed(self, name: str) -> None:
        """It has come, gone, or asks for something else."""
        seen = self._world.pullcredentials.view.get(("", name))
        asks = seen is not None and rescue.mode(seen.object) is not Rescue.OFF
        if name in self._censuses or asks:
            self._attempts.start_over()
            self._news.set()

    def census(self, name: str) -> Census | None:
        """The Pods that are stuck for want of a PullCredential; None where it does not ask."""
        return self._censuses.get(name)

    def figures(self) -> dict[str, WatchFigures]:
        """The watch in numbers, while there is one."""
        return self._watch.figures()

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
                # However many Pods change all the time, it looks no more than half of the time.
                await asyncio.sleep(max(_CALM_SECONDS, self._took))
        finally:
            await self._watch.stop()

    async def _once(self, stopping: asyncio.Event) -> float | None:
        """Look once, and evict at most one; seconds until it is to be done again, at the latest."""
        there = self._pullcredentials()
        asking = [name for name, each in there.items() if rescue.mode(each) is not Rescue.OFF]
        await self._watch.arrange(wanted=bool(asking))
        pods = self._watch.pods()
        if pods is None:
            right = "Report" if self._watch.may_not else ""
            self._publish(
                {name: Census(evicted=self._evicted_by(name), lacking=right) for name in asking}
            )
            return self._watch.pause()
        began = time.monotonic()
        found = await _in_pieces(self._survey.look(pods, there, self._attempts))
        self._took = time.monotonic() - began
        self._attempts.keep(found.uids)
        right = "Evict" if self._barred is not None else ""
        self._publish(
            {
                name: replace(each, evicted=self._evicted_by(name), lacking=right)
                for name, each in found.censuses.items()
            }
        )
        if not found.evictable or stopping.is_set():
            return None
        if there != self._pullcredentials():
            return 0.0  # Something else is wanted meanwhile.
        now = time.monotonic()
        pause = max(self._next, self._barred or 0.0) - now
        if pause > 0:
            return pause
        due = [each for each in found.evictable if self._attempts.due(each.pod.uid) <= now]
        free = [each for each in due if not self._is_going(each.namespace)]
        if not free:
            soonest = min(self._attempts.due(each.pod.uid) for each in found.evictable)
            return _BEHIND_SECONDS if due else max(0.0, soonest - now)
        await self._evict(free[0], [each.pod for each in found.evictable])
        self._next = time.monotonic() + _GAP_SECONDS
        return 0.0

    def _pullcredentials(self) -> dict[str, PullCredential]:
        return {name: seen.object for (_, name), seen in self._world.pullcredentials.view.items()}

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

    def _is_going(self, namespace: str) -> bool:
        """Whether the Pod that was evicted last there has yet to go."""
        name, deadline = self._going.get(namespace, ("", 0.0))
        if time.monotonic() < deadline and self._watch.has(namespace, name):
            return True
        self._going.pop(namespace, None)
        return False

    async def _evict(self, chosen: Evictable, others: list[StrandedPod]) -> None:
        """Evict a Pod, or see why not."""
        namespace, name, pod = chosen.namespace, chosen.name, chosen.pod
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
            self._refused(chosen, error)
            return
        now = time.monotonic()
        self._barred = None
        self._attempts.evicted(pod, others, now)
        self._going[namespace] = name, now + _GOING_SECONDS
        for each in chosen.names:
            self._evicted[each] = self._evicted_by(each) + 1
        owner = f"{pod.owner.kind} {pod.owner.name}" if pod.owner else ""
        said = f"it waited for {pod.images[0]}, without the Secret; {owner} makes another"
        oplog.say("info", "Evicted", said, namespace=namespace, pod=name)

    def _refused(self, chosen: Evictable, error: RegcredError) -> None:
        now = time.monotonic()
        if isinstance(error, Forbidden) and _is_rbac(error):
            self._barred = now + _RIGHT_SECONDS
            return
        self._barred = None
        asked = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        chance = random.random()  # noqa: S311 - jitter, not a secret
        why = nsfailure.told(error)
        self._attempts.refused(chosen.pod.uid, now, why=why, chance=chance, asked=asked)
        self._trouble.say(error, namespace=chosen.namespace, pod=chosen.name)


async def _in_pieces(work: Generator[None, None, Findings]) -> Findings:
    """Look, and let others work in between: whoever makes Pods decides how long it takes."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: Findings = end.value
            return found
        await asyncio.sleep(0)


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
