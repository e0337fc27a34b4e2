"""The files of a release, built as ``make dist`` builds them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cluster.paths import CHECKOUT
from tests.support.notrun import not_run
from tools import dist

if TYPE_CHECKING:
    from pathlib import Path

#: Long before anything here was written: what is made at this time is not from a clock.
EPOCH = "1000000000"


@dataclass(frozen=True)
class Dist:
    """A wheel and an sdist.

    Args:
        wheel: the wheel.
        sdist: the archive of sources.
    """

    wheel: Path
    sdist: Path

    @property
    def contents(self) -> dict[str, bytes]:
        """Both, by their names."""
        return {path.name: path.read_bytes() for path in (self.wheel, self.sdist)}


def uv(*arguments: str, cwd: Path = CHECKOUT, env: dict[str, str] | None = None) -> str:
    """Run uv, which fails the test where it fails; what it prints."""
    # `uv run` names itself: it need not be on PATH.
    program = os.environ.get("UV") or shutil.which("uv")
    if not program:
        not_run("uv is not there, which builds")
    command = [program, "--quiet", "--no-progress", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"uv {arguments[0]}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, folder: Path, *flags: str) -> list[Path]:
    """Build what is at a place; the files made, by name.

    Args:
        source: a folder or an sdist.
        folder: where to.
        flags: of ``uv build``.
    """
    uv("build", str(source), *flags, f"--out-dir={folder}", env={"SOURCE_DATE_EPOCH": EPOCH})
    return _made(folder)


def build_both(folder: Path, root: Path = CHECKOUT) -> Dist:
    """Build the files of a checkout that git knows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        dist.build(folder, root)
    wheel, sdist = _made(folder)
    return Dist(wheel, sdist)


def _made(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
