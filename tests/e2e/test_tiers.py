"""A tier that cannot run on a machine says so, and is a failure where CI=true."""

import os
import re
import subprocess
import sys

import pytest

from cluster.binaries import older
from cluster.paths import CHECKOUT

HERE, IN_WORKERS = ("--collect-only",), ("-n", "2")


def run_without_cap_sys_admin(*args, **env):
    """Run e2e tests as a root that must not mount, as in a plain container."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/e2e/test_pull.py", *args]
    return subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", *command],
        cwd=CHECKOUT,
        env={name: is_ for name, is_ in os.environ.items() if name not in ("CI", "REGCRED_CLUSTER")}
        | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("args", [HERE, IN_WORKERS])
def test_tier_that_cannot_run_is_named(args):
    done = run_without_cap_sys_admin(*args)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("NOT RUN: ")]
    assert "e2e tests: a node needs CAP_SYS_ADMIN" in line
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("args", [HERE, IN_WORKERS])
def test_tier_that_cannot_run_fails_in_ci(args):
    answer = run_without_cap_sys_admin(*args, CI="true")
    assert answer.returncode == 4
    assert "CI=true, and e2e tests cannot run: a node needs CAP_SYS_ADMIN" in answer.stderr


@pytest.mark.parametrize("ci", ["", "true"])
def test_what_an_older_control_plane_has_not_is_named(ci):
    """In CI too: who asks for the older one knows that it has less."""
    policies = "tests/integration/test_admission_policies.py"
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", policies]
    env = {name: is_ for name, is_ in os.environ.items() if name != "REGCRED_CLUSTER"}
    env |= {"CI": ci, "REGCRED_KUBERNETES": next(iter(older()))}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("NOT RUN: ")]
    assert re.search(r"^NOT RUN: \d+ tests: Kubernetes 1\.\d+ has no MutatingAdmissionPolicy", line)
