"""When to ask again who has too much to do, or fails: a registry, or the API server.

``Retry-After``: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
#: Seconds before a request is made again where nobody says; then the answer is left at that.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_SPREAD = 0.5


def pause(
    status: int, retry_after: str, tries: int, *, now: datetime, chance: float
) -> float | None:
    """Seconds to wait before a request is made again; None to leave it at this answer.

    Args:
        status: of the answer.
        retry_after: its ``Retry-After`` header, or empty.
        tries: how often the request was made again already.
        now: the time of day, with a zone.
        chance: random, from 0 to 1: those who were refused together come back apart.
    """
    if status not in _RETRIED or tries >= len(_PAUSES):
        return None
    least = _PAUSES[tries] * (1 + _SPREAD * chance)
    asked = seconds_of(retry_after, now)
    return least if asked is None else max(asked, _PAUSES[0] * chance)


def growing(failures: int, *, first: float, longest: float, chance: float) -> float:
    """Seconds to wait after so many failures in a row; each time twice as long.

    Args:
        failures: 1 or more.
        first: seconds after the first one, at most.
        longest: seconds after however many, at most.
        chance: random, from 0 to 1: those who failed together come back apart.
    """
    most = min(longest, first * 2.0 ** min(failures - 1, 32))
    return most * (1 + chance) / 2


def seconds_of(retry_after: str, now: datetime) -> float | None:
    """What ``Retry-After`` says: a number, or a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        instant = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):  # a zone of twenty digits
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return max(0.0, (instant - now).total_seconds())
