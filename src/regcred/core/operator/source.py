"""What a source of credentials gives: a fragment of a docker config, or the reason why not.

Static sources read Secrets (`regcred.core.operator.staticsource`), minters ask a provider and take
their time; what comes out is the same, and nothing behind this line asks which it was. A failure is
a value: it goes into the object's condition, and the credential that was there before stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidDockerConfig
from regcred.core.logins import claim, expiry
from regcred.core.logins.dockerconfig import DockerConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from regcred.core.credential import Credential


class SourceReason(StrEnum):
    """Why a source gives nothing, in the style of Kubernetes' own reasons."""

    #: The Secret that it names does not exist.
    MISSING = "SourceMissing"
    #: The Secret is there, and is not of the form that the source takes.
    MALFORMED = "SourceMalformed"
    #: A docker config that has no login for a registry that the PullCredential lists.
    REGISTRY_MISSING = "RegistryNotInSource"
    #: The operator may not read it, or could not.
    UNREADABLE = "SourceUnreadable"
    #: A kind of source that this version does not know.
    UNSUPPORTED = "SourceNotSupported"
    #: The provider does not accept what the source shows itself with.
    BAD_CREDENTIALS = "BadCredentials"
    #: The provider knows it, and it may not do this.
    NO_PERMISSION = "NoPermission"
    #: Something that the provider has to be told is missing or wrong.
    NOT_CONFIGURED = "NotConfigured"
    #: The provider takes no more requests for now.
    THROTTLED = "Throttled"
    #: The provider does not answer, or has failed itself.
    UNREACHABLE = "Unreachable"
    #: The provider answers what its documentation does not know.
    MINT_FAILED = "MintFailed"


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Nothing can be had.

    Args:
        reason: the word for it.
        message: what is wrong, and with which object; never what a Secret holds.
        hint: what mends it.
        retry_after: seconds that the provider asks to be left alone for; None where it does not.
            Counts down, and so is no part of what it is.
    """

    reason: SourceReason
    message: str
    hint: str = ""
    retry_after: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Logins that kubelet can use; make one with `fragment`.

    Args:
        credentials: what the registry is (`claim.identity`) → its credential.
        expires: when the first of them does; None where none says.
        left_out: what the source has besides and no image could use, a clause each.
        warnings: what a person should know about them, a clause each.
        minted: when they were; None for those of a static source.
        refresh: when they are to be minted again; None for never.
        handle: what the provider calls them (`regcred.core.operator.minting.Minted`).
        secret_version: resourceVersion of the Secret by which they were minted; empty for none.
    """

    credentials: Mapping[str, Credential]
    expires: datetime | None = None
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    minted: datetime | None = None
    refresh: datetime | None = None
    handle: str = ""
    secret_version: str = ""


def fragment(
    credentials: Iterable[Credential],
    source: str,
    *,
    expires: datetime | None = None,
    left_out: tuple[str, ...] = (),
) -> Fragment | SourceFailure:
    """Judge what a source gives by what kubelet would make of it.

    Args:
        credentials: of registries that can be claimed, the first of each counts.
        source: where they come from, for messages.
        expires: when they do, where the provider says so; else what each says itself.
        left_out: see `Fragment`.
    """
    found: dict[str, Credential] = {}
    for credential in credentials:
        identity = claim.identity(credential.registry)
        if identity is not None:
            found.setdefault(identity, credential)
    config = DockerConfig()
    for credential in found.values():
        if ":" in credential.username:
            return SourceFailure(
                SourceReason.MALFORMED,
                f"{source}: the username has a colon in it, and kubelet would take what follows "
                "for the password",
            )
        if not credential.password:
            return SourceFailure(SourceReason.MALFORMED, f"{source}: the password is empty")
        config = config.with_credential(credential)
    try:
        config.require_usable(source)
    except InvalidDockerConfig as error:
        return SourceFailure(SourceReason.MALFORMED, error.message, error.hint)
    own = [moment for each in found.values() if (moment := expiry.expires(each.password))]
    return Fragment(found, expires or min(own, default=None), left_out)
