"""Image references, normalized as kubelet and the container runtimes normalize them.

``nginx`` is ``docker.io/library/nginx`` and ``gcr.io/p/app`` is itself: which credential a pull
gets depends on that full name, so regcred has to read it exactly as kubelet does.

Grammar: https://pkg.go.dev/github.com/distribution/reference (``ParseNormalizedNamed``, v0.6.0,
which is what kubelet's pkg/util/parsers calls). Digests: https://pkg.go.dev/github.com/opencontainers/go-digest
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from regcred.core.errors import InvalidImage

DOCKER_HUB = "docker.io"
#: Where Docker Hub's images are really pulled from.
DOCKER_HUB_ENDPOINT = "registry-1.docker.io"

_LEGACY_DOCKER_HUB = "index.docker.io"
_OFFICIAL = "library/"
_DEFAULT_TAG = "latest"
_PATH_MAX = 255
_SHOWN_MAX = 300

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A normalized image reference; make one with `parse_image`.

    Args:
        domain: the registry's host, with its port where one is written: ``docker.io``,
            ``localhost:5000``, ``[::1]:5000``.
        path: the repository, without leading slash: ``library/nginx``.
        tag: as written, or None.
        digest: ``sha256:…`` as written, or None.
    """

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """``domain/path``: what kubelet looks up in its keyring."""
        return f"{self.domain}/{self.path}"

    @property
    def reference(self) -> str:
        """What follows ``/manifests/`` in a pull: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or _DEFAULT_TAG

    @property
    def registry_host(self) -> str:
        """The host (with port) to dial."""
        return DOCKER_HUB_ENDPOINT if self.domain == DOCKER_HUB else self.domain

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def parse_image(text: str) -> ImageReference:
    """Normalize an image reference as it stands in a Pod.

    Raises:
        InvalidImage: `text` is not an image reference; kubelet would say InvalidImageName.
    """
    if _IDENTIFIER.fullmatch(text):
        raise _invalid(text, "64 hexadecimal digits are an image's ID, and no registry knows IDs")
    domain, remainder = _split_domain(text)
    match = _REFERENCE.fullmatch(f"{domain}/{remainder}")
    if match is None:
        raise _invalid(text, _explain(text, remainder))
    path = match["path"]
    if len(path) > _PATH_MAX:
        raise _invalid(text, f"the repository's name is longer than {_PATH_MAX} characters")
    if match["digest"] is not None:
        _check_digest(text, match["digest"])
    if match["domain"] is None:
        # `my_host.io/app`: no domain by the grammar, which knows no underscores there, so the
        # library makes it all one path. kubelet and the runtimes cut at the slash again.
        domain, _, path = path.partition("/")
    return ImageReference(domain, path, match["tag"], match["digest"])


def _split_domain(text: str) -> tuple[str, str]:
    """The registry's host, Docker Hub if none is written, and the rest with tag and digest."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DOCKER_HUB, _OFFICIAL + text
    if first == _LEGACY_DOCKER_HUB:
        first = DOCKER_HUB
    # An upper-case first part cannot be a namespace, so it is taken for a host.
    elif first != "localhost" and not set(first) & set(".:") and first == first.lower():
        return DOCKER_HUB, text
    if first == DOCKER_HUB and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def _check_digest(text: str, digest: str) -> None:
    algorithm, _, encoded = digest.partition(":")
    length = _HEX_DIGITS.get(algorithm)
    if length is None:
        known = ", ".join(_HEX_DIGITS)
        raise _invalid(text, f"the digest's algorithm {algorithm} is none of {known}")
    if len(encoded) != length or encoded != encoded.lower():
        raise _invalid(text, f"a {algorithm} digest is {length} lower-case hexadecimal digits")


def _explain(text: str, remainder: str) -> str:
    """Why `text` does not fit the grammar, as far as it can be told."""
    if not text:
        return "it is empty"
    if text != text.strip() or any(character.isspace() for character in text):
        return "it has white space in it"
    if "://" in text:
        return "it has a scheme; an image is HOST/PATH:TAG"
    repository = remainder.partition(":")[0]
    if repository != repository.lower():
        return "the repository's name must be lower-case"
    return "it does not follow HOST[:PORT]/PATH[:TAG][@DIGEST]"


def _invalid(text: str, why: str) -> InvalidImage:
    shown = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    return InvalidImage(
        f"{shown!r} is not an image reference: {why}",
        hint="write it as in a Pod, e.g. registry.example.com/team/app:1.2",
    )
