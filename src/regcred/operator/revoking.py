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
from typing import TYPE_CHECKING, Any, Protocol

from regcred.core.backoff import growing
from regcred.core.errors import MintFailed, NotLeader
from regcred.core.operator import nsfailure
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.source import Fragment

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
#: No provider may ask to be left alone for longer.
_MOST_ASKED = 3600.0
#: How often it is tried where somebody waits for it, or nobody can mend it any more.
_LAST_TRIES = 3
#: While namespaces are being served, they are not gone through for each of them.
_SETTLE_SECONDS = 1.0
#: They are looked at that often whatever is told.
_LOOK_SECONDS = 60.0


class Revoke(Protocol):
    """Takes back what was minted for a PullCredential."""

    def __call__(
        self, pullcredential: PullCredential, keep: str, /, *, newer: bool = False
    ) -> Awaitable[None]:
        """All but the one with the handle `keep`, and what came after that unless `newer`.

        Raises:
            MintFailed: it cannot be done now.
            NotLeader: somebody else is to do it.
        """
        ...


class Revoking:
    """One task for each PullCredential, at most.

    Args:
        revoke: see `Revoke`.
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

    def replaced(self, former: PullCredential, now: PullCredential) -> None:
        """It may have another source now: what the former one gave is taken back in the end."""
        if now.spec is not None and _place(former) != _place(now):
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
        name = pullcredential.name
        await self._take_back_former(name, pullcredential, "")
        await self._finally(pullcredential, "")

    async def _work(self, name: str) -> None:
        try:
            while (news := self._due.get(name)) is not None:
                await self._everywhere(name, news)
                fragment, object_ = self._given(name), self._current(name)
                if fragment is None or object_ is None:
                    return
                await asyncio.sleep(self._after)
                await self._take_back(object_, fragment)
        finally:
            del self._tasks[name]

    async def _everywhere(self, name: str, news: asyncio.Event) -> None:
        while not self._is_everywhere(name):
            news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await news.wait()
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _take_back(self, served: PullCredential, fragment: Fragment) -> None:
        """What is older than what was everywhere: there may be something newer by now.

        Args:
            served: the object as it was when that was so.
            fragment: what was everywhere.
        """
        name, failures = served.name, 0
        while (now := self._current(name)) is not None and _place(now) == _place(served):
            if fragment.handle:
                pause = await self._try(now, fragment.handle, failures + 1)
                if pause is not None:
                    failures += 1
                    await asyncio.sleep(pause)
                    if self._given(name) is not fragment:
                        return
                    continue
            await self._take_back_former(name, now, fragment.handle)
            if self._given(name) is fragment:
                self._due.pop(name, None)
            return

    async def _take_back_former(self, name: str, now: PullCredential, keep: str) -> None:
        while former := self._former.get(name):
            # Two addresses may be of one provider, so what is in use is never asked to go.
            same = former[0].uid == now.uid and _kind(former[0]) == _kind(now)
            await self._finally(former[0], keep if same else "", newer=True)
            former.pop(0)
        self._former.pop(name, None)

    async def _finally(
        self, pullcredential: PullCredential, keep: str, *, newer: bool = False
    ) -> None:
        for attempt in range(1, _LAST_TRIES + 1):
            last = attempt == _LAST_TRIES
            pause = await self._try(pullcredential, keep, attempt, last=last, newer=newer)
            if pause is None or last:
                return
            await asyncio.sleep(min(pause, _FIRST_PAUSE * 2))

    async def _try(
        self,
        pullcredential: PullCredential,
        keep: str,
        attempt: int,
        *,
        last: bool = False,
        newer: bool = False,
    ) -> float | None:
        """Seconds to wait before it is tried again; None where it is done, or not ours to do."""
        try:
            await self._revoke(pullcredential, keep, newer=newer)
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


def _kind(pullcredential: PullCredential) -> str:
    return pullcredential.spec.source.kind if pullcredential.spec is not None else ""


def _place(pullcredential: PullCredential) -> tuple[object, ...]:
    """Where what is minted for it is, at the provider; by what it is let in does not matter."""
    if pullcredential.spec is None:
        return (pullcredential.uid,)
    settings = pullcredential.spec.source.settings
    return (
        pullcredential.uid,
        _kind(pullcredential),
        *(repr(settings.get(each)) for each in ("url", "project", "group", "projects")),
    )


def _pause(failures: int) -> float:
    chance = random.random()  # noqa: S311 - jitter, not a secret
    return growing(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, chance=chance)
