"""regcred as a user has it: the wheel and its dependencies in a venv, byte-code compiled.

The environment of development is neither: there the package is a path to its sources, and where
PYTHONDONTWRITEBYTECODE is set each start compiles every module anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).parents[2]


class Installation:
    """A venv with nothing in it but regcred and what it depends on, as locked.

    Args:
        folder: where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        self.regcred = folder / "bin" / "regcred"
        # `uv run` names itself: it need not be on PATH.
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        flags = ["--frozen", "--no-dev", "--no-editable", "--compile-bytecode", "--quiet"]
        subprocess.run(
            # uv would take a wheel that it built before as long as pyproject.toml is the same.
            [uv, "sync", *flags, "--python", sys.executable, "--refresh-package", "regcred"],
            cwd=PROJECT,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)},
            check=True,
        )

    @property
    def description(self) -> str:
        """Which regcred and which Python were measured."""
        optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
        return (
            "the built wheel in a venv of its own, byte-code compiled; Python "
            f"{sys.version.partition(' ')[0]}, {'with' if optimized else 'without'} PGO"
        )


def environment(**more: str) -> dict[str, str]:
    """For the processes measured: no setting of the person's own, and the same for all."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"} | more
