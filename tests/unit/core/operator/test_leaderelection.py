"""Election as client-go decides it, and two candidates on one Lease with drifting clocks of day."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import UsageError
from regcred.core.operator.leaderelection import (
    Create,
    Observation,
    Record,
    Timing,
    Update,
    Wait,
    decide,
    holds_until,
    next_try,
    observe,
    released,
    vanished,
)

TIMING = Timing()


def lease(holder: str = "other", *, version: str = "1", uid: str = "u", **spec: object) -> dict:
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": 15,
        "leaseTransitions": 3,
        "acquireTime": "a",
        "renewTime": "r",
    } | spec
    return {"metadata": {"uid": uid, "resourceVersion": version}, "spec": spec}


def choose(seen: Observation | None, now: float):
    return decide(seen, "me", TIMING, now=now, time="T")


class TestTiming:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"lease": 0.5},
            {"lease": 15.5},
            {"deadline": 15.0},
            {"retry": 0.0},
            {"retry": 10.0},
            {"renew": 0.0},
            {"renew": 10.0},
        ],
    )
    def test_what_is_not_safe_is_refused(self, wrong):
        with pytest.raises(UsageError):
            Timing(**wrong)


class TestObserve:
    def test_a_change_starts_the_time_anew(self):
        first = observe(None, lease(), 100)
        assert first == Observation(Record("other", 15, 3, "a", "r"), 100, "u", "1")
        assert observe(first, lease(renewTime="s", version="2"), 103).since == 103
        assert observe(first, lease(uid="v"), 103).since == 103

    def test_somebody_elses_label_does_not(self):
        first = observe(None, lease(), 100)
        assert observe(first, lease(version="2"), 103) == replace(first, version="2")

    def test_an_empty_lease(self):
        assert observe(None, {}, 1) == Observation(Record(), 1, "", "")


class TestDecide:
    def test_there_is_none(self):
        assert choose(None, 0) == Create(
            {
                "holderIdentity": "me",
                "leaseDurationSeconds": 15,
                "acquireTime": "T",
                "renewTime": "T",
                "leaseTransitions": 0,
            }
        )

    def test_held_by_somebody_however_old_it_says_that_it_is(self):
        seen = observe(None, lease(renewTime="1970-01-01T00:00:00.000000Z"), 100)
        assert choose(seen, 100) == Wait(1.4)
        assert choose(seen, 114.5) == Wait(0.5)

    def test_not_changed_for_as_long_as_the_holder_asked_for(self):
        seen = observe(None, lease(leaseDurationSeconds=40), 100)
        assert choose(seen, 139) == Wait(1.0)
        step = choose(seen, 140)
        assert isinstance(step, Update)
        assert step.spec["leaseTransitions"] == 4
        assert step.spec["acquireTime"] == "T"
        assert step.spec["leaseDurationSeconds"] == 15

    @pytest.mark.parametrize("holder", ["", None])
    def test_given_up(self, holder):
        step = choose(observe(None, lease(holder), 100), 100)
        assert isinstance(step, Update)
        assert step.spec["leaseTransitions"] == 4

    @pytest.mark.parametrize(("acquired", "kept"), [("a", "a"), (None, "T")])
    def test_ours_is_renewed(self, acquired, kept):
        step = choose(observe(None, lease("me", acquireTime=acquired), 100), 900)
        assert isinstance(step, Update)
        assert step.spec["leaseTransitions"] == 3
        assert (step.spec["acquireTime"], step.spec["renewTime"]) == (kept, "T")


class TestVanished:
    def test_its_holder_does_not_know_yet(self):
        seen = vanished(observe(None, lease(), 100), "me", 112)
        assert choose(seen, 126) == Wait(1.0)
        assert vanished(seen, "me", 120) == seen
        assert isinstance(choose(seen, 127), Create)

    @pytest.mark.parametrize("holder", ["", "me"])
    def test_nobody_else_had_it(self, holder):
        assert vanished(observe(None, lease(holder), 100), "me", 101) is None

    def test_it_was_never_there(self):
        assert vanished(None, "me", 101) is None


def test_released():
    spec = released(observe(None, lease("me"), 100), "T")
    assert spec["holderIdentity"] is None
    assert (spec["leaseDurationSeconds"], spec["leaseTransitions"]) == (1, 3)


def test_when_a_holder_renews():
    assert holds_until(100, TIMING) == 110
    assert next_try(100, False, TIMING, 102) == 4
    assert next_try(100, False, TIMING, 200) == 0
    assert next_try(100, True, TIMING, 102) == 1.4


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["attempt", "attempt", "attempt", "release", "slow", "lost-answer"]),
        st.floats(0, 9),
    ),
    max_size=80,
)


@given(ACTIONS)
def test_no_two_ever_hold_it(actions):
    """Candidates that look, are slow, lose answers and are stopped at any time."""
    now, version = 0.0, 0
    stored: dict | None = None
    seen: dict[str, Observation | None] = dict.fromkeys("abc")
    until = dict.fromkeys("abc", float("-inf"))
    for who, action, passed in actions:
        now += passed
        if stored is not None:
            seen[who] = observe(seen[who], stored, now)
            if seen[who].record.holder != who:
                until[who] = float("-inf")
        sent = now
        mine = seen[who]
        if action == "release":
            if mine is None or mine.record.holder != who:
                continue
            until[who] = float("-inf")
            spec = released(mine, str(now))
        else:
            step = decide(mine, who, TIMING, now=now, time=str(now))
            if isinstance(step, Wait):
                continue
            spec = step.spec
        if action == "slow":
            now += passed
        version += 1
        stored = {"metadata": {"uid": "u", "resourceVersion": str(version)}, "spec": spec}
        if action in {"attempt", "slow"}:
            seen[who] = observe(mine, stored, sent)
            until[who] = holds_until(sent, TIMING)
        assert sum(now < each for each in until.values()) <= 1


@pytest.mark.parametrize(
    "odd", [{}, {"spec": [], "metadata": 1}, lease("", leaseDurationSeconds=[], renewTime={})]
)
def test_a_lease_that_says_nothing_of_use_is_free(odd):
    seen = observe(None, odd, 0.0)
    assert seen.record.holder == ""
    assert isinstance(choose(seen, 0.0), Create | Update)
