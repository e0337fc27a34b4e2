"""containerd's ``certs.d``: how the node that pulls reaches a registry.

Of a ``hosts.toml`` regcred reads what stands at its top, the registry itself: ``server``, ``ca``,
``client``, ``skip_verify`` and ``override_path``. The ``[host.…]`` below it are mirrors, which are
never asked: whether a mirror would have done says nothing of the registry. Without a
``hosts.toml`` the folder holds certificates as Docker's does: ``*.crt`` for CAs, ``*.cert`` with
its ``*.key`` for the client.

Source: containerd v2.1.4 core/remotes/docker/config/hosts.go, and
https://github.com/containerd/containerd/blob/main/docs/hosts.md
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.peers import BadPeerURL, origin

if TYPE_CHECKING:
    from collections.abc import Iterable


class BadHosts(ValueError):
    """The text says what is wrong with a ``hosts.toml``. Callers translate it."""


@dataclass(frozen=True, slots=True)
class HostConfig:
    """How to reach a registry.

    Args:
        server: scheme and host, e.g. ``https://registry-1.docker.io``; empty where that is to be
            told from the image.
        api: the path where its API begins; ``/v2`` but for odd ones.
        ca: names of PEM files to trust besides the system's, relative to the folder.
        clients: names of PEM files with a certificate and with its key, which may be the same.
        skip_verify: trust any certificate.
        mirrors: the hosts that containerd asks first, and regcred never.
    """

    server: str = ""
    api: str = "/v2"
    ca: tuple[str, ...] = ()
    clients: tuple[tuple[str, str], ...] = ()
    skip_verify: bool = False
    mirrors: tuple[str, ...] = ()


def folders(host: str) -> tuple[str, ...]:
    """Where the settings for a host may be, the first that exists counts.

    Args:
        host: as in the image: ``docker.io``, ``registry.example.com:5000``.
    """
    name, colon, port = host.rpartition(":")
    with_port = (f"{name}_{port}_",) if colon and name else ()
    return (*with_port, host, "_default")


def from_files(names: Iterable[str]) -> HostConfig:
    """The settings in a folder without ``hosts.toml``.

    Args:
        names: of the files in it.
    """
    there = sorted(names)
    clients = []
    for name in there:
        if name.endswith(".cert"):
            key = name.removesuffix(".cert") + ".key"
            clients.append((name, key if key in there else name))
    ca = tuple(name for name in there if name.endswith(".crt"))
    return HostConfig(ca=ca, clients=tuple(clients))


def parse(text: str) -> HostConfig:
    """Read a ``hosts.toml``.

    Raises:
        BadHosts: it is none.
    """
    import tomllib  # seldom needed, and not free

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadHosts(f"it is not TOML: {error}") from None
    server, api = _server(document)
    hosts = document.get("host", {})
    if not isinstance(hosts, dict):
        raise BadHosts("'host' is no table")
    skip_verify = document.get("skip_verify", False)
    if not isinstance(skip_verify, bool):
        raise BadHosts("'skip_verify' is neither true nor false")
    return HostConfig(
        server,
        api,
        tuple(_names(document.get("ca", []), "ca")),
        tuple(_clients(document.get("client", []))),
        skip_verify,
        tuple(hosts),
    )


def _server(document: dict[str, Any]) -> tuple[str, str]:
    """Scheme and host, and the path of the API."""
    server = document.get("server", "")
    if not isinstance(server, str):
        raise BadHosts("'server' is no text")
    if not server:
        return "", "/v2"
    url = server if server.startswith("http") else f"https://{server}"
    try:
        origin(url)
    except BadPeerURL as error:
        raise BadHosts(f"'server' cannot be asked: {error}") from None
    parts = urlsplit(url)
    path = posixpath.normpath(parts.path).rstrip("/.") if parts.path else ""
    if not document.get("override_path") and not path.endswith("/v2"):
        path += "/v2"
    return f"{parts.scheme}://{parts.netloc}", path


def _names(value: Any, key: str) -> list[str]:
    """One name or several."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadHosts(f"'{key}' is neither the name of a file nor a list of such")
    return names


def _clients(value: Any) -> list[tuple[str, str]]:
    """One name, several, or pairs of certificate and key."""
    found = []
    for entry in value if isinstance(value, list) else [value]:
        names = _names(entry, "client")
        if len(names) not in (1, 2) or (len(names) == 1 and not isinstance(entry, str)):
            raise BadHosts("'client' has a pair that is none")
        found.append((names[0], names[-1]))
    return found
