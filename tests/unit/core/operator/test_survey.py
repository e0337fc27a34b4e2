from collections import Counter
from dataclasses import replace
from datetime import timedelta

from regcred.core.operator.attempts import Attempts
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.rescue import Left, Scene
from regcred.core.operator.rescuestatus import Census
from regcred.core.operator.strandedpod import Owner, StrandedPod
from regcred.core.operator.survey import Evictable, Survey
from tests.support.operating import EPOCH, pullcredential

SECRET = "regcred"
GHCR, QUAY = pullcredential(rescue="Evict"), pullcredential("quay", rescue="Report")
OFF = pullcredential("off")
GONE = pullcredential("gone", deleting=True, rescue="Evict")
BROKEN = parse({"metadata": {"name": "broken"}, "spec": {}})
ENTRIES = {"ghcr.io": "ghcr", "quay.io": "quay", "docker.io": "off"}


def scene(name, **more):
    return replace(Scene(name, {}, SECRET, ENTRIES, {"default": (SECRET,)}), **more)


def pod(uid, image="ghcr.io/team/app", *, kind="ReplicaSet"):
    owner = Owner(kind, f"of-{uid}", f"of-{uid}") if kind else None
    return StrandedPod(uid, "1", EPOCH, "default", (), (image,), owner, runs=False)


class Looker:
    """A survey of these namespaces, of which all are ready that are not said to be otherwise."""

    def __init__(self, pods, *, scenes=None):
        self.pods = pods
        self.scenes = scenes or {name: scene(name) for name in pods}
        self.unready = set()
        self.attempts = Attempts()
        self.survey = Survey(
            self.scenes.get, lambda name, namespace: (name, namespace) not in self.unready
        )

    def look(self, *pullcredentials):
        named = {each.name: each for each in pullcredentials}
        looking = self.survey.look(self.pods, named, self.attempts)
        self.pieces = 0
        while True:
            try:
                next(looking)
            except StopIteration as end:
                return end.value
            self.pieces += 1

    def names(self, *pullcredentials):
        return [each.name for each in self.look(*pullcredentials).evictable]


def test_each_that_asks_has_a_census():
    looker = Looker(
        {
            "b": {"web": pod("1"), "job": pod("2", kind="Job")},
            "a": {"web": pod("3", "quay.io/x"), "bare": pod("4", kind="")},
            "c": {"web": pod("5", "docker.io/x")},
        }
    )
    found = looker.look(GHCR, QUAY, OFF, GONE, BROKEN)
    left = Counter({Left.CONTROLLER: 1, Left.BARE: 1})
    assert found.censuses == {
        "ghcr": Census(True, 3, 2, "a", left),
        "quay": Census(True, 1, 1, "a"),
    }
    assert found.evictable == [Evictable("b", "web", looker.pods["b"]["web"], ("ghcr",))]
    assert found.uids == {"1", "2", "3", "4", "5"}


def test_nothing_is_said_of_a_namespace_without_the_secret():
    looker = Looker({"a": {"web": pod("1")}}, scenes={"a": None})
    assert looker.look(GHCR).censuses == {"ghcr": Census(True)}
    assert looker.names(GHCR) == []


def test_what_was_evicted_does_not_count():
    looker = Looker({"a": {"web": pod("1"), "app": pod("2")}})
    looker.attempts.evicted(looker.pods["a"]["web"], [], 0.0)
    found = looker.look(GHCR)
    assert (found.censuses["ghcr"].stuck, found.uids) == (1, {"2"})


def test_a_loop_ends():
    first = pod("1")
    later = [replace(first, uid=str(n), created=EPOCH + timedelta(seconds=n)) for n in range(2, 4)]
    looker = Looker({"a": {"web": later[1]}})
    looker.attempts.evicted(first, [first], 0.0)
    assert looker.names(GHCR) == ["web"]
    looker.attempts.evicted(later[0], [later[0]], 5.0)
    assert looker.names(GHCR) == []
    assert looker.look(GHCR).censuses["ghcr"].left == {Left.AGAIN: 1}


def test_why_it_could_not_be_evicted():
    looker = Looker({"a": {"web": pod("1"), "app": pod("2")}})
    looker.attempts.refused("2", 0.0, why="it is full", chance=1.0)
    assert looker.look(GHCR).censuses["ghcr"].trouble == "it is full"


def test_nobody_is_evicted_for_a_login_that_is_not_surely_there():
    looker = Looker({"a": {"web": pod("1")}})
    looker.unready.add(("ghcr", "a"))
    assert looker.names(GHCR) == []
    assert looker.look(GHCR).censuses["ghcr"].stuck == 1


# What is thought of a Pod is remembered


def judged(looker, *pullcredentials):
    """How many Pods a look had to think about."""
    looker.look(*pullcredentials)
    return looker.pieces - len(looker.pods)


def test_others_can_work_after_each_pod():
    many = {str(n): pod(str(n)) for n in range(30)}
    assert judged(Looker({"a": many, "b": many, "c": {}}), GHCR) == 60


def test_only_what_has_changed_is_thought_about_again():
    looker = Looker({"a": {"x": pod("1"), "y": pod("2")}, "b": {"x": pod("3")}})
    assert judged(looker, GHCR) == 3
    assert judged(looker, GHCR) == 0
    looker.pods["a"]["y"] = replace(looker.pods["a"]["y"], runs=True)
    looker.pods["a"]["z"] = pod("4")
    assert judged(looker, GHCR) == 2
    assert looker.look(GHCR).censuses["ghcr"].left == {Left.RUNS: 1}
    looker.scenes["b"] = scene("b", accounts={})
    assert judged(looker, GHCR) == 1
    assert looker.look(GHCR).censuses["ghcr"].left == {Left.RUNS: 1, Left.SUCCESSOR: 1}
    assert judged(looker, pullcredential(rescue="Evict", namespaces={"include": ["a"]})) == 4
    assert looker.look(GHCR).censuses["ghcr"].namespaces == 2


def test_nothing_is_remembered_of_what_is_gone():
    looker = Looker({"a": {"x": pod("1")}, "b": {"x": pod("2")}, "c": {"x": pod("3")}})
    assert judged(looker, GHCR) == 3
    there = looker.pods.pop("a")
    looker.scenes["b"], was = None, looker.scenes["b"]
    looker.pods["c"], gone = {}, looker.pods["c"]
    assert judged(looker, GHCR) == 0
    looker.pods["a"], looker.pods["c"], looker.scenes["b"] = there, gone, was
    assert judged(looker, GHCR) == 3


def test_the_version_that_is_evicted_is_the_last_one():
    looker = Looker({"a": {"x": pod("1")}})
    looker.look(GHCR)
    looker.pods["a"]["x"] = replace(pod("1"), version="2")
    assert [each.pod.version for each in looker.look(GHCR).evictable] == ["2"]
    assert judged(looker, GHCR) == 0
