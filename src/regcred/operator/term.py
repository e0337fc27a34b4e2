"""The work of an operator that leads: from what has changed to what is written.

Level-based: whatever has happened, the namespaces that it may concern are looked at again, each by
itself, and looking at one is *observe → desire → plan → carry out*. What is remembered between two
looks (tallies, what sources gave) can be lost at any time: the next term builds it anew.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred.core import merging, nsfailure, pcstatus, select
from regcred.core.backoff import growing
from regcred.core.desired import desire
from regcred.core.errors import (
    APIError,
    NamespaceTerminating,
    NotFound,
    NotLeader,
    RegcredError,
    Unreachable,
)
from regcred.core.pcstatus import Failure, Tally
from regcred.core.plan import plan
from regcred.core.pullcredential import FINALIZER
from regcred.core.statuswrite import Known
from regcred.kube.resources import NAMESPACES
from regcred.operator import finalizer, oplog
from regcred.operator.carryout import Contended, Hands
from regcred.operator.certainty import Certainty
from regcred.operator.events import EventRecorder
from regcred.operator.facts import PullCredentialFigures
from regcred.operator.heat import Heat
from regcred.operator.queue import Queue
from regcred.operator.sources import Sources, static
from regcred.operator.statuswriter import StatusWriter
from regcred.operator.tally import Outcome, Tallies
from regcred.operator.world import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from regcred.core.desired import Offer
    from regcred.core.merging import Merged
    from regcred.core.plan import Plan
    from regcred.core.pullcredential import PullCredential
    from regcred.core.source import Fragment
    from regcred.kube.client import Client
    from regcred.operator.pace import Pace
    from regcred.operator.world import SeenPullCredential, World

#: Looks at one namespace in a row, where somebody else writes in between.
_LOOKS = 5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
#: How long a first look at everything waits for slow sources.
_SOURCES_SECONDS = 5.0
#: How long the statuses of a term before this one stand, until this one has looked at everything.
_OLD_STATUS_SECONDS = 10.0
#: What is in flight at the end gets so long; the Lease is given up after that.
_END_SECONDS = 2.0
#: After that a view of PullCredentials that was behind has long been listed anew.
_UNCERTAIN_SECONDS = 5.0
_CONTENDED = "Contended"


@dataclass(slots=True)
class _Undo:
    """A PullCredential that is being deleted.

    Args:
        revision: of the offers, from which on it is none of them.
        left: namespaces that have not been looked at since.
        failures: those that could not be put right.
    """

    revision: int
    left: set[str]
    failures: dict[str, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """Who wants to know, for metrics.

    Args:
        reconciled: seconds that a look at a namespace took, and ``ok``, ``failed`` or ``conflict``.
        read: whose source was asked, and ``ok`` or the reason of the failure.
    """

    reconciled: Callable[[float, str], None] = lambda _seconds, _outcome: None
    read: Callable[[str, str], None] = lambda _name, _outcome: None


class Term(Listener):
    """One term of a leader.

    Args:
        client: to write with, and to read sources with.
        world: what is watched; `run` wants it synced.
        namespace: the operator's own.
        pace: how many namespaces at a time.
        told: see `Told`.
    """

    def __init__(
        self, client: Client, world: World, namespace: str, pace: Pace, told: Told | None = None
    ) -> None:
        self._client, self._world = client, world
        self._told = told or Told()
        self._hands = Hands(client, world)
        self._certainty = Certainty(client, world)
        self._news = asyncio.Event()
        self.queue = Queue(lambda: pace.limit, wake=self._news.set)
        self._heat = Heat()
        self._tallies = Tallies()
        self._failures: dict[str, int] = {}
        self._blocked: set[str] = set()
        self._undoing: dict[str, _Undo] = {}
        self._waiting: dict[str, set[str]] = {}
        self._offers: tuple[Offer, ...] | None = None
        self._merges: dict[tuple[tuple[str, int], ...], Merged] = {}
        self._revision = 0
        self._held_back: set[str] | None = set()
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._finalizing: dict[str, asyncio.Task[None]] = {}
        self._sources = Sources(
            static(client, namespace),
            on_result=self._source_read,
            spawn=self._spawn,
            on_read=self._told.read,
        )
        self._events = EventRecorder(client)
        self._status = StatusWriter(client, self._build_status, on_change=self._events.changed)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`; then finish what is in flight."""
        writers = []
        async with self._tasks:
            try:
                writers = [self._spawn(self._status.run()), self._spawn(self._events.run())]
                self._spawn(self._wake_at(stopping))
                await self._begin()
                settled = self._spawn(self._sources.settled(_SOURCES_SECONDS))
                stop = self._spawn(_awaited(stopping))
                await asyncio.wait({settled, stop}, return_when=asyncio.FIRST_COMPLETED)
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
            found.append(PullCredentialFigures(name, desired, ready, failed, expires, is_ready))
        return tuple(found)

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
        self._forget_offers()
        if seen is None or seen.object.deleting:
            self._take_leave(name, seen)
            return
        pullcredential = seen.object
        self._undoing.pop(name, None)
        self._sources.put(pullcredential)
        selected = self._selected_by(pullcredential)
        self._tallies.expect(name, selected)
        self._touch(name)
        if pullcredential.spec is not None and FINALIZER not in pullcredential.finalizers:
            self._keep_finalizer(name, seen)
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
        self._waiting.pop(name, None)
        self._tallies.forget(name)
        everywhere = self._world.names()
        if seen is None:
            self._status.touch(name)  # so that it is forgotten
            undo = self._undoing.pop(name, None)
            if undo is None or undo.left:
                self._look_at(everywhere)  # It was taken away by force.
            return
        # All of them: which Secrets hold an entry of its own, only they know.
        self._look_at(everywhere)
        if name not in self._undoing and FINALIZER in seen.object.finalizers:
            self._undoing[name] = _Undo(self._revision, set(everywhere))
        self._touch(name)
        self._finish_undoing()

    def _source_read(self, name: str, differs: bool) -> None:
        """A source was asked."""
        self._touch(name)
        concerned = self._waiting.pop(name, set())
        if differs:
            self._forget_offers()
            self._tallies.lack(name)
            seen = self._world.pullcredentials.view.get(("", name))
            if seen is not None:
                concerned.update(self._selected_by(seen.object))
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
                self._spawn(self._work_at(namespace))
            if self._held_back is not None and self.queue.is_idle:
                self._release_statuses()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.queue.next_alarm()):
                    await self._news.wait()

    async def _work_at(self, namespace: str) -> None:
        began = time.perf_counter()
        outcome = "failed"
        try:
            outcome = await self._look(namespace)
        except NotLeader:
            self.queue.later(namespace, 1.0)  # Whoever leads next looks at it too.
        except Exception as error:
            if os.environ.get("REGCRED_DEBUG"):
                raise
            # Whatever is so odd about this namespace, the others are served.
            said = f"this is a bug in regcred: {type(error).__name__}"
            oplog.say("error", "InternalError", said, namespace=namespace)
            self._failed(namespace, Failure(namespace, "InternalError", said))
        finally:
            self.queue.done(namespace)
            self._told.reconciled(time.perf_counter() - began, outcome)

    async def _look(self, namespace: str) -> str:
        """Look at a namespace, and put right what is not; the outcome in a word."""
        for _ in range(_LOOKS):
            revision = self._revision
            observed = self._world.observe(namespace)
            if observed is None or observed.terminating:
                self._gone(namespace)
                return "ok"
            offers = self._offers or self._make_offers()
            labels = self._world.labels(namespace)
            desired = desire(namespace, labels, offers, merge=self._merge)
            outcome = Outcome(desired.selected, desired.merged.losses)
            todo = plan(desired, observed, self._world.secret)
            spare = len(observed.accounts)
            if todo.actions and (pause := self._heat.wait(namespace, revision, spare)):
                said = "somebody else keeps undoing what the operator writes there"
                self._settle(namespace, outcome, failure=Failure(namespace, _CONTENDED, said))
                self.queue.later(namespace, pause)
                return "conflict"
            try:
                if todo.takes_away and (found := await self._doubt(namespace, outcome, revision)):
                    return found
                if revision != self._revision:
                    continue
                failure = await self._carry_out(todo, namespace)
            except Contended:
                self._heat.wrote(namespace, revision)
                continue
            except NamespaceTerminating:
                self._gone(namespace)  # The watch is about to say so.
                return "ok"
            except NotFound as error:
                return await self._missing(namespace, error)
            if todo.actions and failure is None:  # what is refused has a back-off of its own
                self._heat.wrote(namespace, revision)
            if failure is None and revision != self._revision:
                # Whoever waits for a change to be everywhere is not to be told of the state before.
                self.queue.add(namespace, urgent=False)
                return "ok"
            if failure is None and todo.obstacle is not None:
                said = f"{todo.obstacle.message}; {todo.obstacle.hint}"
                failure = Failure(namespace, todo.obstacle.reason, said)
                self._failures.pop(namespace, None)
                if namespace not in self._blocked:
                    self._blocked.add(namespace)
                    oplog.say("warning", failure.reason, said, namespace=namespace)
            elif failure is None:
                self._failures.pop(namespace, None)
                self._blocked.discard(namespace)
                self._done(namespace, revision)
            served = frozenset() if failure else todo.serves
            self._settle(namespace, outcome, served=served, failure=failure)
            if failure is not None and todo.obstacle is not None:
                self._done(namespace, revision)
            return "failed" if failure else "ok"
        said = "others wrote in between each time"
        self._failed(namespace, Failure(namespace, _CONTENDED, said))
        return "conflict"

    async def _doubt(self, namespace: str, outcome: Outcome, revision: int) -> str:
        """Whether it is not certain yet that anything is to be taken away; the outcome then."""
        try:
            if await self._certainty.of(revision):
                return ""
        except NotLeader:
            raise
        except RegcredError as error:
            self._failed(namespace, nsfailure.describe(error, namespace), error)
            return "failed"
        self._settle(namespace, outcome)
        self.queue.later(namespace, _UNCERTAIN_SECONDS)
        return "conflict"

    async def _missing(self, namespace: str, error: NotFound) -> str:
        """Something answered 404: the API server, or a proxy or webhook that has its own."""
        try:
            await self._client.get(NAMESPACES, namespace)
        except NotFound:
            self._gone(namespace)  # The watch is about to say so.
            return "ok"
        except RegcredError as other:
            self._failed(namespace, nsfailure.describe(other, namespace), other)
        else:
            self._failed(namespace, nsfailure.describe(error, namespace), error)
        return "failed"

    async def _carry_out(self, todo: Plan, namespace: str) -> Failure | None:
        """Do all that is to be done, or as much as can be; the first failure."""
        failure = None
        for action in todo.actions:
            try:
                await self._hands.do(action, namespace)
            except (Contended, NotLeader, NamespaceTerminating, NotFound):
                raise
            except RegcredError as error:
                if failure is None:
                    failure = nsfailure.describe(error, namespace)
                    self._retry(namespace, failure, error)
                if isinstance(error, Unreachable):
                    break
            else:
                oplog.say("info", action.reason, action.message, namespace=namespace)
        return failure

    def _retry(self, namespace: str, failure: Failure, error: RegcredError | None = None) -> None:
        """Say it once, and try again later."""
        failures = self._failures[namespace] = self._failures.get(namespace, 0) + 1
        pause = growing(
            failures,
            first=_FIRST_PAUSE,
            longest=_LONGEST_PAUSE,
            chance=random.random(),  # noqa: S311 - jitter, not a secret
        )
        asked = error.retry_after if isinstance(error, APIError) else None
        self.queue.later(namespace, max(pause, min(asked or 0.0, _LONGEST_PAUSE)))
        oplog.say(
            "warning" if failures == 1 else "debug",
            failure.reason,
            failure.message,
            namespace=namespace,
            retryIn=round(pause, 1),
        )

    def _failed(self, namespace: str, failure: Failure, error: RegcredError | None = None) -> None:
        self._retry(namespace, failure, error)
        selected = self._tallies.selected(namespace)
        self._settle(namespace, Outcome(selected), failure=failure)

    def _settle(
        self,
        namespace: str,
        outcome: Outcome,
        *,
        served: frozenset[str] = frozenset(),
        failure: Failure | None = None,
    ) -> None:
        for name in self._tallies.put(namespace, outcome, served=served, failure=failure):
            self._touch(name)
        if failure is not None:
            for name, undo in self._undoing.items():
                if namespace in undo.left:
                    undo.failures[namespace] = failure
                    self._touch(name)

    def _gone(self, namespace: str) -> None:
        for name in self._tallies.drop(namespace):
            self._touch(name)
        self._failures.pop(namespace, None)
        self._blocked.discard(namespace)
        self._done(namespace, self._revision)

    # What PullCredentials offer.

    def _selected_by(self, pullcredential: PullCredential) -> list[str]:
        found = []
        for (_, name), seen in self._world.namespaces.view.items():
            labels = self._world.labels(name)
            if not seen.terminating and select.namespace(pullcredential, name, labels):
                found.append(name)
        return found

    def _forget_offers(self) -> None:
        self._offers = None
        self._revision += 1

    def _make_offers(self) -> tuple[Offer, ...]:
        """All PullCredentials, with what they give.

        One without our finalizer could go without a word, so it gives nothing yet; what it gave
        before it lost that stays.
        """
        self._merges.clear()
        offers = []
        for (_, name), seen in self._world.pullcredentials.view.items():
            held = FINALIZER in seen.object.finalizers
            offers.append((seen.object, self._sources.offer(name) if held else None))
        self._offers = tuple(offers)
        return self._offers

    def _merge(self, offers: tuple[tuple[PullCredential, Fragment], ...]) -> Merged:
        """As `merging.merge`, once for all namespaces that get the same."""
        # The fragments live as long as the offers do, and the memory does not outlive these.
        key = tuple((each.name, id(fragment)) for each, fragment in offers)
        found = self._merges.get(key)
        if found is None:
            found = self._merges[key] = merging.merge(offers)
        return found

    # PullCredentials that come and go.

    def _done(self, namespace: str, revision: int) -> None:
        """A namespace is as it should be by the offers of that revision."""
        if not self._undoing:
            return
        for name, undo in self._undoing.items():
            if undo.revision <= revision and namespace in undo.left:
                undo.left.discard(namespace)
                undo.failures.pop(namespace, None)
                self._touch(name)
        self._finish_undoing()

    def _finish_undoing(self) -> None:
        for name, undo in self._undoing.items():
            seen = self._world.pullcredentials.view.get(("", name))
            if not undo.left and seen is not None and FINALIZER in seen.object.finalizers:
                self._keep_finalizer(name, seen)

    def _keep_finalizer(self, name: str, seen: SeenPullCredential) -> None:
        """Put our finalizer on an object, or take it off one that is on its way out."""
        if name not in self._finalizing or self._finalizing[name].done():
            task = self._finalizing[name] = self._spawn(self._finalize(name, seen))
            task.add_done_callback(lambda _: self._finalized(name, seen.object.uid, task))

    def _finalized(self, name: str, uid: str, task: asyncio.Task[None]) -> None:
        if self._finalizing.get(name) is task:
            del self._finalizing[name]
        seen = self._world.pullcredentials.view.get(("", name))
        if seen is not None and seen.object.uid != uid and self._world.listener is self:
            self.pullcredential_changed(name)  # Another of that name came meanwhile.

    async def _finalize(self, name: str, seen: SeenPullCredential) -> None:
        failures = 0
        while True:
            pullcredential = seen.object
            change = finalizer.remove if pullcredential.deleting else finalizer.add
            where = name, pullcredential.uid, pullcredential.finalizers, seen.version
            try:
                await change(self._client, *where)
            except NotLeader:
                return
            except RegcredError as error:
                failures += 1
                said = nsfailure.told(error)
                oplog.say("warning", "FinalizerNotWritten", said, pullCredential=name)
            else:
                if pullcredential.deleting:
                    said = "what it gave is taken away everywhere"
                    oplog.say("info", "Undone", said, pullCredential=name)
                return
            await asyncio.sleep(
                growing(failures, first=1.0, longest=_LONGEST_PAUSE, chance=random.random())  # noqa: S311
            )
            later = self._world.pullcredentials.view.get(("", name))
            if later is None or (FINALIZER in later.object.finalizers) != later.object.deleting:
                return
            undo = self._undoing.get(name)
            if undo is not None and undo.left:
                return  # It was to be put there, and is. What takes it off comes at the end.
            seen = later

    # Statuses.

    def _touch(self, name: str) -> None:
        """Its status may be another."""
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
        undo = self._undoing.get(name)
        tally = self._tallies.tally(name)
        if undo is not None:
            tally = Tally(len(undo.left), 0, tuple(undo.failures.values()))
        status = pcstatus.build(
            seen.object,
            tally,
            self._sources.result(name),
            self._tallies.losses(name),
            seen.status,
            datetime.now(UTC),
            last=self._sources.offer(name),
            refresh=self._sources.refresh(name),
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


async def _awaited(event: asyncio.Event) -> None:
    await event.wait()
