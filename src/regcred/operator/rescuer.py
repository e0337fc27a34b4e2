"""Evicts the Pods that came before their login, where they are better made anew.

`regcred.core.operator.turns` says whose turn it is: one Pod after another, and of a namespace the
next only when the last is gone, so that one whose Pods all came too early comes back Pod by Pod.
Each is for the very Pod that was seen, by UID and resourceVersion, so that one that has begun to
run stays.

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

from regcred.core import fields
from regcred.core.errors import Forbidden, RegcredError
from regcred.core.operator import rescue, rescuestatus
from regcred.core.operator.attempts import Attempts
from regcred.core.operator.pullcredential import Rescue
from regcred.core.operator.rescue import Scene
from regcred.core.operator.rescuestatus import Census
from regcred.core.operator.survey import Evictable, Survey
from regcred.core.operator.turns import Turns
from regcred.kube.resources import PODS, SELFSUBJECTACCESSREVIEWS
from regcred.operator import oplog
from regcred.operator.podwatch import PodWatch
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.strandedpod import StrandedPod
    from regcred.core.operator.survey import Findings
    from regcred.kube.client import Client
    from regcred.operator.facts import WatchFigures
    from regcred.operator.world import World

#: What happens so soon after something else is looked at together with it.
_CALM_SECONDS = 0.5
#: Until it looks again, after a look that failed.
_AFTER_BUG_SECONDS = 30.0


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
        self._turns = Turns(self._attempts)
        self._censuses: dict[str, Census] = {}
        self._evicted: dict[str, int] = {}
        self._took = 0.0
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
                pause: float | None = _AFTER_BUG_SECONDS
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
        self._turns.keep(found.evictable, time.monotonic())
        self._publish(self._told(found))
        if not found.evictable or stopping.is_set():
            return None
        if there != self._pullcredentials():
            return 0.0  # Something else is wanted meanwhile.
        turn = self._turns.next(found.evictable, time.monotonic(), self._watch.has)
        if isinstance(turn, Evictable):
            await self._evict(turn, found.evictable)
            return 0.0
        return turn

    def _told(self, found: Findings) -> dict[str, Census]:
        """What is found, and what is known beside it."""
        lacking, told = self._turns.lacking(found.evictable), {}
        for name, census in found.censuses.items():
            where, everywhere = lacking.get(name, ("", False))
            told[name] = replace(
                census,
                evicted=self._evicted_by(name),
                lacking="Evict" if everywhere else "",
                trouble=census.trouble or (rescuestatus.may_not_evict(where) if where else ""),
            )
        return told

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

    async def _evict(self, chosen: Evictable, others: list[Evictable]) -> None:
        """Evict a Pod, or see why not."""
        namespace, name, pod = chosen.namespace, chosen.name, chosen.pod
        try:
            await self._client.request(
                "POST",
                PODS.path(namespace, name, "eviction"),
                body=_eviction(namespace, name, pod),
                doing=f"evict {PODS.describe(namespace, name)}",
            )
        except RegcredError as error:
            if isinstance(error, Forbidden) and not await self._may_evict(namespace, name):
                self._turns.barred(chosen, time.monotonic())
                return
            chance = random.random()  # noqa: S311 - jitter, not a secret
            if self._turns.failed(chosen, error, time.monotonic(), chance=chance):
                self._trouble.say(error, namespace=namespace, pod=name)
            return
        self._turns.evicted(chosen, others, time.monotonic())
        for each in chosen.names:
            self._evicted[each] = self._evicted_by(each) + 1
        owner = f"{pod.owner.kind} {pod.owner.name}" if pod.owner else ""
        said = f"it waited for {pod.images[0]}, without the Secret; {owner} makes another"
        oplog.say("info", "Evicted", said, namespace=namespace, pod=name)

    async def _may_evict(self, namespace: str, name: str) -> bool:
        """Whether the right is there; admission refuses with the same status and reason."""
        wanted = {"verb": "create", "resource": "pods", "subresource": "eviction"}
        attributes = wanted | {"namespace": namespace, "name": name}
        reviews = SELFSUBJECTACCESSREVIEWS
        body = {"apiVersion": reviews.api_version, "kind": reviews.kind}
        try:
            answer = await self._client.request(
                "POST",
                reviews.path(),
                body=body | {"spec": {"resourceAttributes": attributes}},
                doing="ask for the right to evict Pods",
            )
        except RegcredError:
            return True  # Nobody knows; it is told like anything else that is said against it.
        return bool(fields.mapping(answer.get("status")).get("allowed"))


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
