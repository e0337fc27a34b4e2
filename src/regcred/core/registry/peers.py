"""Who may be sent a password: a registry names its token service, and may name anybody.

A registry's ``realm`` is text from the network. Followed blindly it would send passwords over
plain HTTP, or make regcred ask a cloud's metadata service that only this machine can reach.

See https://github.com/google/go-containerregistry/security/advisories for how that has gone wrong
elsewhere, and RFC 3927 for link-local addresses.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from regcred.core.logins.registrykey import is_loopback

# Whatever two parsers of URLs could read in two ways is refused.
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
DEFAULT_PORTS = {"http": 80, "https": 443}

# Metadata services of clouds that are not link-local: AWS by IPv6, Alibaba Cloud, Azure, Oracle.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data.ec2.internal"})


class BadPeerURL(ValueError):
    """The text is no http or https URL with a host. Callers translate it."""


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL.

    Raises:
        BadPeerURL: it is not http or https, or has no host.
    """
    if not _PLAIN.fullmatch(url):
        raise BadPeerURL("it has characters that a URL cannot have")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise BadPeerURL("it is no URL") from None
    if scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc:
        raise BadPeerURL("it is no http or https URL with just a host")
    return scheme, host, port or DEFAULT_PORTS[scheme]


def is_off_limits(host: str) -> bool:
    """Whether `host`, a name or an address without port, is none that a registry may lead to.

    That are link-local, multicast and unspecified addresses, and the metadata services of clouds.
    """
    try:
        address = ipaddress.ip_address(host.removesuffix(".").partition("%")[0])
    except ValueError:
        return host.lower().removesuffix(".") in _METADATA_NAMES
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _METADATA
    )


def may_have_password(peer: str, registry: str) -> bool:
    """Whether the password for `registry` may be sent to `peer` (both URLs).

    By https yes. In clear only from this machine to itself, or to the registry's own host
    where that is spoken to in clear as well.

    Raises:
        BadPeerURL: one of them is no URL.
    """
    scheme, host, _ = origin(peer)
    registry_scheme, registry_host, _ = origin(registry)
    return (
        scheme == "https"
        or (is_loopback(host) and is_loopback(registry_host))
        or (registry_scheme == "http" and host == registry_host)
    )
