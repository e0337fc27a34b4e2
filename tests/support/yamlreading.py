"""Manifests read as plain data, by PyYAML's composer and Python's json.

Merge keys are read in two ways, because readers differ where a mapping has a key of its own before
a merge key that brings it too: by YAML's type repository (https://yaml.org/type/merge.html) its
own wins; with go.yaml.in/yaml/v2, so with kubectl, what comes last.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
_MARKER = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
MAX_NODES = 20_000


class Unreadable(Exception):
    """It is no YAML, holds itself, or is enormous."""


def read(text: str, *, go: bool = False) -> list[Any]:
    """The documents or JSON values in `text`.

    Scalars other than strings and null become pairs of tag and text.

    Args:
        text: a stream.
        go: whether merge keys overrule keys before them.

    Raises:
        Unreadable: it cannot be read.
    """
    values = read_json(text)
    if values is not None:
        return values
    try:
        nodes = list(yaml.compose_all(text.removeprefix("\ufeff"), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    return [_Plain(go).value(node) if node is not None else None for node in nodes]


def read_json(text: str) -> list[Any] | None:
    """The JSON values in `text`, ``---`` between them or not; None if it is anything else."""
    values = []
    decoder = json.JSONDecoder(
        parse_int=lambda number: ("int", number), parse_float=lambda number: ("float", number)
    )
    for part in _MARKER.split(text.removeprefix("\ufeff")):
        rest = part.strip(" \t\r\n")
        while rest:
            if rest[0] not in "{[":
                return None
            try:
                value, end = decoder.raw_decode(rest)
            except (ValueError, RecursionError):
                return None
            values.append(value)
            rest = rest[end:].lstrip(" \t\r\n")
    return values or None


class _Plain:
    def __init__(self, go: bool) -> None:
        self._go = go
        self._open: set[int] = set()
        self._nodes = 0

    def value(self, node: yaml.Node) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or id(node) in self._open or len(self._open) > 300:
            raise Unreadable("it holds itself, or is enormous")
        if isinstance(node, yaml.ScalarNode):
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            return {"str": node.value, "null": None}.get(kind, (kind, node.value))
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            found = [self.value(item) for item in node.value]
        else:
            found = self._mapping(node)
        self._open.remove(id(node))
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key, value in node.value:
            if key.tag == MERGE:
                (found if self._go else merged).update(self._merged(value))
            else:
                found[self._key(key)] = self.value(value)
        return {**merged, **found}

    def _merged(self, node: yaml.Node) -> dict[Any, Any]:
        value = self.value(node)
        found: dict[Any, Any] = {}
        for mapping in reversed(value) if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise Unreadable("a merge of something that is no mapping")
            found.update(mapping)
        return found

    def _key(self, node: yaml.Node) -> str:
        """A key as kubectl has it: all of them are strings in JSON."""
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        # Not the text itself: quoted once more at each level, a key in keys has no end.
        return hashlib.sha256(json.dumps(self.value(node)).encode()).hexdigest()
