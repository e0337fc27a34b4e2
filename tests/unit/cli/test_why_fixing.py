"""Which steps ``regcred why --fix`` takes, and in which order: as a dry run that asks nobody."""

import asyncio
from dataclasses import replace

import pytest

from regcred.cli import whyshown
from regcred.cli.fixing import Fixing
from regcred.cli.whyfacts import Entry
from regcred.core.diagnosis.cause import Cause, Diagnosis
from regcred.core.pods import mend
from regcred.core.problem import Reason
from tests.support.stagedfacts import stage


def entry(*mends, name="web-1", owner="web", reason=Reason.NO_CREDENTIAL, image="a/b:1", hint=""):
    facts = stage(image=image)
    pod = replace(facts.pod, name=name)
    facts = replace(facts, pod=pod, owner=replace(facts.owner, name=owner))
    return Entry(Diagnosis(pod, facts.failure, (Cause(reason, "why", mends, hint),)), facts)


def run(*entries):
    fixing = Fixing(None, whyshown.grouped(entries), "json", "client", True)
    mended = asyncio.run(fixing.run())
    return mended, [(each["result"], each["object"]) for each in fixing.document()], fixing


WAITING = stage().owner
BARE = replace(WAITING.pods[0], name="bare")
ATTACH = mend.attach("team-a", "default", "pull")
LOGIN = mend.login("registry.example", "team-a", "default")


def test_what_pods_need_comes_before_the_pods():
    mended, done, _ = run(
        entry(mend.restart(WAITING), image="a/b:1"),
        entry(ATTACH, mend.restart(WAITING), image="a/c:1"),
    )
    assert mended
    assert done == [("Attached", "serviceaccount/default"), ("Restarted", "deployment/web")]


def test_what_several_need_is_done_once():
    one, two = (replace(WAITING, name=name) for name in ("web", "db"))
    mended, done, _ = run(
        entry(ATTACH, mend.restart(one)), entry(ATTACH, mend.restart(two), owner="db", name="db-1")
    )
    assert mended
    assert sorted(done) == [
        ("Attached", "serviceaccount/default"),
        ("Restarted", "deployment/db"),
        ("Restarted", "deployment/web"),
    ]


def test_from_what_only_a_person_can_do_all_is_left():
    mended, done, fixing = run(entry(ATTACH, LOGIN, mend.restart(WAITING)))
    assert not mended
    assert done == [("Attached", "serviceaccount/default"), ("Left", "pod/web-1")]
    restart = "kubectl rollout restart deployment/web -n team-a"
    assert fixing.document()[-1]["hint"] == f"{LOGIN.command} && {restart}"


def test_a_pod_that_is_being_replaced_is_waited_for():
    """Beside it one that is as old, and is not: the two are no group, and that one is restarted."""
    old = Reason.POD_OLDER_THAN_ATTACHMENT
    leaving = entry(name="web-0", reason=old)
    leaving = replace(leaving, facts=replace(leaving.facts, outdated=True))
    mended, done, _ = run(leaving)
    assert (mended, done) == (True, [("Waiting", "pod/web-0")])
    stays = entry(mend.restart(WAITING), reason=old)
    mended, done, _ = run(leaving, stays)
    assert mended
    assert done == [("Restarted", "deployment/web"), ("Waiting", "pod/web-0")]
    assert [group.first for group in whyshown.grouped([leaving, stays])] == [stays, leaving]


def test_what_no_command_mends_is_left():
    mended, done, fixing = run(entry(hint="ask them", reason=Reason.NOT_FOUND))
    assert (mended, done) == (False, [("Left", "pod/web-1")])
    assert fixing.document()[0]["hint"] == "ask them"


def test_what_mends_itself_needs_nothing():
    mended, done, _ = run(entry(hint="wait", reason=Reason.BACK_OFF_ONLY))
    assert (mended, done) == (True, [("Waiting", "pod/web-1")])


def test_pods_go_once_all_is_in_the_template():
    waiting = replace(WAITING, kind="ReplicaSet")
    mended, done, _ = run(
        entry(mend.add_to_template(waiting, "a"), image="a/b:1"),
        entry(mend.add_to_template(waiting, "b"), image="a/c:1"),
    )
    assert mended
    assert done == [
        ("Updated", "replicaset/web"),
        ("Updated", "replicaset/web"),
        ("Deleted", "pod/web-1"),
    ]
    _, done, _ = run(entry(mend.add_to_template(WAITING, "a")))
    assert done == [("Updated", "deployment/web")]


def test_a_bare_pod_is_made_anew_once_with_all_that_it_lacks():
    mended, done, fixing = run(
        entry(mend.recreate(BARE, "a"), image="a/b:1"),
        entry(mend.recreate(BARE, "b"), image="a/c:1"),
        entry(mend.recreate(BARE), image="a/d:1"),
    )
    assert mended
    assert done == [("Recreated", "pod/bare")]
    assert fixing.document()[0]["message"] == "with a, b"


@pytest.mark.parametrize("count", [1, 3])
def test_pods_are_counted(count):
    pods = tuple(replace(BARE, name=f"p-{n}") for n in range(count))
    _, done, _ = run(entry(mend.delete(pods)))
    assert done == [("Deleted", "pod/p-0" + (" and 2 more" if count > 1 else ""))]


def test_a_secret_from_elsewhere_is_for_a_person():
    mended, done, _ = run(entry(mend.copy("pull", "team-b", "team-a")))
    assert (mended, done) == (False, [("Left", "pod/web-1")])
