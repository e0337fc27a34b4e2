"""The supervisor with processes of no consequence; with a cluster: integration and e2e tests."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from cluster.errors import ClusterError
from cluster.paths import CHECKOUT, Folder
from cluster.processes import ProcessId, Supervisor, await_end
from cluster.waiting import await_condition

SLEEP = [shutil.which("sleep"), "1000"]


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "cluster")
    folder.make()
    return folder


@pytest.fixture
def supervisor(folder):
    supervisor = Supervisor(folder)
    yield supervisor
    supervisor.stop()


def parts(folder):
    return [part.name for part in folder.root.iterdir()]


def test_stop_ends_all_and_keeps_the_logs(folder):
    supervisor = Supervisor(folder)
    supervisor.start("a", SLEEP)
    supervisor.start("b", SLEEP)
    processes = supervisor.pids()
    assert set(processes) == {"a", "b"}
    supervisor.check()
    supervisor.stop()
    assert not any(process.runs() for process in [supervisor.process, *processes.values()])
    assert parts(folder) == ["logs"]
    assert sorted(log.name for log in folder.logs.iterdir()) == ["a.log", "b.log", "supervisor.log"]


def test_grandchildren_end_too(supervisor, folder):
    supervisor.start("sh", [shutil.which("sh"), "-c", "setsid sleep 1000 & exec sleep 1000"])
    await_condition(
        "there is a grandchild", lambda: len(supervisor.process.descendants()) == 3, timeout=30
    )
    below = supervisor.process.descendants()
    supervisor.stop()
    assert await_end(below, timeout=30) == []


def test_end_of_a_process_is_noticed_with_its_log(supervisor):
    supervisor.start("short", [shutil.which("sh"), "-c", "echo what went wrong; exit 3"])
    with pytest.raises(ClusterError) as caught:
        await_condition("never", lambda: False, timeout=30, meanwhile=supervisor.check)
    assert caught.value.message == "short ended with exit code 3"
    assert caught.value.log.endswith("what went wrong")
    assert "/logs/short.log" in caught.value.log


def test_signal_is_named(supervisor):
    supervisor.start("killed", [shutil.which("sh"), "-c", "kill -9 $$"])
    with pytest.raises(ClusterError, match="killed ended with signal 9"):
        await_condition("never", lambda: False, timeout=30, meanwhile=supervisor.check)


def test_program_that_is_not_there(supervisor):
    with pytest.raises(ClusterError, match=r"cannot start none: .*No such file"):
        supervisor.start("none", ["/no/such/program"])


def test_settings_of_the_person_do_not_reach_processes(folder, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    supervisor = Supervisor(folder)
    supervisor.start("env", [shutil.which("env")], {"GIVEN": "1"})
    with pytest.raises(ClusterError) as caught:
        await_condition("never", lambda: False, timeout=30, meanwhile=supervisor.check)
    supervisor.stop()
    assert "GIVEN=1" in caught.value.log
    assert "HTTPS_PROXY" not in caught.value.log


def test_detached_processes_outlive_the_owner_until_sigterm(folder):
    supervisor = Supervisor(folder)
    supervisor.start("a", SLEEP)
    processes = [supervisor.process, *supervisor.pids().values()]
    supervisor.detach()
    assert all(process.runs() for process in processes)
    assert supervisor.process.end(timeout=30)
    assert await_end(processes, timeout=30) == []
    os.waitpid(supervisor.process.pid, 0)


OWNER = """
import sys
from cluster.paths import Folder
from cluster.processes import Supervisor
supervisor = Supervisor(Folder(__import__("pathlib").Path(sys.argv[1])))
supervisor.start("a", ["/bin/sleep", "1000"])
print(supervisor.process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("victim", ["owner", "outer", "inner"])
def test_processes_end_whoever_is_killed(folder, victim):
    command = [sys.executable, "-c", OWNER, str(folder.root)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        outer = ProcessId.of(int(owner.stdout.readline()))
        below = outer.descendants()
        assert len(below) == 2
        victims = {"owner": owner.pid, "outer": outer.pid, "inner": below[0].pid}
        os.kill(victims[victim], signal.SIGKILL)
        assert await_end([outer, *below], timeout=30) == []
        owner.kill()
    if victim != "outer":
        assert parts(folder) == ["logs"]
