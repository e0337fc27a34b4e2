"""The Pods that are stranded: a watch of all pending ones, while somebody asks for it.

Of these, more than a name is kept only of those that are (`regcred.core.operator.strandedpod`).
The right to watch Pods is one that the operator may not have; then it is asked for again now and
then, and there is no watch.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from regcred.core.errors import Forbidden
from regcred.core.operator import strandedpod
from regcred.core.operator.view import Added, Deleted, Modified
from regcred.kube.resources import PODS
from regcred.kube.watch import Watch
from regcred.operator.facts import WatchFigures
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.errors import RegcredError
    from regcred.core.operator.strandedpod import StrandedPod
    from regcred.core.operator.view import Event
    from regcred.kube.client import Client
    from regcred.operator.world import World

#: How often a right that is missing is asked for again.
_RIGHT_SECONDS = 30.0
_PENDING = "status.phase=Pending"


class PodWatch:
    """Watches Pods, or has the right to refused.

    Args:
        client: to watch with.
        world: whose Secret, and how to watch.
        on_news: told when it is time to look again.

    Attributes:
        may_not: the last thing that was heard is that the right is missing.
    """

    def __init__(self, client: Client, world: World, on_news: Callable[[], None]) -> None:
        self._client, self._world, self._on_news = client, world, on_news
        self._watch: Watch[StrandedPod | None] | None = None
        self._watching: asyncio.Task[NoReturn] | None = None
        self.may_not = False
        self._again = 0.0
        self._trouble = Seldom("WatchTrouble")

    async def arrange(self, *, wanted: bool) -> None:
        """Watch Pods where that is asked for, and may be."""
        if self._watching is not None and self._watching.done():
            task, self._watching, self._watch = self._watching, None, None
            task.result()  # Only a bug ends it.
        self.may_not = self.may_not and wanted
        if not wanted or self.pause():
            await self.stop()
        elif self._watching is None:
            self._watch = Watch(
                self._client,
                PODS,
                keep=partial(strandedpod.see, secret=self._world.secret),
                on_event=self._seen,
                on_trouble=self._troubled,
                field_selector=_PENDING,
                settings=self._world.settings,
            )
            self._watching = asyncio.create_task(self._watch.run())

    async def stop(self) -> None:
        """Watch no more."""
        task, self._watching, self._watch = self._watching, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def pods(self) -> dict[str, dict[str, StrandedPod]] | None:
        """Those that are stranded, by namespace and name; None until all are listed."""
        watch = self._watch
        if watch is None or not watch.is_synced:
            return None
        self.may_not = False
        found: defaultdict[str, dict[str, StrandedPod]] = defaultdict(dict)
        for (namespace, name), pod in watch.view.items():
            if pod is not None:
                found[namespace][name] = pod
        return dict(found)

    def has(self, namespace: str, name: str) -> bool:
        """Whether a Pod of this name is pending there."""
        return self._watch is not None and (namespace, name) in self._watch.view

    def pause(self) -> float | None:
        """Seconds until the right is asked for again; None where it is not waited for."""
        rest = self._again - time.monotonic()
        return rest if self.may_not and rest > 0 else None

    def figures(self) -> dict[str, WatchFigures]:
        """The watch in numbers, while there is one."""
        watch = self._watch
        if watch is None:
            return {}
        there = dict(watch.restarts), dict(watch.events), len(watch.view), watch.trouble is None
        return {"pods": WatchFigures(*there)}

    def _seen(self, event: Event[StrandedPod | None]) -> None:
        match event:
            case Added(new=None) | Modified(old=None, new=None) | Deleted(old=None):
                pass  # Of the most Pods by far nothing is kept.
            case _:
                self._on_news()

    def _troubled(self, error: RegcredError, _pause: float) -> None:
        before, self.may_not = self.may_not, isinstance(error, Forbidden)
        if self.may_not:
            self._again = time.monotonic() + _RIGHT_SECONDS
        else:
            self._trouble.say(error, resource=PODS.describe(None))
        if before or self.may_not:
            self._on_news()
