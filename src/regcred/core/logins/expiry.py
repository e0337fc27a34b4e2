"""When a password expires, where it says so itself.

Two kinds do: JSON Web Tokens (Azure, GitLab, and others), and the tokens of Amazon ECR, which are
the base64 of a JSON object with an ``expiration``. Nothing is verified: the registry does that,
and this only explains its answer.

Specification: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
"""

from __future__ import annotations

import binascii
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.credential import Credential, Password

_MAX_LENGTH = 64 * 1024
_GOOGLE_USER = "oauth2accesstoken"
_GOOGLE_TOKEN = "ya29."  # noqa: S105 - how all of them begin


def expires(password: Password) -> datetime | None:
    """When `password` expires; None where it does not say."""
    text = password.reveal()
    if len(text) > _MAX_LENGTH:
        return None
    parts = text.split(".")
    if len(parts) == 3:
        return _moment(_decoded(parts[1].replace("-", "+").replace("_", "/")), "exp")
    return _moment(_decoded(text), "expiration")


def ends(credentials: Iterable[Credential], said: datetime | None = None) -> dict[str, datetime]:
    """Registry → when its login expires, for those of which that is known.

    Args:
        credentials: the logins.
        said: when they do as who gave them says; what a password says itself counts before that.
    """
    known = {each.registry: expires(each.password) or said for each in credentials}
    return {registry: moment for registry, moment in known.items() if moment}


def is_access_token(username: str, password: Password) -> bool:
    """Whether it is an access token of Google, which lasts an hour and does not say until when.

    Source: https://cloud.google.com/artifact-registry/docs/docker/authentication#token
    """
    return username == _GOOGLE_USER or password.reveal().startswith(_GOOGLE_TOKEN)


def _decoded(text: str) -> Any:
    try:
        return json.loads(binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True))
    except (ValueError, RecursionError):
        return None


def _moment(claims: Any, name: str) -> datetime | None:
    seconds = claims.get(name) if isinstance(claims, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
