"""What the sources of all PullCredentials give, read once for each and again when it has changed.

A static source is read when its Secret changes; one that mints, before its credential ends. What
was given last is kept as long as the source stays the same, for a source that fails must not take
away what it gave.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.backoff import growing
from regcred.core.errors import NotFound, RegcredError
from regcred.core.operator import minting, nsfailure, staticsource
from regcred.core.operator.source import Fragment, SourceFailure, SourceReason
from regcred.core.operator.sourcekinds import MINTED_KINDS
from regcred.core.problem import listed
from regcred.kube.resources import SECRETS
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from regcred.core.operator.pullcredential import PullCredential

    #: Asks the source of a PullCredential, whose spec is known, once; a failure is a value.
    Read = Callable[[PullCredential], Awaitable[Fragment | SourceFailure]]

    from regcred.kube.client import Client

#: How many Secrets are read at the same time.
_TOGETHER = 8
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
#: With those that a provider may count as an attack: many lock somebody out at the fifth.
_FIRST_LOCKED_OUT_PAUSE = 60.0
_LONGEST_LOCKED_OUT_PAUSE = 600.0
#: From one minting to the next, however often its Secret changes.
_LEAST_PAUSE = 10.0
#: No provider may ask to be left alone for longer.
_MOST_ASKED = 3600.0
_LOOK_AT_CLOCK = 600.0
#: Reasons that a person mends in the Secret, whose change tells; the others may pass by themselves.
_WAIT_FOR_CHANGE = frozenset(
    {
        SourceReason.MISSING,
        SourceReason.MALFORMED,
        SourceReason.REGISTRY_MISSING,
        SourceReason.UNSUPPORTED,
    }
)
#: Reasons that a person mends at the provider, of which nothing tells.
_MAY_LOCK_OUT = frozenset(
    {SourceReason.BAD_CREDENTIALS, SourceReason.NO_PERMISSION, SourceReason.NOT_CONFIGURED}
)


@dataclass(slots=True)
class _State:
    """One PullCredential's source.

    Args:
        object: whose, with a spec.
        result: of the last time that it was asked; None before the first.
        last: what it gave last.
        renewed: that took the place of something that was minted, and is good still.
        failures: in a row.
        refresh: when it is asked again.
        resume: when that is after a failure, by the loop's clock, which nobody sets.
        earliest: when a provider may be asked once more, by that clock, whatever has changed.
        late: that its credential is not worth giving any more has been told.
        ended: that it has ended has been told.
        waits: `asking` waits for `earliest`.
        stale: it has to be asked once more.
        asking: the task that does; None for none.
        alarm: rings at `refresh`, and when the credential is late and has ended.
    """

    object: PullCredential
    result: Fragment | SourceFailure | None = None
    last: Fragment | None = None
    renewed: bool = False
    failures: int = 0
    refresh: datetime | None = None
    resume: float = 0.0
    earliest: float = 0.0
    late: bool = False
    ended: bool = False
    waits: bool = False
    stale: bool = True
    asking: asyncio.Task[None] | None = None
    alarm: asyncio.TimerHandle | None = None


class Sources:
    """The sources of all PullCredentials, as long as one operator leads.

    Args:
        read: asks a source.
        on_result: told of each PullCredential whose source was asked, and whether what it gives
            is something else now.
        spawn: begins a task whose failure, which is a bug, ends the operator.
        on_late: told of each PullCredential whose credential ends too soon to be given to anybody.
        on_read: told of each answer, for metrics: whose source, and ``ok`` or the reason of the
            failure.
        now: the time of day.
    """

    def __init__(
        self,
        read: Read,
        *,
        on_result: Callable[[str, bool], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_late: Callable[[str], None] = lambda _name: None,
        on_read: Callable[[str, str], None] = lambda _name, _said: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._read, self._on_result, self._on_late = read, on_result, on_late
        self._on_read, self._spawn, self._now = on_read, spawn, now
        self._states: dict[str, _State] = {}

    def put(self, pullcredential: PullCredential) -> None:
        """There is a PullCredential, or another spec of it; its source is asked if it has to be."""
        name = pullcredential.name
        if pullcredential.spec is None:
            return  # what it gave before may be wanted again when it has been put right
        state = self._states.get(name)
        if state is None:
            state = self._states[name] = _State(pullcredential)
        elif _asked(state.object) != _asked(pullcredential):
            # Of another source, what was given by the last one is no offer any more.
            self._silence(state)
            if state.waits and state.asking is not None:
                state.asking.cancel()  # what it waits for was the other's
                state.asking = None
            state = self._states[name] = _State(pullcredential, asking=state.asking)
        else:
            state.object = pullcredential
            return
        self._ask(name, state)

    def forget(self, name: str) -> None:
        """It is gone, or on its way out."""
        state = self._states.pop(name, None)
        if state is not None:
            self._silence(state)
            if state.asking is not None:
                state.asking.cancel()

    def secret_changed(self, secret: str) -> None:
        """A Secret of the operator's namespace has changed."""
        for name, state in self._states.items():
            spec = state.object.spec
            ref = spec.source.secret if spec is not None else None
            if ref is not None and ref.name == secret:
                state.stale = True
                self._ask(name, state)

    def offer(self, name: str) -> Fragment | None:
        """What a PullCredential gives, or gave last; None for nothing that is known."""
        state = self._states.get(name)
        return None if state is None else state.last

    def asked(self, name: str) -> PullCredential | None:
        """Whose source is asked under a name: as it was when that was told last."""
        state = self._states.get(name)
        return None if state is None else state.object

    def giving(self, name: str) -> Fragment | None:
        """The same, less what would have ended before it is where it is to be."""
        offer = self.offer(name)
        return offer if offer and minting.arrives(offer.expires, self._now()) else None

    def result(self, name: str) -> Fragment | SourceFailure | None:
        """What came out of it at the last try; None before the first."""
        state = self._states.get(name)
        return None if state is None else state.result

    def renewed(self, name: str) -> bool:
        """Whether namespaces that have what it gave before that can pull by it still."""
        state = self._states.get(name)
        return state is not None and state.renewed

    def refreshes(self) -> list[datetime]:
        """When which ever of them are asked again."""
        return [each.refresh for each in self._states.values() if each.refresh is not None]

    def refresh(self, name: str) -> datetime | None:
        """When it is asked again."""
        state = self._states.get(name)
        return None if state is None else state.refresh

    async def settled(self, seconds: float) -> None:
        """Wait until each has been asked for the first time, but not longer than that."""
        tasks = [
            state.asking
            for state in self._states.values()
            if state.asking is not None and state.result is None
        ]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self) -> None:
        """Stop asking."""
        tasks = [state.asking for state in self._states.values() if state.asking is not None]
        for name in list(self._states):
            self.forget(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, name: str, state: _State) -> None:
        if state.asking is None or state.asking.done():
            state.asking = self._spawn(self._work(name))

    async def _work(self, name: str) -> None:
        """Ask until nothing has changed meanwhile."""
        while (state := self._states.get(name)) is not None and state.stale:
            clock = asyncio.get_running_loop().time
            if (early := state.earliest - clock()) > 0:
                state.waits = True
                await asyncio.sleep(early)
                state.waits = False
                continue
            state.stale = False
            result = await self._safely(state.object)
            if self._states.get(name) is state:
                if _mints(state.object) and isinstance(result, Fragment):
                    state.earliest = clock() + _LEAST_PAUSE
                self._take(name, state, result)

    async def _safely(self, pullcredential: PullCredential) -> Fragment | SourceFailure:
        try:
            return await self._read(pullcredential)
        except Exception as error:
            if os.environ.get("REGCRED_DEBUG"):
                raise
            # However odd one source is, the others are read.
            said = f"this is a bug in regcred: {type(error).__name__}"
            return SourceFailure(SourceReason.UNREADABLE, said)

    def _take(self, name: str, state: _State, result: Fragment | SourceFailure) -> None:
        before, state.result = state.result, result
        state.refresh = None
        differs = False
        if isinstance(result, SourceFailure):
            self._on_read(name, str(result.reason))
            state.failures += 1
            if result != before:
                said = f"{result.message}; {result.hint}" if result.hint else result.message
                oplog.say("warning", str(result.reason), said, pullCredential=name)
            pause = _pause(result, state.failures)
            state.resume = asyncio.get_running_loop().time() + (pause or 0.0)
            state.refresh = None if pause is None else self._now() + timedelta(seconds=pause)
            if result.retry_after:
                state.earliest = max(state.earliest, state.resume)
        else:
            self._on_read(name, "ok")
            state.failures = 0
            differs = state.last is None or not same_logins(state.last, result)
            if differs or isinstance(before, SourceFailure):
                said = f"it gives logins for {listed(sorted(result.credentials))}"
                oplog.say("info", "SourceRead", said, pullCredential=name)
            former = state.last
            state.renewed = (
                former is not None
                and former.minted is not None
                and (former.expires is None or former.expires > self._now())
            )
            state.last, state.refresh = result, result.refresh
            state.late = state.ended = False
        self._set_alarm(name, state)
        self._on_result(name, differs)

    def _set_alarm(self, name: str, state: _State) -> None:
        """Wake up when the source has to be asked again, or its credential has ended."""
        self._silence(state)
        moments = [] if state.refresh is None else [state.refresh]
        if state.last is not None and state.last.expires is not None and not state.ended:
            moments.append(state.last.expires - (timedelta() if state.late else minting.LEAST))
        if not moments:
            return
        # Timers go by a clock that nobody sets: where the time of day is, it is seen soon enough.
        seconds = min((min(moments) - self._now()).total_seconds(), _LOOK_AT_CLOCK)
        loop = asyncio.get_running_loop()
        if state.failures and state.refresh is not None:
            seconds = min(seconds, state.resume - loop.time())
        state.alarm = loop.call_later(max(0.0, seconds), self._alarm, name, state)

    def _alarm(self, name: str, state: _State) -> None:
        now = self._now()
        # After a failure also where the clock was set back meanwhile, and its pause is over.
        over = state.failures and state.resume <= asyncio.get_running_loop().time()
        if state.refresh is not None and (over or state.refresh <= now):
            state.refresh = None
            state.stale = True
            self._ask(name, state)
        expires = state.last.expires if state.last else None
        if not minting.arrives(expires, now) and not state.late:
            state.late = True
            self._on_late(name)
        if expires is not None and expires <= now and not state.ended:
            state.ended = True
            self._on_result(name, False)
        self._set_alarm(name, state)

    @staticmethod
    def _silence(state: _State) -> None:
        if state.alarm is not None:
            state.alarm.cancel()
            state.alarm = None


