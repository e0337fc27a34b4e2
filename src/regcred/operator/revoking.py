"""Takes back what was minted before, once the last namespace has what came after it.

It goes by what the provider has: after a crash nobody remembers what is to be taken back, and
nobody has to. A namespace that cannot be given the new one holds it up; what is not taken back ends
by itself.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from regcred.core import nsfailure
from regcred.core.backoff import growing
from regcred.core.errors import MintFailed
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from regcred.core.pullcredential import PullCredential
    from regcred.core.source import Fragment

    #: Takes back all that was minted for it, but for one.
    Revoke = Callable[[PullCredential, str], Awaitable[None]]

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
#: How often it is tried at the end, when somebody waits for the object to be gone.
_LAST_TRIES = 3


class Revoking:
    """One task for each PullCredential, at most.

    Args:
        revoke: see `Revoke`.
        given: what the source of one gave last.
        is_everywhere: whether each namespace that one selects has that.
        spawn: runs a task.
    """

    def __init__(
        self,
        revoke: Revoke,
        *,
        given: Callable[[str], Fragment | None],
        is_everywhere: Callable[[str], bool],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._revoke, self._given = revoke, given
        self._is_everywhere, self._spawn = is_everywhere, spawn
        self._due: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def gave(self, name: str) -> None:
        """Its source gave something else than before, or something at all in this term."""
        fragment = self._given(name)
        if fragment is not None and fragment.handle:
            self._due.add(name)

    def consider(self, pullcredential: PullCredential) -> None:
        """Its namespaces may all have it by now."""
        name = pullcredential.name
        if name in self._due and name not in self._tasks and self._is_everywhere(name):
            self._tasks[name] = self._spawn(self._work(pullcredential))

    def forget(self, name: str) -> None:
        """It is gone, or on its way out."""
        self._due.discard(name)
        if (task := self._tasks.get(name)) is not None:
            task.cancel()

    async def last(self, pullcredential: PullCredential) -> None:
        """Take back all of it, as far as that can be done soon; what is left ends by itself."""
        for attempt in range(1, _LAST_TRIES + 1):
            try:
                await self._revoke(pullcredential, "")
            except MintFailed as error:
                said = f"{nsfailure.told(error)}; what was minted ends by itself"
                oplog.say("warning", "NotRevoked", said, pullCredential=pullcredential.name)
            else:
                return
            if attempt < _LAST_TRIES:
                await asyncio.sleep(_pause(attempt))

    async def _work(self, pullcredential: PullCredential) -> None:
        name, failures = pullcredential.name, 0
        try:
            while name in self._due and self._is_everywhere(name):
                fragment = self._given(name)
                if fragment is None:
                    return
                try:
                    await self._revoke(pullcredential, fragment.handle)
                except MintFailed as error:
                    failures += 1
                    oplog.say("warning", "NotRevoked", nsfailure.told(error), pullCredential=name)
                    await asyncio.sleep(_pause(failures))
                    continue
                if self._given(name) is fragment:
                    self._due.discard(name)
        finally:
            del self._tasks[name]


def _pause(failures: int) -> float:
    chance = random.random()  # noqa: S311 - jitter, not a secret
    return growing(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
