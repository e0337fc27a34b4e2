"""YAML text into JSON-like data, with the types that kubectl would see in it.

kubectl reads kubeconfigs with sigs.k8s.io/yaml, that is with go-yaml v2: YAML 1.1, but not
PyYAML's YAML 1.1. ``y`` and ``n`` are booleans, ``1e3`` is a number, ``12:30`` and
``2026-01-01`` are strings, ``0o17`` is fifteen. A token that PyYAML would call a string and
kubectl a number has to fail here as it fails there, so plain scalars are resolved by go-yaml's
rules: https://github.com/yaml/go-yaml/blob/v2.4.0/resolve.go
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (16, 2, 8, 10)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_MAX_DEPTH = 10_000  # go-yaml's too
#: Members that mappings have by merge keys, all together.
_MAX_MERGED = 100_000

_TAG = "tag:yaml.org,2002:"
_PLAIN = "!plain"


class NotYAML(ValueError):
    """The text is not YAML, or holds what JSON cannot. The message says where, never what."""


def loads(text: bytes) -> Any:
    """The first document of a YAML (or JSON) text.

    Args:
        text: UTF-8, or UTF-16 with a byte order mark.

    Returns:
        dicts with string keys, lists, str, int, float, bool, None. Of a duplicate key the last
        one wins, as for kubectl.

    Raises:
        NotYAML: see there.
    """
    try:
        _check_depth(text)
        loader = _Loader(text)
        try:
            known = loader.check_data()  # type: ignore[no-untyped-call]
            document = loader.get_data() if known else None
        finally:
            loader.dispose()
        return _jsonable(document, {})
    except yaml.MarkedYAMLError as error:
        raise NotYAML(_where(error)) from None
    except (yaml.YAMLError, UnicodeError):
        raise NotYAML("it holds bytes that are no text") from None
    except RecursionError:
        raise NotYAML("it is nested too deeply") from None


def _check_depth(text: bytes) -> None:
    """PyYAML's C parser composes nodes by recursion in C: too deep a text ends the process.

    Only a text with thousands of indicators can be so deep, so nothing else pays for the look.
    """
    if sum(text.count(indicator) for indicator in (b"[", b"{", b"-", b"?")) < _MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise NotYAML("it is nested too deeply")


def resolve(text: str) -> Any:
    """The value of a plain (unquoted) scalar."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "0123456789+-.":
        return text
    if _NO_JSON.fullmatch(text):
        raise NotYAML(f"{text} has no place in JSON")
    return _number(text)


def _number(text: str) -> int | float | str:
    if text[0] == ".":
        return float(text) if _FLOAT.fullmatch(text) else text
    plain = text.replace("_", "")
    if match := _INT.fullmatch(plain):
        sign, *digits = match.groups()
        value, base = next((d, b) for d, b in zip(digits, _BASES, strict=True) if d is not None)
        number = int(sign + value, base)
        if -(2**63) <= number < 2**63 or (not sign and number < 2**64):
            return number
    if _FLOAT.fullmatch(plain) and math.isfinite(real := float(plain)):
        return real
    return text


class _Loader(yaml.CSafeLoader):
    """PyYAML's C parser; plain scalars and tags are go-yaml's business, through `resolve`."""

    _merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Count what merge keys bring: each may bring all that ten others have brought together."""
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                continue
            for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(each, yaml.MappingNode):
                    self.flatten_mapping(each)
                    self._merged += len(each.value)
                if self._merged > _MAX_MERGED:
                    raise NotYAML("its merge keys bring too much")
        super().flatten_mapping(node)

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return f"{_TAG}merge" if value == "<<" else _PLAIN
        if kind is yaml.MappingNode:
            return f"{_TAG}map"
        return f"{_TAG}seq" if kind is yaml.SequenceNode else f"{_TAG}str"


_Loader.yaml_constructors = {
    f"{_TAG}map": yaml.CSafeLoader.construct_yaml_map,
    f"{_TAG}seq": yaml.CSafeLoader.construct_yaml_seq,
    f"{_TAG}str": yaml.CSafeLoader.construct_yaml_str,
    None: yaml.CSafeLoader.construct_undefined,
    **{
        tag: lambda loader, node: resolve(loader.construct_scalar(node))
        for tag in (_PLAIN, f"{_TAG}null", f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float")
    },
}


def _jsonable(node: Any, done: dict[int, Any]) -> Any:
    """The node with string keys; every aliased part is visited once, so no alias bomb goes off."""
    if not isinstance(node, (dict, list)):
        return node
    if id(node) in done:
        if done[id(node)] is _UNFINISHED:
            raise NotYAML("an alias in it contains itself")
        return done[id(node)]
    done[id(node)] = _UNFINISHED
    result: Any
    if isinstance(node, list):
        result = [_jsonable(item, done) for item in node]
    else:
        result = {_key(key): _jsonable(value, done) for key, value in node.items()}
    done[id(node)] = result
    return result


_UNFINISHED = object()


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (str, int, float)):
        return str(key)
    raise NotYAML("a key in it is neither text nor number")


def _where(error: yaml.MarkedYAMLError) -> str:
    """Line and column, and PyYAML's own word for it where that quotes nothing from the file."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = error.problem or "not valid"
    return place + re.split(r"['\"]", problem)[0].strip()
