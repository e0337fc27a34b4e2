"""How ``regcred why`` shows what it found."""

import io
import json
import sys
from dataclasses import replace

import pytest

from regcred.cli import whyshown
from regcred.cli.whyfacts import Entry
from regcred.core.diagnosis.cause import Cause, Diagnosis
from regcred.core.diagnosis.diagnose import diagnose, not_made, other
from regcred.core.diagnosis.facts import Unread
from regcred.core.pods.failing import Failure, NotMade
from regcred.core.problem import Reason
from tests.support.stagedfacts import IMAGE, PASSWORD, auths, stage


def entry(name="web-1", **staged):
    facts = stage(**staged)
    facts = replace(facts, pod=replace(facts.pod, name=name))
    return Entry(diagnose(facts), facts)


def crashed(name="db-0"):
    pod = replace(stage().pod, name=name, owner=("apps/v1", "StatefulSet", "db"))
    failure = Failure("app", "container", IMAGE, "", "CrashLoopBackOff", "it crashes", False)
    return Entry(other(pod, failure))


def refused():
    return Entry(not_made(NotMade("team-a", "Deployment", "web", "exceeded quota: none")))


class Screen(io.StringIO):
    """Standard output that may be a terminal."""

    def __init__(self, terminal=False):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


def shown(monkeypatch, *entries, columns=0, fine=(), env=()):
    screen = Screen(terminal=bool(columns))
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env:
        monkeypatch.setenv(name, value)
    whyshown.show(whyshown.grouped(entries), fine)
    return screen.getvalue()


def test_the_cause_and_the_command_come_first(monkeypatch):
    text = shown(
        monkeypatch, entry(sa=["pull"], secrets={"pull": auths()}, answers={"ann": Reason.OK})
    )
    first, second, third, fourth, *_ = text.splitlines()
    assert first == f"pod/web-1 in team-a: {IMAGE}"
    assert second.startswith("  PodOlderThanAttachment: the Pod was made with no pull Secret")
    assert third == "  mend it:"
    assert fourth == "    kubectl rollout restart deployment/web -n team-a"
    assert "  what is known:\n" in text
    assert "ServiceAccount team-a/default: " in text
    assert "\x1b" not in text


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_lines_fit_a_terminal_and_commands_stay_whole(monkeypatch, columns):
    staged = {
        "own": ["other"],
        "template": ["other"],
        "sa": ["pull"],
        "answers": {"ann": Reason.OK},
    }
    found = entry(secrets={"pull": auths(), "other": auths("other.example")}, **staged)
    text = shown(monkeypatch, found, columns=columns, env=[("NO_COLOR", "1")])
    (command,) = (each.command for cause in found.diagnosis.causes for each in cause.mends)
    lines = text.splitlines()
    assert f"    {command}" in lines
    assert [each for each in lines if len(each) > columns and each != f"    {command}"] == []
    assert shown(monkeypatch, found, columns=columns).count("\x1b[31m") == 1


@pytest.mark.parametrize("columns", [60, 80])
def test_a_second_cause_fits_too(monkeypatch, columns):
    found = entry(sa=["pull"], secrets={"pull": auths()})
    text = shown(monkeypatch, found, columns=columns, env=[("NO_COLOR", "1")])
    commands = {each.command for cause in found.diagnosis.causes for each in cause.mends}
    assert "  also PodOlderThanAttachment: " in text
    long = [each for each in text.splitlines() if len(each) > columns]
    assert {each.strip() for each in long} <= commands


def test_pods_of_one_owner_are_one_entry(monkeypatch):
    pods = [entry(f"web-{n}") for n in range(100)]
    text = shown(monkeypatch, *pods, entry("other-1", secrets={"a": auths()}, own=["a"]))
    titles = [line for line in text.splitlines() if line.startswith("pod/")]
    assert titles == [
        f"pod/web-0 and 99 more in team-a: {IMAGE}",
        f"pod/other-1 in team-a: {IMAGE}",
    ]
    groups = whyshown.grouped(pods)
    assert whyshown.summary(groups) == "100 pulls fail, in 100 Pods: 100 NoCredential"
    assert len(whyshown.to_dict(pods, [])["pods"]) == 100


def test_two_containers_with_one_image_are_one_pod(monkeypatch):
    text = shown(monkeypatch, entry(), entry())
    assert text.splitlines()[0] == f"pod/web-1 in team-a: {IMAGE}"
    assert text.count("pod/web-1") == 1


