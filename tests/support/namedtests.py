"""Tests that a page of docs/ names as what holds a claim.

A page says so by a link to the test's file, with the function as the text (in backticks or not),
`[test_x](../../tests/unit/test_y.py)`, or by pytest's name of it in backticks,
`` `tests/unit/test_y.py::test_x` ``. A link to a file of tests/ with another text names the file.
"""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = CHECKOUT / "docs"

# A link may be broken over two lines; what is shown as an example is in a fence.
_LINK = re.compile(r"\[([^\[\]]*)\]\(\s*((?:\.\./)+tests/[^)\s#]*)[^)]*\)")
_CODE = re.compile(r"`(tests/[\w./-]*\.py)(?:::([\w:]+))?[^`]*`")
_FENCE = re.compile(r"^( *)(```|~~~)[\s\S]*?^\1\2 *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NamedTest:
    """A test that a page names.

    Args:
        path: of the file, from the checkout; as the page has it, so perhaps of none.
        function: with its class before it, where the page says so; empty for all of the file.
    """

    path: str
    function: str = ""

    def __str__(self) -> str:
        return f"{self.path}::{self.function}" if self.function else self.path

    @property
    def exists(self) -> bool:
        """Whether there is such a file with such a test in it."""
        if not self.function:
            return (CHECKOUT / self.path).exists()
        return self.function in _functions(self.path)


def named(page: Path) -> list[NamedTest]:
    """The tests that `page`, a file of docs/, names; in its order, each once."""
    return in_text(page.read_text(), page.relative_to(CHECKOUT).parent.as_posix())


def in_text(text: str, folder: str = "docs") -> list[NamedTest]:
    """The same of the text of a page in `folder`, from the checkout."""
    text = _FENCE.sub("", text)
    found = [
        (match.start(), _of_link(match[1], posixpath.normpath(f"{folder}/{match[2]}")))
        for match in _LINK.finditer(text)
    ]
    found += [(at.start(), NamedTest(at[1], at[2] or "")) for at in _CODE.finditer(text)]
    return [*dict.fromkeys(test for _, test in sorted(found, key=lambda each: each[0]))]


def missing(page: Path) -> list[str]:
    """Those that do not exist."""
    return [str(test) for test in named(page) if not test.exists]


def _of_link(shown: str, path: str) -> NamedTest:
    function = re.fullmatch(r"(?:.*::)?(\w+)", shown.strip().strip("`"))
    return NamedTest(path, function[1] if function and function[1].startswith("test_") else "")


@cache
def _functions(path: str) -> frozenset[str]:
    """All tests of a file, those of classes both with the class's name and without it."""
    try:
        tree = ast.parse((CHECKOUT / path).read_text())
    except OSError:
        return frozenset()
    found = {*_tests(tree)}
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            own = {*_tests(each)}
            found |= own | {f"{each.name}::{name}" for name in own} | {each.name}
    return frozenset(found)


def _tests(tree: ast.Module | ast.ClassDef) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [e.name for e in tree.body if isinstance(e, kinds) and e.name.startswith("test_")]
