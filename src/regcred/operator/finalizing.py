"""Puts our finalizer on PullCredentials, and takes it off those that may go: until it is done."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from regcred.core.backoff import growing
from regcred.core.errors import NotLeader, RegcredError
from regcred.core.operator import nsfailure
from regcred.core.operator.pullcredential import FINALIZER
from regcred.operator import finalizer, oplog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.kube.client import Client
    from regcred.operator.world import SeenPullCredential, World

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Finalizing:
    """One task for each object, at most.

    Args:
        client: to write with.
        world: how they are now.
        spawn: runs a task.
        is_left: whether something that it gave is still to be taken away.
        on_replaced: told when another object of the name came while one was worked at.
        before_end: what else is to be done for one before it goes; does not fail.
    """

    def __init__(
        self,
        client: Client,
        world: World,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        is_left: Callable[[str], bool],
        on_replaced: Callable[[str], None],
        before_end: Callable[[PullCredential], Awaitable[None]],
    ) -> None:
        self._client, self._view = client, world.pullcredentials.view
        self._spawn, self._is_left, self._on_replaced = spawn, is_left, on_replaced
        self._before_end = before_end
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def keep(self, name: str, seen: SeenPullCredential) -> None:
        """Put it on an object, or take it off one that is on its way out."""
        if name not in self._tasks:
            self._tasks[name] = self._spawn(self._work(name, seen))

    async def _work(self, name: str, seen: SeenPullCredential) -> None:
        try:
            await self._keep(name, seen)
        finally:
            del self._tasks[name]
        later = self._view.get(("", name))
        if later is not None and later.object.uid != seen.object.uid:
            self._on_replaced(name)

    async def _keep(self, name: str, seen: SeenPullCredential) -> None:
        failures, ended = 0, False
        while True:
            pullcredential = seen.object
            if pullcredential.deleting and not ended:
                await self._before_end(pullcredential)
                ended = True
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
            chance = random.random()  # noqa: S311 - jitter, not a secret
            pause = growing(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
            await asyncio.sleep(pause)
            later = self._view.get(("", name))
            if later is None or (FINALIZER in later.object.finalizers) != later.object.deleting:
                return
            if self._is_left(name):
                return  # It was to be put there, and is. What takes it off comes at the end.
            seen = later
