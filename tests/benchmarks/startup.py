"""Commands that are over at once: what counts is how long Python takes to be ready."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING

from cluster.cluster import prepare
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Figure, in_turns, seconds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.installation import Installation

ROUNDS = 40
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
