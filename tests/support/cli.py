"""Run the real ``regcred`` command in a process of its own, as a user would.

Hundreds of tests do, and half of what they would cost is Python that starts: so it is a fork of a
process that has started (`tests.support.forking`), where it cannot make a difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.support import forking

Run = Callable[..., subprocess.CompletedProcess[bytes]]

#: Variables that are too late for a Python that has started.
_READ_BY_PYTHON = ("PYTHON", "LC_", "LANG", "TZ", "LD_")


def run_regcred(
    *args: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    check: int | None = 0,
    module: str = "regcred",
    wrapper: Sequence[str] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run ``regcred ARGS``.

    Args:
        args: the arguments.
        stdin: what it reads; never a terminal.
        env: added to an environment that holds no setting of the person who runs the tests.
        cwd: where it runs.
        check: the exit code that is expected; None for any.
        module: another program of ours.
        wrapper: a program that runs it, such as ``prlimit --fsize=0``.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
    clean |= {"HOME": "/nonexistent", "REGCRED_DEBUG": "1"} | dict(env or {})
    if wrapper or any(name.startswith(_READ_BY_PYTHON) for name in env or ()):
        done = subprocess.run(
            [*wrapper, sys.executable, "-m", module, *args],
            input=stdin,
            env=clean,
            cwd=cwd,
            capture_output=True,
            timeout=120,
            check=False,
        )
    else:
        done = forking.run(module, args, stdin=stdin, env=clean, cwd=cwd, timeout=120)
    if check is not None:
        assert done.returncode == check, _say(args, done)
    assert b"Traceback" not in done.stderr, _say(args, done)
    return done


def _say(args: tuple[str, ...], done: subprocess.CompletedProcess[bytes]) -> str:
    return (
        f"regcred {' '.join(args)}: exit code {done.returncode}\n"
        f"stdout: {done.stdout.decode(errors='replace')}\n"
        f"stderr: {done.stderr.decode(errors='replace')}"
    )


@pytest.fixture
def regcred(request: pytest.FixtureRequest) -> Run:
    """The command with the test cluster's kubeconfig."""
    kubeconfig = request.getfixturevalue("kubeconfig")

    def run(
        *args: str, env: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.CompletedProcess[bytes]:
        return run_regcred(*args, env={"KUBECONFIG": str(kubeconfig), **(env or {})}, **options)

    return run
