"""Fewer at a time after a 429, and as many as before when all is well again."""

from hypothesis import given
from hypothesis import strategies as st

from regcred.operator.pace import Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


answers = st.lists(
    st.tuples(st.sampled_from([0, 200, 201, 409, 422, 429, 500, 503]), st.sampled_from([0.0, 0.4]))
)


@given(most=st.integers(1, 100), answers=answers)
def test_within_bounds_and_only_a_429_slows_it_down(most, answers):
    clock = Clock()
    pace = Pace(most, clock=clock)
    slowed = float("-inf")
    for status, seconds in answers:
        clock.now += seconds
        before = pace.limit
        pace.answered(status)
        assert 1 <= pace.limit <= most
        assert pace.limit <= before + 1
        if pace.limit < before:
            assert status == 429
            assert clock.now - slowed >= 1.0
            assert pace.limit >= before // 2
            slowed = clock.now
        if status == 0:
            assert pace.limit == before


@given(most=st.integers(1, 100), answers=answers)
def test_it_comes_back(most, answers):
    pace = Pace(most)
    for status, _ in answers:
        pace.answered(status)
    for _ in range(most * most):
        pace.answered(200)
    assert pace.limit == most


def test_a_storm_ends_at_one_at_a_time():
    clock = Clock()
    pace = Pace(64, clock=clock)
    limits = []
    for _ in range(8):
        for _ in range(50):  # refused together
            pace.answered(429)
        limits.append(pace.limit)
        clock.now += 1.0
    assert limits == [32, 16, 8, 4, 2, 1, 1, 1]


def test_a_round_without_one_gives_one_more():
    clock = Clock()
    pace = Pace(64, clock=clock)
    pace.answered(429)
    for _ in range(33):
        pace.answered(200)
    assert pace.limit == 33
