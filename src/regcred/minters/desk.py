"""What a minter may ask for: HTTP, Secrets, ServiceAccount tokens, the time.

A minter knows its provider and nothing else. In the operator a Secret is one of the operator's own
namespace; for ``regcred login --from`` it is made of flags and files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from regcred.core.credential import Password
    from regcred.minters.web import Web


class Secrets(Protocol):
    """Reads Secrets."""

    async def __call__(self, name: str, /) -> Mapping[str, bytes]:
        """The data of a Secret.

        Raises:
            MintFailed: ``NotConfigured`` where it is not there, ``Unreachable`` where nobody knows.
        """
        ...


class Identities(Protocol):
    """Makes tokens of ServiceAccounts of the operator's namespace (TokenRequest)."""

    async def __call__(self, account: str, audience: str, /) -> Password:
        """A token that lasts for ten minutes at least.

        Raises:
            MintFailed: ``NotConfigured`` where there is no such ServiceAccount, ``NoPermission``
                where the right is missing, with the chart's value that gives it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What one minting may use.

    Args:
        registries: the keys that logins are wanted for, as they stand under ``auths``.
        owner: whose it is, for the names of what is made at the provider: letters, digits and
            dashes, the same at each call and unlike that of any other PullCredential of any
            cluster.
        web: HTTP.
        secret: see `Secrets`.
        identity: see `Identities`.
        now: the time of day, with a zone.
        env: the environment: where SDKs look for what a platform gives.
    """

    registries: tuple[str, ...]
    owner: str
    web: Web
    secret: Secrets
    identity: Identities
    now: Callable[[], datetime]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
