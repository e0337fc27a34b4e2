"""containerd's ``certs.d``: how the node that pulls reaches a registry.

Of a ``hosts.toml`` regcred reads what stands at its top, the registry itself: ``server``, ``ca``,
``client``, ``skip_verify`` and ``override_path``. A ``[host.…]`` below it with the registry's own
address counts too, as containerd goes by it first; the others are mirrors, which are never asked:
whether a mirror would have done says nothing of the registry. Without a
``hosts.toml`` the folder holds certificates as Docker's does: ``*.crt`` for CAs, ``*.cert`` with
its ``*.key`` for the client.

Source: containerd v2.1.4 core/remotes/docker/config/hosts.go, and
https://github.com/containerd/containerd/blob/main/docs/hosts.md
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.registry.peers import BadPeerURL, origin

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


def parse(text: str, address: str = "") -> HostConfig:
    """Read a ``hosts.toml``.

    Args:
        text: its text.
        address: host and port of the registry, where the file says none.

    Raises:
        BadHosts: it is none.
    """
    import tomllib  # seldom needed, and not free

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadHosts(f"it is not TOML: {error}") from None
    except RecursionError:
        raise BadHosts("it is nested too deeply") from None
    hosts = document.get("host", {})
    if not isinstance(hosts, dict):
        raise BadHosts("'host' is no table")
    top = _host(document, document.get("server", ""))
    own = [host for host in hosts if _same(host, top.server or f"https://{address}")]
    mirrors = tuple(host for host in hosts if host not in own)
    for host in own:
        settings = hosts[host]
        if not isinstance(settings, dict):
            raise BadHosts(f"'host.{host}' is no table")
        capabilities = settings.get("capabilities", [])
        if not isinstance(capabilities, list):
            raise BadHosts("'capabilities' is no list")
        if capabilities and "pull" not in capabilities:
            continue
        first = _host(settings, host)
        # What it does not bring about, the settings at the top do: they are tried next.
        return HostConfig(
            first.server,
            first.api,
            (*first.ca, *top.ca),
            (*first.clients, *top.clients),
            first.skip_verify or top.skip_verify,
            mirrors,
        )
    return replace(top, mirrors=mirrors)


def _same(host: str, server: str) -> bool:
    """Whether the two lead to one host and port."""
    return _netloc(host) == _netloc(server)


def _netloc(url: str) -> str:
    url = url if url.startswith("http") else f"https://{url}"
    scheme, _, rest = url.lower().partition("://")
    return rest.partition("/")[0].removesuffix({"http": ":80"}.get(scheme, ":443"))


def _host(table: dict[str, Any], server: Any) -> HostConfig:
    """What a table says of one host."""
    url, api = _server(table, server)
    skip_verify = table.get("skip_verify", False)
    if not isinstance(skip_verify, bool):
        raise BadHosts("'skip_verify' is neither true nor false")
    ca = tuple(_names(table.get("ca", []), "ca"))
    return HostConfig(url, api, ca, tuple(_clients(table.get("client", []))), skip_verify)


def _server(table: dict[str, Any], server: Any) -> tuple[str, str]:
    """Scheme and host, and the path of the API."""
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
    if not table.get("override_path") and not path.endswith("/v2"):
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
