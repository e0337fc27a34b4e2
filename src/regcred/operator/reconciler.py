"""Brings one namespace to what it should be: observe, desire, plan, carry out.

Level-based: it does not matter what has happened, nor how often it is asked. What it remembers of a
namespace (how often it failed, how often it was written to) can be lost at any time.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

from regcred.core.backoff import growing
from regcred.core.errors import (
    APIError,
    NamespaceTerminating,
    NotFound,
    NotLeader,
    RegcredError,
    Unreachable,
)
from regcred.core.operator import nsfailure
from regcred.core.operator.desired import desire
from regcred.core.operator.pcstatus import Failure
from regcred.core.operator.plan import plan
from regcred.kube.resources import NAMESPACES
from regcred.operator import oplog
from regcred.operator.carryout import Contended, Hands
from regcred.operator.certainty import Certainty
from regcred.operator.heat import Heat
from regcred.operator.tally import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.operator.plan import Plan
    from regcred.kube.client import Client
    from regcred.operator.offers import Offers
    from regcred.operator.queue import Queue
    from regcred.operator.tally import Tallies
    from regcred.operator.undoing import Undoing
    from regcred.operator.world import World

#: Looks at one namespace in a row, where somebody else writes in between.
_LOOKS = 5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
#: After that a view of PullCredentials that was behind has long been listed anew.
_UNCERTAIN_SECONDS = 5.0
_CONTENDED = "Contended"


class Reconciler:
    """For all namespaces, many at a time, each once.

    Args:
        client: to write with.
        world: what there is.
        offers: what it is to have.
        tallies: told how each namespace was left.
        undoing: likewise, for PullCredentials that are being deleted.
        queue: where namespaces come from, and those go that have to be looked at again.
        touch: told whose status may be another.
        finish: called when something was undone, which may have been the last of it.
        settled: called when it is known how a namespace was left.
        reconciled: told of each look: seconds, and ``ok``, ``failed`` or ``conflict``.
    """

    def __init__(
        self,
        client: Client,
        world: World,
        offers: Offers,
        tallies: Tallies,
        undoing: Undoing,
        queue: Queue,
        *,
        touch: Callable[[str], None],
        finish: Callable[[], None],
        settled: Callable[[], None],
        reconciled: Callable[[float, str], None],
    ) -> None:
        self._client, self._world, self._offers = client, world, offers
        self._tallies, self._undoing, self._queue = tallies, undoing, queue
        self._touch, self._finish, self._reconciled = touch, finish, reconciled
        self._settled = settled
        self._hands = Hands(client, world)
        self._certainty = Certainty(client, world)
        self._heat = Heat()
        self._failures: dict[str, int] = {}
        self._blocked: set[str] = set()

    async def work_at(self, namespace: str) -> None:
        """Look at a namespace that the queue gave; what comes of it is told, and nothing raised."""
        began = time.perf_counter()
        outcome = "failed"
        try:
            outcome = await self._look(namespace)
        except NotLeader:
            self._queue.later(namespace, 1.0)  # Whoever leads next looks at it too.
        except Exception as error:
            if os.environ.get("REGCRED_DEBUG"):
                raise
            # Whatever is so odd about this namespace, the others are served.
            said = f"this is a bug in regcred: {type(error).__name__}"
            oplog.say("error", "InternalError", said, namespace=namespace)
            self._failed(namespace, Failure(namespace, "InternalError", said))
        finally:
            self._queue.done(namespace)
            self._reconciled(time.perf_counter() - began, outcome)

    async def _look(self, namespace: str) -> str:
        """Look at a namespace, and put right what is not; the outcome in a word."""
        for _ in range(_LOOKS):
            revision = self._offers.revision
            observed = self._world.observe(namespace)
            if observed is None or observed.terminating:
                self._gone(namespace)
                return "ok"
            labels = self._world.labels(namespace)
            desired = desire(namespace, labels, self._offers.all(), merge=self._offers.merge)
            outcome = Outcome(desired.selected, desired.merged.losses)
            todo = plan(desired, observed, self._world.secret)
            spare = len(observed.accounts)
            if todo.actions and (pause := self._heat.wait(namespace, revision, spare)):
                said = "somebody else keeps undoing what the operator writes there"
                self._settle(namespace, outcome, failure=Failure(namespace, _CONTENDED, said))
                self._queue.later(namespace, pause)
                return "conflict"
            try:
                if todo.takes_away and (found := await self._doubt(namespace, outcome, revision)):
                    return found
                if revision != self._offers.revision:
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
            if failure is None and revision != self._offers.revision:
                # Whoever waits for a change to be everywhere is not to be told of the state before.
                self._queue.add(namespace, urgent=False)
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
        self._queue.later(namespace, _UNCERTAIN_SECONDS)
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
        self._queue.later(namespace, max(pause, min(asked or 0.0, _LONGEST_PAUSE)))
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
        self._settled()
        if failure is not None:
            for name in self._undoing.failed(namespace, failure):
                self._touch(name)

    def _gone(self, namespace: str) -> None:
        for name in self._tallies.drop(namespace):
            self._touch(name)
        self._failures.pop(namespace, None)
        self._blocked.discard(namespace)
        self._done(namespace, self._offers.revision)

    def _done(self, namespace: str, revision: int) -> None:
        """A namespace is as it should be by the offers of that revision."""
        on = self._undoing.done(namespace, revision)
        for name in on:
            self._touch(name)
        if on:
            self._finish()