def test_the_summary_says_what_it_counts():
    several = [entry(image="a/b:1"), entry(image="a/c:1"), entry(answers={None: Reason.NOT_FOUND})]
    groups = whyshown.grouped([*several, crashed(), crashed("db-1"), refused()])
    assert whyshown.summary(groups) == (
        "3 pulls fail, in 1 Pod: 2 NoCredential, 1 NotFound; "
        "2 Pods fail for what is no pull; 1 owner cannot create Pods"
    )
    assert whyshown.summary(whyshown.grouped([crashed()])) == "1 Pod fails for what is no pull"


def test_what_needs_somebody_comes_first(monkeypatch):
    mended = {"own": ["pull"], "secrets": {"pull": auths()}, "answers": {"ann": Reason.OK}}
    text = shown(monkeypatch, crashed(), entry("later", **mended), refused(), entry("first"))
    titles = [line.split()[0] for line in text.splitlines() if line[:1].strip()]
    assert titles == ["pod/first", "deployment/web", "pod/later", "pod/db-0"]
    assert "BackOffOnly" in text


def test_commands_among_hints_stand_alone(monkeypatch):
    text = shown(monkeypatch, crashed())
    assert "  hint:\n    kubectl logs db-0 -n team-a -c app --previous\n" in text
    text = shown(monkeypatch, entry(answers={None: Reason.NOT_FOUND}))
    assert "  hint: " in text or "  hint:\n" in text


def test_more_causes_follow(monkeypatch):
    causes = (Cause(Reason.UNAUTHORIZED, "one"), Cause(Reason.SECRET_MISSING, "two"))
    facts = stage()
    found = Entry(Diagnosis(facts.pod, facts.failure, causes), facts)
    assert shown(monkeypatch, found).splitlines()[1:] == [
        "  Unauthorized: one",
        "  also SecretMissing: two",
    ]


def test_what_runs_is_said(monkeypatch):
    assert shown(monkeypatch, fine=["pod/a in team-a runs"]) == "pod/a in team-a runs\n"
    text = shown(monkeypatch, entry(), fine=["1 more"])
    assert text.endswith("\n\n1 more\n")


def test_names_cannot_pass_for_lines_of_ours(monkeypatch):
    causes = (Cause(Reason.UNAUTHORIZED, "one\nregcred: all is well \x1b[2J"),)
    facts = stage()
    text = shown(monkeypatch, Entry(Diagnosis(facts.pod, facts.failure, causes), facts))
    assert "one\\nregcred: all is well \\x1b[2J" in text


def test_shape_of_json():
    unread = [Unread("events in team-a", "list events in team-a"), Unread("nodes", why="it failed")]
    found = whyshown.to_dict([entry(unread=unread[:1]), crashed(), refused()], unread)
    pulls, crash, missing = found["pods"]
    assert set(pulls) == {
        "namespace",
        "name",
        "owner",
        "node",
        "container",
        "image",
        "state",
        "causes",
        "evidence",
        "notExcluded",
    }
    assert (pulls["namespace"], pulls["name"], pulls["owner"]) == (
        "team-a",
        "web-1",
        "deployment/web",
    )
    assert (pulls["container"], pulls["image"], pulls["node"]) == ("app", IMAGE, "node-1")
    assert set(pulls["causes"][0]) <= {"reason", "message", "hint", "commands"}
    assert pulls["causes"][0]["reason"] == "NoCredential"
    assert all(set(each) == {"fact", "source"} for each in pulls["evidence"])
    assert any("list events in team-a" in each for each in pulls["notExcluded"])
    assert (crash["owner"], crash["state"]) == ("statefulset/db", "CrashLoopBackOff")
    assert crash["causes"][0]["reason"] == "NotAPullProblem"
    assert missing["owner"] == "deployment/web"
    assert "name" not in missing
    assert found["unread"] == [
        {"what": "events in team-a", "right": "list events in team-a"},
        {"what": "nodes", "why": "it failed"},
    ]


def test_no_password_is_shown(monkeypatch):
    found = entry(own=["pull"], secrets={"pull": auths()})
    document = json.dumps(whyshown.to_dict([found], []))
    assert PASSWORD not in document + shown(monkeypatch, found)
