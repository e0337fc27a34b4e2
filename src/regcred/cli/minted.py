"""``--from KIND``: logins that a provider gives, by the same minters as the operator's.

Settings are those of a PullCredential's source (``--set appId=1``), and what stands in a Secret
there comes from files here (``--secret-file private-key.pem=app.pem``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from regcred import minters
from regcred.cli import inputs, output
from regcred.core.errors import InvalidInput, MintFailed, Unreachable, UsageError
from regcred.core.redact import one_line
from regcred.core.source import SourceFailure, SourceReason, fragment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from regcred.core.credential import Credential, Password
    from regcred.core.minting import Minted
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
#: What is read from files: the keys of the Secret that a PullCredential would name.
FILES = {
    "ecr": ("access-key-id", "secret-access-key", "session-token"),
    "googleArtifactRegistry": ("key.json",),
    "acr": ("client-secret", "client.pem"),
    "githubApp": ("private-key.pem",),
    "gitlab": ("token",),
    "harbor": ("username", "password"),
    "quay": ("token",),
    "dockerHub": ("token",),
    "exec": (),
}
_NUMBERS = frozenset({"appId", "installationId", "days", "timeoutSeconds"})
_LISTS = frozenset({"repositories", "projects", "args", "passEnv"})
_REF = "--secret-file"
#: As in the CRD: of a number the digits, of a text the characters.
_DIGITS, _LONGEST = 18, 4096


@dataclass(slots=True)
class Source:
    """What the flags say, and what was minted by it.

    Args:
        kind: of the source.
        settings: ``KEY=VALUE`` each.
        files: ``KEY=FILE`` each; ``-`` is standard input.
    """

    kind: str
    settings: Sequence[str] = ()
    files: Sequence[str] = ()
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
            async with _desk(minted) as desk:
                await revoker.revoke(minted.settings, desk, "")

        try:
            asyncio.run(revoke())
        except MintFailed as error:
            output.warning(f"{error.message}; what was minted ends by itself")


@dataclass(frozen=True, slots=True)
class _Minted:
    """By what something was minted.

    Args:
        settings: as in a PullCredential.
        data: of the Secret that they name.
        registries: that it is for.
        owner: for whom; of this run alone.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, bytes] = field(repr=False)
    registries: tuple[str, ...]
    owner: str


def credentials(source: Source, registries: Sequence[str]) -> list[Credential]:
    """Mint a login for each of `registries`; call `Source.keep` when it is used, or `Source.end`.

    Raises:
        UsageError: a flag cannot be meant.
        InvalidInput: a file cannot be read, or what is given is no login.
        MintFailed: the provider gives none.
        Unreachable: it does not answer.
    """
    if not registries:
        raise UsageError("--from needs the registries that a login is wanted for")
    settings = _settings(source)
    data = _files(source)
    if data:
        settings["secretRef"] = {"name": _REF}
    try:
        wanted = _Minted(settings, data, tuple(registries), f"regcred-login-{secrets.token_hex(4)}")
        minted = asyncio.run(_mint(source.kind, wanted))
        source._minted = wanted
    except MintFailed as error:
        error.hint = _hint(error, source.kind)
        if error.reason == SourceReason.UNREACHABLE:
            raise Unreachable(error.message, hint=error.hint) from None
        raise
    found = fragment(minted.credentials, f"what {source.kind} gives", expires=minted.expires)
    if isinstance(found, SourceFailure):
        source.end()
        raise InvalidInput(found.message, hint=found.hint)
    for said in minted.warnings:
        output.warning(said)
    if minted.expires is not None:
        output.note(
            f"this login ends at {minted.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC; "
            "a PullCredential has the operator renew it"
        )
    return list(minted.credentials)


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
        _refuse_identity()

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


def _hint(error: MintFailed, kind: str) -> str:
    """What mends it here, where there are flags in place of a Secret and its name."""
    if FILES[kind] and any(
        each in said for said in (error.message, error.hint) for each in ("secretRef", "secret gen")
    ):
        keys = " or ".join(f"{key}=FILE" for key in FILES[kind])
        return f"{_REF} {keys} gives what would be in that Secret"
    if error.reason == SourceReason.UNREACHABLE and not error.hint:
        return "see whether the network and HTTPS_PROXY lead there, and try again"
    if error.reason == SourceReason.NOT_CONFIGURED and not error.hint:
        return f"{kind} takes --set KEY=VALUE with {', '.join(SETTINGS[kind])}"
    return error.hint


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
    known = FILES[source.kind]
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
            raise InvalidInput(
                f"{_REF} {key}: there is no such file",
                hint=f"{_REF} {key}=FILE takes the name of a file, and not what is in it",
            )
        else:
            found[key] = inputs.read_file(path, "secret")
    return found
