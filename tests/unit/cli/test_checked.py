"""How verdicts are shown, and which exit code they make."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from regcred.cli.checked import Result, grouped, place, show_lookups, workflow_commands
from regcred.cli.checking import Checked, Platforms
from regcred.cli.checklines import lines
from regcred.cli.checktable import table
from regcred.cli.junit import junit
from regcred.core.credential import Credential, Password
from regcred.core.diagnosis.verdict import Outcome, Verdict
from regcred.core.logins.keyring import Candidate, Keyring
from regcred.core.logins.lookup import look_up
from regcred.core.pods.podtemplate import Container, PodTemplate
from regcred.core.problem import Problem, Reason
from regcred.core.registry.platform import Platform

HOSTILE = "a%b,c:d\n::error::x\x1b[31m \x00<&\"'>\ud800"
LOGIN = Candidate(Credential("me:hush@gcr.io", "me", Password("hush")), "gcr.io", "Secret n/s", 0)
OK = Verdict(Outcome.OK, Reason.OK, "user me", candidate=LOGIN, digest="sha256:d")
SKIPPED = Verdict(Outcome.SKIPPED, Reason.NEVER_PULLED, "never")
UNREAD = Problem(Reason.UNKNOWN, "no right", "get it", "pods in 'n'")


def fail(reason=Reason.UNAUTHORIZED, **fields):
    return Verdict(Outcome.FAIL, reason, f"it says {reason}", "mend it", **fields)


UNKNOWN = Verdict(Outcome.UNKNOWN, Reason.UNKNOWN, "not known")
LOST = fail(Reason.UNREACHABLE)


def checked(verdict, image="gcr.io/p/app:1", name="deployment/web", **fields):
    template = PodTemplate(name, "n" if name else "", "default", (), (), **fields)
    container = Container("app", image, line=7 if fields.get("file") else 0)
    return Checked(template, container, look_up(Keyring.build(()), image), verdict)


def result(*verdicts, **fields):
    return Result([checked(verdict) for verdict in verdicts], **fields)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (result(), 0),
        (result(OK, SKIPPED), 0),
        (result(OK, fail()), 1),
        (result(OK, UNKNOWN), 1),
        (result(OK, LOST), 3),
        (result(LOST, fail()), 1),
        (result(LOST, UNKNOWN), 1),
        (result(OK, unread=[UNREAD]), 1),
        (result(LOST, unread=[UNREAD]), 1),
        (result(UNKNOWN, cluster_lost=True), 3),
        (result(UNKNOWN, LOST, cluster_lost=True), 3),
        (result(UNKNOWN, fail(), cluster_lost=True), 1),
        (result(OK, cluster_lost=True), 0),
    ],
)
def test_exit_codes(made, code):
    assert made.exit_code == code


def test_lookups_come_with_hints(capsys):
    found = look_up(Keyring.build(()), "gcr.io/p/app:1")
    other = replace(found, problems=(Problem(Reason.UNKNOWN, "why"),))
    show_lookups([found, other], "table")
    assert capsys.readouterr().out.splitlines() == [
        "gcr.io/p/app:1",
        "  NoCredential: no pull Secret is named",
        "    hint: regcred login gcr.io",
        "gcr.io/p/app:1",
        "  Unknown: why",
    ]


def test_json():
    warning = Problem(Reason.LATEST_TAG, "has no tag", "name one")
    made = Result(
        [checked(OK, file="a.yaml"), checked(fail(warnings=(warning,)), name="")],
        [UNREAD],
        [warning],
    ).to_dict()
    assert made["images"][0] == {
        "image": "gcr.io/p/app:1",
        "normalized": "gcr.io/p/app:1",
        "object": "deployment/web",
        "namespace": "n",
        "container": "app",
        "file": "a.yaml",
        "line": 7,
        "verdict": "ok",
        "reason": "Ok",
        "message": "user me",
        "source": "Secret n/s",
        "registry": "***@gcr.io",
        "username": "me",
        "digest": "sha256:d",
    }
    assert made["images"][1]["warnings"] == [
        {"reason": "LatestTag", "message": "has no tag", "hint": "name one"}
    ]
    assert made["unread"] == [
        {"reason": "Unknown", "message": "no right", "hint": "get it", "source": "pods in 'n'"}
    ]
    assert made["summary"] == {"ok": 1, "fail": 1, "unknown": 0, "skipped": 0}
    assert len(made["unknown"]) == 3
    assert "hush" not in json.dumps(made)


def test_junit_is_xml_whatever_is_in_it():
    bad = checked(Verdict(Outcome.FAIL, Reason.NOT_FOUND, HOSTILE, HOSTILE), HOSTILE, HOSTILE)
    warned = checked(fail(warnings=(Problem(Reason.LATEST_TAG, HOSTILE),)), file=HOSTILE)
    rest = [checked(OK, name=""), checked(UNKNOWN), checked(SKIPPED)]
    text = junit(Result([bad, warned, *rest], [UNREAD]))
    root = ET.fromstring(text.encode())  # noqa: S314 - it is ours
    (suite,) = root
    assert suite.attrib == {
        "name": "regcred check",
        "tests": "6",
        "failures": "2",
        "errors": "2",
        "skipped": "1",
    }
    kinds = [[child.tag for child in case] for case in suite]
    assert kinds == [
        ["failure"],
        ["failure", "system-out"],
        ["system-out"],
        ["error"],
        ["skipped"],
        ["error"],
    ]
    assert suite[0][0].attrib["type"] == "NotFound"
    assert suite[2].attrib["classname"] == "images"
    assert suite[3].attrib["name"] == "app: gcr.io/p/app:1"


def test_workflow_commands_stay_one_line_each():
    bad = checked(Verdict(Outcome.FAIL, Reason.NOT_FOUND, HOSTILE, "a hint"), HOSTILE, "pod/p")
    lines = list(workflow_commands(Result([bad, checked(OK)], [UNREAD], [UNREAD])))
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::warning"]
    assert not any(set(line) & set("\n\r\x1b\x00") for line in lines)
    assert lines[0].startswith("::error title=NotFound::a%25b,c:d\\n::error::x")
    assert lines[0].endswith("%0Ahint: a hint")
    assert lines[1] == "::error title=Unknown::pods in 'n': no right%0Ahint: get it"


def test_workflow_commands_name_the_place():
    where = PodTemplate("pod/p", "n", "default", (), (), file="a,b:c.yaml")
    container = Container("app", "x")
    lookup = look_up(Keyring.build(()), "x")
    (line,) = workflow_commands(Result([Checked(where, container, lookup, fail())]))
    assert line.startswith("::error file=a%2Cb%3Ac.yaml,title=Unauthorized::x (pod/p in n): ")
    (line,) = workflow_commands(Result([checked(fail(), file="a.yaml")]))
    assert line.startswith("::error file=a.yaml,line=7,title=Unauthorized::")
    (line,) = workflow_commands(Result([checked(fail(), file="<stdin>")]))
    assert line.startswith("::error title=")


def test_equal_verdicts_stand_together():
    names = [f"pod/p{number}" for number in range(5)]
    groups = grouped([*(checked(OK, name=name) for name in names), checked(fail())])
    assert [group.said for group in groups] == [
        "pod/p0 in n (app), pod/p1 in n (app), pod/p2 in n (app) and 2 more",
        "deployment/web in n (app)",
    ]
    # One hint is not for all of them.
    hints = [replace(fail(), hint=f"mend {name}") for name in names]
    assert len(grouped(map(checked, hints))) == len(names)


def test_who_needs_an_image_and_where_that_stands():
    assert place(checked(OK, file="a.yaml")) == "deployment/web in n (app, a.yaml:7)"
    assert place(checked(OK)) == "deployment/web in n (app)"
    argument = Checked(replace(checked(OK).template, object=""), Container("", "x"), None, OK)
    assert place(argument) == ""


COMMAND = f"regcred login {'registry.' * 30}example.com"


@pytest.mark.parametrize("columns", [80, 140])
def test_commands_in_the_table_can_be_copied(columns):
    odd = Problem(Reason.CUTS_OFF_SERVICEACCOUNT, "it has a list", f"{COMMAND} # too")
    latest = Problem(Reason.LATEST_TAG, "has no tag", "name a version")
    made = Result([checked(replace(fail(), hint=COMMAND, warnings=(odd, latest)), file="a.yaml")])
    shown = table(made, columns).splitlines()
    assert shown[-2:] == [f"hint: {COMMAND}", f"hint: {COMMAND} # too"]
    assert max(map(len, shown[:-2])) <= columns
    assert "a.yaml:7" in "".join(shown)
    assert ("FOR" in shown[0]) == (columns == 140)
    assert "FOR" not in table(Result([argument()]), columns)
    line = lines(made)
    assert line.count("\n") == 1
    assert f"it has a list  hint: {COMMAND} # too  LatestTag: has no tag\n" in line


DIGEST = f"gcr.io/p/app@sha256:{'0123456789abcdef' * 4}"
ODD = Problem(Reason.LATEST_TAG, f"{DIGEST} is odd, and that is all", "name it")
NARROW = f"""\
VERDICT       IMAGE
Unauthorized  {DIGEST}
              deployment/web in n (app)
              it says Unauthorized
              LatestTag:
                {DIGEST}
                is odd, and that is all
