"""A consumer of a watch that believes only what it is told, and checks that it may."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from regcred.core.operator.view import Added, Deleted, Event, Key, Modified
from regcred.kube.watch import Watch, WatchSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from regcred.core.errors import RegcredError
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

#: Failures are over soon; silence would be, too, if anybody kept it.
QUICK = WatchSettings(first_pause=0.01, longest_pause=0.1, page=2)


class Mirror:
    """Keeps whole objects.

    Args:
        client: see `Watch`.
        resource: see `Watch`.
        namespace: see `Watch`.
        may_go_back: an older version of an object may follow a newer one.
        options: further arguments of `Watch`.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str | None,
        *,
        may_go_back: bool = False,
        **options: Any,
    ) -> None:
        self.told: dict[Key, dict[str, Any]] = {}
        self.log: list[tuple[str, str]] = []
        self.troubles: list[RegcredError] = []
        self._newest: dict[Key, int] = {}
        self._may_go_back = may_go_back
        self._happened = asyncio.Event()
        options.setdefault("settings", QUICK)
        options.setdefault("keep", lambda obj: obj)
        self.watch: Watch[dict[str, Any]] = Watch(
            client,
            resource,
            namespace,
            on_event=self._on_event,
            on_trouble=self._on_trouble,
            **options,
        )

    def _on_event(self, event: Event[dict[str, Any]]) -> None:
        if isinstance(event, Added):
            assert event.key not in self.told
            self._newer(event.key, event.new)
            self.told[event.key] = event.new
        elif isinstance(event, Modified):
            assert self.told[event.key] == event.old
            self._newer(event.key, event.new)
            self.told[event.key] = event.new
        elif isinstance(event, Deleted):
            assert self.told.pop(event.key) == event.old
        else:
            assert self.told == dict(self.watch.view)
            assert self.watch.is_synced
        if not hasattr(event, "generation"):
            self.log.append((type(event).__name__, event.key[1]))
        self._happened.set()

    def _newer(self, key: Key, obj: dict[str, Any]) -> None:
        version = int(obj["metadata"]["resourceVersion"])
        assert self._may_go_back or version > self._newest.get(key, 0)
        self._newest[key] = version

    def _on_trouble(self, error: RegcredError, _: float) -> None:
        self.troubles.append(error)
        self._happened.set()

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until a condition holds that only what is told can change."""
        async with asyncio.timeout(60):
            while not holds():
                self._happened.clear()
                await self._happened.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Mirror]:
        """Watch until the end of the block."""
        task = asyncio.create_task(self.watch.run())
        task.add_done_callback(lambda _: self._happened.set())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
