"""The JSON that registries and their token services answer with: tokens and errors.

Specifications: https://distribution.github.io/distribution/spec/auth/token/#token-response-fields
and https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from regcred.core.credential import Password

#: What the specification says where a token does not: seconds.
DEFAULT_LIFETIME = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Args:
        value: the token.
        lifetime: seconds from `issued_at`, or from when it was received.
        issued_at: when, by the issuer's clock; None where it does not say.
    """

    value: Password
    lifetime: float = DEFAULT_LIFETIME
    issued_at: datetime | None = None


def read_token(body: Any) -> Token | None:
    """The token in a token service's answer; None where there is none.

    Args:
        body: the decoded JSON, whatever it is.
    """
    if not isinstance(body, dict):
        return None
    # The OAuth form has another name for it.
    value = body.get("token") or body.get("access_token")
    if not isinstance(value, str) or not _is_header_value(value):
        return None
    return Token(
        Password(value), _lifetime(body.get("expires_in")), _instant(body.get("issued_at"))
    )


def error_text(body: Any) -> str:
    """Code and message of an error: the Distribution form, OAuth's, or Docker Hub's.

    Args:
        body: the decoded JSON, whatever it is.

    Returns:
        What was said, not yet fit to be shown; empty where none of the forms is met.
    """
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        return ""
    words = [
        first.get(name) for name in ("code", "error", "message", "error_description", "details")
    ]
    return " ".join(word for word in words if isinstance(word, str))


def error_codes(body: Any) -> frozenset[str]:
    """The codes of an error in the Distribution form: ``NAME_UNKNOWN``.

    Args:
        body: the decoded JSON, whatever it is.
    """
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return frozenset()
    codes = (error.get("code") for error in errors if isinstance(error, dict))
    return frozenset(code for code in codes if isinstance(code, str))


def _is_header_value(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _lifetime(expires_in: Any) -> float:
    """Seconds; the default for whatever is not a positive number."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_LIFETIME
    return seconds if 0 < seconds < float("inf") else DEFAULT_LIFETIME


def _instant(issued_at: Any) -> datetime | None:
    """An RFC 3339 time with its zone."""
    try:
        instant = datetime.fromisoformat(issued_at)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else None
