"""No key is lost, and none is worked at twice at the same time, whatever happens in which order."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from regcred.operator.queue import Queue

KEYS = st.sampled_from("abcd")
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 30.0])
#: More than anybody sleeps.
LONG = 1000.0


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Machine(RuleBasedStateMachine):
    """A consumer as the operator is one, and what it may rely on."""

    @initialize(limit=st.integers(1, 3))
    def begin(self, limit):
        self.limit, self.clock = limit, Clock()
        self.woken = True
        self.queue = Queue(lambda: self.limit, clock=self.clock, wake=self.wake)
        self.wanted = set()
        """Keys that were added, and not taken since."""
        self.due = {}
        """Keys that are to be looked at later, and not taken since: by when at the latest."""
        self.working = set()

    def wake(self):
        self.woken = True

    @rule(key=KEYS, urgent=st.booleans())
    def add(self, key, urgent):
        self.queue.add(key, urgent=urgent)
        self.wanted.add(key)

    @rule(key=KEYS, seconds=SECONDS)
    def later(self, key, seconds):
        self.queue.later(key, seconds)
        due = self.clock.now + seconds
        self.due[key] = min(due, self.due.get(key, due))

    @rule(seconds=SECONDS)
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(limit=st.integers(1, 3))
    def limit_changes(self, limit):
        self.limit = limit

    @rule()
    def take(self):
        key = self.queue.take()
        if key is None:
            ready = self.wanted | {key for key, due in self.due.items() if due <= self.clock.now}
            assert not ready - self.working or len(self.working) >= self.limit
            return
        assert key not in self.working
        assert len(self.working) < self.limit
        early = self.due.get(key, LONG * 1000) > self.clock.now
        assert key in self.wanted or not early, "nobody has asked for it"
        self.working.add(key)
        self.wanted.discard(key)
        self.due.pop(key, None)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data):
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.woken = False
        self.queue.done(key)
        self.working.discard(key)
        assert self.woken, "there is room for another"

    @invariant()
    def counts(self):
        assert self.queue.at_work == len(self.working)
        assert self.queue.is_idle == (not self.working and not len(self.queue))

    @invariant()
    def somebody_wakes_it(self):
        """The consumer sleeps until the next alarm, or until it is woken."""
        asleep = {
            key: due for key, due in self.due.items() if key not in self.wanted | self.working
        }
        if asleep and not len(self.queue):
            alarm = self.queue.next_alarm()
            assert alarm is not None
            assert self.clock.now + alarm <= max(self.clock.now, min(asleep.values()))

    def teardown(self):
        """All that was asked for comes, each once."""
        if not hasattr(self, "queue"):
            return
        left = self.wanted | self.due.keys()
        self.limit = 100
        self.clock.now += LONG
        for key in self.working:
            self.queue.done(key)
        assert sorted(taken(self.queue)) == sorted(left)


TestMachine = Machine.TestCase


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return Queue(lambda: 10, clock=clock)


def taken(queue):
    return list(iter(queue.take, None))


def test_what_happened_in_one_namespace_goes_before_what_concerns_all(queue):
    for key in ("a", "b", "c"):
        queue.add(key, urgent=False)
    queue.add("d")
    queue.add("b")
    assert taken(queue) == ["d", "b", "a", "c"]


def test_urgent_stays_urgent(queue):
    queue.add("a")
    queue.add("b", urgent=False)
    queue.add("a", urgent=False)
    assert taken(queue) == ["a", "b"]


def test_what_changes_while_it_is_worked_at_comes_again_as_urgent_as_it_was(queue):
    queue.add("a")
    assert taken(queue) == ["a"]
    queue.add("a", urgent=False)
    queue.add("a")
    queue.add("a", urgent=False)
    queue.add("b", urgent=False)
    assert taken(queue) == ["b"]
    queue.add("c", urgent=False)
    queue.done("a")
    assert taken(queue) == ["a", "c"]


def test_a_failure_that_comes_late_does_not_shorten_the_wait(queue, clock):
    queue.later("a", 5.0)
    queue.later("a", 30.0)
    assert queue.next_alarm() == 5.0
    clock.now += 5.0
    assert taken(queue) == ["a"]
    assert queue.next_alarm() is None


def test_whoever_sleeps_is_looked_at_when_something_happens(queue, clock):
    queue.later("a", 30.0)
    queue.add("a")
    assert taken(queue) == ["a"]
    queue.done("a")
    clock.now += LONG
    assert taken(queue) == []


def test_how_long_the_oldest_has_waited(queue, clock):
    assert queue.oldest() == 0.0
    queue.add("a", urgent=False)
    clock.now += 5.0
    queue.add("b")
    clock.now += 1.0
    assert queue.oldest() == 6.0
    queue.add("a")  # it has waited since it was added first
    assert queue.oldest() == 6.0
    assert taken(queue) == ["b", "a"]
    assert queue.oldest() == 0.0
