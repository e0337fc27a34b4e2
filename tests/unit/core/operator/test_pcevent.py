from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.operator import pcevent
from regcred.core.operator.pcevent import SERIES_SECONDS, Ledger, News
from tests.support.operating import EPOCH

READY = News("ghcr", "uid-1", "Serve", warning=False, reason="Ready", note="3 have it")
FAILED = News("ghcr", "uid-1", "Serve", warning=True, reason="NamespacesFailed", note="team-a: no")
SPARE = "0b5a5b1e"


def status(ready=None, minted=None):
    """What `pcstatus.build` gives, of (status, reason) pairs."""
    return {
        "conditions": [
            {"type": kind, "status": says[0], "reason": says[1], "message": f"{kind} is {says[0]}"}
            for kind, says in (("Ready", ready), ("Minted", minted))
            if says
        ]
    }


def told(old, new):
    return [
        (each.action, "Warning" if each.warning else "Normal", each.reason)
        for each in pcevent.news("ghcr", "uid-1", old, new)
    ]


MINTED, WELL = ("True", "Minted"), ("True", "Ready")
FAILS, BUSY = ("False", "NamespacesFailed"), ("False", "Progressing")


# What is told


def test_a_status_that_comes_about():
    (ready, minted) = pcevent.news("ghcr", "uid-1", {}, status(WELL, MINTED))
    assert ready == News("ghcr", "uid-1", "Serve", warning=False, reason="Ready", note="")
    assert ready.note == "Ready is True"
    assert minted.action == "Mint"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (WELL, WELL, []),
        (WELL, FAILS, [("Serve", "Warning", "NamespacesFailed")]),
        (FAILS, ("False", "Expired"), [("Serve", "Warning", "Expired")]),
        (("True", "NoNamespaceSelected"), WELL, [("Serve", "Normal", "Ready")]),
        (FAILS, BUSY, [("Serve", "Normal", "Progressing")]),
        (WELL, ("False", "Deleting"), [("Serve", "Normal", "Deleting")]),
        (None, ("Unknown", "Pending"), []),
        (WELL, ("Unknown", "InvalidSpec"), []),
        (WELL, None, []),
    ],
)
def test_what_changed(old, new, expected):
    assert told(status(old, MINTED), status(new, MINTED)) == expected


@pytest.mark.parametrize(
    ("status_", "reason", "kind"),
    [
        ("False", "PodsStuck", "Warning"),
        ("False", "Evicting", "Normal"),
        ("True", "NothingStuck", "Normal"),
    ],
)
def test_pods_from_before(status_, reason, kind):
    rescued = {"type": "Rescued", "status": status_, "reason": reason, "message": ""}
    assert told({}, {"conditions": [rescued]}) == [("Rescue", kind, reason)]


def test_a_message_alone_is_nothing_new():
    new = status(WELL, MINTED)
    new["conditions"][0]["message"] = "4 have it"
    assert told(status(WELL, MINTED), new) == []


def test_the_same_reason_is_told_once():
    missing = ("False", "SecretMissing")
    assert told({}, status(missing, missing)) == [("Serve", "Warning", "SecretMissing")]


def test_anything_may_stand_in_a_status():
    assert told({"conditions": "?"}, {"conditions": [{"type": "Ready", "status": 1}, None]}) == []


# How it is written


def test_an_event():
    assert pcevent.event(FAILED, "ghcr.1", "pod-1", EPOCH) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "ghcr.1", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "regcred.dev/operator",
        "reportingInstance": "pod-1",
        "action": "Serve",
        "reason": "NamespacesFailed",
        "type": "Warning",
        "regarding": {
            "apiVersion": "regcred.dev/v1alpha1",
            "kind": "PullCredential",
            "name": "ghcr",
            "uid": "uid-1",
        },
        "note": "team-a: no",
    }
    assert pcevent.event(READY, "ghcr.1", "pod-1", EPOCH)["type"] == "Normal"


def test_what_is_too_long_is_cut():
    event = pcevent.event(replace(READY, note="x" * 2000), "a", "p" * 300, EPOCH)
    assert event["note"] == "x" * 1021 + "…"
    assert len(event["reportingInstance"]) == 128


