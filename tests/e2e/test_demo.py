"""``make demo`` for real, held against what docs/demo.txt and the README show of it."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from cluster.node import NODE
from cluster.paths import CHECKOUT, Folder
from cluster.processes import await_end
from cluster.state import State

TRANSCRIPT = CHECKOUT / "docs" / "demo.txt"
BLOCK = re.compile(r"<!-- demo:begin -->\n```text\n(.*?)```\n<!-- demo:end -->", re.DOTALL)


def normalized(text):
    """With what differs from run to run as docs/demo.txt has it."""
    text = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:20443", text)
    text = re.sub(r"^That took \d+ s\.$", "That took 12 s.", text, flags=re.MULTILINE)
    # In the table of Pods: the name of another length, the other word for a refused pull, the age.
    text = re.sub(r"^NAME +READY", "NAME                   READY", text, flags=re.MULTILINE)
    first, second = re.findall(r"^web-\S+", text, flags=re.MULTILINE)
    assert first != second
    text = re.sub(rf"^{first} +", "web-5cfb686d85-gkkbg   ", text, flags=re.MULTILINE)
    text = re.sub(rf"^{second} +", "web-7d4f9c6b58-x2lqm   ", text, flags=re.MULTILINE)
    text = text.replace("ImagePullBackOff", "ErrImagePull")
    text = text.replace("STATUS             RESTARTS", "STATUS         RESTARTS")
    text = re.sub(r"( 0          )\d+s$", r"\g<1>2s", text, flags=re.MULTILINE)
    # Progress, where there is no terminal.
    return re.sub(r"^  \d+ after .* min .*\n", "", text, flags=re.MULTILINE)


def shortened(text):
    """Without the words of one version of containerd."""
    return re.sub(r'(?ms)^(kubelet: Failed to pull image "\S+":).*?\n\n', r"\1\n\n", text)


@contextmanager
def demo(**env):
    """The demo as it runs; nobody's settings reach it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
    if cache := os.environ.get("REGCRED_CACHE"):
        clean["REGCRED_CACHE"] = cache
    with subprocess.Popen(
        [sys.executable, "-m", "cluster.demo"],
        cwd=CHECKOUT,
        env=clean | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def read_to(running, line):
    """What it prints until a line begins with `line`."""
    said = ""
    for read in running.stdout:
        said += read
        if read.startswith(line):
            return said
    raise AssertionError(f"it never said {line!r}:\n{said}")


@pytest.fixture
def folder(tmp_path_factory):
    """What a demo makes is here, under a path that is short enough for containerd's socket."""
    return tmp_path_factory.mktemp("d")


def cluster_in(folder):
    """The processes and the registry of the one cluster that is there."""
    (root,) = folder.glob("regcred-*")
    state = State.load(Folder(root))
    return [state.supervisor, *state.processes.values()], state.registries["htpasswd"]


def test_readme_shows_the_demo():
    (shown,) = BLOCK.findall((CHECKOUT / "README.md").read_text())
    assert shown == TRANSCRIPT.read_text()
    assert max(map(len, shown.splitlines())) <= 80


def test_demo_is_what_is_shown_and_leaves_nothing(folder):
    with demo(TMPDIR=str(folder)) as running:
        said = read_to(running, "3. ")
        processes, registry = cluster_in(folder)
        passwords = registry.accounts().values()
        said += running.stdout.read()
        assert running.wait() == 0, said
    assert shortened(normalized(said)) == shortened(TRANSCRIPT.read_text())
    assert not any(password in said for password in passwords)
    assert await_end(processes, timeout=0) == []
    assert list(folder.iterdir()) == []


def test_demo_that_is_interrupted_leaves_nothing(folder):
    with demo(TMPDIR=str(folder)) as running:
        read_to(running, "3. ")
        processes, _ = cluster_in(folder)
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait() == 130, said
    assert await_end(processes, timeout=0) == []
    assert list(folder.iterdir()) == []


@pytest.fixture
def own(node_cluster, token_registry):
    """The variables with which the demo uses the tests' cluster, as it would use anybody's."""
    context = node_cluster.kubectl("config", "current-context").stdout.decode().strip()
    return {
        "KUBECONFIG": str(node_cluster.kubeconfig),
        "PATH": f"{node_cluster.kubectl_path.parent}{os.pathsep}{os.environ['PATH']}",
        "REGCRED_DEMO_CONTEXT": context,
        "REGCRED_DEMO_IMAGE": token_registry.image,
        "REGCRED_DEMO_USERNAME": token_registry.username,
        "REGCRED_DEMO_PASSWORD": token_registry.password,
        "REGCRED_DEMO_NODE": NODE,
    }


def demo_namespaces(cluster):
    names = cluster.kubectl("get", "namespaces", "-o", "name").stdout.decode().split()
    return [name for name in names if name.startswith("namespace/regcred-demo-")]


def test_demo_on_a_cluster_of_ones_own(node_cluster, own):
    with demo(**own) as running:
        said = running.stdout.read()
        assert running.wait() == 0, said
    assert "Restarted deployment/web" in said
    assert own["REGCRED_DEMO_PASSWORD"] not in said
    assert demo_namespaces(node_cluster) == []


def test_demo_that_fails_says_why_and_leaves_nothing(node_cluster, own):
    with demo(**own | {"REGCRED_DEMO_PASSWORD": "wr0ng"}) as running:
        said = running.stdout.read()
        assert running.wait() == 1
    assert "does not accept user 'puller' with this password" in said
    assert "wr0ng" not in said
    assert demo_namespaces(node_cluster) == []


@pytest.mark.parametrize(
    "absent", ["REGCRED_DEMO_IMAGE", "REGCRED_DEMO_USERNAME", "REGCRED_DEMO_PASSWORD"]
)
def test_demo_names_what_it_needs(node_cluster, own, absent):
    del own[absent]
    with demo(**own) as running:
        said = running.stdout.read()
        assert running.wait() == 1
    assert f"hint: export {absent}=…" in said
    assert demo_namespaces(node_cluster) == []
