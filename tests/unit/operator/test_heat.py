"""However often somebody undoes what we write, our writes are few; and nobody else waits for it."""

from hypothesis import given
from hypothesis import strategies as st

from regcred.operator.heat import Heat

#: What the module promises: so many at once, then one each so many seconds.
BURST, COOL = 10, 10.0


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@given(st.lists(st.floats(0.0, 30.0), max_size=300))
def test_writes_are_bounded_whenever_a_rival_strikes(pauses):
    clock = Clock()
    heat, writes = Heat(clock=clock), []
    for pause in pauses:
        clock.now += pause
        if not heat.wait("a", 1):
            heat.wrote("a", 1)
            writes.append(clock.now)
    for n, since in enumerate(writes):
        for m, until in enumerate(writes[n:], 1):
            assert m <= BURST + 2 + (until - since) / COOL


@given(st.lists(st.floats(0.0, 5.0), max_size=100))
def test_after_the_wait_it_may_be_written(pauses):
    clock = Clock()
    heat = Heat(clock=clock)
    for pause in pauses:
        clock.now += pause
        wait = heat.wait("a", 1)
        assert 0.0 <= wait <= COOL
        clock.now += wait + 1e-6
        assert heat.wait("a", 1) == 0.0
        heat.wrote("a", 1)


def hot(heat, revision=1):
    for _ in range(BURST + 1):
        heat.wrote("a", revision)
    assert heat.wait("a", revision) > 0
    return heat


def test_what_is_broken_by_hand_is_put_right_at_once():
    heat = Heat(clock=Clock())
    for _ in range(BURST):
        assert heat.wait("a", 1) == 0.0
        heat.wrote("a", 1)


def test_others_do_not_wait():
    assert hot(Heat(clock=Clock())).wait("b", 1) == 0.0


@given(st.integers(0, 40))
def test_one_serviceaccount_after_another_is_no_quarrel(count):
    clock = Clock()
    heat = Heat(clock=clock)
    for n in range(1, count + 1):
        assert heat.wait("a", 1, n) == 0.0
        heat.wrote("a", 1)
    for _ in range(BURST + 1):
        heat.wrote("a", 1)
    assert 0 < heat.wait("a", 1, count) <= COOL


def test_another_wish_is_another_matter():
    heat = hot(Heat(clock=Clock()))
    assert heat.wait("a", 2) == 0.0
    for revision in range(2, 100):
        assert heat.wait("a", revision) == 0.0
        heat.wrote("a", revision)
    assert hot(heat, 99).wait("a", 99) > 0


def test_of_many_namespaces_only_those_that_are_warm_stay_in_memory():
    clock = Clock()
    heat = Heat(clock=clock)
    for n in range(5000):
        heat.wrote(f"ns-{n}", 1)
        clock.now += 0.1
    assert len(heat._levels) < 2500
    hot(heat)
    clock.now += 20.0
    for n in range(5000):
        heat.wrote(f"more-{n}", 1)
    clock.now += 1.0
    heat.wrote("one", 1)
    assert heat.wait("a", 1) == 0.0
    assert heat._level("a", 1, clock.now) > BURST - 2
