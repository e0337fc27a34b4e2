from datetime import timedelta

import pytest

from regcred.core.errors import (
    ClusterUnreachable,
    Conflict,
    Forbidden,
    NotFound,
    NotLeader,
    TooManyRequests,
)
from regcred.core.operator.attempts import Attempts
from regcred.core.operator.strandedpod import Owner, StrandedPod
from regcred.core.operator.survey import Evictable
from regcred.core.operator.turns import Turns
from tests.support.operating import EPOCH

DAY = 24 * 3600.0


def evictable(namespace, name, *, age=0, names=("main",)):
    owner = Owner("ReplicaSet", name, f"of-{namespace}-{name}")
    made, uid = EPOCH - timedelta(seconds=age), f"{namespace}-{name}"
    image = ("registry.example.com/app",)
    return Evictable(
        namespace, name, StrandedPod(uid, "1", made, "default", (), image, owner, runs=False), names
    )


class Game:
    """A cluster where these Pods wait, and one goes at once when it is evicted."""

    def __init__(self, *waiting):
        self.waiting = list(waiting)
        self.staying = set()
        self.attempts = Attempts()
        self.turns = Turns(self.attempts)
        self.now = 1000.0

    def next(self):
        """Whose turn it is, or in how many seconds somebody's is."""
        found = self.turns.next(self.waiting, self.now, lambda *pod: pod in self.staying)
        return found.pod.uid if isinstance(found, Evictable) else found

    def chosen(self):
        return self.turns.next(self.waiting, self.now, lambda *pod: pod in self.staying)

    def evict(self):
        chosen = self.chosen()
        self.turns.evicted(chosen, self.waiting, self.now)
        self.waiting.remove(chosen)
        return chosen.pod.uid

    def fail(self, error):
        return self.turns.failed(self.chosen(), error, self.now, chance=1.0)

    def bar(self):
        self.turns.barred(self.chosen(), self.now)

    def keep(self):
        self.turns.keep(self.waiting, self.now)


def test_nobody_waits():
    assert Game().next() is None


def test_the_oldest_is_first():
    pods = [evictable("b", "x", age=5), evictable("b", "y", age=7)]
    game = Game(*pods, evictable("a", "z", age=6), evictable("a", "v", age=7))
    assert game.next() == "a-v"


def test_one_after_another():
    game = Game(evictable("a", "x"), evictable("a", "y"))
    assert game.evict() == "a-x"
    assert game.next() == 3.0
    game.now += 2.0
    assert game.next() == 1.0
    game.now += 1.0
    assert game.evict() == "a-y"


def test_the_namespaces_take_turns():
    hundred = [evictable("many", str(n), age=100 + n) for n in range(100)]
    game = Game(*hundred, evictable("few", "x"), evictable("few", "y"), evictable("other", "z"))
    turns = []
    for _ in range(6):
        turns.append(game.evict().partition("-")[0])
        game.keep()
        game.now += 3.0
    assert turns == ["many", "few", "other", "many", "few", "many"]


@pytest.mark.parametrize(
    "error", [NotFound("gone"), Conflict("changed"), TooManyRequests("no"), Forbidden("never")]
)
def test_who_has_everything_refused_holds_nobody_up(error):
    game = Game(*(evictable("many", str(n), age=100) for n in range(9)), evictable("few", "x"))
    assert game.next() == "many-0"
    game.fail(error)
    game.now += 3.0
    assert game.next() == "few-x"


def test_a_pod_has_to_be_gone_before_the_next_of_its_namespace():
    game = Game(evictable("a", "x", age=2), evictable("a", "y", age=1), evictable("b", "z"))
    assert game.evict() == "a-x"
    game.staying.add(("a", "x"))
    game.now += 3.0
    assert game.evict() == "b-z"
    game.now += 3.0
    game.keep()
    assert game.next() == 2.0
    game.now += 23.9
    assert game.next() == 2.0
    # Or not to go at all.
    game.now += 0.1
    assert game.next() == "a-y"
    game.keep()
    assert game.next() == "a-y"


@pytest.mark.parametrize("error", [NotFound("gone"), Conflict("changed")])
def test_where_nothing_was_evicted_the_next_is_at_once(error):
    game = Game(evictable("a", "x", age=1), evictable("a", "y"))
    assert not game.fail(error)
    assert game.next() == "a-y"
    assert game.evict() == "a-y"
    game.now += 3.0
    assert game.next() == "a-x"
    assert game.attempts.trouble("a-x") == ""


def test_it_does_not_lead_any_more():
    game = Game(evictable("a", "x", age=1), evictable("b", "y"))
    assert not game.fail(NotLeader("it does not lead"))
    assert game.next() == 1.0
    game.now += 1.0
    assert game.next() == "a-x"


def test_what_is_refused_comes_again_later():
    game = Game(evictable("a", "x"))
    assert game.fail(TooManyRequests("it is full", retry_after=40.0))
    assert game.attempts.trouble("a-x") == "it is full"
    game.now += 3.0
    assert game.next() == 37.0
    game.now += 37.0
    assert game.fail(ClusterUnreachable("nobody there"))
    game.now += 3.0
    assert game.next() == 17.0


# A right that is missing


def test_a_right_that_is_missing_in_one_namespace():
    both = evictable("b", "z", age=1, names=("main", "second"))
    game = Game(evictable("a", "x", age=2), evictable("a", "y", age=2), both)
    game.bar()
    assert game.turns.lacking(game.waiting) == {"main": ("a", False)}
    assert game.next() == 1.0
    game.now += 1.0
    assert game.evict() == "b-z"
    assert game.turns.lacking(game.waiting) == {"main": ("a", True)}
    game.now += 3.0
    assert game.next() == 26.0
    # It is missing until it is seen that it is not.
    game.now += 26.0
    assert game.turns.lacking(game.waiting) == {"main": ("a", True)}
    assert game.evict() == "a-x"
    assert game.turns.lacking(game.waiting) == {}


def test_it_is_missing_everywhere():
    game = Game(evictable("b", "x", age=1), evictable("a", "y", names=("main", "second")))
    game.bar()
    game.now += 1.0
    game.bar()
    assert game.turns.lacking(game.waiting) == {"main": ("a", True), "second": ("a", True)}


def test_another_refusal_says_that_the_right_is_there():
    game = Game(evictable("a", "x"))
    game.bar()
    game.now += 30.0
    assert game.fail(Forbidden("a webhook says no"))
    assert game.turns.lacking(game.waiting) == {}


def test_it_is_no_matter_where_nobody_waits_for_it():
    game = Game(evictable("a", "x"))
    game.bar()
    waiting, game.waiting = game.waiting, []
    game.keep()
    assert game.turns.lacking(waiting) == {}


def test_a_day_later_all_is_forgotten():
    game = Game(evictable("a", "x"), evictable("a", "y", age=1), evictable("b", "z"))
    assert game.evict() == "a-y"
    game.now += DAY
    game.keep()
    assert game.next() == "b-z"
    game.now += 1.0
    game.keep()
    assert game.next() == "a-x"
