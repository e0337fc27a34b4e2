"""``make demo`` for real, held against what docs/demo.txt and the README show of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from cluster.binaries import find, sources
from cluster.node import NODE
from cluster.paths import CHECKOUT, Folder
from cluster.processes import ProcessId, await_end
from cluster.state import State
from tests.support.shown import words

TRANSCRIPT = CHECKOUT / "docs" / "demo.txt"
BLOCK = re.compile(r"<!-- demo:begin -->\n```text\n(.*?)```\n<!-- demo:end -->", re.DOTALL)
LEFT_OUT = "[…]\n"


@contextmanager
def demo(*args, **env):
    """The demo as it runs; nobody's settings reach it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
    if cache := os.environ.get("REGCRED_CACHE"):
        clean["REGCRED_CACHE"] = cache
    with subprocess.Popen(
        [sys.executable, "-m", "cluster.demo", *args],
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
    below = state.supervisor.descendants()
    return [state.supervisor, *below], state.registries["htpasswd"]


def test_readme_shows_the_demo():
    (shown,) = BLOCK.findall((CHECKOUT / "README.md").read_text())
    text = TRANSCRIPT.read_text()
    assert max(map(len, text.splitlines())) <= 80
    at = 0
    for part in shown.split(LEFT_OUT):
        assert part in text[at:], part
        at = text.index(part, at) + len(part)


def test_demo_is_what_is_shown_and_leaves_nothing(folder):
    with demo(TMPDIR=str(folder)) as running:
        said = read_to(running, "3. ")
        processes, registry = cluster_in(folder)
        passwords = {*registry.accounts().values()}
        said += read_to(running, "5. ")
        passwords |= {*registry.accounts().values()}
        said += running.stdout.read()
        assert running.wait() == 0, said
    assert words(said) == words(TRANSCRIPT.read_text())
    assert max(map(len, said.splitlines())) <= 80
    assert len(passwords) == 4  # puller has had two
    assert not any(password in said for password in passwords)
    assert await_end(processes, timeout=0) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("where", ["C. ", "3. "])
def test_demo_that_is_interrupted_leaves_nothing(folder, where):
    with demo(TMPDIR=str(folder)) as running:
        read_to(running, where)
        mine = ProcessId.of(running.pid)
        processes = mine.descendants()
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait() == 130, said
    assert "interrupted: cleaning up\n" in said
    assert await_end(processes, timeout=0) == []
    assert list(folder.iterdir()) == []


def test_demo_that_is_kept_goes_on_until_it_is_ended(own_cache):
    """With its operator, which serves a namespace that comes later."""
    with demo("--keep", REGCRED_CACHE=str(own_cache)) as running:
        said = running.stdout.read()
        assert running.wait() == 0, said
    assert said.count("make cluster ARGS='down --name demo'") == 1
    state = State.load(Folder(own_cache / "clusters" / "demo"))
    kubectl = [state.kubectl, "--kubeconfig", own_cache / "clusters/demo/kubeconfig/admin"]
    for command in (
        ["create", "namespace", "team-9"],
        ["wait", "--for=create", "secret/regcred", "-n", "team-9", "--timeout=60s"],
        ["wait", "--for=condition=Available", "deployment/web", "-n", "team-6", "--timeout=60s"],
    ):
        subprocess.run([*kubectl, *command], check=True, capture_output=True)
    down = [sys.executable, "-m", "cluster", "down", "--name", "demo"]
    env = {**os.environ, "REGCRED_CACHE": str(own_cache)}
    subprocess.run(down, check=True, cwd=CHECKOUT, env=env)
    assert not state.supervisor.runs()


#: What takes the compiler's place: it lists four packages as not compiled, says the first two, and
#: compiles nothing before the file `GO` is there; then its programs are those that there are.
COMPILER = """\
#!/bin/sh
out=
for word in "$@"; do
    [ "$before" = -o ] && out=$word
    before=$word
done
case "$1" in
version) echo "go version go99.0 linux/amd64" ;;
list) for n in 1 2 3 4; do echo stale=true; done ;;
build)
    echo first; echo second
    while ! [ -e "GO" ]; do sleep 0.1; done
    case "$out" in
    */) cp PROGRAMS "$out" ;;
    *) cp ETCD "$out" ;;
    esac ;;
esac
"""


@pytest.fixture
def nothing_built(folder, tmp_path):
    """A cache with nothing in it, and a compiler that waits; variables and the file for it."""
    made = {name: find(name, source) for source in sources()[:2] for name in source.programs}
    text = COMPILER.replace("GO", str(tmp_path / "go-on"), 1).replace("ETCD", str(made.pop("etcd")))
    text = text.replace("PROGRAMS", " ".join(map(str, made.values())))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "go").write_text(text)
    (programs / "go").chmod(0o755)
    env = {
        "PATH": f"{programs}:{path_without_kubectl()}",
        "REGCRED_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder),
    }
    return env, tmp_path / "go-on"


