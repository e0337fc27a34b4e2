"""Texts that are almost what a parser wants: seeds with some of it gone, doubled or replaced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.fuzz.target import CANARY

if TYPE_CHECKING:
    from tests.fuzz.target import Target

_ODD = (
    b"",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    "\u2028".encode(),
    "\u202e".encode(),
    b"\x1b[31m",
    b"\x9b",
    b"\r\n",
    b"\t",
    b" ",
    b"-1",
    b"9" * 30,
    b"1e999",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b'"',
    b"\\",
    b"'",
    b"%2f",
    b"%",
    b"../",
    b"[" * 40,
    b"*" * 9,
    CANARY.encode(),
    "é".encode(),
    "🎉".encode(),
)
_VALUES = (
    *(None, True, False, 0, -1, 7, 2**63, 1.5, 1e308, "", "0", "x", "\x1b[31m", "é", CANARY),
    *([], {}, [[]], [None], ["x"], [{}], {"": ""}, {"a": None}, {CANARY: CANARY}),
    *("*", "9" * 40, "2026-01-01T00:00:00Z", "\ud800", "a\nb", "x" * 3000),
)
_MOST = 4096


@st.composite
def texts(draw: Any, target: Target) -> bytes:
    """Inputs for a target."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    seeds = target.seeds
    data = draw(st.sampled_from(seeds))
    if draw(st.booleans()):
        data = _other_values(draw, data)
    pieces = st.sampled_from([*_ODD, *(word.encode() for word in target.words)])
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 0, 1, 2, 5, 20, 200])))
        how = draw(st.sampled_from(["put", "put", "cut", "copy", "other", "byte"]))
        if how == "put":
            data = data[:at] + draw(pieces) + data[end:]
        elif how == "cut":
            data = data[:at] + data[end:]
        elif how == "copy":
            to = draw(st.integers(0, len(data)))
            data = data[:to] + data[at:end] + data[to:]
        elif how == "other":
            data = data[:at] + draw(st.sampled_from(seeds))[:_MOST] + data[end:]
        else:
            data = data[:at] + draw(st.binary(max_size=2)) + data[end:]
    return data[: 4 * _MOST]


def _other_values(draw: Any, data: bytes) -> bytes:
    """JSON that stays JSON, with other values in some places; all else as it is."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(draw(st.integers(1, 3))):
        document = _other_value(draw, document)
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _other_value(draw: Any, document: Any) -> Any:
    if isinstance(document, dict) and document and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(document)))
        if not draw(st.integers(0, 9)):
            return {k: v for k, v in document.items() if k != key}
        return {**document, key: _other_value(draw, document[key])}
    if isinstance(document, list) and document and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], _other_value(draw, document[at]), *document[at + 1 :]]
    return draw(st.sampled_from(_VALUES))
