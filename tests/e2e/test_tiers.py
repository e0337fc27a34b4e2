"""A tier that cannot run on a machine says so, and is a failure where CI=true."""

import os
import subprocess
import sys

from cluster.paths import CHECKOUT


def collect_without_cap_sys_admin(**env):
    """Collect all e2e tests as a root that must not mount, as in a plain container."""
    pytest = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/e2e"]
    return subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", *pytest],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != "CI"} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_tier_that_cannot_run_is_named():
    lines = collect_without_cap_sys_admin().stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("NOT RUN: ")]
    assert "e2e tests: a node needs CAP_SYS_ADMIN" in line


def test_tier_that_cannot_run_fails_in_ci():
    answer = collect_without_cap_sys_admin(CI="true")
    assert answer.returncode == 4
    assert "CI=true, and e2e tests cannot run: a node needs CAP_SYS_ADMIN" in answer.stderr
