"""Host and path of a URL, cut as Go's ``net/url`` cuts them.

kubelet reads every key under ``auths`` with ``url.Parse`` and drops those that it refuses, so
what is a registry and what is not is decided there. Python's ``urllib.parse`` refuses next to
nothing, hence this module. Only ``http`` and ``https`` URLs come here, and only host and path
are asked for.

Source: https://pkg.go.dev/net/url#Parse (Go 1.26: ``parse``, ``parseAuthority``, ``parseHost``,
``unescape``).
"""

from __future__ import annotations

import re

_HOST_ASCII = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!$&'()*+,;=:[]<>\""
)
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PORT = re.compile(r"(?::[0-9]*)?")
_SHOWN_MAX = 100


class BadURL(ValueError):
    """Go would not parse it; the text is a clause that says why. Callers translate it."""


def split_url(url: str) -> tuple[str, str]:
    """Host (with port, without user) and path of `url`, percent-decoded.

    Args:
        url: begins with ``http://`` or ``https://``. Bytes that are not UTF-8 are carried as
            lone surrogates, as in ``sys.argv``.

    Raises:
        BadURL: ``url.Parse`` would return an error.
    """
    before, _, fragment = url.partition("#")
    if _CONTROL.search(before):
        raise BadURL("it has a control character in it")
    authority, slash, path = before.partition("?")[0].partition("://")[2].partition("/")
    userinfo, _, host = authority.rpartition("@")
    if not _USERINFO.fullmatch(userinfo):
        raise BadURL("the user before the @ has a character that a URL cannot have there")
    for part in (userinfo, path, fragment):
        if _BAD_ESCAPE.search(part):
            raise BadURL("it has a % that is not followed by two hexadecimal digits")
    return _host(host), _decode(slash + path)


def _host(host: str) -> str:
    if host.startswith("["):
        return _ip_literal(host)
    if "[" in host:
        raise BadURL("a [ can only begin an IPv6 address")
    name, colon, port = host.partition(":")
    _check_port(colon + port)
    return _decode_host(name) + colon + port


def _ip_literal(host: str) -> str:
    if "[" in host[1:]:
        raise BadURL("a [ can only begin an IPv6 address")
    literal, bracket, port = host[1:].rpartition("]")
    if not bracket:
        raise BadURL("the ] that ends the IPv6 address is missing")
    _check_port(port)
    address, zone_mark, zone = literal.partition("%25")
    address, zone = _decode_host(address), _decode_host(zone, zone=True)
    import ipaddress

    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise BadURL(f"[{address[:_SHOWN_MAX]}] is not an IPv6 address") from None
    if zone_mark and not zone:
        raise BadURL("its IPv6 zone is empty")
    return f"[{address}%{zone}]{port}" if zone_mark else f"[{address}]{port}"


def _check_port(port: str) -> None:
    """`port` with its colon; a port may be empty and never a glob."""
    if not _PORT.fullmatch(port):
        more = "; an IPv6 address must stand in [brackets]" if port.count(":") > 1 else ""
        raise BadURL(f"its port is not a number{more}")


def _decode_host(host: str, *, zone: bool = False) -> str:
    """Decode a host, where only non-ASCII bytes may be escaped, or an IPv6 zone."""
    for character in _ESCAPES.sub("", host):
        if character.isascii() and character not in _HOST_ASCII:
            raise BadURL(f"a host name cannot have {character!r} in it")
    for escape in (e for run in _ESCAPES.findall(host) for e in re.findall("...", run)):
        byte = chr(int(escape[1:], 16))
        # Windows has spaces in its zones.
        fits = byte in _HOST_ASCII or byte == " " if zone else byte >= "\x80"
        if not fits and escape != "%25":
            raise BadURL(f"a host name cannot have {escape} in it")
    return _decode(host)


def _decode(text: str) -> str:
    """Percent-decode `text`, whose escapes are well-formed."""
    return _ESCAPES.sub(
        lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogateescape"), text
    )
