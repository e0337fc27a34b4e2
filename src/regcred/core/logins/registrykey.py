"""Registry keys: what stands under ``auths``, and which images kubelet takes it for.

A key that looks right and matches nothing is the commonest reason for a pull that fails with a
good password. So regcred reads keys exactly as kubelet does, refuses those that can match no
image, and says what to write in their place.

Sources: Kubernetes v1.37 pkg/credentialprovider/keyring.go (``Add``, ``URLsMatchStr``,
``SplitURL``), and https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from regcred.core.errors import InvalidImage, InvalidRegistry
from regcred.core.formats.gourl import BadURL, split_url
from regcred.core.logins.image import DOCKER_HUB, DOCKER_HUB_ENDPOINT, parse_image
from regcred.core.logins.urlmatch import place, split_port

#: The key that ``docker login`` and kubectl write for Docker Hub.
DOCKER_HUB_KEY = "https://index.docker.io/v1/"

#: What kubelet falls back to for images of Docker Hub that nothing else matched.
FALLBACK = "index.docker.io"
_HUB_WEBSITE = "hub.docker.com"
_HUB_ENDPOINTS = frozenset({DOCKER_HUB_ENDPOINT, "registry.hub.docker.com"})
_HUB_NAMES = _HUB_ENDPOINTS | {DOCKER_HUB, FALLBACK, _HUB_WEBSITE}

#: One is often put before a variable that has one already.
_SCHEMES = re.compile(r"\A(?:https?://)+", re.IGNORECASE)
_USER = re.compile(r"(?s)^(https?://)?.*@(?!\w+:[0-9a-f]{32})")
_SHOWN_MAX = 200
_REASON_MAX = 1000


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """A key under ``auths`` as kubelet reads it; make one with `parse_registry`.

    Args:
        text: the key, verbatim.
        host: host with its port, decoded; may hold ``*``, each for a part between dots.
        path: decoded path with its leading slash, or ``""``; a prefix of what it matches.
    """

    text: str
    host: str
    path: str

    @property
    def index(self) -> str:
        """What kubelet files the entry under: two keys with the same index are one."""
        return self.host + self.path


def parse_registry(text: str) -> RegistryKey:
    """Read a key as kubelet does.

    Raises:
        InvalidRegistry: kubelet cannot parse it as a URL; it would drop the entry with no more
            than a line in its own log.
    """
    try:
        return _parse(text)
    except BadURL as error:
        raise InvalidRegistry(
            f"{display(text)} is not a registry: {error}",
            hint="write HOST[:PORT][/PATH], e.g. registry.example.com:5000/team",
        ) from None


def matches(key: RegistryKey | str, image_name: str) -> bool:
    """Whether kubelet tries this key's credential for the image.

    The last resort for Docker Hub, the key ``index.docker.io``, is the keyring's business: it
    depends on what else matched.

    Args:
        key: the key; text that kubelet would drop matches nothing.
        image_name: a normalized name without tag and digest (`ImageReference.name`).
    """
    try:
        index = (_parse(key) if isinstance(key, str) else key).index
    except BadURL:
        return False
    return index_matches(index, image_name)


def index_matches(index: str, image_name: str) -> bool:
    """The same of what kubelet files a key under (`RegistryKey.index`)."""
    # kubelet parses the index a second time, so whatever was escaped twice is decoded here.
    theirs, image = place(index), place(image_name)
    return theirs is not None and image is not None and theirs.covers(image)


def never_matches(key: RegistryKey | str) -> str:
    """Why no image could ever be pulled with this key, and what to write instead.

    Images on an IPv6 address without a port do not count: kubelet takes such an address for a
    pattern, and what patterns then fit is nothing that anyone means.

    Returns:
        A clause for the end of a sentence, or ``""`` where there are images that match.
    """
    if isinstance(key, str):
        try:
            key = _parse(key)
        except BadURL as error:
            return f"kubelet drops it, since {error}"
    if split_port(key.host)[0].lower() == _HUB_WEBSITE:
        return f"{_HUB_WEBSITE} is a web site and no registry; write {DOCKER_HUB_KEY}"
    # Of a key that others have written, however long, a part is enough.
    return "" if _example(key) else _reason(key)[:_REASON_MAX]


def warnings(key: RegistryKey) -> list[str]:
    """What is unusual about a key that can match, one clause each."""
    name, port = split_port(key.host)
    said = []
    if "@" in key.text.partition("//")[2].partition("/")[0] or "@" in key.text.partition("/")[0]:
        said.append("kubelet ignores the user before the @")
    if "?" in key.text or "#" in key.text:
        said.append("kubelet ignores what follows the ? or #")
    if name != name.lower():
        said.append("it matches only images whose host is written in the same upper-case letters")
    if "_" in name:
        said.append("a host name with an underscore is not legal, and some clients refuse it")
    if port in ("443", "80"):
        said.append(f"it matches only images that are written with :{port}")
    if "*" in name and "." not in name:
        said.append("a * stands for one part between dots, so it matches only hosts without a dot")
    if name == "*.docker.io" or name in _HUB_ENDPOINTS:
        said.append(f"it never matches Docker Hub's images, which are {DOCKER_HUB}/…")
    if key.path in ("/v1", "/v2"):
        said.append(f"without a slash at its end {key.path} is taken for the beginning of a path")
    elif key.path and not key.path.endswith("/"):
        said.append(f"it is a prefix: {key.index[:_REASON_MAX]}2 matches as well")
    return said


def login_key(text: str) -> RegistryKey:
    """The key to write for what a person calls a registry (``regcred login TEXT``).

    Scheme, trailing slash and the API's own ``/v2`` are dropped, the host is put into lower
    case, and every name of Docker Hub becomes `DOCKER_HUB_KEY`.

    Raises:
        InvalidRegistry: no image could match it.
    """
    host, _, path = _SCHEMES.sub("", text).partition("/")
    path = f"/{path}".rstrip("/")
    while path in ("/v1", "/v2") or path.startswith(("/v1/", "/v2/")):  # as what is written is read
        path = path[3:]
    host = host.lower()
    if "@" in host:
        raise InvalidRegistry(
            f"{display(text)} has a user in it", hint="give the user with --username"
        )
    if "?" in text or "#" in text:
        raise InvalidRegistry(
            f"{display(text)} is not a registry: a ? or # has no place in it",
            hint="write HOST[:PORT][/PATH], e.g. registry.example.com:5000/team",
        )
    if host == _HUB_WEBSITE or (host in _HUB_NAMES and not path):
        return parse_registry(DOCKER_HUB_KEY)
    if host in _HUB_NAMES:
        host = DOCKER_HUB
    key = parse_registry(host + path)
    reason = never_matches(key)
    if reason:
        why, _, instead = reason.partition("; write ")
        raise InvalidRegistry(
            f"{display(text)} can match no image: {why}",
            hint=f"write {instead or 'HOST[:PORT][/PATH], e.g. registry.example.com:5000/team'}",
        )
    return key


def endpoint_host(key: RegistryKey) -> str:
    """Host (with port) to dial for ``/v2/``; Docker Hub's is ``registry-1.docker.io``.

    Raises:
        InvalidRegistry: the key is a pattern and names no single host, or it has no host.
    """
    host = key.host.removesuffix(":").lower()
    if "*" in host:
        raise InvalidRegistry(
            f"{display(key.text)} is a pattern, and no single host that could be asked",
            hint="add --skip-verify",
        )
    if not split_port(host)[0]:
        raise InvalidRegistry(
            f"{display(key.text)} has no host",
            hint="write HOST[:PORT][/PATH], e.g. registry.example.com:5000/team",
        )
    return DOCKER_HUB_ENDPOINT if host in _HUB_NAMES else host


def is_docker_hub(key: RegistryKey) -> bool:
    """Whether the key's host is one of the names of Docker Hub."""
    return is_hub_name(key.host)


