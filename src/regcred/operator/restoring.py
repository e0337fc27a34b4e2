"""Logins that an earlier leader minted and that are still good, read back from where they went.

They are in the Secrets of the namespaces, into which tenants can write. So what is found there
counts only if it has the digest that the PullCredential's status notes, where they cannot.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from regcred.core import fields
from regcred.core.errors import InvalidDockerConfig, RegcredError
from regcred.core.logins import claim
from regcred.core.logins.dockerconfig import parse_dockerconfigjson
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.logins.secret import DATA_KEY
from regcred.core.operator import minting
from regcred.core.operator.source import Fragment
from regcred.kube.resources import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.kube.client import Client
    from regcred.operator.world import World

#: By how much the clocks of two nodes may differ: what was minted later than now was so by a clock
#: that is wrong, and then nobody knows when it ends.
_CLOCKS = timedelta(minutes=1)
#: Secrets that are read before it is minted after all.
_TRIES = 3


async def restore(
    client: Client, world: World, namespace: str, pullcredential: PullCredential, now: datetime
) -> Fragment | None:
    """What a PullCredential gave last, to be refreshed when it was to be; None for nothing good.

    Args:
        client: to read Secrets with.
        world: where they are, and which status it has.
        namespace: the operator's own.
        pullcredential: whose.
        now: the time of day, with a zone.
    """
    seen = world.pullcredentials.view.get(("", pullcredential.name))
    status = seen.status if seen is not None else {}
    noted = fields.mapping(status.get("minted"))
    expires = fields.instant(status.get("expiresAt"))
    minted = fields.instant(noted.get("mintedAt"))
    if (
        status.get("observedGeneration") != pullcredential.generation
        or expires is None
        or minted is None
        or minted > now + _CLOCKS
        or not minting.arrives(expires, now)
    ):
        return None
    version = fields.text(noted.get("secretVersion"))
    if await _has_changed(client, namespace, pullcredential, version):
        return None
    for place in islice(_holders(world, pullcredential.name), _TRIES):
        try:
            secret = await client.get(SECRETS, world.secret, place)
        except RegcredError:
            continue
        found = _logins(secret, _owned(world, place, pullcredential.name))
        if found is not None and minting.digest(
            pullcredential.uid, found.credentials.values()
        ) == fields.text(noted.get("digest")):
            return Fragment(
                found.credentials,
                expires,
                warnings=tuple(fields.texts(noted.get("warnings"))),
                minted=minted,
                refresh=fields.instant(status.get("refreshAt")) or now,
                handle=fields.text(noted.get("handle")),
                secret_version=version,
            )
    return None


async def _has_changed(
    client: Client, namespace: str, pullcredential: PullCredential, version: str
) -> bool:
    """Whether the Secret by which it was minted is another: while nobody led, nobody saw it."""
    spec = pullcredential.spec
    ref = spec.source.secret if spec is not None else None
    if ref is None:
        return False
    try:
        secret = await client.get(SECRETS, ref.name, namespace)
    except RegcredError:
        return False  # There is nothing to mint by either.
    return fields.text(fields.mapping(secret.get("metadata")).get("resourceVersion")) != version


def _holders(world: World, name: str) -> Iterator[str]:
    """Namespaces whose Secret has logins of it."""
    for namespace, _ in list(world.secrets.view):
        if _owned(world, namespace, name):
            yield namespace


def _owned(world: World, namespace: str, name: str) -> frozenset[str]:
    """The registries in a namespace's Secret whose login came from it."""
    secret = world.secret_in(namespace)
    if secret is None or not secret.is_ours:
        return frozenset()
    return frozenset(key for key, owner in secret.owner_names().items() if owner == name)


def _logins(secret: Mapping[str, Any], wanted: frozenset[str]) -> Fragment | None:
    read = PullSecret.from_object(secret)
    try:
        config = parse_dockerconfigjson((read.data or {}).get(DATA_KEY, b""), source=read.source)
    except InvalidDockerConfig:
        return None
    found = {
        identity: entry.credential
        for entry in config.values()
        if not entry.useless and (identity := claim.identity(entry.registry)) in wanted
    }
    return Fragment({key: value for key, value in found.items() if key is not None})
