"""Where lines on a terminal are broken, and that they are not where there is none."""

import re
import shlex
import sys

import pytest

from regcred.cli.wrapping import cells, wrap
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal

IMAGE = f"registry.example.com/{'team/' * 20}app@sha256:{'0123456789abcdef' * 4}"
PROSE = "a login that is there already is not asked for again, and nothing is written"


def test_between_words():
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 8, first=5, rest=2) == ["one", "two", "three"]
    assert wrap("one two", 7) == ["one two"]
    assert wrap("one  two", 3) == ["one", "two"]
    assert wrap(PROSE, 0) == [PROSE]
    assert " ".join(wrap(PROSE, 20)) == PROSE


def test_what_has_no_blank_is_never_broken():
    lines = wrap(f"cannot pull {IMAGE} from there", 40)
    assert lines == ["cannot pull", IMAGE, "from there"]
    assert wrap("asia.gcr.io/well-known/app:1-2-3", 10) == ["asia.gcr.io/well-known/app:1-2-3"]


LOGIN = "regcred login registry.example.com/team -n a-namespace --name other"
ECHO = """echo '{"kind": "Request", "image": "a b"}' | regcred credential-provider --from ecr"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (LOGIN, [LOGIN]),
        (f"{LOGIN}, or ask somebody", [f"{LOGIN},", "or ask somebody"]),
        (f"or log in: {LOGIN}", ["or log in:", LOGIN]),
        (f"first ({LOGIN}) and so on", ["first", f"({LOGIN})", "and so on"]),
        (f"kubectl {LOGIN} writes it anew", [f"kubectl {LOGIN}", "writes it anew"]),
        (f"by hand: {ECHO}; then try", ["by hand:", f"{ECHO};", "then try"]),
        ('kubectl patch -p \'{"a": ["it\'"\'"\'s"], "b"}\' it', None),
        (
            "what regcred wrote there, the docker config and kubectl's list",
            ["what regcred wrote there, the", "docker config and kubectl's list"],
        ),
    ],
)
def test_a_command_is_never_broken(text, lines):
    assert wrap(text, 32, rest=0) == (lines or [text])


def test_a_quote_that_is_not_closed_keeps_the_rest_together():
    assert wrap("kubectl patch pod 'a b, and c", 10) == ["kubectl patch pod 'a b, and c"]


def test_a_command_of_any_length_is_read_once():
    """As it is where thousands of Pods are to be deleted."""
    command = f"kubectl delete pod {' '.join(f'web-{number}' for number in range(20_000))}"
    assert wrap(f"{command}, then wait", 80) == [f"{command},", "then wait"]


def test_wide_characters_count_as_they_are_seen():
    assert cells("abc") == 3
    assert cells("é") == 1
    assert cells("e\u0301") == 1
    assert cells("名前") == 4
    assert wrap("名前 名前", 7) == ["名前", "名前"]


# -- on a terminal -----------------------------------------------------------------------------

LONG = ("check", "--offline", "IMAGE")


def shown(*args, columns, **options):
    env = {"NO_COLOR": "1", "COLUMNS": str(columns)} | options.pop("env", {})
    with Terminal(*args, env=env, **options) as terminal:
        terminal.finish()
        return terminal.seen.replace("\r\n", "\n")


def test_an_error_goes_on_further_in():
    assert shown(*LONG, columns=50) == (
        "error: --offline needs images, and the logins to\n"
        "  look among\n"
        "hint: regcred check --offline IMAGE --docker-config FILE,\n"
        "  or --secret-file FILE\n"
    )
    assert shown(*LONG, columns=140).count("\n") == 2


@pytest.mark.parametrize("columns", ["", "0", "-5", "none of these"])
def test_a_terminal_that_does_not_say_how_wide_it_is(columns):
    assert shown(*LONG, columns=columns) == shown(*LONG, columns=80)


def test_a_terminal_that_says_how_wide_it_is():
    command = shlex.join([sys.executable, "-m", "regcred", *LONG])
    seen = shown(columns="", program=("sh", "-c", f"stty columns 50; {command}"))
    assert seen == shown(*LONG, columns=50)
    assert seen == shown(columns="", program=("sh", "-c", f"stty columns 50; {command} | cat"))


def test_colours_take_no_room():
    coloured = shown(*LONG, columns=50, env={"NO_COLOR": ""})
    assert re.sub(r"\x1b\[\d+m", "", coloured) == shown(*LONG, columns=50) != coloured


def test_without_a_terminal_a_finding_is_a_line():
    done = run_regcred(*LONG, env={"COLUMNS": "40"}, check=2)
    assert done.stderr.count(b"\n") == 2
