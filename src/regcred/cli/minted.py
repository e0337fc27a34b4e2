"""``--from KIND``: logins that a provider gives, by the same minters as the operator's.

Settings are those of a PullCredential's source (``--set appId=1``), and what stands in a Secret
there comes from files here (``--secret-file private-key.pem=app.pem``).
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
from regcred.cli import inputs, output
from regcred.core.errors import InvalidInput, MintFailed, Unreachable, UnreadableFile, UsageError
from regcred.core.formats.redact import one_line
from regcred.core.operator.source import SourceFailure, SourceReason, fragment
from regcred.core.operator.sourcekinds import SECRET_KEYS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from regcred.core.credential import Credential, Password
    from regcred.core.operator.minting import Minted
    from regcred.minters.desk import Desk

#: What may be set. ``identity`` is the operator's alone, and files are in place of ``secretRef``.
SETTINGS = {
    "ecr": ("region", "roleArn", "externalId"),
    "googleArtifactRegistry": ("impersonate",),
    "acr": ("tenantId", "clientId", "cloud"),
    "githubApp": ("clientId", "appId", "installationId", "repositories", "url"),
    "gitlab": ("project", "group", "days", "url"),
    "harbor": ("url", "projects", "days"),
    "quay": ("robot", "url"),
    "dockerHub": ("username", "expiresAt"),
    "exec": (
        *("command", "protocol", "args", "env", "passEnv", "defaultCacheDuration"),
        *("apiVersion", "image", "timeoutSeconds"),
    ),
}
_NUMBERS = frozenset({"appId", "installationId", "days", "timeoutSeconds"})
_LISTS = frozenset({"repositories", "projects", "args", "passEnv"})
_REF = "--secret-file"
#: For taking back what nobody uses, while somebody waits.
_END_SECONDS = 30.0
#: What minters say of the operator and its Secrets, and what that is here.
_WORDS = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r"\b(into?) (?:the )?Secret\b(?: --secret-file)?", r"\1 the file of --secret-file"),
        (r"\b(?:the )?Secret\b(?: --secret-file)?", _REF),
        (r"\bsecretRef\b", _REF),
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
#: As in the CRD: of a number the digits, of a text the characters.
_DIGITS, _LONGEST = 18, 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """A token of somebody's ServiceAccount, for a provider that has been told to trust it.

    Args:
        account: whose; its name.
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
        shown: what the provider is shown in place of a key; None for what runs here.
    """

    kind: str
    settings: Sequence[str] = ()
    files: Sequence[str] = ()
    expires: datetime | None = None
    shown: Shown | None = None
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
        shown: see `Source`.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, bytes] = field(repr=False)
    registries: tuple[str, ...]
    owner: str
    shown: Shown | None


def credentials(source: Source, registries: Sequence[str]) -> list[Credential]:
    """Mint a login for each of `registries`; call `Source.keep` when it is used, or `Source.end`.

    Says how long it lasts.

    Raises:
        UsageError: a flag cannot be meant.
        InvalidInput: a file cannot be read, or what is given is no login.
        MintFailed: the provider gives none.
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
    settings = _settings(source)
    data = _files(source)
    if data:
        settings["secretRef"] = {"name": _REF}
    if source.shown is not None:
        settings["identity"] = {
            "serviceAccount": source.shown.account,
            "audience": source.shown.audience,
        }
    owner = f"regcred-login-{secrets.token_hex(4)}"
    wanted = _Minted(settings, data, tuple(registries), owner, source.shown)
    try:
        minted = asyncio.run(_mint(source.kind, wanted))
        source._minted = wanted
    except KeyboardInterrupt:
        source._minted = wanted  # nobody knows how far it has got
        source.end()
        raise
    except MintFailed as error:
        failure = _here(error, source.kind)
        if failure.reason == SourceReason.UNREACHABLE:
            raise Unreachable(failure.message, hint=failure.hint) from None
        raise failure from None
    found = fragment(minted.credentials, f"what {source.kind} gives", expires=minted.expires)
    if isinstance(found, SourceFailure):
        source.end()
        raise InvalidInput(found.message, hint=found.hint)
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
        return wanted.shown.token if wanted.shown else _refuse_identity()

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


