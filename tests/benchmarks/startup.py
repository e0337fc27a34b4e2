"""Commands that are over at once: what counts is how long Python takes to be ready."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.cluster import prepare
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Amount, Figure, in_turns, seconds

if TYPE_CHECKING:
    from tests.benchmarks.installation import Installation

ROUNDS = 40
FIRST_ROUNDS = 10
_FLAGS = (
    "pull",
    "--docker-server=asia.gcr.io",
    "--docker-username=me",
    "--docker-password=hush",
    "--dry-run=client",
    "-o",
    "yaml",
)


def secret(installation: Installation, rounds: int) -> Figure:
    """``regcred secret --dry-run=client`` against kubectl with the same flags."""
    ours = [installation.regcred, "secret", *_FLAGS]
    theirs = [prepare()["kubectl"], "create", "secret", "docker-registry", *_FLAGS]
    said = _run(ours)
    assert said == _run(theirs), "regcred and kubectl print different bytes"
    assert b"kind: Secret" in said
    return _figure("secret --dry-run=client", "kubectl", ours, theirs, rounds, goal=1.5)


def importing(installation: Installation, rounds: int) -> Figure:
    """``import regcred`` against bare Python."""
    python = installation.python
    ours, theirs = [python, "-c", "import regcred"], [python, "-c", "pass"]
    return _figure("import regcred", "bare Python", ours, theirs, rounds, goal=1.2)


def version(installation: Installation, rounds: int) -> Figure:
    """``regcred --version`` against Python with click, which every verb loads."""
    ours = [installation.regcred, "--version"]
    theirs = [installation.python, "-c", "import click"]
    return _figure("--version", "import click", ours, theirs, rounds, goal=None)


def first(installation: Installation, rounds: int) -> Amount:
    """The first command after an installation that left the compiling to it, as uv's does.

    pip compiles what it installs, so that after it there is less to do.
    """
    measured = [_first(installation) for _ in range(rounds)]
    return Amount("first command after install", measured, goal=1.0)


def _first(installation: Installation) -> float:
    with tempfile.TemporaryDirectory(prefix="regcred-first-") as name:
        folder = Path(name) / "env"
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(installation.folder, folder, symlinks=True, ignore=left_out)
        # Not by its first line, which names the Python of the folder that this is a copy of.
        command = [folder / "bin" / "python", folder / "bin" / "regcred", "secret", *_FLAGS]
        taken = seconds(partial(_run, command))
        assert any(folder.rglob("__pycache__")), "the first command compiled nothing"
    return taken


def _figure(
    what: str,
    against: str,
    ours: list[str | Path],
    theirs: list[str | Path],
    rounds: int,
    *,
    goal: float | None,
) -> Figure:
    measured = in_turns(
        *(partial(seconds, partial(_run, command)) for command in (ours, theirs)), rounds
    )
    return Figure(what, against, *measured, goal)


def _run(command: list[str | Path]) -> bytes:
    env = environment(KUBECONFIG="/dev/null", KUBERC="off")
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout
