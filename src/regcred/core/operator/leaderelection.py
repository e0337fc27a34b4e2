"""Who leads, decided from one Lease and a clock that nobody sets.

client-go's rules (tools/leaderelection/leaderelection.go). What a Lease says about time is for
people: clocks differ between machines and are set while they run. Whoever waits counts from the
moment at which it saw the record change by itself, and takes over when that did not change for as
long as its holder has asked for. The holder stops earlier than that, counting from the moment at
which it *sent* the last renewal that succeeded. So the two never act at the same time as long as
their clocks run equally fast, whatever time they show.

Beyond client-go: a holder renews less often than others look (`Timing.renew`), so that an idle
leader is a quiet one, and one that has failed tries again as often as they do. And they look a
little more often (`Timing.retry`), so that a lease that is given up is taken within two seconds.

Every `now` is in seconds on a clock that only goes on, also while the machine sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from regcred.core.errors import UsageError
from regcred.core.fields import mapping, number, text


@dataclass(frozen=True, slots=True)
class Timing:
    """How long everything takes, in seconds; client-go's defaults but for `renew` and `retry`.

    Args:
        lease: for how long others leave a holder alone that gives no sign of life.
        deadline: for how long a holder acts that could not renew.
        renew: from one renewal to the next.
        retry: from one look at somebody else's lease, or one renewal that failed, to the next.

    Raises:
        UsageError: with these, two could act at the same time, or nobody for long.
    """

    lease: float = 15.0
    deadline: float = 10.0
    renew: float = 6.0
    retry: float = 1.4

    def __post_init__(self) -> None:
        if self.lease < 1 or self.lease != int(self.lease):
            raise UsageError("a lease lasts for a whole number of seconds")
        if not self.deadline < self.lease:
            raise UsageError("the renew deadline has to be shorter than the lease")
        if not 0 < self.retry < self.deadline or not 0 < self.renew < self.deadline:
            raise UsageError("the periods to renew and retry have to be shorter than the deadline")


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says: the part of its ``spec`` that election is about.

    Args:
        holder: who has it; empty when nobody has.
        seconds: for how long others are to leave it alone.
        transitions: how often it went from one holder to another.
        acquired: when the holder got it, as text; for people.
        renewed: when it was renewed last, as text; for people, and to see that it changed.
    """

    holder: str = ""
    seconds: int = 0
    transitions: int = 0
    acquired: str = ""
    renewed: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """A record, and since when it is known to be as it is.

    Args:
        record: what the Lease says.
        since: when it was first seen like this.
        uid: of the Lease; empty when that has vanished.
        version: its resourceVersion when it was last read; a write holds only for that.
    """

    record: Record
    since: float
    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class Create:
    """There is no Lease: make one with this spec."""

    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Write this spec, on condition that the Lease is still the one that was observed."""

    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else leads: look again in so many seconds."""

    seconds: float


def observe(before: Observation | None, lease: dict[str, Any], now: float) -> Observation:
    """What was seen, with the time from which it counts.

    Args:
        before: the last observation; None for the first.
        lease: the Lease as it was read or written just now.
        now: when the request for it was sent or, for somebody else's record, answered.
    """
    metadata, spec = mapping(lease.get("metadata")), mapping(lease.get("spec"))
    record = Record(
        holder=text(spec.get("holderIdentity")),
        seconds=number(spec.get("leaseDurationSeconds")),
        transitions=number(spec.get("leaseTransitions")),
        acquired=text(spec.get("acquireTime")),
        renewed=text(spec.get("renewTime")),
    )
    uid, version = text(metadata.get("uid")), text(metadata.get("resourceVersion"))
    if before is not None and before.record == record and before.uid == uid:
        # Somebody's label on the Lease is no sign of life of its holder.
        return replace(before, version=version)
    return Observation(record, now, uid, version)


def vanished(before: Observation | None, identity: str, now: float) -> Observation | None:
    """What counts when there is no Lease (any more).

    Its holder does not know yet that somebody has deleted it, and acts on.

    Args:
        before: the last observation; None for the first.
        identity: who we are.
        now: when the answer came.
    """
    if before is None or before.record.holder in ("", identity):
        return None
    return before if not before.uid else replace(before, since=now, uid="", version="")


def decide(
    seen: Observation | None, identity: str, timing: Timing, *, now: float, time: str
) -> Create | Update | Wait:
    """What to do about the lease.

    Args:
        seen: from `observe` or `vanished`; None when there is no Lease.
        identity: who we are; nobody else's, and never used again by another process.
        timing: see `Timing`.
        now: on the clock of `seen`.
        time: the time of day, as RFC 3339 with microseconds, for people.
    """
    ours = {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(timing.lease),
        "acquireTime": time,
        "renewTime": time,
        "leaseTransitions": 0,
    }
    if seen is None:
        return Create(ours)
    record = seen.record
    if record.holder == identity:
        return Update(
            ours | {"acquireTime": record.acquired or time, "leaseTransitions": record.transitions}
        )
    # The holder's word, as in client-go: it may have been started with other settings.
    expires = seen.since + record.seconds
    if record.holder and now < expires:
        return Wait(min(timing.retry, expires - now))
    if not seen.uid:
        return Create(ours)
    return Update(ours | {"leaseTransitions": record.transitions + 1})


def released(seen: Observation, time: str) -> dict[str, Any]:
    """The spec that lets others take over at once.

    Args:
        seen: our own record.
        time: as for `decide`.
    """
    return {
        "holderIdentity": None,  # in a merge patch: takes it away
        "leaseDurationSeconds": 1,
        "acquireTime": time,
        "renewTime": time,
        "leaseTransitions": seen.record.transitions,
    }


def holds_until(sent: float, timing: Timing) -> float:
    """Until when a holder may act.

    Args:
        sent: when the last renewal that succeeded was sent.
        timing: see `Timing`.
    """
    return sent + timing.deadline


def next_try(sent: float, failed: bool, timing: Timing, now: float) -> float:
    """Seconds until a holder renews; 0 for at once.

    Args:
        sent: when the last renewal that succeeded was sent.
        failed: whether one was tried since, and failed.
        timing: see `Timing`.
        now: on the clock of `sent`.
    """
    return timing.retry if failed else max(0.0, sent + timing.renew - now)