def _here(error: MintFailed, kind: str) -> MintFailed:
    """The failure as it is here, where there are flags and no operator and no Secret."""
    return MintFailed(error.reason, _reworded(error.message), hint=_reworded(_hint(error, kind)))


def _reworded(said: str) -> str:
    for theirs, ours in _WORDS:
        said = theirs.sub(ours, said)
    return said


def _hint(error: MintFailed, kind: str) -> str:
    """What mends it here."""
    said = f"{error.message} {error.hint}"
    if SECRET_KEYS[kind] and (
        "secretRef" in said or "secret gen" in said or (not error.hint and "Secret" in said)
    ):
        return f"{kind} takes {_REF} {' or '.join(f'{key}=FILE' for key in SECRET_KEYS[kind])}"
    if error.hint:
        return error.hint
    if error.reason == SourceReason.UNREACHABLE:
        if "not trusted" in said and not any(each in said for each in _NOT_FOR_A_CA):
            variable = "AWS_CA_BUNDLE" if kind == "ecr" else "SSL_CERT_FILE"
            return f"{variable}=FILE has the CA trusted"
        return "see whether the network and HTTPS_PROXY lead there, and try again"
    if error.reason == SourceReason.NOT_CONFIGURED:
        return f"{kind} takes --set KEY=VALUE with {', '.join(SETTINGS[kind])}"
    return ""


def _settings(source: Source) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = SETTINGS[source.kind]
    for text in source.settings:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(
                f"--set: {_shown(key, known)} is not KEY=VALUE", hint="e.g. --set appId=12345"
            )
        if key not in known:
            raise UsageError(
                f"--set {one_line(key)} is no setting of {source.kind} here",
                hint=f"it has {', '.join(known)}",
            )
        if key in found:
            raise UsageError(f"--set {key} is given twice", hint="lists take commas: a,b")
        found[key] = _value(key, value)
    return found


def _shown(key: str, known: Sequence[str]) -> str:
    """What a flag was given: somebody may have put a secret there in place of a name."""
    return repr(key) if key in known else "what is given"


def _value(key: str, value: str) -> Any:
    if key in _NUMBERS:
        if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
            raise UsageError(
                f"--set {key} takes a number, and not {one_line(value)!r}",
                hint=f"e.g. --set {key}=7",
            )
        return int(value)
    values = value.split(",") if key in _LISTS or key == "env" else [value]
    values = [each for each in values if each]
    if not values:
        raise UsageError(f"--set {key} has nothing behind its =", hint=f"e.g. --set {key}=VALUE")
    if any(len(each) > _LONGEST for each in values):
        raise UsageError(
            f"--set {key} is longer than any can be",
            hint=f"{_LONGEST:,} characters are the most",
        )
    if key in _LISTS:
        return values
    if key == "env":
        pairs = [each.partition("=") for each in values]
        if not all(name and equals for name, equals, _ in pairs):
            raise UsageError(
                "--set env takes NAME=VALUE, and a comma between several",
                hint="e.g. --set env=EXAMPLE_REGION=eu-1",
            )
        return [{"name": name, "value": content} for name, _, content in pairs]
    return value


def _files(source: Source) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    known = SECRET_KEYS[source.kind]
    takes = f"{source.kind} takes " + (
        " and ".join(f"{_REF} {key}=FILE" for key in known) or "none"
    )
    stdin = ""
    for text in source.files:
        key, equals, path = text.partition("=")
        if not key or not equals or not path:
            raise UsageError(f"{_REF}: {_shown(key, known)} is not KEY=FILE", hint=takes)
        if key not in known:
            raise UsageError(f"{_REF}: {source.kind} has no use for {one_line(key)}", hint=takes)
        if key in found:
            raise UsageError(f"{_REF} {key} is given twice", hint=takes)
        if path == "-":
            if stdin:
                raise UsageError(
                    f"{_REF} {key}=-: standard input is that of {stdin} already", hint=takes
                )
            stdin = key
            found[key] = inputs.read_password_stdin().reveal().encode("utf-8", "surrogateescape")
        elif not os.path.lexists(os.path.expanduser(path)):  # noqa: PTH111 - as `read_file` does
            raise UnreadableFile(
                f"{_REF} {key}: there is no such file",
                hint=f"{_REF} {key}=FILE takes the name of a file, and not what is in it",
            )
        else:
            found[key] = inputs.read_file(path, "secret")
    return found
