"""Names for completion where something never ends: what was found counts, and nothing is left."""

import json
import os
import select
import signal
import threading

import pytest

from cluster.waiting import await_condition
from regcred.cli.livenames import LiveNames
from regcred.kube import execplugin


class Until(float):
    """A patience that is over as soon as something has happened, however long that takes."""

    def __new__(cls, happened):
        self = super().__new__(cls, 600.0)
        self.happened = happened
        return self

    def __add__(self, grace):
        self.happened()
        return 0.0


@pytest.fixture
def stuck():
    """Names of which one is found, and then nothing moves any more; and when that is so."""
    found_one, over = threading.Event(), threading.Event()

    class Stuck(LiveNames):
        then = staticmethod(lambda: None)

        async def _find(self, kind, found):
            found += ["web", "api", "web"]
            found_one.set()
            self.then()
            over.wait()  # as a look-up of a name does that nobody answers

    yield Stuck, found_one
    over.set()


def test_what_was_found_is_told_where_the_rest_never_comes(stuck):
    names, found_one = stuck
    assert names({}, Until(lambda: found_one.wait(60))).of("pod") == ["api", "web"]


def test_ctrl_c_ends_the_waiting(stuck):
    names, _ = stuck
    names.then = staticmethod(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        names({}, 600.0).of("pod")


@pytest.mark.parametrize("kind", ["context", "pod"])
def test_a_kubeconfig_that_never_comes(kind, tmp_path):
    path = tmp_path / "kubeconfig"
    os.mkfifo(path)
    names = LiveNames({"kubeconfig": str(path)}, Until(lambda: None))
    try:
        assert names.of(kind) == []
    finally:
        os.close(os.open(path, os.O_RDWR))  # it is read, and empty


def test_no_plugin_goes_on_nor_what_it_started(tmp_path):
    pipe = tmp_path / "held"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "users": [
            {
                "name": "c",
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "command": "sh",
                        "args": ["-c", f"exec 3> {pipe}; sleep 611 & echo up >&3; wait"],
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))

    def read():
        ready, _, _ = select.select([reader], [], [], 60)
        assert ready, "somebody holds it open"
        return os.read(reader, 100)

    def started():
        assert read() == b"up\n"
        await_condition("somebody waits for it", lambda: execplugin._groups, timeout=60)

    assert LiveNames({"kubeconfig": str(path)}, Until(started)).of("pod") == []
    assert read() == b""
    os.close(reader)
