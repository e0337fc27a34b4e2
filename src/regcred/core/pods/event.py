"""Events: what kubelet and the controllers say that they did, and how often.

Two shapes are about: ``v1`` with count and lastTimestamp, which kubelet and the controllers write,
and ``events.k8s.io/v1`` with a series; either API gives both out in its own words. Events are
hints, not records: client-go sends at most 25 of a type about one object at once, then one in five
minutes, drops the rest, and joins those whose texts differ; the API server forgets them after an
hour.

Sources: ``tools/record/events_cache.go`` of https://pkg.go.dev/k8s.io/client-go and
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core.fields import instant, mapping, number, text

if TYPE_CHECKING:
    from datetime import datetime

#: What client-go sets before the last text of events that it has joined.
_JOINED = "(combined from similar events): "


@dataclass(frozen=True, slots=True)
class Event:
    """One event, with those that were the same.

    Args:
        reason: the word for it.
        message: its text, without what says that it is joined from several.
        object: kind, namespace and name of what it is about.
        path: the part of that object: ``spec.containers{app}``; empty for all of it.
        count: how often it was seen; at least 1.
        first: when it was seen first.
        last: when it was seen last.
    """

    reason: str
    message: str
    object: tuple[str, str, str]
    path: str
    count: int
    first: datetime
    last: datetime


def read(event: dict[str, Any]) -> Event | None:
    """An event of either shape; None for one without a time."""
    about = mapping(event.get("involvedObject") or event.get("regarding"))
    series = mapping(event.get("series"))
    created = mapping(event.get("metadata")).get("creationTimestamp")
    start = (event.get("firstTimestamp"), event.get("deprecatedFirstTimestamp"))
    end = (event.get("lastTimestamp"), event.get("deprecatedLastTimestamp"))
    observed = series.get("lastObservedTime")
    times = list(filter(None, map(instant, (observed, *end, *start, event.get("eventTime")))))
    if not times and (made := instant(created)):
        times = [made]
    if not times:
        return None
    counts = (event.get("count"), event.get("deprecatedCount"), series.get("count"))
    return Event(
        text(event.get("reason")),
        text(event.get("message") or event.get("note")).removeprefix(_JOINED),
        (text(about.get("kind")), text(about.get("namespace")), text(about.get("name"))),
        text(about.get("fieldPath")),
        max(1, *map(number, counts)),
        min(times),
        max(times),
    )
