"""The key that was perhaps meant for an image, and why kubelet does not take it for that.

kubelet says nothing where no key matches: the pull goes out without a login, and the registry
says that it is unauthorized. What is wrong is mostly a detail: a port, a part between dots, a
``/v2`` without its slash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidRegistry
from regcred.core.logins.image import DOCKER_HUB
from regcred.core.logins.registrykey import (
    DOCKER_HUB_KEY,
    is_hub_name,
    never_matches,
    parse_registry,
)
from regcred.core.logins.urlmatch import part_matches, split_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.logins.image import ImageReference

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A key that does not match an image, and nearly does.

    Args:
        registry: the key, verbatim.
        why: what keeps it from matching, a clause.
        instead: the key that matches.
    """

    registry: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A key as a person reads it: any scheme, no user, lower case."""

    name: str
    port: str
    path: str


def nearest(registries: Iterable[str], image: ImageReference) -> NearMiss | None:
    """The key nearest to an image that none of them matches; None where all are for others.

    Args:
        registries: keys, verbatim; those that kubelet drops included. Of two that are equally
            near, the first.
        image: the image.
    """
    best, best_rank = None, (0, False, 0)
    for registry in registries:
        rank = _rank(_read(registry), image)
        if rank[0] and rank > best_rank:
            best, best_rank = registry, rank
    if best is None:
        return None
    instead = DOCKER_HUB_KEY if image.domain == DOCKER_HUB else image.domain
    return NearMiss(best, _why(best, image), instead)


def _read(registry: str) -> _Read:
    rest = registry.partition("?")[0].partition("#")[0]
    rest = rest[scheme.end() :] if (scheme := _SCHEME.match(rest)) else rest
    authority, slash, path = rest.partition("/")
    name, port = split_port(authority.rpartition("@")[2].lower())
    return _Read(name, port, slash + path)


def _rank(key: _Read, image: ImageReference) -> tuple[int, bool, int]:
    """How near a key is; the first figure is 0 where it is for another registry."""
    name, port = split_port(image.domain.lower())
    return _host_rank(key.name, name), key.port == port, _common(key.path, f"/{image.path}")


def _host_rank(key: str, host: str) -> int:
    if is_hub_name(key) and is_hub_name(host):
        return 4
    parts, image_parts = key.split("."), host.split(".")
    if len(parts) == len(image_parts):
        same = sum(map(part_matches, parts, image_parts))
        if same == len(parts):
            return 4
        if len(parts) > 2 and same == len(parts) - 1:
            return 2
    elif _is_within(parts, image_parts) or _is_within(image_parts, parts):
        return 3
    return 1 if _is_slip(key, host) else 0


def _is_within(parts: list[str], longer: list[str]) -> bool:
    """Whether the one is the other's domain, or would be if a ``*`` stood for several parts."""
    while parts[0] == "*" and len(parts) > 1:
        parts = parts[1:]
    if parts == ["*"]:
        return True
    return len(longer) > len(parts) > 1 and all(map(part_matches, parts, longer[-len(parts) :]))


def _is_slip(key: str, host: str) -> bool:
    """Whether they differ in one place only, and little: a letter, or two that are swapped."""
    longer = max(len(key), len(host))
    start = _common(key, host)
    rest = longer - start - _common(key[start:][::-1], host[start:][::-1])
    return rest <= min(2, longer // 3)


def _common(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return len(list(same))


def _why(registry: str, image: ImageReference) -> str:
    scheme = _SCHEME.match(registry)
    if scheme and scheme[1] not in ("https", "http"):
        return f"kubelet knows only https:// and http:// before a host, and not {scheme[1]}://"
    try:
        key = parse_registry(registry)
    except InvalidRegistry:
        return never_matches(registry)
    host, image_host = key.host, image.domain
    if host.lower() != image_host.lower() and is_hub_name(host) and is_hub_name(image_host):
        if image_host != DOCKER_HUB:
            return f"the image is written with {image_host}, which to kubelet is not Docker Hub"
        return never_matches(key) or f"Docker Hub's images are {DOCKER_HUB}/… to kubelet"
    if never := never_matches(key):
        return never
    return "; ".join([*_host_differences(host, image_host), *_path_differences(key.path, image)])


def _host_differences(host: str, image_host: str) -> list[str]:
    (name, port), (image_name, image_port) = split_port(host), split_port(image_host)
    parts, image_parts = name.split("."), image_name.split(".")
    said = []
    if len(parts) != len(image_parts):
        stands = "; a * stands for exactly one part" if "*" in name else ""
        said.append(
            f"{name} has {_counted(len(parts))} between dots and {image_name} has "
            f"{len(image_parts)}{stands}"
        )
    elif not all(map(part_matches, parts, image_parts)):
        if all(map(part_matches, name.lower().split("."), image_name.lower().split("."))):
            said.append("upper and lower case are different hosts to kubelet")
        else:
            said.append(f"{name} is another host than {image_name}")
    if port != image_port:
        has, image_has = (f"port {p}" if p else "no port" for p in (port, image_port))
        default = "" if port and image_port else "; to kubelet no port is not 443"
        said.append(f"the key has {has} and the image {image_has}{default}")
    return said


def _path_differences(path: str, image: ImageReference) -> list[str]:
    if f"/{image.path}".startswith(path):
        return []
    if path in ("/v1", "/v2"):
        return [f"without a slash at its end {path} is taken for the beginning of a repository"]
    if path.endswith("/") and f"/{image.path}".startswith(path[:-1]):
        return [f"the image's path /{image.path} goes on without the slash at the end of {path}"]
    return [f"the image's path /{image.path} does not begin with {path}"]


def _counted(parts: int) -> str:
    return f"{parts} part{'s' * (parts != 1)}"
