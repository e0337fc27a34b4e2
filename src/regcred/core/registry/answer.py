"""What a registry says to a pull of one image: the outcome of a probe.

It is a value and no exception, since "no" is what is asked for: a gate that checks a hundred
images wants a hundred answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regcred.core.credential import HIDDEN
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The reasons that an answer can have.
REASONS = frozenset(
    {
        Reason.OK,
        Reason.UNAUTHORIZED,
        Reason.FORBIDDEN,
        Reason.NOT_FOUND,
        Reason.PLATFORM_MISSING,
        Reason.RATE_LIMITED,
        Reason.UNREACHABLE,
        Reason.BAD_REFERENCE,
    }
)

#: Of how many platforms an answer keeps the names; registries may list thousands.
MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a registry for an image's manifest with one credential.

    Args:
        reason: one of `REASONS`.
        message: what happened, one sentence; never a password or a token.
        hint: what to do about it; may be empty.
        digest: of what the reference stands for, index or manifest: ``sha256:…``.
        media_type: of the same.
        platforms: those that an index has, ``linux/amd64``, in its order, no more than
            `MOST_NAMES`; empty for an image that is no index, where the registry does not say
            without another request.
        chosen: the one of them that a node would take.
        unnamed: how many more platforms the index has.
    """

    reason: Reason
    message: str
    hint: str = ""
    digest: str = ""
    media_type: str = ""
    platforms: tuple[str, ...] = ()
    chosen: str = ""
    unnamed: int = 0

    def without(self, secrets: Iterable[str]) -> Answer:
        """The same without `secrets`, should a registry have put one where it gets shown.

        Those of less than four characters are left: they are in any text, and no secret.
        """
        everything = " ".join((self.message, self.hint, self.media_type, *self.platforms)).lower()
        known = [each for each in secrets if len(each) > 3 and each.lower() in everything]
        if not known:
            return self
        # A host or a platform comes in lower case, whatever it was.
        pattern = re.compile(
            "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True)),
            re.IGNORECASE,
        )
        return replace(
            self,
            message=pattern.sub(HIDDEN, self.message),
            hint=pattern.sub(HIDDEN, self.hint),
            media_type=pattern.sub(HIDDEN, self.media_type),
            platforms=tuple(pattern.sub(HIDDEN, each) for each in self.platforms),
        )
