from dataclasses import replace

import pytest

from regcred.core.operator.pullcredential import parse
from regcred.core.operator.rescue import Judge, Judgement, Left, Scene
from regcred.core.operator.strandedpod import Owner, StrandedPod
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


def pullcredential(name="main", **spec):
    source = {"basic": {"secretRef": {"name": "login"}}}
    usual = {"registries": ["registry.example.com"], "source": source, "namespaces": {}}
    usual |= {"rescue": "Report"}
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
def test_lacking(one, pod, expected):
    judged = Judge(SCENE, [one], by_admission=False).judge(pod)
    assert judged.lacking == ((one.name,) if expected else ())
    assert expected or judged == Judgement()


# Which of them are evicted


#: It asks for all Pods, whoever admits their successors.
ASKING = pullcredential(attach="None")


def why(pod, *others, by_admission=False):
    judged = Judge(SCENE, [ASKING, *others], by_admission=by_admission).judge(pod)
    assert "main" in judged.lacking
    return judged.left


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