def is_hub_name(host: str) -> bool:
    """Whether `host` is one of the names of Docker Hub, its web site among them."""
    return host.lower() in _HUB_NAMES


def is_loopback(host: str) -> bool:
    """Whether `host` (with or without port) is this machine: such a registry may be plain HTTP."""
    name = split_port(host)[0].removeprefix("[").removesuffix("]")
    if name.lower() == "localhost":
        return True
    import ipaddress

    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # ::ffff:127.0.0.1 is an IPv6 address to Python before 3.13, and no loopback one.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def display(text: str) -> str:
    """A registry key for a message: quoted, without a password before the @, and not endless."""
    shown = without_user(text)
    return repr(shown if len(shown) <= _SHOWN_MAX else shown[:_SHOWN_MAX] + "…")


def without_user(text: str) -> str:
    """A registry key with what stands before an @ hidden: a password may be there."""
    return _USER.sub(r"\1***@", text)


def _parse(text: str) -> RegistryKey:
    host, path = split_url(text if text.startswith(("https://", "http://")) else f"https://{text}")
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return RegistryKey(text, host, "" if path == "/" else path)


def _example(key: RegistryKey) -> str | None:
    """The name of an image that is pulled with this key, or None if there can be none.

    A ``*`` can always be one letter, and a path that is the beginning of some repository's is
    one itself, or is with a letter more; so a few candidates decide it.
    """
    if key.index == FALLBACK:
        return f"{DOCKER_HUB}/library/x"
    try:
        host, path = split_url(f"https://{key.index}")
    except BadURL:
        return None
    name, port = split_port(host)
    hosts = [name.replace("*", "x")]
    if "." not in name and not port:
        # Without dot and port only these are hosts, everything else is a Docker Hub user.
        hosts = ["localhost", name.replace("*", "X")]
    if ":" in name and port:
        hosts = [f"[{name}]"]
    for host in hosts:
        authority = f"{host}:{port}" if port else host
        for end in ("", "x", "/x"):
            try:
                image = parse_image(authority + (path or "/") + end)
            except InvalidImage:
                continue
            if matches(key, image.name):
                return image.name
    return None


