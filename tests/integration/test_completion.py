"""Completion as it is met: real bash, zsh and fish on a terminal, the real kubectl, live names."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.waiting import await_condition
from tests.support.release import CRD
from tests.support.terminal import Terminal

SHELLS = ("bash", "zsh", "fish")
PROGRAMS = Path(sys.executable).parent
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pullcredentials.regcred.dev"
PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"

#: How each is started without anybody's settings, and what has it complete regcred.
START = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), "source <(regcred completion bash)"),
    "zsh": (
        ("zsh", "-f", "-i"),
        "autoload -U compinit; compinit -u -D; source <(regcred completion zsh)",
    ),
    "fish": (("fish", "--no-config", "-i"), "regcred completion fish | source"),
}
CTRL_A, CTRL_E, CTRL_U, TAB = "\x01", "\x05", "\x15", "\t"
#: So that it is not the machine that decides.
PATIENT = {"REGCRED_COMPLETE_SECONDS": "60"}


@pytest.fixture(scope="session")
def shells():
    """All three; conftest sees that they are installed."""
    lacking = [shell for shell in SHELLS if not shutil.which(shell)]
    assert not lacking, f"not installed: {lacking}"


class Shell(Terminal):
    """An interactive shell that completes regcred.

    Args:
        shell: which.
        home: an empty folder.
        kubeconfig: of the cluster that it is about.
    """

    def __init__(self, shell, home, kubeconfig):
        program, setup = START[shell]
        env = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_DATA_HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "COLUMNS": "200",
            "LINES": "50",
            **PATIENT,
        }
        super().__init__(env=env, program=program, cwd=home)
        self.type(f"{setup}\n")
        self.type("echo rea''dy\n")
        self.expect("ready")

    def completed(self, typed, expected):
        """Type a line up to its TAB; assert that it becomes the `expected` one.

        The line is not run but said: what a shell paints while it edits is its own affair.
        """
        self.seen = ""
        self.type(typed + TAB)
        self.type(f"{CTRL_A}printf '<%s>' {CTRL_E}\n")
        self.expect("".join(f"<{word}>" for word in expected.split()))
        self.seen = ""

    def offers(self, typed, *values):
        """Type a line and TAB twice; assert that all of `values` are listed."""
        self.seen = ""
        self.type(typed + TAB + TAB)
        for value in values:
            self.expect(value)
        self.type(f"{CTRL_U}")
        if "fish" in self.process.args[0]:
            self.type(CTRL_U)  # the first one leaves its list
        self.seen = ""


@pytest.fixture
def start(shells, tmp_path, kubeconfig):
    def make(shell, kubeconfig=kubeconfig):
        return Shell(shell, tmp_path, kubeconfig)

    return make


@pytest.fixture
def pullcredential(cluster):
    """One with a name of its own, that no operator acts on."""
    was_there = cluster.api.request("GET", CRDS)[0] == 200
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))

    def served():
        return cluster.api.request("GET", PULLCREDENTIALS)[0] == 200

    await_condition("the API server serves PullCredentials", served, timeout=60)
    name = f"given-{secrets.token_hex(4)}"
    spec = {
        "registries": ["registry.example.com"],
        "source": {"basic": {"secretRef": {"name": "none"}}},
        "namespaces": {"include": [name]},
    }
    body = {
        "apiVersion": "regcred.dev/v1alpha1",
        "kind": "PullCredential",
        "metadata": {"name": name},
        "spec": spec,
    }

    def taken():  # its schema may be a moment later than its path
        return cluster.api.request("POST", PULLCREDENTIALS, body)[0] == 201

    await_condition("a PullCredential can be made", taken, timeout=60)
    yield name
    cluster.api.request("DELETE", f"{PULLCREDENTIALS}/{name}")
    if not was_there:
        cluster.api.request("DELETE", CRDS)


@pytest.fixture
def filled(world, pullcredential):
    """A namespace with one of each, and a name that no other cluster-wide object begins with."""
    world.pull_secret("pull-one")
    world.pull_secret("pull-two")
    world.create("secrets", "other-kind", stringData={"a": "b"})
    world.with_list("builder-of-images")
    world.refused_pod("web-7d4f9c-x2x1l", "ghcr.io/me/app:1")
    world.pullcredential = pullcredential
    return world


@pytest.mark.parametrize("shell", SHELLS)
def test_a_line_is_completed(shell, start, filled, tmp_path):
    space = filled.namespace
    (tmp_path / "key-of-puller.json").write_text("{}")
    with start(shell) as terminal:
        for typed, expected in (
            ("regcred logi", "regcred login"),
            ("regcred login --skip", "regcred login --skip-verify"),
            ("regcred attach --dry-run s", "regcred attach --dry-run server"),
            ("regcred attach --dry-run=s", "regcred attach --dry-run=server"),
            ("regcred login x --from acr --set ten", "regcred login x --from acr --set tenantId="),
            ("regcred login x --gcp-key key-of", "regcred login x --gcp-key key-of-puller.json"),
            (f"regcred status -n {space[:-3]}", f"regcred status -n {space}"),
            (f"regcred status --namespace={space[:-3]}", f"regcred status --namespace={space}"),
            (f"regcred attach -n {space} pull-o", f"regcred attach -n {space} pull-one"),
            (
                f"regcred attach x -n {space} --serviceaccount default,buil",
                f"regcred attach x -n {space} --serviceaccount default,builder-of-images",
            ),
            (f"regcred why -n {space} web", f"regcred why -n {space} web-7d4f9c-x2x1l"),
            (f"regcred why -n {space} pod/we", f"regcred why -n {space} pod/web-7d4f9c-x2x1l"),
            (
                f"regcred status --pullcredential {filled.pullcredential[:-3]}",
                f"regcred status --pullcredential {filled.pullcredential}",
            ),
        ):
            terminal.completed(typed, expected)


@pytest.mark.parametrize("shell", SHELLS)
def test_what_there_is_to_choose_from_is_listed(shell, start, filled):
    with start(shell) as terminal:
        terminal.offers("regcred log", "login", "logout")
        terminal.offers(f"regcred detach -n {filled.namespace} pull-", "pull-one", "pull-two")
        terminal.offers("regcred status -o ", "table", "json", "yaml")


def test_kubectl_asks_its_plugin(filled, cluster, kubeconfig):
    def ask(*words):
        done = subprocess.run(
            [cluster.kubectl_path, "__complete", *words],
            env={
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "KUBECONFIG": str(kubeconfig),
                "HOME": "/nonexistent",
                **PATIENT,
            },
            capture_output=True,
            check=True,
            timeout=60,
        )
        *found, directive = done.stdout.decode().splitlines()
        return {line.split("\t")[0] for line in found}, directive

    assert ask("regcr") == ({"regcred"}, ":4")
    assert ask("regcred", "logi") == ({"login"}, ":4")
    assert ask("regcred", "status", "-n", filled.namespace[:-2]) == ({filled.namespace}, ":4")
    assert ask("regcred", "status", "--pullcredential", filled.pullcredential[:-2]) == (
        {filled.pullcredential},
        ":4",
    )
    assert ask("regcred", "detach", "-n", filled.namespace, "") == ({"pull-one", "pull-two"}, ":4")
    assert ask("regcred", "login", "--gcp-key", "k") == (set(), ":0")
    assert ask("regcred", "check", "--certs-dir", "k") == (set(), ":16")
    assert ask("regcred", "login", "--from", "acr", "--set", "t") == ({"tenantId="}, ":6")


def complete(*words, env=None):
    """What a shell is told; and nothing reaches the terminal beside it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
    done = subprocess.run(
        [PROGRAMS / "regcred", "__complete", "fish", *words],
        env=clean | {"HOME": "/nonexistent"} | PATIENT | (env or {}),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    *found, _ = done.stdout.decode().splitlines()
    return [line.split("\t")[0] for line in found]


def test_names_of_the_cluster_and_namespace_that_the_line_names(filled, kubeconfig, new_world):
    other = new_world()
    other.pull_secret("elsewhere")
    there = ("--kubeconfig", str(kubeconfig))
    assert complete("attach", *there, "-n", other.namespace, "") == ["elsewhere"]
    assert complete("attach", *there, "-n", filled.namespace, "") == ["pull-one", "pull-two"]
    both = f"{filled.namespace},{other.namespace}"
    assert complete("attach", *there, "-n", both, "e") == ["elsewhere"]
    assert "elsewhere" in complete("attach", *there, "-A", "")
    assert complete("attach", "") == []  # no cluster: nothing, and silent
    named = {"KUBECONFIG": str(kubeconfig), "REGCRED_NAMESPACE": other.namespace}
    assert complete("attach", "", env=named) == ["elsewhere"]
    (context,) = complete("status", *there, "--context", "")
    assert complete("attach", *there, "--context", context, "-n", other.namespace, "") == [
        "elsewhere"
    ]
    assert complete("attach", *there, "--context", "none", "-n", other.namespace, "") == []


def test_a_name_that_is_given_already_is_not_offered_again(filled, kubeconfig):
    where = ("--kubeconfig", str(kubeconfig), "-n", filled.namespace)
    accounts = complete("attach", "x", *where, "--serviceaccount", "")
    assert accounts == ["builder-of-images", "default"]
    given = ("--serviceaccount", "default")
    assert complete("attach", "x", *where, *given, "--serviceaccount", "") == ["builder-of-images"]
    assert complete("attach", "x", *where, "--serviceaccount", "default,") == [
        "default,builder-of-images"
    ]


def test_registries_to_log_out_of(filled, regcred, kubeconfig):
    where = ("-n", filled.namespace)
    regcred("login", "ghcr.io", "quay.io", "-u", "me", "-p", "hush", "--skip-verify", *where)
    assert complete("logout", "--kubeconfig", str(kubeconfig), *where, "") == ["ghcr.io", "quay.io"]


def test_who_may_nothing_is_offered_nothing(filled):
    kubeconfig = filled.user({"pods": ("list",)})
    where = ("--kubeconfig", str(kubeconfig), "-n", filled.namespace)
    assert complete("attach", *where, "") == []
    assert complete("why", *where, "--context", "") != []
    assert complete("why", *where, "web") == ["web-7d4f9c-x2x1l"]
    assert complete("status", "--kubeconfig", str(kubeconfig), "--pullcredential", "") == []


def runs(pid):
    """Whether a process does; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_cluster_that_is_silent_is_given_up(tmp_path):
    """It accepts connections, and never says a word; so does a credential plugin."""
    soon = {"REGCRED_COMPLETE_SECONDS": "0.5"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = tmp_path / "kubeconfig"
        user: dict[str, object] = {}
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        cluster = {"server": f"http://{address}"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "c", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        kubeconfig.write_text(json.dumps(config))
        assert complete("why", "--kubeconfig", str(kubeconfig), "-n", "", env=soon) == []
        cluster["server"] = f"https://{address}"  # only there a plugin is asked
        asked = tmp_path / "asked"
        user["exec"] = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", f"sleep 600 & echo $$ $! > {asked}; echo please log in >&2; wait"],
            "interactiveMode": "IfAvailable",
        }
        kubeconfig.write_text(json.dumps(config))
        later = {"REGCRED_COMPLETE_SECONDS": "4"}  # the machine may be slow to come so far
        assert complete("why", "--kubeconfig", str(kubeconfig), "-n", "", env=later) == []
        plugin, child = map(int, asked.read_text().split())
        assert not Path(f"/proc/{plugin}").exists(), "the plugin goes on"
        await_condition("what it started has ended", lambda: not runs(child), timeout=60)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_cluster_the_prompt_stays_as_it_is(shell, start, tmp_path):
    with start(shell, tmp_path / "none") as terminal:
        terminal.type("regcred why -n zz" + TAB)
        terminal.type(f"{CTRL_A}printf '<%s>' {CTRL_E}\n")
        terminal.expect("<regcred><why><-n><zz>")
        for word in ("Traceback", "error", "hint"):
            assert word not in terminal.seen
