"""The unit tests on every Python that is supported: ``python -m tools.pythons [3.N | oldest…]``.

Which those are pyproject.toml says, in its classifiers. Each has an environment of its own below
``build/``. A Python that is not here is named, and with ``CI=true`` a failure. ``oldest`` is the
oldest one, with the oldest dependencies that pyproject.toml allows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from cluster.paths import CHECKOUT

_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def supported() -> list[str]:
    """``3.N`` of each Python that pyproject.toml names, the oldest first."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    found = [re.fullmatch(r".* :: (3\.\d+)", each) for each in project["classifiers"]]
    return [each[1] for each in found if each]


def interpreter(minor: str) -> Path | None:
    """A Python of this minor version: on PATH, of pyenv or of uv; None where there is none.

    uv does not look into pyenv's folders, and pyenv's own ``python3.N`` on PATH may be one that
    only says that it is not the chosen one: so each is asked.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    asked = subprocess.run(
        [_uv(), "python", "find", "--no-project", minor],
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    candidates = [
        shutil.which(f"python{minor}") or "",
        *map(str, sorted(pyenv.glob(f"{minor}.*/bin/python"))),
        asked.stdout.strip(),
    ]
    return next((Path(each) for each in candidates if each and _is(each, minor)), None)


def _is(python: str, minor: str) -> bool:
    said = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=False)
    return said.stdout.strip() == minor


def _uv() -> str:
    return os.environ.get("UV") or shutil.which("uv") or "uv"


def _test(python: Path, name: str, *, oldest: bool = False) -> bool:
    """Run the unit tests in an environment of their own; whether they passed."""
    folder = CHECKOUT / "build" / name
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    _run([_uv(), "sync", "--frozen", "--quiet", "--python", str(python)], env)
    if oldest:
        lowest = folder / "oldest.txt"
        # Of the dependencies alone: how old pytest may be is nobody's affair.
        select = ["--all-extras", "--resolution=lowest-direct", f"--python={python}"]
        compiling = ["pip", "compile", "--quiet", *select, f"--output-file={lowest}"]
        _run([_uv(), *compiling, "pyproject.toml"], env)
        _run([_uv(), "pip", "install", "--quiet", f"--python={folder}", f"-r{lowest}"], env)
    workers = f"-n{os.cpu_count() or 1}"
    command = [str(folder / "bin" / "python"), "-m", "pytest", "tests/unit", "-q", workers]
    if oldest:
        # It checks pages by check-jsonschema, which wants a newer click than regcred does.
        command.append("--ignore=tests/unit/test_pipeline_pages.py")
    return subprocess.run(command, cwd=CHECKOUT, env=env, check=False).returncode == 0


def _run(command: list[str], env: dict[str, str]) -> None:
    subprocess.run(command, cwd=CHECKOUT, env=env, check=True)


def main(asked: list[str]) -> int:
    """Test on all of them, or on those that are asked for; the exit code."""
    known = supported()
    lines, failed = [], False
    for minor in asked or [*known, "oldest"]:
        oldest = minor == "oldest"
        python = interpreter(known[0] if oldest else minor)
        what = f"Python {minor}" if not oldest else f"Python {known[0]}, the oldest dependencies"
        if python is None:
            lines.append(
                f"NOT RUN: unit tests on {what}: there is none (uv python install {minor})"
            )
            failed |= os.environ.get("CI") == "true"
            continue
        print(f"unit tests on {what} ({python})", file=sys.stderr, flush=True)
        passed = _test(python, f"python-{minor}", oldest=oldest)
        lines.append(f"unit tests on {what}: {'passed' if passed else 'FAILED'}")
        failed |= not passed
    print("\n".join(lines), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
