from datetime import UTC, datetime

import pytest

from regcred.core.pods import event
from regcred.core.pods.event import Event

EARLY, LATE = (datetime(2026, 11, 23, 5, minute, tzinfo=UTC) for minute in (10, 50))
ABOUT = {"kind": "Pod", "namespace": "team-a", "name": "web", "fieldPath": "spec.containers{app}"}
EXPECTED = Event(
    "Pulling", "a text", ("Pod", "team-a", "web"), "spec.containers{app}", 4, EARLY, LATE
)


@pytest.mark.parametrize(
    "written",
    [
        {
            "involvedObject": ABOUT,
            "message": "a text",
            "count": 4,
            "firstTimestamp": "2026-11-23T05:10:00Z",
            "lastTimestamp": "2026-11-23T05:50:00Z",
            "eventTime": None,
        },
        {
            "regarding": ABOUT,
            "note": "a text",
            "deprecatedCount": 4,
            "deprecatedFirstTimestamp": "2026-11-23T05:10:00Z",
            "deprecatedLastTimestamp": "2026-11-23T05:50:00Z",
        },
        {
            "regarding": ABOUT,
            "note": "(combined from similar events): a text",
            "eventTime": "2026-11-23T05:10:00.000000Z",
            "series": {"count": 4, "lastObservedTime": "2026-11-23T05:50:00.000000Z"},
        },
    ],
)
def test_both_shapes(written):
    assert event.read({"reason": "Pulling", **written}) == EXPECTED


def test_one_that_was_seen_once_has_the_time_of_its_making():
    found = event.read({"metadata": {"creationTimestamp": "2026-11-23T05:10:00Z"}})
    assert found == Event("", "", ("", "", ""), "", 1, EARLY, EARLY)


@pytest.mark.parametrize("written", [{}, {"lastTimestamp": 5, "involvedObject": "x", "series": []}])
def test_without_a_time_it_tells_nothing(written):
    assert event.read(written) is None
