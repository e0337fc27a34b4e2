"""Where and how entries of ``imagePullSecrets`` are put into the text of a manifest.

Text is inserted and never replaced: lines into a block, an entry into a flow sequence. What is
inserted follows its surroundings: indentation, line ends, quotes and spacing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.formats import goyaml
from regcred.core.manifests.manifestpath import FIELD
from regcred.core.manifests.manifesttree import (
    BREAKS,
    MERGE,
    Mapping,
    NotYAML,
    Scalar,
    Sequence,
    Tree,
)

if TYPE_CHECKING:
    from collections.abc import Sequence as Names

_BREAK = re.compile(f"\r\n|[{BREAKS}]")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"\s*:')
_LAST_LINE = re.compile(r"\r?\n[ \t]*}\Z")
_PLAIN = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text that is put in.

    Args:
        at: offset in the old text, in characters.
        text: what is put there.
    """

    at: int
    text: str

    @property
    def indent(self) -> int:
        """How many spaces its first line starts with."""
        line = self.text.lstrip("\r\n")
        return len(line) - len(line.lstrip(" "))


def apply(text: str, insertions: Names[Insertion]) -> str:
    """`text` with `insertions`, which are sorted by their offsets."""
    parts = []
    at = 0
    for insertion in insertions:
        parts += [text[at : insertion.at], insertion.text]
        at = insertion.at
    parts.append(text[at:])
    return "".join(parts)


def add_list(
    text: str, tree: Tree, holder: Mapping, missing: tuple[str, ...], names: Names[str]
) -> Insertion:
    """Give `holder`, which has no list, one with `names`.

    Args:
        text: the document.
        tree: of the document.
        holder: the mapping that gets the list.
        missing: keys that are made between it and the list.
        names: of the Secrets.

    Raises:
        NotYAML: there is no place for it.
    """
    keys = (*missing, FIELD)
    if holder.flow:
        return _into_braces(text, tree, holder, keys, names)
    dash = _dash(tree, holder)
    lines = []
    column = holder.column
    for key in keys:
        lines.append(f"{' ' * column}{key}:")
        column += tree.width or 2
    column -= tree.width or 2
    lines += [f"{' ' * (column + dash)}- name: {_scalar(name)}" for name in names]
    return _lines(text, tree, _line_for_key(text, tree, holder), lines)


def fill_list(
    text: str, tree: Tree, holder: Mapping, value: Scalar, names: Names[str]
) -> Insertion:
    """Put `names` behind a key of `holder` that has no value.

    Raises:
        NotYAML: there is no place for them.
    """
    end = value.end
    while text[end - 1 : end] in (" ", "\t"):
        end -= 1
    if text[end - 1 : end] != ":":
        raise NotYAML(f"{FIELD} has no ':' behind it", value.start, hint=f"write {FIELD}: []")
    if holder.flow:
        return Insertion(end, f" [{_entries(names, '', ': ', ', ')}]")
    indent = " " * (holder.column + _dash(tree, holder))
    lines = [f"{indent}- name: {_scalar(name)}" for name in names]
    return _lines(text, tree, _line_behind(text, end), lines)


def extend_list(text: str, tree: Tree, entries: Sequence, names: Names[str]) -> Insertion:
    """Put `names` at the end of the list `entries`.

    Raises:
        NotYAML: there is no place for them.
    """
    if entries.flow:
        return _into_brackets(text, tree, entries, names)
    indent = " " * entries.column
    lines = [f"{indent}- name: {_scalar(name)}" for name in names]
    return _lines(text, tree, _line_behind(text, entries.end), lines)


def _dash(tree: Tree, holder: Mapping) -> int:
    """How far to the right of their key the dashes of a list in `holder` stand."""
    for _, _, value in holder.entries:
        if isinstance(value, Sequence) and not value.flow and value.column >= holder.column:
            return value.column - holder.column
    return tree.dash or 0


def _line_for_key(text: str, tree: Tree, holder: Mapping) -> int:
    """The offset of a line at which a key of the block `holder` may stand."""
    metadata, merge = holder.get("metadata"), holder.get(MERGE)
    if merge is not None:
        # go-yaml lets a merge key overrule those before it.
        return _line_behind(text, merge.end)
    if metadata is not None and not isinstance(metadata, Scalar) and holder.get("kind"):
        # An object itself: people put fields of their own behind the metadata.
        place = _line_behind(text, metadata.end)
        if place < len(text) or not tree.open_end:
            return place
    start = holder.first - holder.column
    if _blank(text, start, holder.first):
        return start if start == 0 else _above_comments(text, start)
    # Its first key stands behind a dash or the like.
    return _line_behind(text, holder.end)


def _blank(text: str, start: int, end: int) -> bool:
    return not text[start:end].strip(" ")


def _above_comments(text: str, line: int) -> int:
    """The first of the lines above `line` that hold comments or nothing; else `line`."""
    while line > 0 and text[line - 1] == "\n":
        above = text.rfind("\n", 0, line - 1) + 1
        content = text[above : line - 1].removesuffix("\r")
        # The other line breaks of YAML may hide something that is no comment.
        if content.strip(" \t") and not content.lstrip(" \t").startswith("#"):
            break
        if _BREAK.search(content):
            break
        line = above
    return line


def _line_behind(text: str, end: int) -> int:
    """The offset behind the line in which content ends at `end`; the text's end if it is last."""
    if end > 0 and text[end - 1] in BREAKS:
        return end  # a block scalar ends behind its last line
    found = _BREAK.search(text, end)
    return found.end() if found else len(text)


