"""pytest's workers (``-n``) share one cluster, and it ends with them."""

import os
import secrets
import signal
import subprocess
import sys

import pytest

from cluster import Cluster
from cluster.paths import CHECKOUT, Folder
from cluster.processes import await_end
from cluster.state import State
from cluster.waiting import await_condition

TESTS = "tests/integration/test_cluster.py"


@pytest.fixture
def run():
    """Start pytest in a process group of its own; the folder of its cluster, and the process."""
    started = []

    def start(*args):
        name = secrets.token_hex(4)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--testrunuid={name}", *args]
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "PYTEST_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, Folder.named(f"pytest-{name}")

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_they_share_one_cluster(run):
    process, folder = run(TESTS, "-k", "namespace or private or stranger or groups")
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert said.count("starting the cluster") == 1, said
    assert "4 passed" in said
    assert not folder.root.exists()


def test_control_c_ends_tests_workers_and_cluster(run):
    process, folder = run(TESTS)
    await_condition("the cluster is up", lambda: State.load(folder), timeout=240)
    processes = Cluster.open(folder.root.name).processes
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert await_end(list(processes.values()), timeout=60) == []
    assert not folder.root.exists()
