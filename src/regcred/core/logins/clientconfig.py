"""The ``config.json`` of docker and its kin: logins, and which helper keeps the others.

It is the docker config of `regcred.core.logins.dockerconfig` with two fields that kubelet ignores:
``credHelpers`` (registry → helper) and ``credsStore`` (the helper for all others).

Sources: https://docs.docker.com/reference/cli/docker/login/#credential-stores and docker/cli
cli/config/configfile/file.go (``getConfiguredCredentialStore``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidDockerConfig
from regcred.core.formats.gojsonread import Member, read
from regcred.core.logins.dockerconfig import DockerConfig, Entry, parse_dockerconfigjson
from regcred.core.logins.registrykey import DOCKER_HUB_KEY, is_docker_hub, parse_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

_HELPER = re.compile(r"[\w.-]+", re.ASCII)
_DOCKER_HUB_NAMES = (DOCKER_HUB_KEY, "index.docker.io", "docker.io")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a docker client knows about logins.

    Args:
        source: where it comes from, for messages.
        auths: the logins in the file itself.
        cred_helpers: registry → the helper that keeps its login.
        creds_store: the helper for every other registry; empty for none.
    """

    source: str
    auths: DockerConfig = field(default_factory=DockerConfig)
    cred_helpers: Mapping[str, str] = field(default_factory=dict)
    creds_store: str = ""

    def helper(self, registry: str) -> tuple[str, str]:
        """Which helper keeps the login of `registry`, and under which name.

        Returns:
            Suffix of ``docker-credential-`` and the server to ask it for; the suffix is empty
            where the login is in the file itself.

        Raises:
            InvalidRegistry: `registry` is none.
        """
        names = server_names(registry)
        for name in names:
            if name in self.cred_helpers:
                return self.cred_helpers[name], name
        return self.creds_store, names[0]

    def entry(self, registry: str) -> Entry | None:
        """The entry for `registry` in the file itself: its name, or a URL with that host.

        Raises:
            InvalidRegistry: `registry` is none.
        """
        names = (registry, *server_names(registry))
        for name in names:
            if name in self.auths:
                return self.auths[name]
        for key, entry in self.auths.items():
            if _hostname(key) in names:
                return entry
        return None


def server_names(registry: str) -> tuple[str, ...]:
    """The names that docker knows a registry by: its host; for Docker Hub a URL comes first.

    Raises:
        InvalidRegistry: `registry` is none.
    """
    key = parse_registry(registry)
    return _DOCKER_HUB_NAMES if is_docker_hub(key) else (key.host,)


def parse_client_config(data: bytes | str, *, source: str) -> ClientConfig:
    """Parse a ``config.json``.

    Args:
        data: its content.
        source: where it comes from, for messages.

    Raises:
        InvalidDockerConfig: it is broken; the message names the entry or field.
    """
    auths = parse_dockerconfigjson(data, source=source)
    helpers: dict[str, str] = {}
    store = ""
    document = read(data)
    for member in document.members() if document.kind != "null" else ():
        if member.is_named("credsstore") and member.kind != "null":
            store = _helper(member, source)
        if member.is_named("credhelpers") and member.kind != "null":
            if member.kind != "an object":
                raise InvalidDockerConfig(
                    f"{source}: {member.name} is {member.kind}, no object",
                    hint="docker login REGISTRY writes such a file",
                )
            helpers |= {each.name: _helper(each, source) for each in member.members()}
    return ClientConfig(source, auths, helpers, store)


def _helper(member: Member, source: str) -> str:
    """The name of a helper. It becomes part of a command, so it must not be a path."""
    if member.kind != "a string" or not (member.string == "" or _HELPER.fullmatch(member.string)):
        raise InvalidDockerConfig(
            f"{source}: {member.name} names no credential helper",
            hint='the name is what follows docker-credential-, e.g. "ecr-login"',
        )
    return member.string


def _hostname(key: str) -> str:
    """The host of a key under ``auths`` that is written as a URL or with a path."""
    return key.partition("://")[2].partition("/")[0] or key.partition("/")[0]
