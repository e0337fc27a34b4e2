"""Logins from docker's own configuration, with credential helpers run as docker runs them.

Precedence as in docker: the helper that ``credHelpers`` names for the registry, else
``credsStore``, else the file. A login that is an identity token is refused where it is for kubelet,
which could not use it.

Protocol: https://github.com/docker/docker-credential-helpers#development. ``docker-credential-NAME
get`` reads the server from stdin and prints ``{"ServerURL", "Username", "Secret"}``; on failure it
exits non-zero with a message on stdout, one of which means "not logged in".
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from regcred import child
from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    CredentialHelperFailed,
    InvalidDockerConfig,
    NoLogin,
)
from regcred.core.formats.gojsonread import NotJSON, read
from regcred.core.formats.redact import one_line
from regcred.core.logins import helperlogin
from regcred.core.logins.clientconfig import ClientConfig, parse_client_config
from regcred.core.logins.registrykey import display, never_matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regcred.core.formats.gojsonread import Member
    from regcred.core.logins.dockerconfig import Entry

#: Seconds for one call: a keychain may ask its owner first.
TIMEOUT = 60.0

_MAX_BYTES = 16 * 1024 * 1024
#: No login, and no list of servers, is larger.
_MAX_ANSWER = 1024 * 1024
_LONGEST_IN_HINT = 200


def load_client_config(path: str | None, env: Mapping[str, str]) -> ClientConfig:
    """Read docker's ``config.json``.

    Args:
        path: the file, or the folder that it is in; None for ``$DOCKER_CONFIG/config.json``, else
            ``~/.docker/config.json``.
        env: the environment.

    Raises:
        InvalidDockerConfig: it cannot be read, or is broken.
    """
    if path is not None:
        file = Path(path).expanduser()
    else:
        folder = env.get("DOCKER_CONFIG") or str(Path(env.get("HOME", "~"), ".docker"))
        file = Path(folder).expanduser()
    if path is None or file.is_dir():
        file /= "config.json"
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidDockerConfig(
            f"cannot read the docker config {file}: {error.strerror}",
            hint="docker login REGISTRY writes it; --from-docker-config PATH names another",
        ) from None
    if len(content) > _MAX_BYTES:
        raise InvalidDockerConfig(f"{file} is too large for a docker config", hint=f"ls -l {file}")
    return parse_client_config(content, source=str(file))


def resolve(
    config: ClientConfig,
    registries: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    identity_tokens: bool = False,
) -> list[Credential]:
    """The logins for `registries`, or all that docker has.

    Args:
        config: docker's configuration.
        registries: registry keys; each must have a login. Empty for all there are.
        env: the helpers' environment; None for this process's.
        timeout: seconds for each call of a helper.
        identity_tokens: take those that helpers have too, as the passwords of nobody.

    Returns:
        In the order of `registries`, under the very keys that were asked for.

    Raises:
        NoLogin: a registry has no login, or one that kubelet could not use.
        InvalidRegistry: one of `registries` is none.
        CredentialHelperFailed: a helper is missing, failed, or printed what it must not.
    """
    env = os.environ if env is None else env
    helpers = _Helpers(config.source, env, timeout, identity_tokens=identity_tokens)
    if registries:
        return [_resolve_one(config, helpers, registry) for registry in registries]
    found: dict[str, Credential | None] = {}
    if config.creds_store:
        for server in helpers.list_servers(config.creds_store):
            # Stores keep other things as well: Docker Desktop has its tokens there.
            if not never_matches(server):
                found[server] = helpers.get(config.creds_store, server, server)
    else:
        for registry, entry in config.auths.items():
            if registry not in config.cred_helpers:
                found[registry] = _from_file(config, entry, registry)
    for registry in config.cred_helpers:
        found[registry] = _look_up(config, helpers, registry)
    credentials = [credential for credential in found.values() if credential]
    if not credentials:
        raise NoLogin(f"{config.source} has no login in it", hint="docker login")
    return credentials


def _resolve_one(config: ClientConfig, helpers: _Helpers, registry: str) -> Credential:
    credential = _look_up(config, helpers, registry)
    if credential is None:
        raise NoLogin(
            f"docker has no login for {display(registry)} ({config.source})",
            hint=f"docker login {_in_command(registry)}",
        )
    return credential


def _look_up(config: ClientConfig, helpers: _Helpers, registry: str) -> Credential | None:
    helper, server = config.helper(registry)
    if helper:
        return helpers.get(helper, server, registry)
    entry = config.entry(registry)
    return None if entry is None else _from_file(config, entry, registry)


def _from_file(config: ClientConfig, entry: Entry, registry: str) -> Credential:
    if entry.useless:
        raise NoLogin(
            f"{config.source}: entry {display(entry.registry)} has no login that kubelet could "
            f"use: {entry.useless}",
            hint=f"docker login {_in_command(registry)}, with a user name and a password or access "
            "token",
        )
    # docker drops these too; it once padded passwords with them.
    password = Password(entry.password.reveal().strip("\0"))
    return Credential(registry, entry.username, password, entry.email)


class _Helpers:
    """Runs ``docker-credential-*``."""

    def __init__(
        self, source: str, env: Mapping[str, str], timeout: float, *, identity_tokens: bool
    ) -> None:
        self._source = source
        self._env = env
        self._timeout = timeout
        self._identity_tokens = identity_tokens

    def get(self, helper: str, server: str, registry: str) -> Credential | None:
        """The login for `server`, as a credential for `registry`; None where it has none."""
        document = self._run(helper, "get", server)
        if document is None:
            return None
        username, secret = helperlogin.login(document)
        if username == helperlogin.TOKEN_USER and self._identity_tokens and secret:
            return Credential(registry, "", secret)
        if username == helperlogin.TOKEN_USER:
            raise NoLogin(
                f"docker's login for {display(registry)} is an identity token "
                f"(docker-credential-{helper}), which kubelet cannot use",
                hint=f"log in with a user name and a password or access token: regcred login "
                f"{_in_command(registry)} -u NAME --password-stdin",
            )
        if not username or not secret:
            return None
        return Credential(registry, username, secret)

    def list_servers(self, helper: str) -> list[str]:
        """The servers that the helper has logins for."""
        document = self._run(helper, "list", "")
        return [] if document is None else [member.name for member in document.members()]

    def _run(self, helper: str, verb: str, stdin: str) -> Member | None:
        """The object that the helper prints; None for "not found"."""
        program = f"docker-credential-{helper}"
        doing = f"{program} {verb}" + (f" for {display(stdin)}" if stdin else "")
        by_hand = f"echo {_in_command(stdin)} | {program} {verb}"
        try:
            answer = child.ask(
                [program, verb],
                stdin.encode("utf-8", "surrogateescape"),
                env=self._env,
                timeout=self._timeout,
                most=_MAX_ANSWER,
            )
        except FileNotFoundError:
            raise CredentialHelperFailed(
                f"{program} is not installed, and {self._source} says that it keeps the login",
                hint=f"put {program} on PATH, or take it out of credsStore and credHelpers and "
                "log in again",
            ) from None
        except OSError as error:
            raise CredentialHelperFailed(
                f"cannot run {program}: {error.strerror}", hint=f"try it: {by_hand}"
            ) from None
        except subprocess.TimeoutExpired:
            raise CredentialHelperFailed(
                f"{doing} did not answer within {self._timeout:g} seconds",
                hint=f"see what it waits for: {by_hand}",
            ) from None
        except child.TooMuchOutput:
            raise CredentialHelperFailed(
                f"{doing} printed more than 1 MiB and was ended", hint=f"try it: {by_hand}"
            ) from None
        if answer.code:
            if helperlogin.is_not_found(answer.stdout):
                return None
            said = one_line(answer.stderr.decode("utf-8", "replace"), hide=_user_in(stdin))
            said = said or "it said nothing on stderr"
            raise CredentialHelperFailed(
                f"{doing} failed with exit code {answer.code}: {said}",
                hint=f"try it: {by_hand}",
            )
        try:
            document = read(answer.stdout)
        except NotJSON as error:
            raise CredentialHelperFailed(
                f"{doing} did not print JSON: {error}", hint=f"try it: {by_hand}"
            ) from None
        if document.kind != "an object":
            raise CredentialHelperFailed(
                f"{doing} printed {document.kind} and not an object", hint=f"try it: {by_hand}"
            )
        return document


def _in_command(registry: str) -> str:
    """A registry as an argument in a hint, without a user, who may have a password."""
    name = registry.rpartition("@")[2]
    if not name.isprintable() or len(name) > _LONGEST_IN_HINT:
        name = "REGISTRY"
    return shlex.quote(name)


def _user_in(registry: str) -> tuple[str, str]:
    """User and password before the @ of a registry, and the password alone."""
    before = registry.rpartition("@")[0]
    user = before.partition("://")[2] or before
    return user, user.partition(":")[2]
