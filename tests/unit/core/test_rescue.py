from dataclasses import replace
from datetime import timedelta

import pytest

from regcred.core.pullcredential import parse
from regcred.core.rescue import Attempts, Left, Scene, lacks, left
from regcred.core.strandedpod import Owner, StrandedPod
from tests.support.operating import EPOCH

SECRET = "regcred"
WEB = Owner("ReplicaSet", "web", "o")
POD = StrandedPod(
    "u", "1", EPOCH, "default", (), ("registry.example.com/team/app",), WEB, runs=False
)
SCENE = Scene(
    "team-a",
    {"env": "prod"},
    SECRET,
    {"registry.example.com": "main", "docker.io": "hub"},
    {"default": (SECRET,), "own": ("theirs", SECRET), "bare": ("theirs",)},
)
DAY = 24 * 3600.0


def pullcredential(name="main", **spec):
    source = {"basic": {"secretRef": {"name": "login"}}}
    usual = {"registries": ["registry.example.com"], "source": source, "namespaces": {}}
    found = parse({"metadata": {"name": name}, "spec": usual | spec})
    assert found.problem is None
    return found


# Who is stuck for want of whom


@pytest.mark.parametrize(
    ("one", "pod", "expected"),
    [
        (pullcredential(), POD, True),
        (pullcredential("hub"), POD, False),
        (pullcredential("hub"), replace(POD, images=("docker.io/library/x",)), True),
        (pullcredential("hub"), replace(POD, images=("quay.io/x", "docker.io/x/y")), True),
        (pullcredential("other"), POD, False),
        (pullcredential(namespaces={"include": ["team-b"]}), POD, False),
        (pullcredential(namespaces={"matchLabels": {"env": "prod"}}), POD, True),
        (pullcredential(namespaces={"matchLabels": {"env": "dev"}}), POD, False),
        (pullcredential(serviceAccounts={"include": ["app"]}), POD, False),
        (pullcredential(serviceAccounts={"include": ["app"]}, attach="Pod"), POD, False),
        (pullcredential(serviceAccounts={"include": ["app"]}, attach="None"), POD, True),
        (pullcredential(serviceAccounts={"include": ["*"]}), replace(POD, account="x"), True),
        (replace(pullcredential(), deleting=True), POD, False),
        (parse({"metadata": {"name": "main"}, "spec": {}}), POD, False),
    ],
)
def test_lacks(one, pod, expected):
    assert lacks(pod, SCENE, one) is expected


# Which of them are evicted


def why(pod, *others, by_admission=False):
    return left(pod, SCENE, others, by_admission=by_admission)


OWN, BARE = replace(POD, account="own"), replace(POD, account="bare")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (why(POD), None),
        (why(replace(POD, owner=Owner("DaemonSet", "d", "o"))), None),
        (why(replace(POD, owner=Owner("StatefulSet", "d", "o"))), None),
        (why(replace(POD, owner=None)), Left.BARE),
        (why(replace(POD, owner=Owner("Job", "j", "o"))), Left.CONTROLLER),
        (why(replace(POD, owner=Owner("TaskRun", "t", "o"))), Left.CONTROLLER),
        (why(replace(POD, runs=True)), Left.RUNS),
        # Its list is what the ServiceAccount's was.
        (why(OWN), None),
        (why(replace(OWN, names=("theirs",))), None),
        # Its list is its template's.
        (why(replace(OWN, names=("mine",))), Left.SUCCESSOR),
        (why(replace(POD, names=("mine",))), Left.SUCCESSOR),
        (why(BARE), Left.SUCCESSOR),
        (why(replace(BARE, names=("theirs",))), Left.SUCCESSOR),
        (why(replace(POD, account="gone")), Left.SUCCESSOR),
    ],
)
def test_left(found, expected):
    assert found is expected


ALL = {"serviceAccounts": {"include": ["*"]}}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (pullcredential(**ALL), None),
        (pullcredential(**ALL, attach="Pod"), None),
        (pullcredential("any", **ALL, attach="Pod"), None),
        (pullcredential(**ALL, attach="None"), Left.SUCCESSOR),
        (pullcredential(), Left.SUCCESSOR),
        (pullcredential(**ALL | {"namespaces": {"include": ["team-b"]}}), Left.SUCCESSOR),
        (parse({"metadata": {"name": "main"}, "spec": {}}), Left.SUCCESSOR),
    ],
)
def test_admission_gives_it_to_the_successor(one, expected):
    for pod in (BARE, replace(BARE, names=("mine",))):
        assert why(pod, one, by_admission=True) is expected
        assert why(pod, one) is Left.SUCCESSOR
    gone = replace(POD, account="gone")
    assert why(gone, one, by_admission=True) is Left.SUCCESSOR


# What was tried


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
