"""Go's durations, which Kubernetes' own flags take: ``90s``, ``1h30m``, ``1.5h``.

Source: https://pkg.go.dev/time#ParseDuration, without its units below a millisecond.
"""

from __future__ import annotations

import re

from regcred.core.errors import InvalidInput

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s)", re.ASCII)
_ALL = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_LONGEST = 40


def seconds(text: str) -> float:
    """How long.

    Raises:
        InvalidInput: it is no duration.
    """
    if text == "0":
        return 0.0
    if len(text) > _LONGEST or not _ALL.fullmatch(text):
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
        raise InvalidInput(f"{shown!r} is not a duration", hint="such as 90s, 10m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
