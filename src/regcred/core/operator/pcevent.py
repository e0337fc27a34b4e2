"""What the operator tells about a PullCredential in Events, and how often.

One Event when a condition changes its status or its reason, never one per namespace. The same
again is the next of a series: an Event says how often it happened, and when last. Who tells too
much about one object is kept to one a minute, as client-go's recorders do it in their own ways.

Sources: ``tools/events/event_broadcaster.go`` and ``event_recorder.go`` of
https://pkg.go.dev/k8s.io/client-go; what the API server takes is in
``pkg/apis/core/validation/events.go``: nothing but the series ever changes, its count begins at
2, and 1024 is the length of the note in bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.operator.pullcredential import GROUP, KIND, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: Where Events about objects without a namespace are.
NAMESPACE = "default"
CONTROLLER = f"{GROUP}/operator"

#: What the operator was about, by the condition that tells.
_ACTIONS = {"Ready": "Serve", "Minted": "Mint", "Rescued": "Rescue"}
#: Reasons for a condition that is False, and nothing is wrong.
_ON_ITS_WAY = frozenset({"Progressing", "Deleting", "Evicting"})
_MAX_NOTE_BYTES = 1024
_MAX_INSTANCE = 128
_MAX_NAME = 253
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

#: Seconds after which the same again is told anew.
SERIES_SECONDS = 600.0
_BURST = 5.0
_REFILL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell. What compares equal is the same again.

    Args:
        about: name of the PullCredential.
        uid: of it.
        action: what was being done.
        warning: something is wrong.
        reason: of the condition.
        note: its message.
    """

    about: str
    uid: str
    action: str
    warning: bool
    reason: str
    note: str = field(compare=False)


def news(about: str, uid: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[News, ...]:
    """What is to be told of a new status.

    Nothing of a condition that is Unknown, and nothing twice: where a source fails before anything
    was served, Ready and Minted say so both.

    Args:
        about: name of the PullCredential.
        uid: of it.
        old: its status before.
        new: its status now.
    """
    found: dict[str, News] = {}
    for kind, action in _ACTIONS.items():
        says, said = _condition(new, kind), _condition(old, kind)
        status, reason, note = says
        if status in ("True", "False") and (status, reason) != said[:2]:
            warning = status == "False" and reason not in _ON_ITS_WAY
            found.setdefault(reason, News(about, uid, action, warning, reason, note))
    return tuple(found.values())


def event(what: News, name: str, instance: str, now: datetime) -> dict[str, Any]:
    """The Event to create.

    Args:
        what: is told.
        name: from `event_name`.
        instance: who tells it: the name of the Pod.
        now: with time zone.
    """
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "eventTime": _stamp(now),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:_MAX_INSTANCE],
        "action": what.action,
        "reason": what.reason,
        "type": "Warning" if what.warning else "Normal",
        "regarding": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "name": what.about,
            "uid": what.uid,
        },
        "note": _cut(what.note),
    }


def series(count: int, now: datetime) -> dict[str, Any]:
    """What says that it happened again, as a merge patch too; `count` is 2 or more."""
    return {"series": {"count": count, "lastObservedTime": _stamp(now)}}


def event_name(about: str, nanoseconds: int, spare: str) -> str:
    """The name that client-go would give it.

    Args:
        about: name of the object.
        nanoseconds: the time, a number that is used once.
        spare: a name that is used once, for where the usual one is too long.
    """
    name = f"{about}.{nanoseconds:x}"
    return name if len(name) <= _MAX_NAME and _SUBDOMAIN.fullmatch(name) else spare


@dataclass(slots=True)
class Told:
    """An Event.

    Args:
        name: of it.
        count: how often it happened.
        last: seconds, when it did so last.
    """

    name: str
    count: int
    last: float


class Ledger:
    """What was told, and whether more may be."""

    def __init__(self) -> None:
        self._told: dict[News, Told] = {}
        self._allowances: dict[str, tuple[float, float]] = {}

    def enter(self, what: News, name: str, now: float, times: int = 1) -> Told | None:
        """Something happened.

        Args:
            what: it is.
            name: for the Event, where it needs one of its own.
            now: seconds on any clock that goes on.
            times: how often.

        Returns:
            The Event to write: to create where it has that name, else to patch. None for none,
            since there were too many about this object; what is part of a series is counted all
            the same.
        """
        self._forget_old(now)
        told = self._told.get(what)
        if told is not None:
            told.count, told.last = told.count + times, now
        if not self._spend(what, now):
            return None
        if told is None:
            told = self._told[what] = Told(name, times, now)
        return told

    def anew(self, what: News, name: str, now: float) -> Told:
        """The Event that was to be patched is gone: another."""
        told = self._told[what] = Told(name, 1, now)
        return told

    def untold(self, what: News) -> None:
        """It could not be created."""
        self._told.pop(what, None)

    def _spend(self, what: News, now: float) -> bool:
        """Whether one more may be told; the last one is left for a warning."""
        left, since = self._allowances.get(what.uid, (_BURST, now))
        left = min(_BURST, left + (now - since) / _REFILL_SECONDS)
        may = left >= (1 if what.warning else 2)
        self._allowances[what.uid] = (left - 1 if may else left), now
        return may

    def _forget_old(self, now: float) -> None:
        for what in [k for k, told in self._told.items() if now - told.last >= SERIES_SECONDS]:
            del self._told[what]
        full = _BURST * _REFILL_SECONDS
        for uid in [k for k, (_, since) in self._allowances.items() if now - since >= full]:
            del self._allowances[uid]


def _condition(status: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    """Status, reason and message."""
    for each in fields.entries(status.get("conditions")):
        if each.get("type") == kind:
            status_, reason, message = (each.get(k) for k in ("status", "reason", "message"))
            return fields.text(status_), fields.text(reason), fields.text(message)
    return "", "", ""


def _cut(note: str) -> str:
    encoded = note.encode("utf-8", "replace")
    if len(encoded) <= _MAX_NOTE_BYTES:
        return encoded.decode()
    end = "…"
    return encoded[: _MAX_NOTE_BYTES - len(end.encode())].decode("utf-8", "ignore") + end


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
