"""Real children: how they are fed, bounded and ended."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from regcred import child
from tests.support.processes import is_gone, wait_for_end

ENV = {"PATH": os.environ["PATH"]}


def ask(program, stdin=b"", *, timeout=60, most=2**20, stop=None):
    command = [sys.executable, "-c", f"import os, signal, sys, time\n{program}"]
    return child.ask(command, stdin, env=ENV, timeout=timeout, most=most, stop=stop)


def test_both_sides_may_say_much():
    program = """
sys.stderr.write("e" * 300_000 + "end")
text = sys.stdin.read()
sys.stdout.write(text)
sys.exit(3)
"""
    answer = ask(program, b"x" * 500_000)
    assert (answer.code, answer.stdout) == (3, b"x" * 500_000)
    assert answer.stderr == b"e" * 4093 + b"end"


def test_a_child_need_not_read():
    assert ask("os.close(0); print(1)", b"x" * 500_000).stdout == b"1\n"


@pytest.mark.parametrize(
    ("program", "error", "timeout"),
    [
        ("while True: os.write(1, b'x' * 1000)", child.TooMuchOutput, 60),
        ("os.close(1); os.close(2); time.sleep(600)", subprocess.TimeoutExpired, 3),
        ("while True: os.write(2, b'x' * 1000)", subprocess.TimeoutExpired, 3),
    ],
)
def test_a_child_that_does_not_end_is_ended(tmp_path, program, error, timeout):
    pid = tmp_path / "pid"
    begin = f"with open({str(pid)!r}, 'w') as file: file.write(str(os.getpid()))\n"
    with pytest.raises(error):
        ask(begin + program, timeout=timeout)
    assert is_gone(int(pid.read_text()))


def test_exactly_the_limit_is_not_too_much():
    assert ask("print('abc', end='')", most=3).stdout == b"abc"
    with pytest.raises(child.TooMuchOutput):
        ask("print('abcd', end='')", most=3)


def test_a_signal_is_told_by_the_code():
    assert ask("os.kill(os.getpid(), 9)").code == -9


@pytest.fixture
def stop():
    """A pipe: what is read, and what is closed when nobody waits any more."""
    reading, writing = os.pipe()
    ends = {"reading": reading, "writing": writing}
    yield ends
    for end in ends.values():
        os.close(end)


def test_with_a_stop_a_program_ends_as_without(stop):
    answer = ask("print(sys.stdin.read()); sys.exit(3)", b"abc", stop=stop["reading"])
    assert (answer.code, answer.stdout) == (3, b"abc\n")
    closed = ask("os.close(1); os.close(2); time.sleep(0.2)", stop=stop["reading"])
    assert closed.code == 0
    with pytest.raises(subprocess.TimeoutExpired):
        ask("os.close(1); os.close(2); time.sleep(600)", timeout=1, stop=stop["reading"])


@pytest.mark.parametrize("outputs", ["", "os.close(1); os.close(2)"])
def test_a_program_that_nobody_waits_for_is_ended_with_what_it_started(tmp_path, stop, outputs):
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    program = f"""
import subprocess
away = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **away)
{outputs}
with open({str(pipe)!r}, "w") as file: file.write(f"{{os.getpid()}} {{other.pid}}")
time.sleep(600)
"""
    with ThreadPoolExecutor() as threads:
        running = threads.submit(ask, program, stop=stop["reading"])
        pids = [int(pid) for pid in pipe.read_text().split()]
        os.close(stop.pop("writing"))
        with pytest.raises(child.Stopped):
            running.result()
    own, other = pids
    assert is_gone(own)
    wait_for_end(other)


def test_ctrl_c_leaves_no_child(tmp_path):
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    deaf = f"""
signal.signal(signal.SIGINT, signal.SIG_IGN)
with open({str(pipe)!r}, "w") as file: file.write(str(os.getpid()))
time.sleep(600)
"""
    program = f"""
import os, signal
from tests.unit.test_child import ask, is_gone
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    ask({deaf!r})
except KeyboardInterrupt:
    print("interrupted")
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    ) as process:
        pid = int(pipe.read_text())
        process.send_signal(signal.SIGINT)
        assert process.communicate()[0] == b"interrupted\n"
    assert process.returncode == 0
    assert is_gone(pid)
