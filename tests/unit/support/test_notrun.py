"""A test that cannot run here is named at the end, and a failure where CI=true."""

import os
import subprocess
import sys

import pytest

from cluster.paths import CHECKOUT

TESTS = """
import pytest
from tests.support.notrun import not_run

@pytest.fixture(scope="module")
def wanted():
    not_run("there is no network")

@pytest.mark.parametrize("number", [1, 2])
def test_it(wanted, number):
    raise AssertionError
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)

    def run(*more, **env):
        own = {k: v for k, v in os.environ.items() if k != "CI"}
        own["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and they take seconds
        plugins = ("-p", "no:cacheprovider", "-p", "tests.support.notrun")
        command = [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir=."]
        return subprocess.run(
            [*command, *more, "-c", os.devnull, str(tmp_path)],
            cwd=CHECKOUT,
            env=own | env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("more", [(), ("-p", "xdist", "-n", "2")], ids=["here", "in workers"])
def test_it_is_named(run, more):
    done = run(*more)
    assert "NOT RUN: 2 tests: there is no network" in done.stdout.splitlines()
    assert done.returncode == 0, done.stdout


def test_it_is_a_failure_in_ci(run):
    done = run(CI="true")
    assert "CI=true, and this test cannot run: there is no network" in done.stdout
    assert done.returncode == 1
