"""What docs/explanation shows: the commands run as they stand there, and the tests are named."""

import re
import shlex

import pytest

from cluster.paths import CHECKOUT
from tests.support import namedtests
from tests.support.cli import run_regcred
from tests.support.pages import read_page

FOLDER = CHECKOUT / "docs" / "explanation"
PAGES = {path.stem: read_page(path) for path in sorted(FOLDER.glob("*.md"))}
STEPS = [(page, step) for page, read in PAGES.items() for step in read.steps]


@pytest.mark.parametrize(
    ("page", "step"), STEPS, ids=[f"{page}: {step.command[:60]}" for page, step in STEPS]
)
def test_commands_print_what_is_shown(page, step, tmp_path):
    for name, text in PAGES[page].files.items():
        (tmp_path / name).write_text(text)
    program, *args = shlex.split(step.command)
    assert program == "regcred"
    assert "--offline" in args, "the others are typed by tests that have a cluster"
    assert run_regcred(*args, cwd=tmp_path).stdout.decode() == step.output


def test_every_file_is_used():
    shown = {name for read in PAGES.values() for name in read.files}
    used = {word for _, step in STEPS for word in shlex.split(step.command)}
    assert shown <= used


@pytest.mark.parametrize("page", PAGES)
def test_each_names_tests(page):
    assert len(namedtests.named(FOLDER / f"{page}.md")) >= 5


def test_pictures_are_all_shown():
    docs = CHECKOUT / "docs"
    pages = [*docs.rglob("*.md"), *CHECKOUT.glob("*.md")]
    text = "".join(path.read_text() for path in pages)
    pictures = {path.name for path in (docs / "pictures").glob("*.svg")}
    assert {name for name in pictures if f"pictures/{name})" not in text} == set()


def test_the_ways_are_as_many_as_is_said():
    """Each is one to take, a row to compare, and a section."""
    text = (FOLDER / "which-way.md").read_text()
    taken = re.findall(r"^\| (\d) \| .*?\(#([\w-]+)\)", text, re.MULTILINE)
    assert [int(number) for number, _ in taken] == [*range(1, 7)]
    assert "There are six ways" in text
    assert "| six ways to bring" in (CHECKOUT / "README.md").read_text()
    beside = text.partition("## Side by side")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| [A-Z]", beside, re.MULTILINE)) == 6
    titles = {re.sub(r"\W+", "-", each.lower()) for each in re.findall(r"^## (.+)", text, re.M)}
    assert {anchor for _, anchor in taken} <= titles


def test_the_threats_on_one_screen_are_all_that_there_are():
    text = (CHECKOUT / "docs" / "threat-model.md").read_text()
    _, _, rest = text.partition("## On one screen\n")
    screen, _, rest = rest.partition("\n## ")
    titles = re.findall(r"^## (.+)", f"## {rest}", re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles]
    assert re.findall(r"\(#([\w-]+)\)", screen) == anchors[1:-1], "all but assets, and out of scope"
    assert len(screen.splitlines()) <= 20
