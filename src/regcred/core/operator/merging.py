"""Several PullCredentials' logins in the one docker config of a namespace.

The older object is served first, and whole: a registry that it claims no younger one gets, and
what no longer fits into a Secret is left out whole as well. So one object that claims too much
never harms those that were there before it, and the result depends on nothing but the objects.

The bytes are those that kubectl would write for these logins, sorted, so that equal logins make
equal Secrets in every namespace and at any time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core import marks
from regcred.core.logins import authentry
from regcred.core.logins.secret import DATA_KEY, MAX_BYTES, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from regcred.core.credential import Credential
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.source import Fragment

    #: Who is older: when it was created, and its name.
    Rank = tuple[datetime, str]

CONFLICT = "Conflict"
TOO_LARGE = "SecretTooLarge"

#: The API server takes 256 KiB of annotations; others want to write some too.
MAX_OWNERS = 192 * 1024
#: Bytes beside the entries, each of which is counted with a comma, so one less.
_AROUND = len('{"auths":{}}') - 1


@dataclass(frozen=True, slots=True)
class Loss:
    """A PullCredential does not get what it claims.

    Args:
        pullcredential: its name.
        reason: `CONFLICT` or `TOO_LARGE`.
        message: what, and because of whom.
        hint: what mends it.
    """

    pullcredential: str
    reason: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be in the Secret, as far as it is known.

    Args:
        credentials: what the registry is (`claim.identity`) → its login.
        owners: likewise → rank of the PullCredential whose it is.
        data: of the Secret, in base64; empty where there are no logins.
        hash: of that (`content_hash`).
        digests: registry → hash of its entry (`entry_digest`).
        losses: who does not get what.
        expires: when the first of the PullCredentials in it does.
        noted_owners: the annotation that says whose entries are whose.
        noted_expiry: the annotation that says when the first expires; empty for never.
    """

    credentials: Mapping[str, Credential] = field(default_factory=dict)
    owners: Mapping[str, Rank] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    hash: str = ""
    digests: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    losses: tuple[Loss, ...] = ()
    expires: datetime | None = None
    noted_owners: str = ""
    noted_expiry: str = ""

    @property
    def too_large(self) -> frozenset[str]:
        """Names of the PullCredentials that did not fit in."""
        return frozenset(e.pullcredential for e in self.losses if e.reason == TOO_LARGE)


def merge(offers: Iterable[tuple[PullCredential, Fragment]]) -> Merged:
    """One docker config of what these PullCredentials give; the order does not matter."""
    credentials: dict[str, Credential] = {}
    owners: dict[str, Rank] = {}
    digests: dict[str, bytes] = {}
    losses: list[Loss] = []
    moments: list[datetime] = []
    size, marked = _AROUND, 0
    for pullcredential, fragment in sorted(offers, key=lambda offer: offer[0].rank):
        name = pullcredential.name
        mine = {k: c for k, c in fragment.credentials.items() if k not in owners}
        raws = {key: authentry.build_entry(credential) for key, credential in mine.items()}
        more = sum(_entry_size(mine[key], raw) for key, raw in raws.items())
        noted = sum(len(name) + len(key) + 2 for key in mine)
        if size + more > MAX_BYTES or marked + noted > MAX_OWNERS:
            losses.append(_too_large(name, len(mine), size + more))
            continue
        losses += _conflicts(name, fragment, owners)
        size, marked = size + more, marked + noted
        credentials |= mine
        owners |= dict.fromkeys(mine, pullcredential.rank)
        digests |= {key: entry_digest(mine[key].registry, raw) for key, raw in raws.items()}
        if mine and fragment.expires:
            moments.append(fragment.expires)
    data = secret_data(credentials.values()) if credentials else {}
    expires = min(moments, default=None)
    return Merged(
        credentials,
        owners,
        data,
        content_hash(data),
        digests,
        tuple(losses),
        expires,
        marks.write_owners({key: rank[1] for key, rank in owners.items()}),
        marks.write_moment(expires) if expires else "",
    )


def secret_data(credentials: Iterable[Credential]) -> dict[str, str]:
    """The ``data`` of a Secret with these logins, in base64."""
    return {DATA_KEY: encode(authentry.build_dockerconfigjson(credentials))}


def content_hash(data: Mapping[str, str]) -> str:
    """What tells the ``data`` of one Secret from another's; base64 as it stands."""
    text = "\n".join(f"{key}\t{value}" for key, value in sorted(data.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def entry_digest(registry: str, raw: str) -> bytes:
    """What tells one entry from another: its key and its JSON."""
    return hashlib.sha256(f"{registry}\n{raw}".encode("utf-8", "surrogatepass")).digest()[:16]


def _entry_size(credential: Credential, raw: str) -> int:
    # The two braces stand for a comma, and one too many.
    return len(authentry.build_object([(credential.registry, raw)]).encode(errors="replace")) - 1


def _conflicts(name: str, fragment: Fragment, owners: Mapping[str, Rank]) -> list[Loss]:
    """One loss for each older object that has registries of `fragment` already."""
    taken: dict[str, list[str]] = {}
    for key, credential in fragment.credentials.items():
        if key in owners:
            taken.setdefault(owners[key][1], []).append(credential.registry)
    return [
        Loss(
            name,
            CONFLICT,
            f"{', '.join(sorted(registries))}: PullCredential {winner} is older and claims it too",
            f"take it out of one of the two, or let them select different namespaces: "
            f"kubectl edit pullcredential {winner}",
        )
        for winner, registries in taken.items()
    ]


def _too_large(name: str, count: int, size: int) -> Loss:
    return Loss(
        name,
        TOO_LARGE,
        f"with its {count:,} registries the Secret would hold {size:,} bytes, more than a Secret "
        f"or its annotations can ({MAX_BYTES:,} and {MAX_OWNERS:,})",
        "list fewer registries, or select fewer of the objects for the same namespace",
    )
