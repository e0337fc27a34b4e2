"""What minters give, and when they are asked again.

A minter obtains short-lived logins from a provider (`regcred.minters`). How long they live is what
the provider says, never a guess: a refresh at two thirds of that leaves a third for a provider that
is away, and jitter keeps those that were minted together from being minted together for ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.credential import Credential

#: When it is refreshed, as a share of its lifetime, and how far that is moved at most.
_SHARE = 2 / 3
_JITTER = 0.1
#: A credential that ends as soon as this would not reach the last namespace alive.
LEAST = timedelta(seconds=10)
_LONG = timedelta.max
#: The shortest time between two refreshes, however short a life is.
_LEAST_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Minted:
    """What a provider gave.

    Args:
        credentials: a login for each of the registries that were asked for.
        expires: when the first of them does, as the provider says, by the clock here; None where it
            never does, or where nobody says.
        handle: what the provider calls it, for revoking; empty for what cannot be revoked. No
            secret.
        warnings: what a person should know about it, a clause each: a key that lives for ever, a
            clock that is wrong.
        again: when the provider is asked once more at the latest; None where its end alone counts.
    """

    credentials: tuple[Credential, ...]
    expires: datetime | None = None
    handle: str = ""
    warnings: tuple[str, ...] = ()
    again: timedelta | None = None


def refresh_at(minted: datetime, expires: datetime, chance: float) -> datetime:
    """When to mint again: at two thirds of the lifetime, give or take a tenth of that.

    Args:
        minted: when it was obtained, by the clock that counts here.
        expires: when it ends.
        chance: random, from 0 to 1.
    """
    share = _SHARE * (1 + _JITTER * (2 * chance - 1))
    return minted + max((expires - minted) * share, _LEAST_PAUSE)


def kept_for(expires: datetime | None, now: datetime) -> float | None:
    """For how many seconds somebody else may hand a credential on; None where nobody says.

    Two thirds of what is left: who gets it last has a third of its life for what takes long.

    Args:
        expires: when it ends; None where it never does, or where nobody says.
        now: the time of day.
    """
    return None if expires is None else max((expires - now).total_seconds() * _SHARE, 0.0)


def arrives(expires: datetime | None, now: datetime) -> bool:
    """Whether a credential lives long enough to be written at all."""
    return expires is None or expires - now > LEAST


def made_before(handle: str, keep: str) -> bool:
    """Whether a provider that counts what it makes made one before another.

    Args:
        handle: of the one, a number.
        keep: of the other; empty for none, which all are before.
    """
    return not keep or (len(handle), handle) < (len(keep), keep)


def digest(salt: str, credentials: Iterable[Credential]) -> str:
    """What tells the same logins from others, and nothing else about them.

    It is written where tenants cannot write, so that what is found in a Secret of theirs is taken
    for what was minted only if it is that. Tokens are long and random, so it may be read.

    Args:
        salt: the UID of the PullCredential.
        credentials: in any order.
    """
    lines = sorted(
        "\t".join((each.registry, each.username, each.password.reveal())) for each in credentials
    )
    text = "\n".join((salt, *lines))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def refresh_apart(
    minted: datetime, expires: datetime, others: Iterable[datetime], chances: Iterable[float]
) -> datetime:
    """The one of some moments by `refresh_at` that is farthest from when others are refreshed.

    Args:
        minted: see `refresh_at`.
        expires: see `refresh_at`.
        others: when those are.
        chances: random, from 0 to 1; at least one.
    """
    taken = list(others)
    moments = [refresh_at(minted, expires, chance) for chance in chances]
    return max(moments, key=lambda moment: min((abs(moment - t) for t in taken), default=_LONG))
