"""The work of an operator that leads: from what has changed to what is written.

Level-based: whatever has happened, the namespaces that it may concern are looked at again, each by
itself, and looking at one is *observe → desire → plan → carry out*. What is remembered between two
looks (tallies, what sources gave) can be lost at any time: the next term builds it anew.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred.core.operator import pcstatus
from regcred.core.operator.pullcredential import FINALIZER
from regcred.core.operator.statuswrite import Known
from regcred.minters.web import Web
from regcred.operator.events import EventRecorder
from regcred.operator.facts import Hooks, PullCredentialFigures
from regcred.operator.finalizing import Finalizing
from regcred.operator.minting import Minting
from regcred.operator.offers import Offers
from regcred.operator.queue import Queue
from regcred.operator.reconciler import Reconciler
from regcred.operator.rescuer import Rescuer
from regcred.operator.revoking import Revoking
from regcred.operator.sources import Sources, static
from regcred.operator.statuswriter import StatusWriter
from regcred.operator.tally import Tallies
from regcred.operator.undoing import Undoing
from regcred.operator.world import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.kube.client import Client
    from regcred.operator.facts import WatchFigures
    from regcred.operator.pace import Pace
    from regcred.operator.world import SeenPullCredential, World

#: How long a first look at everything waits for slow sources.
_SOURCES_SECONDS = 5.0
#: How long the statuses of a term before this one stand, until this one has looked at everything.
_OLD_STATUS_SECONDS = 10.0
#: What is in flight at the end gets so long; the Lease is given up after that.
_END_SECONDS = 2.0
#: How long who began a pull with an old login may take for it, layer by layer.
REVOKE_AFTER = 600.0


class Term(Listener):
    """One term of a leader.

    Args:
        client: to write with, and to read sources with.
        world: what is watched; `run` wants it synced.
        namespace: the operator's own.
        pace: how many namespaces at a time.
        told: see `Hooks`.
        by_admission: whether Pods are given the Secret as they are created.
        revoke_after: seconds from when the last namespace has a new login until the old one is
            taken back.
        fence: raises `NotLeader` where another may lead by now.
    """

    def __init__(
        self,
        client: Client,
        world: World,
        namespace: str,
        pace: Pace,
        told: Hooks | None = None,
        *,
        by_admission: bool = False,
        revoke_after: float = REVOKE_AFTER,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._world = client, world
        self._told = told or Hooks()
        self._news = asyncio.Event()
        self.queue = Queue(lambda: pace.limit, wake=self._news.set)
        self._tallies = Tallies()
        self._undoing = Undoing()
        self._waiting: dict[str, set[str]] = {}
        self._held_back: set[str] | None = set()
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._finalizing = Finalizing(
            client,
            world,
            spawn=self._spawn,
            is_left=self._undoing.is_left,
            on_replaced=self.pullcredential_changed,
            before_end=lambda pullcredential: self._revoking.last(pullcredential),
        )
        self._web = Web(os.environ)
        self._minting = Minting(
            client,
            world,
            namespace,
            self._web,
            refreshes=lambda: self._sources.refreshes(),
            minted=self._told.minted,
            fence=fence,
        )
        self._sources = Sources(
            self._minting.reading(static(client, namespace)),
            on_result=self._source_read,
            on_late=lambda _name: self._offers.forget(),
            spawn=self._spawn,
            on_read=self._told.read,
        )
        self._revoking = Revoking(
            self._minting.revoke,
            given=self._sources.giving,
            current=self._staying,
            is_everywhere=self._is_everywhere,
            after=revoke_after,
            spawn=self._spawn,
        )
        self._offers = Offers(world, self._sources.giving)
        self._reconciler = Reconciler(
            client,
            world,
            self._offers,
            self._tallies,
            self._undoing,
            self.queue,
            touch=self._touch,
            finish=self._finish_undoing,
            settled=lambda: self._rescuer.poke(),
            reconciled=self._told.reconciled,
        )
        self._events = EventRecorder(client)
        self._status = StatusWriter(client, self._build_status, on_change=self._events.changed)
        self._rescuer = Rescuer(
            client,
            world,
            by_admission=by_admission,
            is_ready=self._has_login,
            on_change=self._touch,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`; then finish what is in flight."""
        writers = []
        async with self._tasks:
            try:
                writers = [self._spawn(self._status.run()), self._spawn(self._events.run())]
                stopped = self._spawn(self._wake_at(stopping))
                await self._begin()
                self._spawn(self._rescuer.run(stopping))
                settled = self._spawn(self._sources.settled(_SOURCES_SECONDS))
                await asyncio.wait({settled, stopped}, return_when=asyncio.FIRST_COMPLETED)
                self._waiting.clear()
                self._look_at(self._world.names())
                hurry = asyncio.get_running_loop().call_later(
                    _OLD_STATUS_SECONDS, self._release_statuses
                )
                await self._dispatch(stopping)
                hurry.cancel()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_SECONDS):
                        await self._end(writers)
            finally:
                self._world.listener = Listener()
                await self._sources.close()
                for task in self._running:
                    task.cancel()
        await self._web.close()

    def figures(self) -> tuple[PullCredentialFigures, ...]:
        """Every PullCredential in numbers."""
        found = []
        for (_, name), seen in self._world.pullcredentials.view.items():
            offer = self._sources.offer(name)
            desired, ready, failed = self._tallies.figures(name)
            conditions = seen.status.get("conditions") or ()
            is_ready = any(
                each.get("type") == "Ready" and each.get("status") == "True" for each in conditions
            )
            expires = pcstatus.expires(seen.object, self._sources.result(name), offer, seen.status)
            census = self._rescuer.census(name)
            stuck = census.stuck if census and census.known else None
            found.append(
                PullCredentialFigures(name, desired, ready, failed, expires, is_ready, stuck)
            )
        return tuple(found)

    def watches(self) -> dict[str, WatchFigures]:
        """Watches that only a leader has, in numbers."""
        return self._rescuer.figures()

    # What the world tells.

    def namespace_changed(self, name: str) -> None:
        """Look at it."""
        self.queue.add(name)

    def relisted(self) -> None:
        """Look at everything: a list may have found what a watch has lost."""
        self._look_at(self._world.names())

    def source_changed(self, name: str) -> None:
        """Read it."""
        self._sources.secret_changed(name)

    def status_changed(self, name: str) -> None:
        """Put it right, if it was somebody else."""
        self._touch(name)

    def pullcredential_changed(self, name: str) -> None:
        """Look at the namespaces that it selects, or has selected."""
        seen = self._world.pullcredentials.view.get(("", name))
        concerned = {each for each in self._world.names() if name in self._tallies.selected(each)}
        self._offers.forget()
        self._rescuer.pullcredential_changed(name)
        if seen is None or seen.object.deleting:
            self._take_leave(name, seen)
            return
        pullcredential = seen.object
        self._undoing.forget(name)
        before = self._sources.asked(name)
        self._sources.put(pullcredential)
        if before is not None:
            self._revoking.replaced(before, pullcredential)
        selected = self._offers.selected_by(pullcredential)
        self._tallies.expect(name, selected)
        self._touch(name)
        if pullcredential.spec is not None and FINALIZER not in pullcredential.finalizers:
            self._finalizing.keep(name, seen)
            self._look_at(concerned)  # What it gives the others follows when it has one.
            return
        concerned.update(selected)
        if pullcredential.spec is not None and self._sources.result(name) is None:
            self._waiting.setdefault(name, set()).update(concerned)
        else:
            self._look_at(concerned)

    async def _begin(self) -> None:
        self._world.listener = self
        for _, name in list(self._world.pullcredentials.view):
            self.pullcredential_changed(name)
            # Each goes through all namespaces, and the Lease has to be renewed meanwhile.
            await asyncio.sleep(0)

    def _take_leave(self, name: str, seen: SeenPullCredential | None) -> None:
        """It is gone, or is to go as soon as what it gave is taken away."""
        self._sources.forget(name)
        self._revoking.forget(name)
        self._waiting.pop(name, None)
        self._tallies.forget(name)
        everywhere = self._world.names()
        if seen is None:
            self._status.touch(name)  # so that it is forgotten
            if not self._undoing.forget(name):
                self._look_at(everywhere)  # It was taken away by force.
            return
        # All of them: which Secrets hold an entry of its own, only they know.
        self._look_at(everywhere)
        if name not in self._undoing and FINALIZER in seen.object.finalizers:
            self._undoing.begin(name, self._offers.revision, everywhere)
        self._touch(name)
        self._finish_undoing()

    def _source_read(self, name: str, differs: bool) -> None:
        """A source was asked."""
        self._touch(name)
        concerned = self._waiting.pop(name, set())
        if differs:
            self._revoking.gave(name)
            self._offers.forget()
            self._tallies.lack(name, renewed=self._sources.renewed(name))
            seen = self._world.pullcredentials.view.get(("", name))
            if seen is not None:
                concerned.update(self._offers.selected_by(seen.object))
        self._look_at(concerned)

    # Looking at namespaces.

    def _look_at(self, namespaces: Iterable[str]) -> None:
        for namespace in namespaces:
            self.queue.add(namespace, urgent=False)

    async def _dispatch(self, stopping: asyncio.Event) -> None:
        """Have namespaces worked at, as many together as may be."""
        while not stopping.is_set():
            self._news.clear()
            while (namespace := self.queue.take()) is not None:
                self._spawn(self._reconciler.work_at(namespace))
            if self._held_back is not None and self.queue.is_idle:
                self._release_statuses()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.queue.next_alarm()):
                    await self._news.wait()

    def _finish_undoing(self) -> None:
        for name in self._undoing.finished():
            seen = self._world.pullcredentials.view.get(("", name))
            if seen is not None and FINALIZER in seen.object.finalizers:
                self._finalizing.keep(name, seen)

    def _staying(self, name: str) -> PullCredential | None:
        """The object of a name, unless it is on its way out."""
        seen = self._world.pullcredentials.view.get(("", name))
        return None if seen is None or seen.object.deleting else seen.object

    def _is_everywhere(self, name: str) -> bool:
        """Whether no namespace has anything of one but what it gave last."""
        pullcredential, given = self._staying(name), self._sources.giving(name)
        if pullcredential is None or given is None:
            return False
        return self._offers.is_everywhere(pullcredential, given)

    def _has_login(self, name: str, namespace: str) -> bool:
        """Whether a namespace has what a PullCredential gives, and that has not expired."""
        offer = self._sources.offer(name)
        if offer is None or (offer.expires is not None and offer.expires <= datetime.now(UTC)):
            return False
        return self._tallies.is_ready(name, namespace)

    # Statuses.

    def _touch(self, name: str) -> None:
        """Its status may be another."""
        self._revoking.consider(name)
        if self._held_back is not None:
            seen = self._world.pullcredentials.view.get(("", name))
            if seen is not None and not seen.object.deleting:
                told = seen.status.get("observedGeneration")
                if told == seen.object.generation:
                    self._held_back.add(name)
                    return
        self._status.touch(name)

    def _release_statuses(self) -> None:
        """Everything was looked at once, or it takes too long."""
        held, self._held_back = self._held_back or (), None
        for name in held:
            self._status.touch(name)

    def _build_status(self, name: str) -> tuple[Known, dict[str, Any]] | None:
        seen = self._world.pullcredentials.view.get(("", name))
        if seen is None:
            return None
        status = pcstatus.build(
            seen.object,
            self._undoing.tally(name) or self._tallies.tally(name),
            self._sources.result(name),
            self._tallies.losses(name),
            seen.status,
            datetime.now(UTC),
            last=self._sources.offer(name),
            refresh=self._sources.refresh(name),
            census=self._rescuer.census(name),
        )
        return Known(name, seen.object.uid, seen.version, seen.status), status

    # Tasks.

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _wake_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._news.set()

    async def _end(self, writers: list[asyncio.Task[None]]) -> None:
        """Finish what is in flight, and write what is known by then."""
        while self.queue.at_work:
            self._news.clear()
            await self._news.wait()
        for task in writers:
            task.cancel()
        await asyncio.wait(writers)
        await self._status.flush()
        await self._events.flush()
