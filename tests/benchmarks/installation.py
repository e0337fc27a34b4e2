"""regcred as a user has it: the wheel and its dependencies in a venv, byte-code compiled.

The environment of development is neither: there the package is a path to its sources, and where
PYTHONDONTWRITEBYTECODE is set each start compiles every module anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]


#: Variables in which a build says how it was made.
_BUILD = ("CONFIG_ARGS", "PY_CORE_CFLAGS", "CONFIGURE_CFLAGS_NODIST", "PGO_PROF_USE_FLAG")
_ASK = """\
import json, sys, sysconfig
values = {name: sysconfig.get_config_var(name) for name in sys.argv[1:]}
print(json.dumps([sys.version.partition(" ")[0], values]))
"""


class Installation:
    """A venv with nothing in it but regcred and what it depends on, as locked.

    Args:
        folder: where to make it.
        interpreter: whose venv it is.
    """

    def __init__(self, folder: Path, interpreter: str = sys.executable) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.regcred = folder / "bin" / "regcred"
        self._interpreter = interpreter
        # `uv run` names itself: it need not be on PATH.
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        flags = ["--frozen", "--no-dev", "--no-editable", "--compile-bytecode", "--quiet"]
        subprocess.run(
            # uv would take a wheel that it built before as long as pyproject.toml is the same.
            [uv, "sync", *flags, "--python", interpreter, "--refresh-package", "regcred"],
            cwd=PROJECT,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)},
            check=True,
        )

    @property
    def description(self) -> str:
        """Which regcred and which Python were measured."""
        asked = [self.python, "-c", _ASK, *_BUILD]
        told = subprocess.run(asked, capture_output=True, check=True).stdout
        version, build = json.loads(told)
        return (
            "the built wheel in a venv of its own, byte-code compiled; "
            f"Python {version} ({self._interpreter}), {pgo(build)}"
        )


def pgo(build: Mapping[str, str | None]) -> str:
    """Whether an interpreter was built with profile-guided optimization, as far as it says.

    Args:
        build: the values of `_BUILD` in its ``sysconfig``.
    """
    args, *flags, use = (build.get(name) or "" for name in _BUILD)
    if "--enable-optimizations" in args or any("-fprofile" in each for each in flags):
        return "with PGO"
    # configure always sets this one, used or not. Debian builds with its own rules, and then takes
    # what they were out of the Makefile.
    return "without PGO" if use else "with or without PGO: its build settings do not say"


def environment(**more: str) -> dict[str, str]:
    """For the processes measured: no setting of the person's own, and the same for all."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"} | more
