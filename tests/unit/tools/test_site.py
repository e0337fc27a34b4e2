"""`make docs`: what it refuses, and that the site asks nobody else for anything."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from cluster.paths import CHECKOUT

DOCS = CHECKOUT / "docs"


def build(folder, *arguments):
    """As `make docs` does it, in a folder."""
    makefile = (CHECKOUT / "Makefile").read_text()
    (command,) = re.findall(r"-m mkdocs \$\(or \$\(ARGS\),(.*)\)$", makefile, re.MULTILINE)
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *shlex.split(command), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        timeout=120,
    )


@pytest.fixture
def checkout(tmp_path):
    """What the site is made of, to be spoilt."""
    for name in ("docs", "charts", "cluster", "integrations", "tests", "src"):
        if name == "docs":
            shutil.copytree(CHECKOUT / name, tmp_path / name)
        else:
            (tmp_path / name).symlink_to(CHECKOUT / name)
    (tmp_path / "tools").mkdir()
    for name in ("mkdocs.yml", "tools/site.py", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    return tmp_path


def test_dead_links_fail(checkout):
    page = checkout / "docs" / "how-to" / "spoilt.md"
    page.write_text(
        "# Spoilt\n\n[a](nowhere.md)\n[b](operator.md#nowhere)\n[c](../../nowhere.py)\n"
        "[d](#nowhere)\n[e](../../CHANGELOG.md#nowhere)\n"
        "[fine](../../CHANGELOG.md) [fine](../../tools/site.py)\n"
        "What follows is no list:\n- a\n"
    )
    (checkout / "docs" / "nobody-links.md").write_text("# Nobody\n")
    done = build(checkout)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "spoilt.md" in line]
    assert len(told) == 6, done.stderr
    assert "spoilt.md, line 10 of the text" in done.stderr
    assert re.search(r'not included in the "nav".*\n +- nobody-links\.md', done.stderr)
    assert "Aborted with 7 warnings" in done.stdout + done.stderr


def test_the_site_loads_nothing_from_elsewhere(tmp_path):
    done = build(CHECKOUT, "--site-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    pages = [*tmp_path.rglob("*.html")]
    assert len(pages) > 30
    loads = re.compile(r'<(?:script|img|iframe|source)[^>]* src="?(https?:[^" >]+)')
    links = re.compile(r'<link(?![^>]* rel="?(?:canonical|next|prev))[^>]* href="?(https?:[^" >]+)')
    for page in pages:
        text = page.read_text()
        assert loads.findall(text) + links.findall(text) == [], page
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:|@import", sheet.read_text()), sheet


TESTS = {
    path: path.read_text()
    for path in (CHECKOUT / "tests").rglob("*.py")
    if path.name != "test_site.py"
}


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")), ids=str
)
def test_a_page_with_commands_is_one_that_a_test_reads(page):
    """By its name, or as one of a folder; that its commands are run is that test's to see to.

    Those of the command line's page are the examples of ``--help``, which `test_help` holds.
    """
    shown = re.search(r"^ *```(sh|console)\n", (DOCS / page).read_text(), re.MULTILINE)
    if not shown or page == "reference/cli.md":
        return
    folder, _, name = page.rpartition("/")
    wanted = re.compile(rf'"(docs/{re.escape(page)}|{re.escape(name)})"')
    assert any(
        wanted.search(text) or (f'/ "{folder}"\n' in text and '.glob("*.md")' in text)
        for text in TESTS.values()
    ), f"no test reads {page}"