def _reason(key: RegistryKey) -> str:
    """Why `_example` found no image."""
    name, port = split_port(key.host)
    if not name:
        return "it has no host"
    if "%" in key.text:
        return "kubelet decodes % escapes, and no image has what they stand for in its name"
    if name == FALLBACK and not port:
        if key.path in ("/v1", "/v2"):
            return f"the slash at its end is missing; write {DOCKER_HUB_KEY}"
        return f"kubelet knows {FALLBACK} only without a path; write {DOCKER_HUB}{key.path}"
    if "[" in name or "]" in name:
        return "kubelet takes an IPv6 address without a port for a pattern; add the port"
    if "." not in name and not port:
        return (
            f"an image {name}/… is one of Docker Hub, since a host has a dot or a port in it; "
            f"write {name}:PORT, or the full host name"
        )
    if "" in name.split("."):
        return "its host has an empty part between dots"
    if _example(RegistryKey(key.text, key.host, "")) is None:
        return f"no image's host can be {key.host}: letters, digits, - and . only"
    return _path_reason(key)


def _path_reason(key: RegistryKey) -> str:
    """Why no repository can begin with the key's path."""
    if "//" in key.path:
        return "a repository has no empty part between slashes"
    if "@" in key.path or ":" in key.path:
        untagged = re.split("[:@]", key.index.removeprefix(key.host), maxsplit=1)[0]
        return f"tag and digest do not belong here; write {key.host}{untagged}"
    if key.path != key.path.lower():
        return f"repositories are lower-case; write {key.host}{key.path.lower()}"
    if "*" in key.path:
        return f"a * works in the host only; a path is a prefix already; write {key.host}/PREFIX"
    return f"no repository's name can begin with {key.path[1:60]!r}"
