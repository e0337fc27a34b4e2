"""What a minter is called with in tests, and how tests look at what it raises."""

from __future__ import annotations

import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from regcred.core.errors import MintFailed
from regcred.core.operator.source import SourceReason
from regcred.minters.desk import Desk
from regcred.minters.web import Web
from tests.support.providers.serving import Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping

    from regcred.core.credential import Password
    from regcred.minters.desk import Identities

OWNER = "regcred-1f2e3d4c-team"


@asynccontextmanager
async def open_desk(
    *registries: str,
    secrets: Mapping[str, Mapping[str, str | bytes]] | None = None,
    identity: Identities | None = None,
    now: Clock | None = None,
    env: Mapping[str, str] | None = None,
    owner: str = OWNER,
) -> AsyncIterator[Desk]:
    """A Desk whose connections end with the block.

    Args:
        registries: the keys that logins are wanted for.
        secrets: name → key → what is in it; kept as it is, so a test may change it between.
        identity: see `tests.support.providers.oidc.Issuer`; without it there is no ServiceAccount.
        now: the time of day.
        env: the environment that the minter sees; that of an SDK is the process's.
        owner: whose it is.
    """
    held = {} if secrets is None else secrets
    clock = now or Clock()

    async def secret(name: str) -> Mapping[str, bytes]:
        if name not in held:
            raise MintFailed(SourceReason.NOT_CONFIGURED, f"there is no Secret {name}")
        return {
            key: value.encode() if isinstance(value, str) else value
            for key, value in held[name].items()
        }

    async with Web(env or {}, clock) as web:
        yield Desk(registries, owner, web, secret, identity or _no_identity, clock, env or {})


async def _no_identity(account: str, _audience: str) -> Password:
    raise MintFailed(SourceReason.NOT_CONFIGURED, f"there is no ServiceAccount {account}")


async def failure(minting: Awaitable[Any], *, hides: Iterable[str]) -> MintFailed:
    """What a minting raises, after a look for secrets in all that anybody could print of it.

    Args:
        minting: what is awaited.
        hides: the secrets; of one with several lines each line counts.
    """
    with pytest.raises(MintFailed) as caught:
        await minting
    error = caught.value
    said = "".join([error.message, error.hint, repr(error), *traceback.format_exception(error)])
    for secret in hides:
        for line in secret.splitlines():
            assert not line or line.startswith("-----") or line not in said
    assert error.reason in set(SourceReason)
    assert error.message == error.message.strip().removesuffix(".")
    return error
