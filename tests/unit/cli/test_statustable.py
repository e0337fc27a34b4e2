"""What the columns of `regcred status` say."""

from datetime import UTC, datetime, timedelta

import pytest

from regcred.cli.statustable import cells, lines, table
from regcred.core.namespace.statusreport import Attachment, Row
from regcred.core.problem import Reason

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NAMESPACE, REGISTRY, SECRET, ATTACHED, MANAGED_BY, EXPIRES, FAILING = range(7)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (59, "in 0 min"),
        (3599, "in 59 min"),
        (3600, "in 1 h"),
        (47.9 * 3600, "in 47 h"),
        (48 * 3600, "in 2 d"),
        (4000 * 86400, "in 4,000 d"),
        (0, "0 min ago"),
        (-7200, "2 h ago"),
    ],
)
def test_when_it_expires(seconds, said):
    row = Row("a", expires=NOW + timedelta(seconds=seconds), expired=seconds <= 0)
    assert cells(row, NOW)[EXPIRES] == said


def test_what_says_not_when():
    assert cells(Row("a", short_lived=True), NOW)[EXPIRES] == "within 1 h"
    assert cells(Row("a", static=True), NOW)[EXPIRES] == "never"
    assert cells(Row("a"), NOW)[EXPIRES] == "-"


@pytest.mark.parametrize(
    ("attachment", "pods", "said"),
    [
        (None, None, "-"),
        (Attachment(("a", "b"), ("a",)), 2, "1/2"),
        (Attachment(("a",), ()), 0, "0/1"),
        (Attachment(("a",), ()), 1, "0/1, 1 Pod"),
        (Attachment(("a",), ()), 1200, "0/1, 1,200 Pods"),
        (Attachment(("a",), None), 2, "?/1"),
        (Attachment(None, ("a",)), None, "1/?"),
        (Attachment(None, ()), None, "0/?"),
        (Attachment(None, None), None, "?"),
    ],
)
def test_where_it_is_attached(attachment, pods, said):
    assert cells(Row("a", attachment=attachment, pods=pods), NOW)[ATTACHED] == said


@pytest.mark.parametrize(
    ("attached", "said"), [((), "admission"), (None, "admission"), (("a",), "1/1")]
)
def test_where_admission_names_it_on_pods(attached, said):
    row = Row("a", attachment=Attachment(("a",), attached), pods=2, for_pods=True)
    assert cells(row, NOW)[ATTACHED] == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row("a", "gcr.io", "s"), ("gcr.io", "s")),
        (Row("a", "gcr.io"), ("gcr.io", "-")),
        (Row("a", None, "s", reason=Reason.UNKNOWN), ("?", "s")),
        (Row("a", "gcr.io", None), ("gcr.io", "?")),
        (Row("a", "", "s", reason=Reason.SECRET_MISSING), ("-", "s (missing)")),
        (Row("a", "", "s", reason=Reason.SECRET_MALFORMED), ("-", "s (SecretMalformed)")),
    ],
)
def test_what_is_named(row, said):
    assert cells(row, NOW)[REGISTRY : SECRET + 1] == said


def test_docker_hub_without_scheme_and_path():
    assert cells(Row("a", "https://index.docker.io/v1/"), NOW)[REGISTRY] == "index.docker.io"
    assert cells(Row("a", "https://index.docker.io/v2/"), NOW)[REGISTRY] != "index.docker.io"


def test_how_many_fail():
    assert cells(Row("a", failing=None), NOW)[FAILING] == "?"
    assert cells(Row("a", failing=()), NOW)[FAILING] == "-"
    assert cells(Row("a", failing=("p",) * 1234), NOW)[FAILING] == "1,234"


def test_what_others_wrote_cannot_pass_for_a_line_of_ours():
    text = lines([Row("a", "x\n\x1b[31mb", "s", managed_by="me\tand you")], NOW)
    assert text.count("\n") == 2
    assert "\x1b" not in text
    assert "x\\n\\x1b[31mb" in text


def test_nothing_is_no_table():
    assert lines([], NOW) == ""


class TestTable:
    ROWS = (
        Row("night-b", "127.0.0.1:28631", "login", Attachment(("d",), ("d",)), failing=("p",)),
        Row("night-b", "https://index.docker.io/v1/", "hub", managed_by="kubectl-create"),
        Row("night-b", "ghcr.io", failing=("p", "q")),
    )

    @pytest.fixture(autouse=True)
    def plain(self, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.delenv("FORCE_COLOR", raising=False)

    def test_in_one_line_where_it_fits(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "140")
        assert table(self.ROWS, NOW) == lines(self.ROWS, NOW)

    def test_the_secret_below_its_registry_and_the_heads_likewise(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "75")
        assert table(self.ROWS, NOW).splitlines() == [
            "NAMESPACE  REGISTRY         ATTACHED  MANAGED BY      EXPIRES  FAILING",
            "             SECRET",
            "night-b    127.0.0.1:28631  1/1       -               -        1",
            "             login",
            "night-b    index.docker.io  -         kubectl-create  -        -",
            "             hub",
            "night-b    ghcr.io          -         -               -        2",
        ]

    def test_names_break_between_their_parts(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "64")
        long = Row("night", "europe-docker.pkg.dev/project/images", "team-robot (missing)")
        assert [line[:26].rstrip() for line in table([long], NOW).splitlines()] == [
            "NAMESPACE  REGISTRY",
            "           SECRET",
            "night      europe-docker",
            "           .pkg.dev/",
            "           project/",
            "           images",
            "           team-robot",
            "           (missing)",
        ]

    def test_a_terminal_that_is_far_too_narrow_loses_no_name(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        text = table(self.ROWS, NOW)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= 40

    def test_of_nothing(self):
        assert table([], NOW) == ""
