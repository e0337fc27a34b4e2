"""Commands of the demo that are interrupted: nothing of them goes on, and nothing waits for it."""

import os
import signal
import subprocess

import pytest

from cluster.demo import beside, shell
from cluster.demo.beside import Beside
from cluster.demo.shell import CommandFailed, Shell, end_group

pytestmark = pytest.mark.timeout(60)

#: Says its number once it ignores Ctrl-C, and goes on.
STUBBORN = "(trap '' INT TERM; echo $BASHPID; exec sleep 1000) &"
LEADERS = {
    "leader ends": f"{STUBBORN} wait",
    "leader has ended": STUBBORN,
    "leader goes on": f"trap '' INT TERM; {STUBBORN} while :; do wait; done",
}


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(shell, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(beside, "GRACE_SECONDS", 1.0)


@pytest.mark.parametrize("leader", LEADERS)
def test_grandchild_that_ignores_ctrl_c_ends_with_its_group(leader):
    with subprocess.Popen(
        ["bash", "-c", LEADERS[leader]], stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout.readline().strip().isdecimal()
        if leader == "leader has ended":  # which its grandchild's word may be ahead of
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        end_group(process)
        # The end of the pipe: nobody is left who holds it.
        assert process.stdout.read() == ""
        ended = {"leader ends": -signal.SIGINT, "leader has ended": 0}
        assert process.returncode == ended.get(leader, -signal.SIGKILL)


@pytest.fixture
def told(tmp_path):
    """A pipe by its path: who reads it waits for what is said there."""
    os.mkfifo(tmp_path / "told")
    return tmp_path / "told"


@pytest.mark.parametrize("leader", LEADERS)
def test_build_beside_ends_with_the_block(leader, told):
    with Beside("bash", "-c", LEADERS[leader].replace("$BASHPID", f"$BASHPID >{told}")) as build:
        assert told.read_text().strip().isdecimal()
        assert build.goes_on
    assert not build.goes_on


def test_build_beside_is_not_waited_for_where_something_has_left_its_group(told):
    leaving = f"setsid bash -c 'echo $$ >{told}; exec sleep 1000' & wait"
    with Beside("bash", "-c", leaving) as build:
        left = int(told.read_text())
    assert build.goes_on
    os.kill(left, signal.SIGKILL)


def test_command_that_fails_is_told_with_what_it_said(tmp_path, capsys):
    with pytest.raises(CommandFailed, match="echo one; exited with 3") as failed:
        Shell(tmp_path, {}).show("echo one; echo two >&2; exit 3")
    assert failed.value.said == "one\ntwo\n"
    assert capsys.readouterr().out.endswith("one\ntwo\n")