def path_without_kubectl():
    """The machine's own may be just the one that is to be built."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(f for f in folders if not shutil.which("kube-apiserver", path=f))


def test_what_needs_no_cluster_plays_while_that_is_built(folder, nothing_built):
    env, go_on = nothing_built
    with demo(**env) as running:
        said = read_to(running, "The rest needs Kubernetes")
        for letter in "ABCD":
            assert f"\n{letter}. " in said
        assert re.search(r"\[beside this: kubernetes \S+: compiling .*, 2 of 4 packages", said)
        go_on.touch()
        said += read_to(running, "1. ")
        processes = ProcessId.of(running.pid).descendants()
        running.send_signal(signal.SIGINT)
        said += running.stdout.read()
        assert running.wait() == 130, said
    assert await_end(processes, timeout=0) == []
    assert [path.name for path in folder.iterdir()] == ["cache"]


def test_interrupted_while_it_is_built_nothing_goes_on_compiling(folder, nothing_built):
    env, _ = nothing_built
    with demo(**env) as running:
        read_to(running, "The rest needs Kubernetes")
        processes = ProcessId.of(running.pid).descendants()
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait() == 130, said
    assert "what was built is kept" in said
    assert await_end(processes, timeout=0) == []
    assert [path.name for path in folder.iterdir()] == ["cache"]


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
    assert "2. to 4. are left out" in said
    assert "nothing differs" in said
    assert own["REGCRED_DEMO_PASSWORD"] not in said
    assert demo_namespaces(node_cluster) == []


def test_demo_that_fails_says_why_and_leaves_nothing(node_cluster, own):
    with demo(**own | {"REGCRED_DEMO_PASSWORD": "wr0ng"}) as running:
        said = running.stdout.read()
        assert running.wait() == 1
    assert "does not accept user 'puller' with this password" in " ".join(said.split())
    assert "that was in: B. A pull Secret" in said
    assert "wr0ng" not in said
    assert demo_namespaces(node_cluster) == []


#: kubectl, whose answer to one command is lost on its way, or is a refusal by the server's words.
ANSWERS = {
    "lost": '"KUBECTL" "$@" >/dev/null; echo "Unable to connect to the server: EOF" >&2; exit 1',
    "refused": '"KUBECTL" "$@" >/dev/null; exec "KUBECTL" "$@"',
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_namespace_goes_unless_it_is_known_to_be_anothers(node_cluster, own, tmp_path, answer):
    there = demo_namespaces(node_cluster)
    kubectl = tmp_path / "kubectl"
    text = f'#!/bin/sh\nif [ "$1 $2" = "create namespace" ]; then {ANSWERS[answer]}; fi\n'
    text += 'exec "KUBECTL" "$@"\n'
    kubectl.write_text(text.replace("KUBECTL", str(node_cluster.kubectl_path)))
    kubectl.chmod(0o755)
    with demo(**own | {"PATH": f"{tmp_path}{os.pathsep}{own['PATH']}"}) as running:
        said = running.stdout.read()
        assert running.wait() == 1, said
    assert "kubectl create exited with 1" in " ".join(said.split())
    left = set(demo_namespaces(node_cluster)) - set(there)
    # The one that is refused is there since just before, made by somebody else as it seems.
    assert len(left) == (answer == "refused"), said
    if left:
        node_cluster.kubectl("delete", *left)


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
