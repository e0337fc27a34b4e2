"""Which proxy a request goes through, by the rules of Go's net/http.

https://pkg.go.dev/golang.org/x/net/http/httpproxy: the variable of the URL's scheme, never for
localhost and loopback addresses, and ``NO_PROXY`` holds ``*``, addresses, CIDR blocks, and domains,
each with an optional port. kubectl, docker and containerd follow them, so regcred reaches what they
reach. Upper case comes before lower case, and unlike Go a proxy that cannot be used is an error:
going round it would be met as a time-out.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}


class BadProxy(ValueError):
    """A proxy that regcred cannot go through. Callers translate it.

    Args:
        message: where the proxy is named and what is wrong; never shows it, as it may hold a
            password.
        hint: what to do about it, or empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def from_environment(target: str, env: Mapping[str, str]) -> str:
    """The proxy that the environment names for a URL; empty for a direct connection.

    Args:
        target: an http or https URL with a host and no bad port.
        env: the environment.

    Raises:
        BadProxy: the variable holds no URL of a proxy that regcred can go through.
    """
    url = urlsplit(target)
    name, proxy = _named(url.scheme, env)
    if not proxy or _is_direct(
        url.hostname or "",
        url.port or _PORTS[url.scheme],
        env.get("NO_PROXY") or env.get("no_proxy") or "",
    ):
        return ""
    return checked(proxy, f"environment's {name}")


def hosts(env: Mapping[str, str]) -> frozenset[str]:
    """The hosts of the proxies that the environment names; of what is no URL, none.

    Args:
        env: the environment.
    """
    found = set()
    for scheme in _PORTS:
        try:
            found.add(urlsplit(_named(scheme, env)[1]).hostname or "")
        except ValueError:
            continue  # and whoever goes through it hears so
    return frozenset(found - {""})


def _named(scheme: str, env: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the proxy for URLs of a scheme, and the proxy's URL or ``""``."""
    upper = f"{scheme.upper()}_PROXY"
    name = upper if env.get(upper) else upper.lower()
    proxy = env.get(name, "")
    return name, f"http://{proxy}" if proxy and "://" not in proxy else proxy


def checked(proxy_url: str, where: str) -> str:
    """The URL of a proxy, when regcred can go through it.

    Args:
        proxy_url: the URL.
        where: what names it, for the message: ``environment's HTTPS_PROXY``.

    Raises:
        BadProxy: it cannot.
    """
    try:
        url = urlsplit(proxy_url)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host:
        raise BadProxy(f"the {where} is not a URL")
    if url.scheme in {"socks5", "socks5h"}:
        raise BadProxy(
            f"the {where} is a SOCKS proxy, which regcred does not support",
            hint="use an HTTP proxy, or a tunnel (ssh -L)",
        )
    if url.scheme not in _PORTS:
        raise BadProxy(f"the {where} has the scheme {url.scheme!r}, not http or https")
    return proxy_url


def _is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether a host is reached without the proxy of the environment."""
    if host == "localhost":
        return True
    address = _address(host)
    if address is not None and address.is_loopback:
        return True
    return any(_matches(rule.strip().lower(), host, address, port) for rule in no_proxy.split(","))


def _matches(
    rule: str,
    host: str,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    port: int,
) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return address is not None and address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, rule_port = _split_port(rule)
    if rule_port and rule_port != str(port):
        return False
    if (rule_address := _address(name)) is not None:
        return rule_address == address
    if not name or address is not None:
        return False
    if name.startswith("*."):
        name = name[1:]
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(rule: str) -> tuple[str, str]:
    """Host and port of ``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 address."""
    if rule.startswith("["):
        host, _, rest = rule[1:].partition("]")
        return host, rest.removeprefix(":")
    if rule.count(":") == 1:
        host, _, port = rule.partition(":")
        return host, port
    return rule, ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
