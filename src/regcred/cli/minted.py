"""``--from KIND``: logins that a provider gives, by the same minters as the operator's.

What `regcred.cli.sourceflags` reads is in place of a PullCredential's source and of its Secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from regcred import minters
from regcred.cli import output, sourceflags
from regcred.cli.sourceflags import FILE_FLAG, SETTINGS
from regcred.core.errors import MintFailed, Unreachable, UsageError
from regcred.core.operator.source import SourceFailure, SourceReason, fragment
from regcred.core.operator.sourcekinds import SECRET_KEYS
from regcred.core.setting import as_flags

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from regcred.core.credential import Credential, Password
    from regcred.core.operator.minting import Minted
    from regcred.minters.desk import Desk

#: For taking back what nobody uses, while somebody waits.
_END_SECONDS = 30.0
#: What minters say of the operator and its Secrets, and what that is here.
_WORDS = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r"\b(into?) (?:the )?Secret\b(?: --secret-file)?", r"\1 the file of --secret-file"),
        (r"\b(?:the )?Secret\b(?: --secret-file)?", FILE_FLAG),
        (r"\bsecretRef\b", FILE_FLAG),
        (r"^put it there: the operator's .*", "install it, or correct command and PATH"),
        (r"^the operator has no programs .*", "there is no folder to look for programs in"),
        (r"\ba PullCredential may give to", "may be given to"),
        (r" (?:in the operator's Pod|of the operator)\b", ""),
        (r"\bthe operator's address", "this machine's address"),
        (r"\bthe operator\b", "regcred"),
    )
)
#: What is wrong with a certificate that no CA mends.
_NOT_FOR_A_CA = ("mismatch", "expired", "not yet valid")


@dataclass(frozen=True, slots=True)
class PodToken:
    """A token of a Pod's ServiceAccount, for a provider that has been told to trust it.

    Args:
        account: the ServiceAccount's name.
        audience: for whom it is.
        token: it.
    """

    account: str
    audience: str
    token: Password


@dataclass(slots=True)
class Source:
    """What the flags say, and what was minted by it.

    Args:
        kind: of the source.
        settings: ``KEY=VALUE`` each.
        files: ``KEY=FILE`` each; ``-`` is standard input.
        expires: when what was minted ends, as the provider says; None for never, or nobody says.
        pod_token: what the provider is shown in place of a key; None for what runs here.
    """

    kind: str
    settings: Sequence[str] = ()
    files: Sequence[str] = ()
    expires: datetime | None = None
    pod_token: PodToken | None = None
    _minted: _Minted | None = None

    def keep(self) -> None:
        """What was minted may be in use from now on."""
        self._minted = None

    def end(self) -> None:
        """Take back what nobody uses, where the provider lets that be; says so, and never fails."""
        minted, self._minted = self._minted, None
        if minted is None or (revoker := minters.revoker(minters.load(self.kind))) is None:
            return
        output.note(f"nobody uses what was minted, so {self.kind} is asked to take it back")

        async def revoke() -> None:
            async with asyncio.timeout(_END_SECONDS), _desk(minted) as desk:
                await revoker.revoke(minted.settings, desk, "")

        try:
            asyncio.run(revoke())
        except MintFailed as error:
            output.warning(f"{_reworded(error.message)}; what was minted ends by itself")
        except TimeoutError:
            output.warning(f"{self.kind} does not answer; what was minted ends by itself")


@dataclass(frozen=True, slots=True)
class _Minted:
    """By what something was minted.

    Args:
        settings: as in a PullCredential.
        data: of the Secret that they name.
        registries: that it is for.
        owner: for whom; of this run alone.
        pod_token: see `Source`.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, bytes] = field(repr=False)
    registries: tuple[str, ...]
    owner: str
    pod_token: PodToken | None


def credentials(source: Source, registries: Sequence[str]) -> list[Credential]:
    """Mint a login for each of `registries`; call `Source.keep` when it is used, or `Source.end`.

    Says how long it lasts.

    Raises:
        UsageError: a flag cannot be meant.
        InvalidInput: a file cannot be read.
        MintFailed: the provider gives none, or what is none to kubelet.
        Unreachable: it does not answer.
    """
    minted = mint(source, registries)
    for said in minted.warnings:
        output.warning(said)
    if minted.expires is not None:
        output.note(
            f"this login ends at {minted.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC; "
            "a PullCredential has the operator renew it"
        )
    return list(minted.credentials)


