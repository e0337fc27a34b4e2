"""What `make test` says at the end: 0 only if both tiers that need a cluster passed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "tiers.sh"


def run_tiers(tmp_path: Path, *, integration: int, e2e: int) -> subprocess.CompletedProcess[str]:
    runner = tmp_path / "pytest"
    runner.write_text(
        f"#!/bin/sh\necho ran $1\ncase $1 in\n*/integration) exit {integration};;\n"
        f"*/e2e) exit {e2e};;\nesac\nexit 99\n"
    )
    runner.chmod(0o755)
    return subprocess.run(
        [SCRIPT, runner],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


@pytest.mark.parametrize(
    ("integration", "e2e", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 1), (5, 0, 5)]
)
def test_it_passes_only_if_both_tiers_pass(
    tmp_path: Path, integration: int, e2e: int, expected: int
) -> None:
    result = run_tiers(tmp_path, integration=integration, e2e=e2e)
    assert result.returncode == expected, result.stderr
    assert result.stdout.splitlines() == ["ran tests/integration", "ran tests/e2e"]
    assert [path.name for path in tmp_path.iterdir()] == ["pytest"]


def test_what_runs_behind_ends_with_it(tmp_path: Path) -> None:
    runner = tmp_path / "pytest"
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    # The tier in front ends the script as soon as the one behind has said who it is.
    runner.write_text(
        "#!/bin/sh\ncase $1 in\n"
        f"*/integration) read pid <{pid_file}; echo $pid; kill -TERM $PPID;;\n"
        f"*/e2e) echo $$ >{pid_file}; exec sleep 60;;\nesac\n"
    )
    runner.chmod(0o755)
    result = subprocess.run([SCRIPT, runner], capture_output=True, text=True, check=False)
    assert result.returncode in {-signal.SIGTERM, 128 + signal.SIGTERM}
    behind = int(result.stdout)
    # Ended already, or a zombie that the script's own parent has yet to reap.
    status = Path(f"/proc/{behind}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
