"""Whether a registry's place covers an image's, as kubelet compares the two.

Both are taken for URLs without a scheme: port equal, as many parts between dots, each part a
glob, the path a raw prefix.

Source: Kubernetes v1.37 pkg/credentialprovider/keyring.go (``URLsMatchStr``, ``SplitURL``) and
https://pkg.go.dev/path#Match
"""

from __future__ import annotations

from dataclasses import dataclass

from regcred.core.formats.gourl import BadURL, split_url
from regcred.core.glob import matches as glob_matches


@dataclass(frozen=True, slots=True)
class Place:
    """Where images are: the parts of a host between its dots, its port, and a path.

    Args:
        parts: of the host; globs in a registry's place.
        port: without colon; ``""`` for none.
        path: with its leading slash, or ``""``.
    """

    parts: tuple[str, ...]
    port: str
    path: str

    def covers(self, image: Place) -> bool:
        """Whether kubelet uses a credential for this place to pull `image`."""
        return (
            self.port == image.port
            and len(self.parts) == len(image.parts)
            and image.path.startswith(self.path)
            and all(map(part_matches, self.parts, image.parts))
        )


def place(text: str) -> Place | None:
    """The place that a schemeless URL names; None where kubelet cannot parse it."""
    try:
        host, path = split_url(f"https://{text}")
    except BadURL:
        return None
    name, port = split_port(host)
    return Place(tuple(name.split(".")), port, path)


def split_port(host: str) -> tuple[str, str]:
    """Name and port as Go's ``net.SplitHostPort``; an IPv6 literal without port stays bracketed."""
    name, colon, port = host.rpartition(":")
    if name.startswith("[") and name.find("]") == len(name) - 1:
        return name[1:-1], port
    if not colon or ":" in name:
        return host, ""
    return name, port


def part_matches(glob: str, part: str) -> bool:
    """Go's ``path.Match``, for the characters that a parsed host can have."""
    if glob.startswith("["):
        # An IPv6 address without port keeps its brackets, so kubelet takes it for a class of
        # characters, which matches one of them and never the address.
        return len(part) == 1 and part in glob[1:-1] and glob.endswith("]") and "%" not in glob
    return glob_matches(glob, part)