def same_logins(one: Fragment, two: Fragment) -> bool:
    """Whether two fragments would be written alike."""
    return one.credentials == two.credentials and one.expires == two.expires


def _asked(pullcredential: PullCredential) -> tuple[object, ...]:
    """What another source would differ in."""
    spec = pullcredential.spec
    return () if spec is None else (pullcredential.uid, spec.source, spec.registries)


def _mints(pullcredential: PullCredential) -> bool:
    spec = pullcredential.spec
    return spec is not None and spec.source.kind in MINTED_KINDS


def static(client: Client, namespace: str) -> Read:
    """Reads the Secrets of static sources.

    Args:
        client: to read them with.
        namespace: the operator's own.
    """
    together = asyncio.Semaphore(_TOGETHER)

    async def read(pullcredential: PullCredential) -> Fragment | SourceFailure:
        spec = pullcredential.spec
        assert spec is not None  # noqa: S101 - see Read
        ref = spec.source.secret
        if ref is None:
            return staticsource.read(spec, None, namespace)
        try:
            async with together:
                secret = await client.get(SECRETS, ref.name, namespace)
        except NotFound:
            return staticsource.read(spec, None, namespace)
        except RegcredError as error:
            return SourceFailure(SourceReason.UNREADABLE, nsfailure.told(error))
        return staticsource.read(spec, secret, namespace)

    return read


def _pause(failure: SourceFailure, failures: int) -> float | None:
    if failure.reason in _WAIT_FOR_CHANGE:
        return None
    chance = random.random()  # noqa: S311 - jitter, not a secret
    first, longest = _FIRST_PAUSE, _LONGEST_PAUSE
    if failure.reason in _MAY_LOCK_OUT:
        first, longest = _FIRST_LOCKED_OUT_PAUSE, _LONGEST_LOCKED_OUT_PAUSE
    pause = growing(failures, first=first, longest=longest, chance=chance)
    return max(pause, min(failure.retry_after or 0.0, _MOST_ASKED))
