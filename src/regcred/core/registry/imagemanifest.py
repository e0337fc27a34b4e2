"""What a registry sends as an image: which kinds a node pulls, and what an index offers.

The registry's ``Content-Type`` decides, as it does for containerd, and a body that could be read
as the other kind is refused (CVE-2021-41190).

Source: containerd v2.1.4 core/images/image.go (``Manifest``, ``validateMediaType``),
core/remotes/docker/resolver.go; formats: https://github.com/opencontainers/image-spec and
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from regcred.core.fields import text
from regcred.core.formats.redact import one_line
from regcred.core.registry.platform import Platform

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = frozenset({DOCKER_MANIFEST, OCI_MANIFEST})
INDEXES = frozenset({DOCKER_LIST, OCI_INDEX})
#: containerd's, in its order.
ACCEPT = ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX, "*/*"))
#: The largest that containerd takes (``MaxManifestSize``), in bytes.
LARGEST = 4 * 1048 * 1048
#: No index is for more: what is beyond costs time and memory, and helps nobody.
MOST_PLATFORMS = 10_000

_DIGEST = re.compile(r"(sha256|sha384|sha512):([a-f0-9]+)", re.ASCII)
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        # What registry.access.redhat.com once sent for it.
        "text/plain",
    }
)


#: Operating system, architecture and variant as a registry spells them.
Spelled = tuple[str, str, str]


class NoImage(ValueError):
    """The text says why a node could not pull it, as what follows ``what it has is``."""


def is_digest(text: str) -> bool:
    """Whether it is one that can be checked."""
    found = _DIGEST.fullmatch(text)
    return found is not None and len(found[2]) == _LENGTHS[found[1]]


def digest_of(body: bytes, like: str) -> str:
    """The digest of `body`, by the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def check_kind(media_type: str) -> None:
    """Make sure that a node pulls what is of this type.

    Raises:
        NoImage: it does not.
    """
    if media_type in _SCHEMA_1:
        raise NoImage("an image of Docker's schema 1, which nodes no longer pull")
    if media_type not in MANIFESTS | INDEXES:
        said = f"of the type {one_line(media_type, limit=100)!r}" if media_type else "of no type"
        raise NoImage(f"{said}, which is no image's")


def read(body: bytes, media_type: str) -> dict[Platform | None, Spelled]:
    """Read a manifest or an index.

    Args:
        body: what the registry sent.
        media_type: one that `check_kind` lets pass.

    Returns:
        For an index, the platforms of its images in its order, each once, None where it does not
        say; those of its attestations are left out. With each goes how it is spelled, which is
        for `name_of`. Empty for a manifest.

    Raises:
        NoImage: it is not what it is said to be.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NoImage("no JSON object")
    if document.get("fsLayers"):
        raise NoImage("an image of Docker's schema 1, which nodes no longer pull")
    kind, said = media_type in INDEXES, text(document.get("mediaType"))
    if kind and (document.get("config") or document.get("layers") or said in MANIFESTS):
        raise NoImage("said to be an index, and is an image")
    if not kind and (document.get("manifests") or said in INDEXES):
        raise NoImage("said to be an image, and is an index")
    if not kind:
        if not isinstance(document.get("config"), dict):
            raise NoImage("an image without a configuration")
        return {}
    images = document.get("manifests")
    if not isinstance(images, list):
        raise NoImage("an index that lists no images")
    return _platforms(images)


def name_of(spelled: Spelled) -> str:
    """A platform's name, fit for a message."""
    return str(Platform.normalized(*(one_line(part, limit=50) for part in spelled)))


def _platforms(images: list[Any]) -> dict[Platform | None, Spelled]:
    """The platforms of the entries of an index."""
    spellings: dict[Spelled | None, None] = {}
    for image in images:
        if isinstance(image, dict):
            spellings[_spelled(image)] = None
            if len(spellings) > MOST_PLATFORMS:
                raise NoImage(f"an index for more than {MOST_PLATFORMS} platforms")
    found: dict[Platform | None, Spelled] = {}
    for spelled in spellings:
        platform = Platform.normalized(*spelled) if spelled else None
        if platform is None or platform.os != "unknown":
            found.setdefault(platform, spelled or ("", "", ""))
    return found


def _spelled(image: dict[str, Any]) -> Spelled | None:
    """The platform of an entry of an index; None where it does not say."""
    platform = image.get("platform")
    if not isinstance(platform, dict):
        return None
    system, architecture, variant = map(platform.get, ("os", "architecture", "variant"))
    return (
        system if isinstance(system, str) else "",
        architecture if isinstance(architecture, str) else "",
        variant if isinstance(variant, str) else "",
    )
