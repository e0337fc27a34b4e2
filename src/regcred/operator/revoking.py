"""Takes back what was minted before, some time after the last namespace has what came after it.

Some time, because who pulls an image may still be at it with the old one, and kubelets learn of a
Secret when they do. It goes by what the provider has: after a crash nobody remembers what is to be
taken back, and nobody has to. A namespace that cannot be given the new one holds it up; what is not
taken back ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from regcred.core import nsfailure
from regcred.core.backoff import growing
from regcred.core.errors import MintFailed, NotLeader
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from regcred.core.pullcredential import PullCredential
    from regcred.core.source import Fragment

    #: Takes back all that was minted for it, but for one.
    Revoke = Callable[[PullCredential, str], Awaitable[None]]

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
#: No provider may ask to be left alone for longer.
_MOST_ASKED = 3600.0
#: How often it is tried where somebody waits for it, or nobody can mend it any more.
_LAST_TRIES = 3
#: While namespaces are being served, they are not gone through for each of them.
_SETTLE_SECONDS = 1.0
#: They are looked at that often whatever is told.
_LOOK_SECONDS = 60.0


class Revoking:
    """One task for each PullCredential, at most.

    Args:
        revoke: see `Revoke`; may raise `MintFailed` and `NotLeader`.
        given: what the source of one gave last.
        current: the object of a name as it is now; None for none that is to stay.
        is_everywhere: whether no namespace has anything of it but what it gave last.
        after: seconds from when that is so.
        spawn: runs a task.
    """

    def __init__(
        self,
        revoke: Revoke,
        *,
        given: Callable[[str], Fragment | None],
        current: Callable[[str], PullCredential | None],
        is_everywhere: Callable[[str], bool],
        after: float,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._revoke, self._given, self._current = revoke, given, current
        self._is_everywhere, self._after, self._spawn = is_everywhere, after, spawn
        self._due: dict[str, asyncio.Event] = {}
        self._former: dict[str, list[PullCredential]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def gave(self, name: str) -> None:
        """Its source gave something else than before, or something at all in this term."""
        fragment = self._given(name)
        if fragment is not None and (fragment.handle or name in self._former):
            self._due.setdefault(name, asyncio.Event())
            if name not in self._tasks:
                self._tasks[name] = self._spawn(self._work(name))

    def replaced(self, former: PullCredential) -> None:
        """It has another source now; what the former one gave is taken back in the end."""
        self._former.setdefault(former.name, []).append(former)

    def consider(self, name: str) -> None:
        """Its namespaces may all have it by now."""
        if (news := self._due.get(name)) is not None:
            news.set()

    def forget(self, name: str) -> None:
        """It is gone, or on its way out."""
        self._due.pop(name, None)
        if (task := self._tasks.get(name)) is not None:
            task.cancel()

    async def last(self, pullcredential: PullCredential) -> None:
        """Take back all of it, as far as that can be done soon; what is left ends by itself."""
        for each in (*self._former.pop(pullcredential.name, ()), pullcredential):
            await self._finally(each, "")

    async def _work(self, name: str) -> None:
        try:
            while (news := self._due.get(name)) is not None:
                await self._everywhere(name, news)
                fragment = self._given(name)
                await asyncio.sleep(self._after)
                if fragment is not None and self._is_so_still(name, fragment):
                    await self._take_back(name, fragment)
        finally:
            del self._tasks[name]

    async def _everywhere(self, name: str, news: asyncio.Event) -> None:
        while not self._is_everywhere(name):
            news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await news.wait()
            await asyncio.sleep(_SETTLE_SECONDS)

    def _is_so_still(self, name: str, fragment: Fragment) -> bool:
        return self._given(name) is fragment and self._is_everywhere(name)

    async def _take_back(self, name: str, fragment: Fragment) -> None:
        """Until it is done, or there is something newer."""
        failures = 0
        while self._given(name) is fragment and (now := self._current(name)) is not None:
            if fragment.handle:
                pause = await self._try(now, fragment.handle, failures + 1)
                if pause is not None:
                    failures += 1
                    await asyncio.sleep(pause)
                    continue
            for former in self._former.pop(name, ()):
                await self._finally(former, fragment.handle if _same_place(former, now) else "")
            if self._given(name) is fragment:
                self._due.pop(name, None)
            return

    async def _finally(self, pullcredential: PullCredential, keep: str) -> None:
        for attempt in range(1, _LAST_TRIES + 1):
            last = attempt == _LAST_TRIES
            pause = await self._try(pullcredential, keep, attempt, last=last)
            if pause is None or last:
                return
            await asyncio.sleep(min(pause, _FIRST_PAUSE * 2))

    async def _try(
        self, pullcredential: PullCredential, keep: str, attempt: int, *, last: bool = False
    ) -> float | None:
        """Seconds to wait before it is tried again; None where it is done, or not ours to do."""
        try:
            await self._revoke(pullcredential, keep)
        except NotLeader:
            return None
        except MintFailed as error:
            said, asked = nsfailure.told(error), error.retry_after or 0.0
        except Exception as error:
            if os.environ.get("REGCRED_DEBUG"):
                raise
            # However odd one provider is, the others are served.
            said, asked = f"this is a bug in regcred: {type(error).__name__}", 0.0
        else:
            return None
        said += "; what was minted ends by itself" if last else ""
        oplog.say("warning", "NotRevoked", said, pullCredential=pullcredential.name)
        return max(_pause(attempt), min(asked, _MOST_ASKED))


def _same_place(one: PullCredential, two: PullCredential) -> bool:
    """Whether handles of both are of the same provider, and so tell the same."""
    if one.uid != two.uid or one.spec is None or two.spec is None:
        return False
    first, second = one.spec.source, two.spec.source
    return first.kind == second.kind and first.settings.get("url") == second.settings.get("url")


def _pause(failures: int) -> float:
    chance = random.random()  # noqa: S311 - jitter, not a secret
    return growing(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