@given(st.text(max_size=1200))
def test_notes_fit_in_bytes(note):
    cut = pcevent.event(replace(READY, note=note), "a", "p", EPOCH)["note"]
    assert len(cut.encode()) <= 1024
    if len(note.encode()) <= 1024:
        assert cut == note
    else:
        assert note.startswith(cut.removesuffix("…"))
        assert len(cut.encode()) > 1017


def test_halves_of_characters_can_be_sent():
    assert pcevent.event(replace(READY, note="a\ud800"), "a", "p", EPOCH)["note"] == "a?"


def test_names():
    assert pcevent.event_name("ghcr", 255, SPARE) == "ghcr.ff"
    assert pcevent.event_name("a.b-c", 255, SPARE) == "a.b-c.ff"
    assert pcevent.event_name("a" * 250, 255, SPARE) == "a" * 250 + ".ff"
    assert pcevent.event_name("a" * 251, 255, SPARE) == SPARE
    assert pcevent.event_name("a" * 250 + "..", 255, SPARE) == SPARE
    assert pcevent.event_name("A", 255, SPARE) == SPARE


def test_a_series():
    series = pcevent.series(2, EPOCH)["series"]
    assert series == {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}


# How often


def entered(ledger, what, now, name="new"):
    told = ledger.enter(what, name, now)
    return told and (told.name, told.count)


def test_the_same_again_is_the_next_of_a_series():
    ledger = Ledger()
    assert entered(ledger, READY, 0, "first") == ("first", 1)
    assert entered(ledger, replace(READY, note="4 have it"), 599, "second") == ("first", 2)
    assert entered(ledger, READY, 1198, "third") == ("first", 3)


@pytest.mark.parametrize(
    "other",
    [{"uid": "uid-2"}, {"reason": "Other"}, {"action": "Mint"}, {"warning": True}],
    ids=str,
)
def test_what_is_not_the_same(other):
    ledger = Ledger()
    entered(ledger, READY, 0)
    assert entered(ledger, replace(READY, **other), 1, "other") == ("other", 1)


def test_after_ten_minutes_it_is_told_anew():
    ledger = Ledger()
    entered(ledger, READY, 0, "first")
    assert entered(ledger, READY, SERIES_SECONDS, "second") == ("second", 1)


def test_who_tells_too_much_is_kept_to_one_a_minute_and_all_is_counted():
    ledger = Ledger()
    told = [second for second in range(3600) if ledger.enter(READY, "x", second)]
    assert told[:4] == [0, 1, 2, 3]
    assert len(told) == pytest.approx(4 + 60, abs=1)
    assert all(b - a >= 57 for a, b in pairwise(told[4:]))
    assert entered(ledger, READY, 3660)[1] == 3601


def test_the_last_one_is_left_for_a_warning():
    ledger = Ledger()
    assert sum(entered(ledger, READY, 0) is not None for _ in range(10)) == 4
    assert entered(ledger, FAILED, 0) == ("new", 1)
    assert entered(ledger, FAILED, 0) is None


def test_objects_do_not_use_up_what_is_another_s():
    ledger = Ledger()
    for _ in range(10):
        ledger.enter(READY, "x", 0)
    assert entered(ledger, replace(READY, uid="uid-2"), 0) == ("new", 1)


def test_what_could_not_be_told_is_told_anew():
    ledger = Ledger()
    entered(ledger, READY, 0, "lost")
    ledger.untold(READY)
    ledger.untold(FAILED)
    assert entered(ledger, READY, 1, "next") == ("next", 1)


def test_an_event_that_is_gone_is_followed_by_another():
    ledger = Ledger()
    entered(ledger, READY, 0, "deleted")
    assert entered(ledger, READY, 1) == ("deleted", 2)
    ledger.anew(READY, "next", 2)
    assert entered(ledger, READY, 3) == ("next", 2)


def test_what_is_long_past_takes_no_memory():
    ledger = Ledger()
    for i in range(100):
        ledger.enter(replace(READY, uid=f"uid-{i}"), "x", i)
    ledger.enter(READY, "x", 10_000)
    assert len(ledger._told) == len(ledger._allowances) == 1
