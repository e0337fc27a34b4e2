"""``regcred attach`` and ``detach`` against a real API server."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
from functools import partial

import pytest

from regcred.core.logins.serviceaccount import attach
from regcred.kube import config as kubeconfig_module
from regcred.kube import serviceaccounts
from regcred.kube.client import Client
from regcred.kube.resources import SERVICEACCOUNTS
from tests.support.terminal import Terminal

MARK = "regcred.dev/attached"


def test_named_ones_keep_their_entries_in_order(regcred, world):
    world.with_list("a", "one", "two")
    world.with_list("b", "pull")
    before = world.snapshot()
    done = regcred("attach", "pull", "-n", world.namespace, "--serviceaccount", "a,b")
    assert sorted(line.split()[0] for line in done.stdout.decode().splitlines()) == [
        "Attached",
        "Unchanged",
    ]
    assert world.attached("a") == ["one", "two", "pull"]
    assert world.get("serviceaccounts", "a")["metadata"]["annotations"] == {MARK: "pull"}
    assert world.attached("b") == ["pull"]
    assert world.snapshot()["serviceaccounts", "b"] == before["serviceaccounts", "b"]
    again = world.snapshot()
    regcred("attach", "pull", "-n", world.namespace, "--serviceaccount", "a,b")
    assert world.snapshot() == again


def test_detach_takes_only_ours(regcred, world):
    world.with_list("a", "one")
    world.with_list("b", "pull")
    everyone = ("pull", "-n", world.namespace, "--all")
    regcred("attach", *everyone)
    assert world.attached("a") == ["one", "pull"]
    assert world.attached() == ["pull"]
    done = regcred("detach", *everyone)
    assert b"Left      serviceaccount/b" in done.stdout
    assert b"--force" in done.stderr
    assert world.attached("a") == ["one"]
    assert world.attached() == []
    assert world.attached("b") == ["pull"]
    assert MARK not in (world.get("serviceaccounts", "a")["metadata"].get("annotations") or {})
    regcred("detach", *everyone, "--force")
    assert world.attached("b") == []


def test_where_nothing_was_to_be_done_is_counted(regcred, world):
    """But said of what somebody has called by name, and in what programs read."""
    for name in ("a", "b", "c"):
        world.create("serviceaccounts", name)
    regcred("attach", "pull", "-n", world.namespace, "--serviceaccount", "a")
    everyone = ("pull", "-n", world.namespace, "--all")
    done = regcred("detach", *everyone, "--dry-run=client", "-o", "json")
    assert len(json.loads(done.stdout)["results"]) == 4
    done = regcred("detach", *everyone)
    assert done.stdout.decode() == f"Detached  serviceaccount/a in {world.namespace}\n"
    assert done.stderr == b"4 ServiceAccounts: 1 detached, 3 unchanged\n"
    done = regcred("detach", *everyone)
    assert (done.stdout, done.stderr) == (b"", b"4 ServiceAccounts: 4 unchanged\n")
    done = regcred("detach", "pull", "-n", world.namespace, "--serviceaccount", "?")
    assert done.stderr == b"3 ServiceAccounts: 3 unchanged\n"
    by_name = regcred("detach", "pull", "-n", world.namespace)
    assert by_name.stdout.startswith(b"Unchanged serviceaccount/default")


def test_a_secret_that_gives_no_login_is_told_of(regcred, world):
    """It is attached all the same: what makes the Secret may come after."""
    where = ("-n", world.namespace)
    done = regcred("attach", "pull", *where)
    missing = f"warning: Secret {world.namespace}/pull does not exist"
    assert missing in done.stderr.decode()
    mend = f"hint: regcred login REGISTRY -n {world.namespace} --name pull\n"
    assert done.stderr.decode().endswith(mend)
    assert world.attached() == ["pull"]
    assert regcred("attach", "pull", *where).stderr == b""  # nothing is new
    world.create("secrets", "opaque", type="Opaque", stringData={"a": "b"})
    done = regcred("attach", "opaque", *where, "--dry-run=client")
    assert f"Secret {world.namespace}/opaque" in done.stderr.decode()
    assert b"type Opaque" in done.stderr
    another = f"regcred login REGISTRY -n {world.namespace} --name OTHER makes one"
    assert another in done.stderr.decode()
    world.pull_secret("good")
    assert regcred("attach", "good", *where).stderr == b""
    assert b"does not exist" not in regcred("detach", "pull", *where).stderr


def test_who_may_not_read_secrets_is_told_nothing(regcred, world):
    env = {"KUBECONFIG": str(world.user({"serviceaccounts": ("get", "patch")}))}
    done = regcred("attach", "pull", "-n", world.namespace, env=env)
    assert done.stderr == b""
    assert world.attached() == ["pull"]


def test_of_many_namespaces_some_are_named(regcred, world, new_world, kubectl):
    """By two lists: which are there, and which of them are of another type."""
    places = sorted([world, *(new_world() for _ in range(5))], key=lambda each: each.namespace)
    label = world.namespace
    for place in places:
        kubectl("label", "namespace", place.namespace, f"only={label}")
    places[0].create("secrets", "pull", type="Opaque", stringData={"a": "b"})
    places[1].pull_secret("pull")
    places[5].create("secrets", "pull", type="Opaque", stringData={"a": "b"})
    done = regcred("attach", "pull", "--namespace-selector", f"only={label}")
    warned = [line for line in done.stderr.decode().splitlines() if line.startswith("warning: ")]
    assert warned == [
        f"warning: Secret {places[0].namespace}/pull is of a type that kubelet passes over",
        *(
            f"warning: Secret {place.namespace}/pull does not exist: Pods get no login by it "
            "until it does"
            for place in places[2:4]
        ),
        "warning: in 1 more namespace, Secret pull does not exist",
        "warning: in 1 more namespace, Secret pull is of a type that kubelet passes over",
    ]
    assert done.stderr.count(b"hint: ") == 2
    assert all(place.attached() == ["pull"] for place in places)


@pytest.mark.parametrize("dry_run", ["client", "server"])
def test_dry_run_changes_nothing(regcred, world, dry_run):
    before = world.snapshot()
    done = regcred("attach", "pull", "-n", world.namespace, f"--dry-run={dry_run}")
    assert b"Attached  serviceaccount/default" in done.stdout
    assert b"dry run)" in done.stdout
    assert world.snapshot() == before


def test_chosen_by_glob_and_labels(regcred, world, kubectl):
    for name in ("build-a", "build-b", "other"):
        world.create("serviceaccounts", name, metadata={"labels": {"for": name[:5]}})
    regcred("attach", "one", "-n", world.namespace, "--serviceaccount", "build-*")
    regcred("attach", "two", "-n", world.namespace, "-l", "for=other")
    kubectl("label", "namespace", world.namespace, f"only={world.namespace}")
    regcred("attach", "three", "--namespace-selector", f"only={world.namespace}")
    assert world.attached("build-a") == world.attached("build-b") == ["one"]
    assert world.attached("other") == ["two"]
    assert world.attached() == ["three"]


def test_a_namespace_that_is_not_there(regcred):
    """Who takes something away does not want it made."""
    there = regcred("attach", "pull", "-n", "nowhere-4711", check=1)
    assert b"kubectl create namespace nowhere-4711 makes it\n" in there.stderr
    for verb in (("detach", "pull"), ("logout", "--all")):
        gone = regcred(*verb, "-n", "nowhere-4711", check=1)
        assert b"namespace nowhere-4711 does not exist\n" in gone.stdout + gone.stderr
        assert gone.stderr.endswith(b"hint: kubectl get namespaces\n")


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_labels_that_no_namespace_has(regcred, verb):
    done = regcred(verb, "pull", "--namespace-selector", "no-such=label", check=1)
    assert done.stderr == (
        b"error: no namespace has the labels no-such=label\n"
        b"hint: kubectl get namespaces --show-labels\n"
    )


def test_all_namespaces_where_some_fail(regcred, world, new_world):
    other = new_world()
    label = {"labels": {"in": world.namespace}}
    for place in (world, other):
        place.create("serviceaccounts", "app", metadata=label)
    rights = {"serviceaccounts": ("get", "list", "patch")}
    env = {"KUBECONFIG": str(world.user(rights))}
    where = ("-n", world.namespace, "-n", other.namespace, "--serviceaccount", "app")
    done = regcred("attach", "pull", *where, env=env, check=1)
    assert f"Attached  serviceaccount/app in {world.namespace}" in done.stdout.decode()
    assert f"Failed    serviceaccount/app in {other.namespace}" in done.stdout.decode()
    assert world.attached("app") == ["pull"]
    assert other.attached("app") == []
    regcred("attach", "pull", "-A", "-l", f"in={world.namespace}")
    assert other.attached("app") == ["pull"]


def test_a_namespace_that_is_just_made(regcred, cluster):
    name = f"test-{secrets.token_hex(4)}"
    cluster.api.create_namespace(name)
    try:
        done = regcred("attach", "pull", "-n", name)
        assert b"Attached  serviceaccount/default" in done.stdout
    finally:
        cluster.api.delete_namespace(name)


def test_waits_for_one_that_comes_later(world, kubeconfig):
    args = ("attach", "pull", "-n", world.namespace, "--serviceaccount", "later")
    with Terminal(*args, env={"KUBECONFIG": str(kubeconfig)}) as terminal:
        terminal.expect(f"waiting up to 30 s for ServiceAccount {world.namespace}/later")
        world.create("serviceaccounts", "later")
        assert terminal.finish() == 0, terminal.seen
    assert world.attached("later") == ["pull"]


def test_gives_up_in_time(regcred, world):
    args = ("--serviceaccount", "never", "--timeout", "0.2")
    done = regcred("attach", "pull", "-n", world.namespace, *args, check=1)
    assert b"/never does not exist, and did not within 0.2 s" in done.stdout
    assert b"hint: kubectl get serviceaccounts" in done.stderr


class TestFight:
    """Two writers on one ServiceAccount's list lose no entry."""

    @pytest.mark.parametrize("rival", ["put", "json patch"])
    async def test_no_entry_is_lost(self, world, kubeconfig, rival):
        world.with_list("app", "first")
        config = kubeconfig_module.load(kubeconfig=str(kubeconfig), env={})
        ours = [f"ours-{i:03}" for i in range(100)]
        theirs = [f"theirs-{i:03}" for i in range(100)]

        def put() -> None:
            for name in theirs:
                while True:
                    obj = world.get("serviceaccounts", "app")
                    obj["imagePullSecrets"].append({"name": name})
                    if world.put("serviceaccounts", obj) == 200:
                        break

        async with Client(config) as client:

            async def json_patch() -> None:
                for name in theirs:
                    add = {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": name}}
                    await client.json_patch(SERVICEACCOUNTS, "app", world.namespace, [add])

            async def attach_ours() -> None:
                obj = await client.get(SERVICEACCOUNTS, "app", world.namespace)
                for name in ours:
                    change = await serviceaccounts.change(client, obj, partial(attach, secret=name))
                    assert change.reason == "Attached"

            fight = json_patch() if rival == "json patch" else asyncio.to_thread(put)
            await asyncio.gather(attach_ours(), fight)
        names = world.attached("app")
        assert names[0] == "first"
        assert [n for n in names if n.startswith("ours")] == ours
        assert [n for n in names if n.startswith("theirs")] == theirs
        assert len(names) == 201
        marks = world.get("serviceaccounts", "app")["metadata"]["annotations"][MARK]
        assert marks.split(",") == ours


class TestProgress:
    def many(self, world, count):
        path = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"

        def make(numbers):
            for i in numbers:
                body = {"metadata": {"name": f"app-{i}", "labels": {"many": world.namespace}}}
                assert world.cluster.api.request("POST", path, body)[0] == 201

        threads = [threading.Thread(target=make, args=(range(i, count, 8),)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ("-A", "-l", f"many={world.namespace}")

    @pytest.mark.parametrize("no_color", ["", "1"])
    def test_a_bar_on_a_terminal(self, world, kubeconfig, no_color):
        world.create("serviceaccounts", "app")
        env = {"KUBECONFIG": str(kubeconfig), "NO_COLOR": no_color}
        where = ("-n", world.namespace, "--serviceaccount", "app,later")
        with Terminal("attach", "pull", *where, env=env) as terminal:
            terminal.expect("waiting up to")
            world.create("serviceaccounts", "later")
            terminal.expect("attaching")
            assert terminal.finish() == 0, terminal.seen
        assert ("\x1b[32m" in terminal.seen) == (not no_color)

    def test_ctrl_c_and_then_the_rest(self, regcred, world, kubeconfig):
        chosen = self.many(world, 300)
        # A reader that does not read: the command cannot be done before it is interrupted.
        child = subprocess.Popen(
            [sys.executable, "-m", "regcred", "attach", "pull", *chosen],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            pipesize=4096,
            preexec_fn=_default_interrupt,
        )
        with child:
            first = child.stdout.readline()
            child.send_signal(2)
            rest, said = child.communicate(timeout=60)
        assert child.returncode == 130
        assert b"Traceback" not in said
        assert said.count(b"error: interrupted") == 1
        reported = [line.split(b"/")[1].split()[0].decode() for line in first.splitlines()]
        reported += [line.split(b"/")[1].split()[0].decode() for line in rest.splitlines()]
        assert 0 < len(reported) < 300
        for name in reported[:20]:
            assert world.attached(name) == ["pull"]
        done = regcred("attach", "pull", *chosen, "-o", "json")
        results = json.loads(done.stdout)["results"]
        assert len(results) == 300
        assert sum(r["result"] == "Unchanged" for r in results) >= len(reported)
        assert b"\r" not in done.stderr  # no bar where nobody looks
        assert b"\x1b" not in done.stderr


def _default_interrupt():
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_output_that_nobody_reads(world, kubeconfig):
    command = f"{sys.executable} -m regcred attach pull -n {world.namespace} --dry-run=server"
    env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    for to in ("| true", "> /dev/full", ">&-"):
        done = subprocess.run(
            ["bash", "-c", f"{command} {to}"], env=env, capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr, to
        assert b"bug" not in done.stderr, to
        if to == "> /dev/full":
            assert done.returncode == 1
            assert b"cannot write to standard output: No space left on device" in done.stderr
