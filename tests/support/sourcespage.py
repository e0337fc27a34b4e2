"""docs/sources.md, taken apart."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

import yaml

from cluster.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "sources.md"


@dataclass
class Section:
    """What the page has under a heading.

    Args:
        objects: its PullCredentials; of a block that shows another source, with that one.
        commands: of regcred, in words.
    """

    objects: list[dict] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)


def read() -> dict[str, Section]:
    """Heading → section."""
    found: dict[str, Section] = {}
    for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        section = found[part.partition("\n")[0]] = Section()
        for language, text in re.findall(r"^```(\w+)\n([\s\S]*?)^```", part, re.MULTILINE):
            if language == "yaml":
                section.objects.append(_whole(yaml.safe_load(text), section.objects))
            section.commands += [
                shlex.split(line)[1:] for line in text.splitlines() if line.startswith("regcred ")
            ]
    return found


def _whole(block: dict, before: list[dict]) -> dict:
    if "kind" in block:
        return block
    spec = before[0]["spec"] if before else {"registries": ["gcr.io"], "namespaces": {}}
    return {"metadata": {"name": "variant"}, "spec": {**spec, **block}}