def _lines(text: str, tree: Tree, at: int, lines: list[str]) -> Insertion:
    """Insert `lines` at the offset `at`, where a line starts or the text ends."""
    if at > 0 and text[at - 1] in BREAKS:
        ends = "\r\n" if text[at - 2 : at] == "\r\n" else text[at - 1]
        ends = ends if ends in "\r\n" else "\n"
        return Insertion(at, "".join(line + ends for line in lines))
    if at == 0:
        ends = _line_end(text)
        return Insertion(at, "".join(line + ends for line in lines))
    if tree.open_end:
        raise NotYAML(
            "it ends in a block scalar without a line break", at, hint="end it with a line break"
        )
    ends = _line_end(text)
    return Insertion(at, "".join(ends + line for line in lines))


def _line_end(text: str) -> str:
    found = _BREAK.search(text)
    return found[0] if found and found[0] in ("\r\n", "\n", "\r") else "\n"


def _into_braces(
    text: str, tree: Tree, holder: Mapping, keys: tuple[str, ...], names: Names[str]
) -> Insertion:
    if holder.brace < 0:
        raise NotYAML(
            "a mapping without braces has no place for another key",
            holder.start,
            hint="write the braces",
        )
    quote = '"' if tree.json or text[holder.first : holder.first + 1] == '"' else ""
    colon, comma = _spacing(text, holder.first) if quote else (": ", ", ")
    opened = "".join(f"{quote}{key}{quote}{colon}{{" for key in keys[:-1])
    head = f"{opened}{quote}{FIELD}{quote}{colon}"
    closed = "}" * (len(keys) - 1)
    flat = f"{head}[{_entries(names, quote, colon, comma)}]{closed}"
    merge = holder.get(MERGE)
    if merge is not None:
        return Insertion(merge.end, comma + flat)
    if holder.first < 0:
        return Insertion(holder.brace + 1, flat)
    between = text[holder.brace + 1 : holder.first]
    if between.strip(" \t\r\n"):
        return Insertion(holder.brace + 1, flat + comma)  # a comment, or a '?'
    if "\n" not in between:
        return Insertion(holder.first, flat + comma)
    start = text.rfind("\n", 0, holder.first) + 1
    ends = "\r\n" if text[start - 2 : start] == "\r\n" else "\n"
    indent = text[start : holder.first]
    if not quote or len(keys) > 1:
        return Insertion(start, f"{indent}{flat},{ends}")
    # JSON over several lines, as json.MarshalIndent and jq write it.
    above = text[text.rfind("\n", 0, holder.brace) + 1 : holder.brace]
    outer = above[: len(above) - len(above.lstrip(" \t"))]
    step = indent.removeprefix(outer) if indent.startswith(outer) else "  "
    entries = f",{ends}".join(
        f"{indent}{step}{{{ends}{indent}{step}{step}{_entry(name, quote, colon)}{ends}"
        f"{indent}{step}}}"
        for name in names
    )
    return Insertion(start, f"{indent}{head}[{ends}{entries}{ends}{indent}],{ends}")


def _into_brackets(text: str, tree: Tree, entries: Sequence, names: Names[str]) -> Insertion:
    if not entries.items:
        quote = '"' if tree.json else ""
        spaced = not quote or text[entries.start - 1 : entries.start] == " "
        colon, comma = (": ", ", ") if spaced else (":", ",")
        return Insertion(entries.brace + 1, _entries(names, quote, colon, comma))
    last = entries.items[-1]
    start = text.rfind("\n", entries.brace, last.start) + 1
    own_line = start > 0 and not text[start : last.start].strip(" \t")
    quote, colon, comma = ('"', ": ", ", ") if tree.json else ("", ": ", ", ")
    before, after = "{", "}"
    if isinstance(last, Mapping) and last.first >= 0:
        if text[last.first] == '"':
            quote = '"'
            colon, comma = _spacing(text, last.first)
        inside = text[last.brace + 1 : last.first] if last.brace >= 0 else ""
        if "\n" in inside and not inside.strip():
            closing = _LAST_LINE.search(text, last.start, last.end)
            before, after = "{" + inside, closing[0] if closing else "}"
        elif inside and not inside.strip(" "):
            before, after = "{" + inside, inside + "}"
    if own_line:
        ends = "\r\n" if text[start - 2 : start] == "\r\n" else "\n"
        comma = f",{ends}{text[start : last.start]}"
    return Insertion(
        last.end,
        "".join(f"{comma}{before}{_entry(name, quote, colon)}{after}" for name in names),
    )


def _spacing(text: str, key: int) -> tuple[str, str]:
    """Colon and comma as they stand behind the quoted key at the offset `key`."""
    found = _KEY.match(text, key)
    if found and text[found.end() : found.end() + 1] not in (" ", "\n", "\r", "\t"):
        return ":", ","
    return ": ", ", "


def _entries(names: Names[str], quote: str, colon: str, comma: str) -> str:
    return comma.join(f"{{{_entry(name, quote, colon)}}}" for name in names)


def _entry(name: str, quote: str, colon: str) -> str:
    return f"{quote}name{quote}{colon}{_quoted(name) if quote else _scalar(name)}"


def _scalar(name: str) -> str:
    """`name` so that YAML reads it as that string, in a block or in braces."""
    plain = _PLAIN.fullmatch(name) and not goyaml.reads_as_other_type(name)
    return name if plain else _quoted(name)


def _quoted(name: str) -> str:
    return json.dumps(name)
