"""Colours: one place decides whether there are any, and a word has the same one in all verbs."""

import ast
import io
import re
from pathlib import Path

import pytest

from regcred.cli import checklines, checktable, injected, output, report
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal

CLI = Path(output.__file__).parent
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_only_one_place_decides_and_writes_escapes():
    for path in CLI.glob("*.py"):
        code = ast.dump(ast.parse(path.read_text()))
        if path.name != "output.py":
            assert "\\x1b" not in code, path
            for node in ast.walk(ast.parse(path.read_text())):
                named = isinstance(node, ast.Constant) and node.value in ("NO_COLOR", "TERM")
                assert not named, f"{path}: ask output.is_plain"


def test_what_a_colour_means_is_the_same_in_all_tables():
    """Red is a failure, yellow wants a look, dim is nothing to see, green is good."""
    verdicts = {outcome.value.lower(): c for outcome, c in checktable._COLOURS.items()}
    results = {word.lower(): colour for word, colour in report._COLOURS.items()}
    assert verdicts["fail"] == results["failed"] == "red"
    assert verdicts["unknown"] == results["stuck"] == results["notasked"] == "yellow"
    assert verdicts["skipped"] == results["unchanged"] == "dim"
    assert verdicts["ok"] == "green", "and green is what a result has otherwise"
    colours = {*verdicts.values(), *results.values(), *injected._DIFF_COLOURS.values()}
    assert colours <= output._COLOURS.keys()
    assert checklines.HINT == "hint", "which is cyan wherever it stands"


@pytest.mark.parametrize("word", ["error", "warning", "hint"])
def test_paint_is_for_terminals_alone(word, monkeypatch):
    class Tty(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.paint(word, "red", Tty()) == f"\x1b[31m{word}\x1b[0m"
    assert output.paint(word, "red", io.StringIO()) == word
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as there:
            there.setenv(name, value)
            assert output.is_plain()
            assert output.paint(word, "red", Tty()) == word


ON_A_TERMINAL = {
    "error": ("logout",),
    "secret": (
        "secret",
        "pull",
        "--docker-username=me",
        "--docker-password=hush",
        "--dry-run=client",
    ),
    "check": ("check", "--no-cluster", "bad image", "--docker-config", "config.json"),
}


def lines(text):
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("args", ON_A_TERMINAL.values(), ids=ON_A_TERMINAL)
def test_without_colours_it_says_the_same(args, tmp_path):
    (tmp_path / "config.json").write_text("{}")

    def seen(**env):
        with Terminal(*args, env=env, cwd=tmp_path) as terminal:
            terminal.finish()
            return terminal.seen

    coloured, plain, dumb = seen(), seen(NO_COLOR="1"), seen(TERM="dumb")
    assert "\x1b" not in plain + dumb
    # A heading is painted as wide as its column.
    assert lines(plain) == lines(dumb) == lines(ESCAPE.sub("", coloured))
    assert args[0] == "secret" or ESCAPE.search(coloured)
    done = run_regcred(*args, cwd=tmp_path, check=None)
    assert b"\x1b" not in done.stdout + done.stderr
