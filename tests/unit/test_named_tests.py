"""Pages name the tests that hold what they claim: those tests exist."""

import pytest

from tests.support import namedtests
from tests.support.namedtests import NamedTest, in_text

PAGES = [page for page in sorted(namedtests.DOCS.rglob("*.md")) if namedtests.named(page)]
HERE = "tests/unit/test_named_tests.py"
THIS = "test_links_and_names_are_found"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    assert namedtests.missing(page) == []


def test_links_and_names_are_found():
    text = (
        f"It holds ([`{THIS}`](../../{HERE})), as [{THIS}\n](../../{HERE}) and `{HERE}::{THIS}`\n"
        f"[these](../../{HERE}#L3), `{HERE}`; [not this](../../src/regcred/child.py).\n"
        f"```text\n`{HERE}::test_shown`\n```\n"
    )
    assert in_text(text, "docs/explanation") == [NamedTest(HERE, THIS), NamedTest(HERE)]


@pytest.mark.parametrize(
    ("test", "exists"),
    [
        (NamedTest(HERE), True),
        (NamedTest(HERE, THIS), True),
        (NamedTest(HERE, "test_that_is_gone"), False),
        (NamedTest("tests/unit/test_gone.py"), False),
        (NamedTest("tests/unit/test_gone.py", THIS), False),
        (NamedTest(HERE, "NamedTest"), False),
    ],
    ids=str,
)
def test_only_what_there_is_exists(test, exists):
    assert test.exists == exists
