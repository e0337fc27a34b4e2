"""Parts of a Markdown page that are made, between two comments that name them.

What stands around ``<!-- NAME:begin -->`` … ``<!-- NAME:end -->`` is written by hand, and stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def filled(text: str, name: str, content: str) -> str:
    """A page with one of its parts made anew.

    Args:
        text: the page.
        name: of the part.
        content: what is to stand there.

    Raises:
        ValueError: the page has no such part, or several.
    """
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in after:
        raise ValueError(f"the page has not one place between {begin!r} and {end!r}")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    Args:
        head: the columns' names.
        rows: cells, in which a ``|`` is a character and parts no columns.
    """
    lines = [f"| {' | '.join(map(_cell, cells))} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(re.sub(r"\|  (?=\|)", "| ", line) for line in lines)


def escaped(words: str) -> str:
    """Words of the program as Markdown, which takes none of their characters for its own."""
    return re.sub(r"([*_<])", r"\\\1", " ".join(words.split()))


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
