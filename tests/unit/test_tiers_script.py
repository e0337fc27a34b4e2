"""What `make test` says at the end: 0 only if both tiers that need a cluster passed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cluster.processes import ProcessId, await_end

SCRIPT = Path(__file__).parent.parent / "tiers.sh"


def run_tiers(folder: Path, *, integration: str, e2e: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a shell command in place of each tier, and `folder` for its files."""
    runner = folder / "pytest"
    runner.write_text(
        f"#!/bin/sh\ncase $1 in\ntests/integration) {integration};;\ntests/e2e) {e2e};;\n"
        "*) exit 99;;\nesac\n"
    )
    runner.chmod(0o755)
    return subprocess.run(
        [SCRIPT, runner],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )


@pytest.mark.parametrize(
    ("integration", "e2e", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 1), (5, 0, 5)]
)
def test_it_passes_only_if_both_tiers_pass(
    tmp_path: Path, integration: int, e2e: int, expected: int
) -> None:
    result = run_tiers(
        tmp_path,
        integration=f"echo ran $1; exit {integration}",
        e2e=f"echo ran $1; exit {e2e}",
    )
    assert result.returncode == expected, result.stderr
    assert result.stdout.splitlines() == ["ran tests/integration", "ran tests/e2e"]
    assert [path.name for path in tmp_path.iterdir()] == ["pytest"]


def test_what_runs_behind_ends_with_it(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    os.mkfifo(said)
    # The tier in front ends the script as soon as the one behind has said who it is.
    result = run_tiers(
        tmp_path,
        integration=f"read pid <{said}; echo $pid; kill -TERM $PPID",
        e2e=f"echo $$ >{said}; exec sleep 60",
    )
    assert result.returncode in {-signal.SIGTERM, 128 + signal.SIGTERM}
    behind = ProcessId.of(int(result.stdout))
    # It has been told to end, which is not to say that it has ended yet.
    assert not await_end([behind] if behind else [], timeout=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pid", "pytest"]
