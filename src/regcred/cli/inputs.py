"""Read what a person hands over: files, standard input, answers to a prompt."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from regcred.cli import output
from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regcred.cli.minted import Source
    from regcred.core.logins.registrykey import RegistryKey

_REGISTRY_FORM = "HOST[:PORT][/PATH], e.g. registry.example.com:5000/team"
#: Nothing that is read here is larger: a Secret holds 1 MiB.
_MAX_BYTES = 4 * 1024 * 1024


def read_file(path: str, what: str) -> bytes:
    """The content of the file `path`.

    Args:
        path: the file's name; ``~`` is expanded.
        what: what it should be, for messages: ``service account key``.

    Raises:
        InvalidInput: it is not there, cannot be read, is a directory, or far too large.
    """
    path = os.path.expanduser(path)  # noqa: PTH111 - pathlib costs start-up time
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read(_MAX_BYTES + 1)
    except IsADirectoryError:
        raise InvalidInput(
            f"{path} is a directory, not a {what}", hint=f"name the file in it: ls {path}"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", "") or "not a file's name"
        raise InvalidInput(
            f"cannot read the {what} {path}: {reason}", hint=f"ls -l {path}"
        ) from None
    if len(content) > _MAX_BYTES:
        raise InvalidInput(
            f"{path} is over {_MAX_BYTES:,} bytes: that is no {what}", hint=f"ls -l {path}"
        )
    return content


def as_utf8(text: str) -> str:
    """An argument as its bytes read in UTF-8, whatever the locale says they are.

    Registries and kubelet know UTF-8 only, and kubectl takes the bytes as they come.
    """
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def read_password_stdin() -> Password:
    """The password on standard input, without the line end behind it, as docker login reads it.

    Raises:
        UsageError: there is none.
    """
    content = sys.stdin.buffer.read(_MAX_BYTES + 1)
    text = content.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
    if not text:
        raise UsageError("standard input holds no password", hint='printf %s "$TOKEN" | regcred …')
    return Password(text)


def on_command_line(option: str) -> bool:
    """Whether the running verb got `option` as an argument, where ``ps`` shows it to others."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def ask(question: str, *, hide: bool = False) -> str:
    """The answer of a person at the terminal.

    Raises:
        UsageError: nobody is there to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"no {question.lower()} given, and there is no terminal to ask on",
            hint="give -u NAME and --password-stdin",
        )
    answer: str = click.prompt(question, hide_input=hide, err=True)
    return answer


def no_registry(docker_config: str | None) -> UsageError:
    """The error for a login without a registry; `docker_config` may have swallowed it."""
    if docker_config:
        return UsageError(
            f"no REGISTRY is given: {docker_config!r} was taken for the PATH of "
            "--from-docker-config",
            hint="put --from-docker-config at the end, or write --from-docker-config=PATH",
        )
    return UsageError("no REGISTRY is given", hint="regcred login REGISTRY -n NAMESPACE")


def check_registry(key: RegistryKey) -> None:
    """Make sure that kubelet can match the registry `key` with some image.

    Raises:
        InvalidRegistry: it cannot; the message says why.
    """
    from regcred.core.errors import InvalidRegistry
    from regcred.core.logins import registrykey

    if reason := registrykey.never_matches(key):
        why, _, instead = reason.partition("; write ")
        raise InvalidRegistry(
            f"registry {registrykey.display(key.text)} can never match an image: {why}",
            hint=f"write {instead or _REGISTRY_FORM}",
        )
    for said in registrykey.warnings(key):
        output.warning(f"registry {registrykey.display(key.text)}: {said}")


def check_username(username: str) -> None:
    """Make sure that kubelet can tell `username` from the password.

    Raises:
        UsageError: it holds a colon; ``auth`` is split at the first one.
    """
    if ":" in username:
        raise UsageError(
            f"the username {username!r} holds a colon: kubelet takes what stands before the "
            "first colon for the username and the rest for the password, so no pull could work",
            hint="give the username without the password: -u NAME --password-stdin",
        )


def from_gcp_key(path: str, registries: list[str]) -> list[Credential]:
    """The credential for each of `registries` from the service account key at `path`.

    Raises:
        InvalidInput: the file cannot be read or is no service account key.
    """
    from regcred.core.logins import gcpkey

    return gcpkey.credentials(read_file(path, "service account key"), registries, source=path)


def from_docker_config(
    path: str, registries: Sequence[str], *, timeout: float | None = None
) -> list[Credential]:
    """The credentials for `registries` (all there are, where none is named) from a config.json.

    Args:
        path: the file; empty for docker's own (``$DOCKER_CONFIG`` or ``~/.docker``).
        registries: registry keys, in any spelling that docker accepts.
        timeout: seconds that a credential helper may take; None for a minute.

    Raises:
        InvalidInput: it cannot be read.
        NoLogin: it has none for one of `registries`.
        CredentialHelperFailed: a credential helper that it names failed.
    """
    from regcred import credhelper

    config = credhelper.load_client_config(path or None, os.environ)
    patience = credhelper.TIMEOUT if timeout is None else timeout
    return credhelper.resolve(config, list(registries), timeout=patience)


def minted_source(
    kind: str | None, settings: tuple[str, ...], files: tuple[str, ...]
) -> Source | None:
    """The source that ``--from`` names, with its flags; None for none.

    Raises:
        UsageError: the flags are there without it.
    """
    if kind is None:
        if settings or files:
            option = "--set" if settings else "--secret-file"
            raise UsageError(
                f"{option} is nothing without --from SOURCE",
                hint="add --from SOURCE, for example --from ecr",
            )
        return None
    from regcred.cli.minted import Source

    return Source(kind, settings, files)


@contextmanager
def ending(source: Source | None) -> Iterator[Callable[[], None]]:
    """At the end of the block what was minted is taken back, unless it is to be kept.

    Yields:
        Has it kept: call it when the login may be in use, or somebody has seen it.
    """
    if source is None:
        yield lambda: None
        return
    try:
        yield source.keep
    finally:
        source.end()


def from_minter(source: Source, registries: Sequence[str]) -> list[Credential]:
    """The credentials for `registries` from a provider.

    Raises:
        RegcredError: see `regcred.cli.minted.credentials`.
    """
    from regcred.cli import minted

    return minted.credentials(source, registries)


def choose_source(**given: object) -> str:
    """The one source of credentials that was asked for; ``flags`` where none was.

    Args:
        given: option → its value, falsy (None, False) where it was not given.

    Raises:
        UsageError: several were given.
    """
    names = [name for name, value in given.items() if value is not None and value is not False]
    if len(names) > 1:
        options = " and ".join("--" + n.replace("_", "-") for n in names)
        raise UsageError(
            f"{options} exclude each other: each says where the credential comes from",
            hint="give one of them",
        )
    return names[0] if names else "flags"
