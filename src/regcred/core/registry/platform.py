"""Platforms of images, and which of those in an index a node takes: containerd's rules.

A node takes what it can run best: an amd64 node 386 images too, an arm/v7 one those of v6 and v5,
an arm64 one those of arm.

Source: github.com/containerd/platforms v1.0.0-rc.1, database.go (``normalizeArch``) and
compare.go (``platformVector``, ``Only``); the fields are those of
https://github.com/opencontainers/image-spec/blob/main/image-index.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from regcred.core.errors import UsageError
from regcred.core.formats.redact import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PART = re.compile(r"[A-Za-z0-9_.-]+")
_SPELLINGS = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on; equal where containerd takes one for the other.

    Args:
        os: ``linux``.
        architecture: Go's name of it: ``amd64``.
        variant: ``v7`` of ``arm``; empty for the plain one: of ``arm64`` that is ``v8``.
    """

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``OS/ARCHITECTURE[/VARIANT]``, as in ``linux/arm64/v8``.

        Raises:
            UsageError: it is none.
        """
        parts = text.strip().split("/")
        if len(parts) not in (2, 3) or not all(map(_PART.fullmatch, parts)):
            raise UsageError(
                f"{one_line(text)!r} is no platform",
                hint="write OS/ARCHITECTURE[/VARIANT], e.g. linux/amd64 or linux/arm/v7",
            )
        return cls.normalized(*parts)

    @classmethod
    def normalized(cls, os: str, architecture: str, variant: str = "") -> Self:
        """The platform as containerd writes it, whatever spelling it comes in."""
        os, architecture, variant = os.lower(), architecture.lower(), variant.lower()
        if os == "macos":
            os = "darwin"
        if architecture in ("x86_64", "x86-64", "aarch64"):
            architecture = _SPELLINGS[architecture][0]
        elif architecture in _SPELLINGS:
            architecture, variant = _SPELLINGS[architecture]
        if architecture == "amd64" and variant == "v1":
            variant = ""
        elif architecture == "arm64":
            variant = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}.get(
                variant, variant
            )
        elif architecture == "arm":
            variant = {"": "v7"}.get(variant, f"v{variant}" if variant in set("5678") else variant)
        return cls(os, architecture, variant)

    def takes(self) -> Iterator[Platform]:
        """What a node of this platform runs, the best first."""
        level = _level(self.variant)
        match self.architecture:
            case "amd64":
                yield self
                for lower in range(level - 1, 0, -1):
                    yield self.normalized(self.os, "amd64", f"v{lower}")
                yield Platform(self.os, "386")
            case "arm":
                yield self
                for lower in range(level - 1, 4, -1):
                    yield Platform(self.os, "arm", f"v{lower}")
            case "arm64":
                if self.variant in _ARM64:
                    for variant in _ARM64[self.variant]:
                        yield Platform(self.os, "arm64", variant)
                    yield from Platform(self.os, "arm", "v8").takes()
            case _:
                yield self

    def choose(self, present: Sequence[Platform]) -> int | None:
        """Which of `present` a node of this platform takes: its index, or None for none."""
        there = set(present)
        for wanted in self.takes():
            if wanted in there:
                return present.index(wanted)
        return None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def _arm64_below(major: int, minor: int) -> tuple[str, ...]:
    """A variant of arm64 and those that it runs too; v9.x is v8.(x + 5) and more."""
    steps = [(major, minor), (8, minor + 5)] if major == 9 else [(8, minor)]
    return tuple(
        Platform.normalized("", "arm64", f"v{high}.{below}" if below else f"v{high}").variant
        for high, low in steps
        for below in range(low, -1, -1)
    )


_ARM64 = {
    below[0]: below
    for major, count in ((8, 10), (9, 8))
    for below in (_arm64_below(major, minor) for minor in range(count))
}


def _level(variant: str) -> int:
    """7 of ``v7``; 0 for what is none, such as ``v7.1``."""
    found = re.fullmatch(r"v?([0-9]{1,2})", variant, re.ASCII)
    return int(found[1]) if found else 0
