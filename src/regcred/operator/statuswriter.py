"""Writes the status of each PullCredential: when it is another, and at most once a second.

The first change after a quiet time is written at once; what follows within the second is written
together at its end, so the last state always is. Each object goes by its own clock, and one that
cannot be written waits longer and longer without holding up another.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core import backoff
from regcred.core.errors import APIError, Invalid, NotFound, NotLeader
from regcred.core.operator import statuswrite
from regcred.core.operator.statuswrite import Known
from regcred.kube.resources import PULLCREDENTIALS
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regcred.kube.client import Client

#: Writes at the same time. Few: what they tell of goes over the same connections.
_AT_ONCE = 16
#: A look that finds nothing to write is repeated this many times as often as a write.
_LOOKS = 10
_LONGEST_PAUSE_SECONDS = 15.0
_FLUSH_SECONDS = 2.0
#: No view lags behind by more. What was written is forgotten then, or a restore of etcd from a
#: backup would hide behind it.
_OWN_SECONDS = 120.0


class StatusWriter:
    """Keeps statuses as they should be.

    Args:
        client: to write with.
        build: asked right before a write, by the object's name: what the view has of it, and the
            status that it should have. None when the object is gone.
        on_change: told of each status that was written: what was known before, and the new one.
        interval: seconds between two writes of one object.
    """

    def __init__(
        self,
        client: Client,
        build: Callable[[str], tuple[Known, dict[str, Any]] | None],
        *,
        on_change: Callable[[Known, Mapping[str, Any]], None] = lambda known, new: None,
        interval: float = 1.0,
    ) -> None:
        self._client, self._build, self._on_change = client, build, on_change
        self._interval = interval
        self._touched: set[str] = set()
        self._busy: set[str] = set()
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._own: dict[str, tuple[Known, float]] = {}
        self._trouble = Seldom("StatusNotWritten")

    def touch(self, name: str) -> None:
        """Something about this PullCredential may be different."""
        self._touched.add(name)
        if name not in self._busy:
            self._news.set()

    async def run(self) -> NoReturn:
        """Write until cancelled. What was to be written by then stays so for `flush`."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                for name in self._touched - self._busy:
                    self._busy.add(name)
                    group.create_task(self._keep(name))
                await self._news.wait()

    async def flush(self) -> None:
        """Write what is still to be written, once each, within two seconds; after `run`."""
        soon = time.monotonic() + self._interval
        for name in self._touched & self._due.keys():
            self._due[name] = min(self._due[name], soon)  # also where it has failed
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await asyncio.gather(*(self._once(name) for name in self._touched))

    async def _keep(self, name: str) -> None:
        """Write one object for as long as there is something to write."""
        try:
            while name in self._touched:
                await self._once(name)
        finally:
            self._busy.discard(name)

    async def _once(self, name: str) -> None:
        """Write it when it is its time."""
        await asyncio.sleep(self._due.get(name, 0.0) - time.monotonic())
        async with self._slots:
            self._touched.discard(name)
            try:
                await self._write(name)
            except asyncio.CancelledError:
                self._touched.add(name)
                raise
            except Exception as error:  # noqa: BLE001 - one object never stops another
                self._touched.add(name)
                self._failed(name, error)
            else:
                self._failures.pop(name, None)

    def _failed(self, name: str, error: Exception) -> None:
        if not isinstance(error, NotLeader):
            self._trouble.say(error, pullCredential=name)
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        pause = backoff.growing(
            failures,
            first=2 * self._interval,
            longest=_LONGEST_PAUSE_SECONDS,
            chance=random.random(),  # noqa: S311 - jitter, not a secret
        )
        asked = error.retry_after if isinstance(error, APIError) else None
        self._due[name] = time.monotonic() + max(pause, asked or 0.0)

    async def _write(self, name: str) -> None:
        found = self._build(name)
        if found is None:
            self._forget(name)
            return
        view, new = found
        known = statuswrite.newer(view, self._own_of(name))
        status = statuswrite.needed(known.status, new)
        if status is None:
            self._due[name] = time.monotonic() + self._interval / _LOOKS
            return
        patch = statuswrite.patch(known.uid, status)
        try:
            answer = await self._client.json_patch(
                PULLCREDENTIALS, name, None, patch, subresource="status"
            )
        except (NotFound, Invalid) as error:
            # A failed test answers 422 as what is invalid does: only the object tells them apart.
            if isinstance(error, Invalid) and await self._is_there(known):
                raise
            self._forget(name)
            return
        self._due[name] = time.monotonic() + self._interval
        version = str(answer["metadata"]["resourceVersion"])
        self._own[name] = Known(name, known.uid, version, status), time.monotonic()
        self._on_change(known, status)

    def _own_of(self, name: str) -> Known | None:
        own, since = self._own.get(name, (None, 0.0))
        return own if time.monotonic() - since < _OWN_SECONDS else None

    async def _is_there(self, known: Known) -> bool:
        """Whether the object has not been deleted, nor made anew."""
        try:
            found = await self._client.get(PULLCREDENTIALS, known.name)
        except NotFound:
            return False
        return bool(found["metadata"]["uid"] == known.uid)

    def _forget(self, name: str) -> None:
        self._own.pop(name, None)
        self._due.pop(name, None)
        self._failures.pop(name, None)
