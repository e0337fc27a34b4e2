"""The chart's README.md, whose table of values is made from the comments in values.yaml.

A comment right above a key is that key's line in the table. A mapping whose keys have comments of
their own is told key by key, every other value is one line with its default. A value that nobody
described is an error: the table has all of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEGIN, _END = "<!-- values -->\n", "<!-- /values -->\n"


def readme(chart: Path) -> str:
    """What README.md of a chart should say: its own text, with the table of today.

    Args:
        chart: the chart's folder.

    Raises:
        ValueError: a value without a comment, or a README without a place for the table.
    """
    text = (chart / "README.md").read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"README.md has no place between {_BEGIN!r} and {_END!r}")
    return f"{before}{begin}{table((chart / 'values.yaml').read_text())}{end}{after}"


def table(values: str) -> str:
    """The table of values, Markdown.

    Args:
        values: the content of values.yaml.

    Raises:
        ValueError: a value has no comment.
    """
    root = yaml.compose(values)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("values.yaml is not a mapping")  # noqa: TRY004 - it is about content
    rows = [
        f"| `{path}` | `{default}` | {comment} |"
        for path, default, comment in _described(root, "", values.splitlines())
    ]
    return "\n".join(["| value | default | what it is |", "| --- | --- | --- |", *rows, ""])


def _described(
    node: yaml.MappingNode, prefix: str, lines: list[str]
) -> Iterator[tuple[str, str, str]]:
    """Path, default and comment of each value."""
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode) and any(
            _comment(lines, inner.start_mark.line)
            for inner, _ in value.value
            if inner.start_mark.line > key.start_mark.line
        ):
            yield from _described(value, f"{path}.", lines)
        elif comment := _comment(lines, key.start_mark.line):
            default = yaml.SafeLoader("")
            yield path, json.dumps(default.construct_document(value)), comment
        else:
            raise ValueError(f"values.yaml: {path} has no comment")


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line."""
    words: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].lstrip("# "))
    return " ".join(words)
