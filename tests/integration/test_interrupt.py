"""Ctrl-C while a login waits for others: one line, and nothing half done."""

import os
import signal
import socket
import subprocess
import sys


def _default_interrupt():
    # A shell that started the tests in the background had it ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(kubeconfig, *args):
    if args[0] == "login":
        args += ("-u", "me", "--password-stdin")
    return subprocess.Popen(
        [sys.executable, "-m", "regcred", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        preexec_fn=_default_interrupt,
    )


def ends_in_one_line(child):
    out, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert out == b""
    assert [line.split()[:2] for line in said.splitlines() if line][-1] == [
        b"error:",
        b"interrupted:",
    ]
    assert b"Traceback" not in said


def test_while_the_registry_is_silent(world, kubeconfig):
    before = world.snapshot()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = f"127.0.0.1:{silent.getsockname()[1]}"
        with start(kubeconfig, "login", registry, "-n", world.namespace) as child:
            child.stdin.write(b"hush")
            child.stdin.close()
            child.stdin = None
            connection, _ = silent.accept()
            child.send_signal(signal.SIGINT)
            ends_in_one_line(child)
            connection.close()
    assert world.snapshot() == before


def test_while_a_serviceaccount_is_awaited(world, kubeconfig):
    before = world.snapshot()
    args = ("-n", world.namespace, "--serviceaccount", "later", "--skip-verify")
    with start(kubeconfig, "login", "a.example.com", *args) as child:
        child.stdin.write(b"hush")
        child.stdin.close()
        child.stdin = None
        assert b"waiting up to" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        ends_in_one_line(child)
    assert world.snapshot() == before


def test_while_a_check_waits(kubeconfig, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"auths": {}}')
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/app:1"
        args = ("check", image, "--docker-config", str(config), "--no-cluster")
        with start(kubeconfig, *args) as child:
            connection, _ = silent.accept()
            child.send_signal(signal.SIGINT)
            ends_in_one_line(child)
            connection.close()