hint: mend it
ok            a:1
              deployment/web in n (app)
              user me
"""
WIDE = f"""\
VERDICT       IMAGE                                       FOR                        WHY
Unauthorized  {DIGEST}
                                                          deployment/web in n (app)  it says Unauthorized
                                                                                     LatestTag:
                                                                                       {DIGEST}
                                                                                       is odd, and that is all
hint: mend it
ok            a:1                                         deployment/web in n (app)  user me
"""  # noqa: E501


@pytest.mark.parametrize(("columns", "layout"), [(60, NARROW), (121, WIDE)])
def test_images_in_the_table_can_be_copied(columns, layout):
    made = Result([checked(fail(warnings=(ODD,)), DIGEST), checked(OK, "a:1")])
    assert table(made, columns) == layout
    assert table(Result([]), columns) == ""


def argument():
    found = checked(OK, name="")
    return replace(found, container=Container("", found.container.image))


@pytest.mark.parametrize(
    ("verdict", "known"),
    [
        (OK, False),
        (fail(), True),
        (LOST, True),
        (UNKNOWN, True),
        (fail(Reason.NOT_FOUND), True),
        (fail(Reason.NOT_FOUND, candidate=LOGIN), False),
        (fail(Reason.PLATFORM_MISSING), False),
        (fail(Reason.BAD_REFERENCE), False),
    ],
)
def test_what_only_the_node_knows_is_said_where_it_matters(verdict, known, capsys):
    result(verdict).show("table")
    assert ("only the node knows" in capsys.readouterr().err) is known


def test_verdicts_so_far(capsys):
    made = Result([checked(OK)], interrupted=True, asked=3)
    assert made.show("table") == 130
    said = capsys.readouterr()
    assert said.out.startswith("ok  gcr.io/p/app:1  ")
    assert said.err == "error: interrupted: 1 of 3 images are checked\n"
    assert made.show("json") == 130
    assert capsys.readouterr().out == ""
    assert Result([], interrupted=True).show("table") == 130
    assert "nothing is checked" in capsys.readouterr().err


def template(os="", architecture=""):
    return PodTemplate("pod/p", "n", "default", (), (), os=os, architecture=architecture)


@pytest.mark.parametrize(
    ("nodes", "asked", "pod", "wanted"),
    [
        ([], [], template(), ["linux/amd64"]),
        ([], [], template(architecture="arm64"), ["linux/arm64"]),
        (["linux/arm64", "linux/amd64"], [], template(), ["linux/arm64", "linux/amd64"]),
        (["linux/arm64", "linux/amd64"], [], template(architecture="amd64"), ["linux/amd64"]),
        (["linux/amd64", "windows/amd64"], [], template(), ["linux/amd64"]),
        (["linux/amd64", "windows/amd64"], [], template("windows"), ["windows/amd64"]),
        (["windows/amd64"], [], template(), ["windows/amd64"]),
        (["linux/amd64"], [], template(architecture="s390x"), ["linux/s390x"]),
        (["linux/amd64"], ["linux/arm64"], template(architecture="amd64"), ["linux/arm64"]),
    ],
)
def test_platforms(nodes, asked, pod, wanted):
    parsed = [tuple(map(Platform.parse, each)) for each in (asked, nodes)]
    assert list(map(str, Platforms(*parsed).of(pod))) == wanted
