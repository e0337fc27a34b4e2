"""The how-to pages of providers, taken apart.

What is done at a provider, and so by none of the tests, stands in blocks behind `ELSEWHERE`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

import yaml

from cluster.paths import CHECKOUT

REFERENCE = CHECKOUT / "docs" / "reference" / "sources.md"
ELSEWHERE = "<!-- at the provider -->"
_HOW_TO = CHECKOUT / "docs" / "how-to"
#: Which page has which kind.
_PAGES = {
    "ecr": "ecr",
    "googleArtifactRegistry": "google",
    "googleServiceAccount": "google",
    "acr": "acr",
    "githubApp": "github",
    "gitlab": "gitlab",
    "harbor": "harbor",
    "quay": "quay",
    "dockerHub": "docker-hub",
    "exec": "other-registries",
    "basic": "other-registries",
    "dockerConfig": "other-registries",
}
PAGES = {kind: _HOW_TO / f"{name}.md" for kind, name in _PAGES.items()}
_BLOCK = re.compile(
    rf"^(?P<elsewhere>{re.escape(ELSEWHERE)}\n)?```(?P<language>\w+)\n(?P<text>[\s\S]*?)^```",
    re.MULTILINE,
)
_ROW = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \| (.+) \|$", re.MULTILINE)


@dataclass
class Page:
    """What a page has.

    Args:
        objects: its PullCredentials; of a block that shows another source, with that one.
        commands: those that are run here, as they stand.
        elsewhere: those that are run at the provider.
        reasons: rows of its table: a reason, what is said, what mends it.
        languages: of its blocks.
    """

    objects: list[dict] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    reasons: list[tuple[str, str, str]] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[dict]:
        """Its objects with a source of that kind."""
        return [each for each in self.objects if kind in each["spec"]["source"]]


def read(kind: str) -> Page:
    """The page of a kind."""
    page, text = Page(), PAGES[kind].read_text()
    for block in _BLOCK.finditer(text):
        page.languages.add(block["language"])
        if block["language"] == "yaml":
            page.objects.append(_whole(yaml.safe_load(block["text"]), page.objects))
        elif block["elsewhere"]:
            page.elsewhere += block["text"].splitlines()
        elif block["language"] == "sh":
            page.commands += block["text"].splitlines()
    for reasons, said, mend in _ROW.findall(text):
        page.reasons += [(each, said, mend) for each in re.findall(r"\w+", reasons)]
    return page


def regcred(commands: list[str]) -> list[list[str]]:
    """The commands of regcred among them, in words, without the file that is their input."""
    found = (shlex.split(each.partition(" < ")[0]) for each in commands)
    return [words[1:] for words in found if words[0] == "regcred"]


def _whole(block: dict, before: list[dict]) -> dict:
    if "kind" in block:
        return block
    return {"metadata": {"name": "variant"}, "spec": {**before[0]["spec"], **block}}
