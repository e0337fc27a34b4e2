"""Leader election: of many replicas one acts, and knows when it must no longer.

client-go's tools/leaderelection and resourcelock/leaselock.go; what is decided stands in
`regcred.core.operator.leaderelection`, and here is what asks the API server. Every write to the
Lease holds only for the version that was read, so of two who want it one gets it.

A process can be stopped at any point and go on an hour later without knowing. So whoever writes
asks `Lease.check` right before: give it as ``fence`` to the `Client` that writes. What remains is
the moment between that question and the network, and a request that the network holds back for
longer than ``lease - deadline`` seconds (five by default); where that matters, a write has to carry
the version or the UID of what it was decided on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
import uuid
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

from regcred.core.errors import AlreadyExists, Conflict, NotFound, NotLeader, RegcredError
from regcred.core.operator import leaderelection
from regcred.core.operator.leaderelection import Create, Observation, Timing, Update
from regcred.kube.resources import LEASES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from regcred.kube.client import Client

_RELEASE_SECONDS = 2.0


def monotonic() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Lease:
    """One Lease, seen by somebody who wants to lead.

    Args:
        client: to write the Lease with; without a fence.
        namespace: where the Lease is.
        name: of the Lease.
        identity: who we are; never used again by another process. The default is.
        timing: see `Timing`.
        on_leader: told of each new leader that is seen; empty for nobody.
        on_trouble: told why the Lease could not be read or written; that is tried again.
        clock: as `monotonic`.

    Attributes:
        leader: who leads, as far as is known; empty for nobody.
        acquired: how often we got the lease.
        lost: how often we had to stop because we could not keep it.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        *,
        identity: str = "",
        timing: Timing | None = None,
        on_leader: Callable[[str], None] = lambda _: None,
        on_trouble: Callable[[Exception], None] = lambda _: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.identity = identity or f"{socket.gethostname()}_{uuid.uuid4()}"
        self.timing = timing or Timing()
        self.leader = ""
        self.acquired = self.lost = 0
        self._client, self._namespace, self._name = client, namespace, name
        self._on_leader, self._on_trouble, self._clock = on_leader, on_trouble, clock
        self._seen: Observation | None = None
        self._sent = self._until = -inf

    def valid(self) -> bool:
        """Whether we lead, surely; the answer is good for this very moment."""
        return self._clock() < self._until

    def check(self) -> None:
        """A fence for writes: returns while we lead.

        Raises:
            NotLeader: we do not, or not surely.
        """
        if not self.valid():
            raise NotLeader(
                f"not the leader by {self._namespace}/{self._name}: another replica may be at work"
            )

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Campaign, lead, and campaign again when the lease is lost, until `lead` returns.

        Args:
            lead: the work of a leader. It is cancelled when the lease is lost, and called anew
                when it is ours again. When it returns, or this is cancelled and the work has come
                to its end, the lease is given up, so that another can take it at once.

        Raises:
            Exception: what `lead` raises, other than `NotLeader`.
        """
        try:
            while True:
                await self._campaign()
                if await self._lead(lead):
                    return
        finally:
            await self._release()

    async def _campaign(self) -> None:
        """Wait until we lead."""
        timing = self.timing
        while True:
            try:
                async with asyncio.timeout(timing.deadline / 2):
                    pause = await self._attempt(look=True)
            except (RegcredError, TimeoutError) as error:
                self._on_trouble(error)
                pause = timing.retry
            if self.valid():
                self.acquired += 1
                return
            # Not all at once, and not later than the periods promise.
            await asyncio.sleep(pause * random.uniform(0.8, 1.0))  # noqa: S311 - no secret

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> bool:
        """Work while the lease is ours; whether the work is done."""
        work = asyncio.ensure_future(lead())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            finished = work.done()
            if renewal.done():
                self.lost += 1
                renewal.result()
        finally:
            try:
                await _ended(work)  # the lease is kept while the work comes to its end
            finally:
                await _ended(renewal)
        if work.cancelled():
            return False
        error = work.exception()
        if isinstance(error, NotLeader):
            return False
        if error is not None:
            raise error
        return finished

    async def _renew(self) -> None:
        """Keep the lease; returns when it is lost."""
        failed = False
        while True:
            pause = leaderelection.next_try(self._sent, failed, self.timing, self._clock())
            await asyncio.sleep(min(pause, self._left()))
            left = self._left()
            if left <= 0:
                return
            try:
                # Time for a second try on another connection: this one may lead nowhere.
                async with asyncio.timeout(min(left, max(self.timing.retry, left / 2))):
                    await self._attempt(look=False)
            except (RegcredError, TimeoutError) as error:
                self._on_trouble(error)
                failed = True
            else:
                if self._seen is None or self._seen.record.holder != self.identity:
                    return
                failed = False

    def _left(self) -> float:
        return max(0.0, self._until - self._clock())

    async def _attempt(self, *, look: bool) -> float:
        """Get the lease or keep it, if it can be had; seconds until there is sense in another."""
        if look:
            await self._look()
        for _ in range(2):
            sent = self._clock()
            step = leaderelection.decide(
                self._seen, self.identity, self.timing, now=sent, time=_time_of_day()
            )
            try:
                if isinstance(step, Create):
                    lease = await self._create(step.spec)
                elif isinstance(step, Update):
                    lease = await self._update(step.spec)
                else:
                    return step.seconds
            except (AlreadyExists, Conflict, NotFound) as error:
                if isinstance(step, Create) and isinstance(error, NotFound):
                    raise  # what is missing is the namespace
                await self._look()
                continue
            self._take_in(lease, sent)
            self._sent, self._until = sent, leaderelection.holds_until(sent, self.timing)
            return 0.0
        return self.timing.retry

    async def _look(self) -> None:
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            self._seen = leaderelection.vanished(self._seen, self.identity, self._clock())
        else:
            self._take_in(lease, self._clock())

    def _take_in(self, lease: dict[str, Any], now: float) -> None:
        self._seen = leaderelection.observe(self._seen, lease, now)
        if self._seen.record.holder != self.identity:
            self._until = -inf
        if self._seen.record.holder != self.leader:
            self.leader = self._seen.record.holder
            self._on_leader(self.leader)

    async def _create(self, spec: dict[str, Any]) -> dict[str, Any]:
        lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name},
            "spec": spec,
        }
        return await self._client.create(LEASES, lease, self._namespace)

    async def _update(self, spec: dict[str, Any]) -> dict[str, Any]:
        assert self._seen is not None  # noqa: S101 - decide says Create then
        guard = {"uid": self._seen.uid, "resourceVersion": self._seen.version}
        patch = {"metadata": guard, "spec": spec}
        return await self._client.merge_patch(LEASES, self._name, self._namespace, patch)

    async def _release(self) -> None:
        """Let another take over at once; where that fails, it can when the lease has run out."""
        self._until = -inf
        with contextlib.suppress(RegcredError, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                for _ in range(3):
                    if self._seen is None or self._seen.record.holder != self.identity:
                        return
                    spec = leaderelection.released(self._seen, _time_of_day())
                    try:
                        self._take_in(await self._update(spec), self._clock())
                    except Conflict:  # a renewal that we gave up has arrived
                        await self._look()


async def _ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end, whoever cancels us meanwhile."""
    task.cancel()
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def _time_of_day() -> str:
    """For people; as Go's RFC3339Micro."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
