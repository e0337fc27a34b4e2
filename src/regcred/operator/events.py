"""Tells of PullCredentials in Events: ``kubectl events --for pullcredential/NAME``.

What is told, and how often, stands in `regcred.core.pcevent`; here is what writes it. Events are
hints and not records: one that cannot be written is lost, and nothing ever waits for one.
"""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core import pcevent
from regcred.core.errors import NotFound, NotLeader, RegcredError
from regcred.core.pcevent import Ledger, News
from regcred.kube.resources import EVENTS_V1
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regcred.core.statuswrite import Known
    from regcred.kube.client import Client

#: What waits to be told; what comes on top is lost.
_QUEUED = 200
_WRITE_SECONDS = 10.0
_FLUSH_SECONDS = 1.0


class EventRecorder:
    """Tells what became of conditions.

    Args:
        client: to write with.
        instance: who tells it; the name of the host, which in a Pod is the Pod's.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(
        self,
        client: Client,
        *,
        instance: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._clock = client, clock
        self._instance = instance or socket.gethostname()
        self._queue: asyncio.Queue[tuple[News, datetime]] = asyncio.Queue(_QUEUED)
        self._ledger = Ledger()
        self._last_name = 0
        self._trouble = Seldom("EventNotWritten")

    def changed(self, known: Known, new: Mapping[str, Any]) -> None:
        """A status was written; as `StatusWriter` tells it."""
        for what in pcevent.news(known.name, known.uid, known.status, new):
            try:
                self._queue.put_nowait((what, datetime.now(UTC)))
            except asyncio.QueueFull:
                self._trouble.say("too many wait to be told", pullCredential=what.about)

    async def run(self) -> NoReturn:
        """Tell until cancelled."""
        while True:
            await self._tell(*await self._queue.get())

    async def flush(self) -> None:
        """Tell what still waits, within a second; after `run`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                while not self._queue.empty():
                    await self._tell(*self._queue.get_nowait())

    async def _tell(self, what: News, when: datetime) -> None:
        told = self._ledger.enter(what, self._new_name(what), self._clock())
        if told is None:
            return
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                if told.count > 1 and await self._count(told.name, told.count, when):
                    return
                if told.count > 1:
                    told = self._ledger.anew(what, self._new_name(what), self._clock())
                await self._create(what, told.name, when)
        except (RegcredError, TimeoutError) as error:
            if told.count == 1:
                self._ledger.untold(what)
            if not isinstance(error, NotLeader):
                self._trouble.say(error, pullCredential=what.about)

    async def _create(self, what: News, name: str, when: datetime) -> None:
        event = pcevent.event(what, name, self._instance, when)
        await self._client.create(EVENTS_V1, event, pcevent.NAMESPACE)

    async def _count(self, name: str, count: int, when: datetime) -> bool:
        """Say that it happened again; False when the API server has forgotten the Event."""
        patch = pcevent.series(count, when)
        try:
            await self._client.merge_patch(EVENTS_V1, name, pcevent.NAMESPACE, patch)
        except NotFound:
            return False
        return True

    def _new_name(self, what: News) -> str:
        self._last_name = max(time.time_ns(), self._last_name + 1)
        return pcevent.event_name(what.about, self._last_name, str(uuid.uuid4()))