def mint(source: Source, registries: Sequence[str]) -> Minted:
    """The same without a word.

    Raises:
        UsageError, InvalidInput, MintFailed, Unreachable: as `credentials`.
    """
    if not registries:
        raise UsageError(
            "--from needs the registries that a login is wanted for", hint="add --registry REGISTRY"
        )
    settings = sourceflags.read_settings(source.kind, source.settings)
    data = sourceflags.read_files(source.kind, source.files)
    if data:
        settings["secretRef"] = {"name": FILE_FLAG}
    if source.pod_token is not None:
        settings["identity"] = {
            "serviceAccount": source.pod_token.account,
            "audience": source.pod_token.audience,
        }
    owner = f"regcred-login-{secrets.token_hex(4)}"
    wanted = _Minted(settings, data, tuple(registries), owner, source.pod_token)
    try:
        minted = asyncio.run(_mint(source.kind, wanted))
        source._minted = wanted
    except KeyboardInterrupt:
        source._minted = wanted  # nobody knows how far it has got
        source.end()
        raise
    except MintFailed as error:
        message, hint = _reworded(error.message), _reworded(_hint(error, source.kind))
        if error.reason == SourceReason.UNREACHABLE:
            raise Unreachable(message, hint=hint) from None
        raise type(error)(error.reason, message, hint=hint) from None
    found = fragment(minted.credentials, f"what {source.kind} gives", expires=minted.expires)
    if isinstance(found, SourceFailure):
        source.end()
        raise MintFailed(found.reason, found.message, hint=found.hint)
    source.expires = minted.expires
    return minted


async def _mint(kind: str, wanted: _Minted) -> Minted:
    async with _desk(wanted) as desk:
        return await minters.load(kind).mint(wanted.settings, desk)


@contextlib.asynccontextmanager
async def _desk(wanted: _Minted) -> AsyncIterator[Desk]:
    from regcred.minters.desk import Desk
    from regcred.minters.web import Web

    async def secret(_: str) -> Mapping[str, bytes]:
        return wanted.data

    async def identity(_account: str, _audience: str) -> Password:
        return wanted.pod_token.token if wanted.pod_token else _refuse_identity()

    # Whoever runs this may run any program, and with any variable.
    own = {"REGCRED_EXEC_PATH": os.environ.get("PATH", os.defpath), "REGCRED_EXEC_ENV": "*"}
    async with Web(os.environ) as web:
        yield Desk(
            wanted.registries,
            wanted.owner,
            web,
            secret,
            identity,
            lambda: datetime.now(UTC),
            own | os.environ,
        )


def _refuse_identity() -> NoReturn:
    raise MintFailed(
        SourceReason.NOT_CONFIGURED,
        "identity is the operator's: a token of a ServiceAccount beside it",
        hint="without identity it is asked as what runs here is known to the provider",
    )


def _reworded(said: str) -> str:
    """What a minter says, as it is here, where there are flags and no operator and no Secret."""
    for theirs, ours in _WORDS:
        said = theirs.sub(ours, said)
    return said


def _hint(error: MintFailed, kind: str) -> str:
    """What mends it here."""
    said = f"{error.message} {error.hint}"
    if SECRET_KEYS[kind] and (
        "secretRef" in said or "secret gen" in said or (not error.hint and "Secret" in said)
    ):
        return f"{kind} takes {FILE_FLAG} {' or '.join(f'{key}=FILE' for key in SECRET_KEYS[kind])}"
    if error.hint:
        return as_flags(error.marked_hint)
    if error.reason == SourceReason.UNREACHABLE:
        if "not trusted" in said and not any(each in said for each in _NOT_FOR_A_CA):
            variable = "AWS_CA_BUNDLE" if kind == "ecr" else "SSL_CERT_FILE"
            return f"{variable}=FILE has the CA trusted"
        return "see whether the network and HTTPS_PROXY lead there, and try again"
    if error.reason == SourceReason.NOT_CONFIGURED:
        return f"{kind} takes --set KEY=VALUE with {', '.join(SETTINGS[kind])}"
    return ""
