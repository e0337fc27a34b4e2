import pytest

from regcred.core.operator import statuswrite
from regcred.core.operator.statuswrite import Known, needed, newer
from tests.support.patching import TestFailed, apply

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def known(version, uid="u", **status):
    return Known("ghcr", uid, version, status)


def status(ready="True", since=EARLY, reason="Ready", **more):
    condition = {"type": "Ready", "status": ready, "reason": reason, "lastTransitionTime": since}
    return {"conditions": [condition], **more}


def since(status):
    return status["conditions"][0]["lastTransitionTime"]


def test_what_was_written_last_counts_while_the_view_lags_behind():
    own = known("9")
    assert newer(known("8"), own) is own
    assert newer(known("9"), own) is own
    assert newer(view := known("10"), own) is view
    assert newer(view := known("1"), None) is view


def test_what_was_written_says_nothing_of_an_object_that_was_made_anew():
    view = known("8", "another")
    assert newer(view, known("9")) is view


def test_versions_that_are_no_numbers():
    own = known("b")
    assert newer(known("a"), own) is own
    assert newer(view := known("1"), own) is view


def test_nothing_is_written_but_what_is_other():
    assert needed(status(), status(since=LATE)) is None
    assert needed({}, status()) == status()
    new = status(expiresAt=LATE)
    assert needed(status(), new) == new


def test_a_condition_keeps_its_time_for_as_long_as_its_status():
    assert since(needed(status(), status(since=LATE, reason="NoNamespaceSelected"))) == EARLY
    assert since(needed(status(), status("False", since=LATE))) == LATE
    assert since(needed(status(since=None), status(since=LATE, reason="Other"))) == LATE


def test_the_patch_replaces_the_whole_status_of_the_one_object():
    obj = {"metadata": {"uid": "u"}, "status": {"expiresAt": LATE}}
    assert apply(obj, statuswrite.patch("u", status()))["status"] == status()
    with pytest.raises(TestFailed):
        apply({"metadata": {"uid": "v"}}, statuswrite.patch("u", status()))
