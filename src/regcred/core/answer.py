"""What a registry says to a pull of one image: the outcome of a probe.

It is a value and no exception, since "no" is what is asked for: a gate that checks a hundred
images wants a hundred answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regcred.core.problem import Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a registry for an image's manifest with one credential.

    Args:
        reason: ``Ok``, ``Unauthorized``, ``Forbidden``, ``NotFound``, ``PlatformMissing``,
            ``RateLimited`` or ``Unreachable``.
        message: what happened, one sentence; never a password or a token.
        hint: what to do about it; may be empty.
        digest: of what the reference stands for, index or manifest: ``sha256:…``.
        media_type: of the same.
        platforms: those that an index has, ``linux/amd64``, in its order; empty for an image
            that is no index, where the registry does not say without another request.
        chosen: the one of them that a node would take.
    """

    reason: Reason
    message: str
    hint: str = ""
    digest: str = ""
    media_type: str = ""
    platforms: tuple[str, ...] = ()
    chosen: str = ""
