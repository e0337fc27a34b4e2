from dataclasses import replace
from datetime import timedelta

from regcred.core.operator.attempts import Attempts
from regcred.core.operator.strandedpod import Owner, StrandedPod
from tests.support.operating import EPOCH

WEB = Owner("ReplicaSet", "web", "o")
POD = StrandedPod("u", "1", EPOCH, "default", (), ("registry.example.com/app",), WEB, runs=False)
DAY = 24 * 3600.0


def later(seconds, uid="v"):
    return replace(POD, uid=uid, created=EPOCH + timedelta(seconds=seconds))


def test_the_first_eviction_is_followed_by_one_of_a_successor():
    attempts = Attempts()
    assert not attempts.is_futile(POD)
    attempts.evicted(POD, [POD], 0.0)
    assert attempts.was_evicted("u")
    first, second = later(5), later(10, "w")
    assert not attempts.was_evicted("v")
    assert not attempts.is_futile(first)
    attempts.evicted(first, [first], 5.0)
    assert attempts.is_futile(second)
    assert not attempts.is_futile(replace(second, owner=Owner("ReplicaSet", "web", "later")))
    assert not attempts.is_futile(replace(second, owner=None))


def test_all_that_were_stuck_at_first_are_no_successors():
    attempts = Attempts()
    before = [later(n, str(n)) for n in range(5)]
    for n, pod in enumerate(before):
        assert not attempts.is_futile(pod)
        attempts.evicted(pod, [*before[n:], replace(later(99), owner=None)], float(n))
    one, other = later(20), later(21, "w")
    assert not attempts.is_futile(one)
    attempts.evicted(one, [one, other], 20.0)
    assert attempts.is_futile(other)
    assert not attempts.is_futile(before[0])


def test_who_changes_what_is_wanted_has_it_tried_again():
    attempts = Attempts()
    attempts.evicted(POD, [], 0.0)
    attempts.evicted(later(5), [], 5.0)
    assert attempts.is_futile(later(10))
    attempts.start_over()
    assert not attempts.is_futile(later(10))
    assert attempts.was_evicted("u")


def test_a_day_later_all_is_forgotten():
    attempts = Attempts()
    attempts.evicted(POD, [], 0.0)
    attempts.evicted(later(5), [], 5.0)
    other = replace(POD, uid="x", owner=Owner("ReplicaSet", "x", "x"))
    attempts.evicted(other, [], DAY + 1)
    assert not attempts.was_evicted("u")
    assert attempts.was_evicted("v")
    assert attempts.is_futile(later(10))
    attempts.evicted(replace(other, uid="y", owner=None), [], DAY + 6)
    assert not attempts.is_futile(later(10))


def test_what_was_refused_waits_longer_and_longer():
    attempts = Attempts()
    assert attempts.due("u") == 0.0
    pauses = [attempts.refused("u", 0.0, chance=1.0) for _ in range(7)]
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert attempts.due("u") == 300.0
    assert attempts.refused("x", 0.0, chance=1.0, asked=30.0) == 30.0
    assert attempts.refused("x", 0.0, chance=1.0, asked=1e6) == 300.0


def test_what_was_put_off_counts_as_no_refusal():
    attempts = Attempts()
    attempts.put_off("u", 7.0)
    assert attempts.due("u") == 7.0
    assert attempts.refused("u", 10.0, chance=1.0) == 10.0
    attempts.put_off("u", 50.0)
    assert attempts.refused("u", 50.0, chance=1.0) == 20.0


def test_refusals_of_pods_that_are_gone_are_forgotten():
    attempts = Attempts()
    attempts.refused("u", 0.0, chance=1.0)
    attempts.refused("v", 0.0, chance=1.0)
    attempts.keep({"v"})
    assert (attempts.due("u"), attempts.due("v")) == (0.0, 10.0)
    attempts.evicted(replace(POD, uid="v"), [], 10.0)
    assert attempts.due("v") == 0.0


def test_what_was_said_to_it_is_remembered():
    attempts = Attempts()
    assert attempts.trouble("u") == ""
    attempts.refused("u", 0.0, chance=1.0, why="it is full")
    attempts.put_off("u", 7.0)
    assert attempts.trouble("u") == "it is full"
    attempts.keep(set())
    assert attempts.trouble("u") == ""
