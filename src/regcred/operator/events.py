"""Tells of PullCredentials in Events: ``kubectl events --for pullcredential/NAME``.

What is told, and how often, stands in `regcred.core.operator.pcevent`; here is what writes it.
Events are hints and not records: one that cannot be written is lost, and nothing ever waits for
one.
"""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core.errors import NotFound, NotLeader, RegcredError
from regcred.core.operator import pcevent
from regcred.core.operator.pcevent import Ledger, News
from regcred.kube.resources import EVENTS_V1
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regcred.core.operator.statuswrite import Known
    from regcred.kube.client import Client

#: What waits to be told, each once however often it has happened; more than that, and the oldest is
#: lost.
_WAITING = 1000
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
        self._waiting: OrderedDict[News, tuple[News, datetime, int]] = OrderedDict()
        self._news = asyncio.Event()
        self._ledger = Ledger()
        self._last_name = 0
        self._trouble = Seldom("EventNotWritten")

    def changed(self, known: Known, new: Mapping[str, Any]) -> None:
        """A status was written; as `StatusWriter` tells it."""
        now = datetime.now(UTC)
        for what in pcevent.news(known.name, known.uid, known.status, new):
            *_, times = self._waiting.pop(what, (0,))
            self._waiting[what] = what, now, times + 1
            if len(self._waiting) > _WAITING:
                lost, _ = self._waiting.popitem(last=False)
                self._trouble.say("too many wait to be told", pullCredential=lost.about)
        self._news.set()

    async def run(self) -> NoReturn:
        """Tell until cancelled."""
        while True:
            self._news.clear()
            while self._waiting:
                await self._tell(*self._waiting.popitem(last=False)[1])
            await self._news.wait()

    async def flush(self) -> None:
        """Tell what still waits, within a second; after `run`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                while self._waiting:
                    await self._tell(*self._waiting.popitem(last=False)[1])

    async def _tell(self, what: News, when: datetime, times: int) -> None:
        name = self._new_name(what)
        told = self._ledger.enter(what, name, self._clock(), times)
        if told is None:
            return
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                if told.name != name and await self._count(told.name, told.count, when):
                    return
                if told.name != name:
                    told = self._ledger.anew(what, name, self._clock())
                await self._create(what, name, told.count, when)
        except (RegcredError, TimeoutError) as error:
            if told.name == name:
                self._ledger.untold(what)
            if not isinstance(error, NotLeader):
                self._trouble.say(error, pullCredential=what.about)

    async def _create(self, what: News, name: str, count: int, when: datetime) -> None:
        event = pcevent.event(what, name, self._instance, when)
        if count > 1:
            event |= pcevent.series(count, when)
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
