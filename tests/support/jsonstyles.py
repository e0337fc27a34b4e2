"""Plain data written as JSON as programs write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.samplenodes import Chooser


def json_stream(choose: Chooser, values: Sequence[Any]) -> str:
    """`values` as JSON, one behind the other or as documents of YAML."""
    indent = choose.pick((None, 2, 4, "\t", 1, 0))
    tight = choose.one_in(2)
    colon = ":" if tight else choose.pick((": ", " : "))
    comma = "," if tight or indent is not None else choose.pick((", ", " ,"))
    between = choose.pick(("\n", "", " ", "\n\n", "---\n", "\n---\n"))
    ascii_only = choose.one_in(2)
    text = between.join(
        json.dumps(value, indent=indent, separators=(comma, colon), ensure_ascii=ascii_only)
        for value in values
    )
    if between == "---\n":
        text = text.replace("---\n", "\n---\n")
    text = choose.pick(("", "", " ", "\n", "---\n", "\ufeff")) + text
    text += choose.pick(("\n", "", " \n\n"))
    return text.replace("\n", "\r\n") if choose.one_in(5) else text
