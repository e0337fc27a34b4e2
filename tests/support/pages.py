"""Pages of docs, taken apart, and somebody who types what they say on a cluster.

A page's commands stand in ``sh`` blocks (without comments), or in ``console`` blocks with what they
print; its files in blocks of any language whose first line is a comment with the file's name.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cluster import Cluster

_PARTS = re.compile(
    r"^#+ (?P<heading>.*)$|^```(?P<language>\w+)\n(?P<text>[\s\S]*?)^```", re.MULTILINE
)
_FILE = re.compile(r"(?://|#) (?P<name>[\w./-]+)\n")


@dataclass(frozen=True)
class Step:
    """A command of a page.

    Args:
        heading: it stands under.
        command: as it stands there, its lines joined.
        output: what the page shows of it; empty for nothing.
    """

    heading: str
    command: str
    output: str = ""


@dataclass
class Page:
    """A page's commands in their order, and its files: name → text."""

    steps: list[Step] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def read_page(path: Path) -> Page:
    """Take a page apart.

    Args:
        path: of the Markdown file.

    Raises:
        AssertionError: a block of YAML that does not say which file it is.
    """
    page, heading = Page(), ""
    for part in _PARTS.finditer(path.read_text()):
        heading, language, text = part["heading"] or heading, part["language"], part["text"]
        if language == "sh":
            commands = [each for each in _joined(text).splitlines() if each and each[0] != "#"]
            page.steps += [Step(heading, each) for each in commands]
        elif language == "console":
            for each in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = _joined(each).partition("\n")
                page.steps.append(Step(heading, command, output))
        elif language:
            named = _FILE.match(text)
            assert named or language not in ("yaml", "groovy"), f"{path.name}: which file? {text}"
            if named:
                page.files[named["name"]] = text
    return page


def _joined(text: str) -> str:
    return re.sub(r"(\\|(?<=\|))\n +", " ", text)


class Reader:
    """Somebody who types what a page says, with names of their own for what a cluster shares.

    Args:
        cluster: the cluster.
        folder: theirs, where the page's files are.
        namespaces: of the page, globs of them too.
        programs: name → path of more than kubectl and regcred.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        namespaces: Iterable[str],
        programs: Mapping[str, Path] | None = None,
    ) -> None:
        self.cluster, self.folder = cluster, folder
        self.name = f"docs{secrets.token_hex(3)}"
        self.namespace = f"{self.name}-regcred-system"
        self._names = "|".join(map(re.escape, namespaces))
        path = folder / "bin"
        path.mkdir()
        for name, program in {"kubectl": cluster.kubectl_path, **(programs or {})}.items():
            (path / name).symlink_to(program)
        (path / "regcred").write_text(f'#!/bin/sh\nexec {sys.executable} -m regcred "$@"\n')
        (path / "regcred").chmod(0o755)
        for name in ("charts", "deploy", "integrations"):
            (folder / name).symlink_to(CHECKOUT / name)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        home = ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")
        own = {"KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{path}:{os.environ['PATH']}"}
        self.env = kept | dict.fromkeys(home, str(folder)) | own

    def own(self, name: str) -> str:
        """A namespace of the page, as it is called here."""
        return f"{self.name}-{name}"

    def mine(self, text: str, heading: str = "") -> str:
        """The page's text with these names.

        Args:
            text: of the page.
            heading: it stands under; for those who override this.
        """
        return re.sub(rf"(?<![\w./-])({self._names})(?![\w-])", rf"{self.name}-\1", text)

    def theirs(self, text: str) -> str:
        """What was printed, with the page's names."""
        return text.replace(f"{self.name}-", "")

    def type(self, step: Step, extra: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command; what it says has to be what the page shows.

        Args:
            step: of the page.
            extra: added to the command.

        Raises:
            AssertionError: it prints something else, or fails where the page shows no error.
        """
        command = self.mine(step.command, step.heading) + extra
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = f"$ {command}\n{done.stdout}{done.stderr}"
        assert (done.returncode != 0) == step.output.startswith("Error"), said
        if step.output:
            shown = [done.stdout, done.stdout + done.stderr][
                done.returncode != 0 or not done.stdout
            ]
            assert plain(self.theirs(shown)) == plain(step.output), said
        return done


def plain(text: str) -> list[list[str]]:
    """Lines of words: what differs are ages, Pods' names, and how wide columns are."""
    text = re.sub(r"-[0-9a-f]{6,10}-[0-9a-z]{5}(?![^\s.,])", "-POD", text)
    return [re.sub(r"(?<!\S)\d+[smh](?!\S)", "AGE", line).split() for line in text.splitlines()]
