"""What ``regcred operator`` promises, on a real API server, with the rights of the chart."""

from __future__ import annotations

import base64
import json
import re
import shlex
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import yaml

from cluster import Cluster
from cluster.waiting import await_condition
from regcred.core.operator.pullcredential import FINALIZER
from tests.support.faults import Answer, Cut, Delay, both, lists, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorworld import (
    PASSWORD,
    PULLCREDENTIALS,
    REGISTRY,
    Installation,
    OperatorWorld,
)
from tests.support.release import CRD, Caller

ROTATED = f"new-{PASSWORD}"
OTHER = "other.example.com"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
MARK, KEPT_BY = "regcred.dev/attached-by-operator", "regcred.dev/kept-by"
PULL = "kubernetes.io/dockerconfigjson"


class Running:
    """One operator that leads, for as many tests as can share it.

    Args:
        installation: whose.
    """

    def __init__(self, installation):
        self._installation, self._now = installation, None

    def operator(self):
        """It, started where it does not run."""
        if self._now is None or self._now.process.poll() is not None:
            self._now = self._installation.operator().__enter__()
            self._now.wait_for("Leading")
        return self._now

    def stop(self):
        """None runs from now on."""
        if self._now is not None and self._now.process.poll() is None:
            self._now.stop()
        self._now = None

    def kill(self):
        if self._now is not None:
            self._now.kill()


@pytest.fixture(scope="module")
def running(installation):
    running = Running(installation)
    yield running
    running.kill()


@pytest.fixture
def operator(running):
    """One that leads, and that says nothing odd and no password."""
    operator = running.operator()
    yield operator
    assert not operator.odd
    for password in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()):
        assert password not in operator.stderr + operator.stdout


@pytest.fixture
def no_operator(running):
    """None runs but those that the test starts."""
    running.stop()


def events_about(world, name="main"):
    """All Events about a PullCredential."""
    found = world.get(f"{EVENTS}?fieldSelector=regarding.name%3D{world.full(name)}")
    return found["items"] or []


@pytest.fixture
def installed(operator, operator_world):
    """A world that the operator serves; nothing told about it holds the password."""
    world = operator_world()
    world.put_pullcredential("main")
    world.await_state("it is served", lambda: world.ready() == "3/3")
    yield world
    said = json.dumps([world.pullcredential("main"), events_about(world)])
    for form in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), quote(PASSWORD)):
        assert form not in said


def secret_path(world, namespace="ns-0"):
    return f"{world.path(namespace)}/secrets/{world.installation.secret_name}"


def account_path(world, account="default", namespace="ns-0"):
    return f"{world.path(namespace)}/serviceaccounts/{account}"


def source_path(world, name="login"):
    return f"/api/v1/namespaces/{world.installation.namespace}/secrets/{world.full(name)}"


def condition(world, kind="Ready", name="main"):
    """``True``, or the reason why not; empty where nothing is said of the latest spec."""
    found = world.pullcredential(name)
    for each in found.get("status", {}).get("conditions", ()):
        if each["type"] == kind and each["observedGeneration"] == found["metadata"]["generation"]:
            return "True" if each["status"] == "True" else each["reason"]
    return ""


def message(world, kind="Ready", name="main"):
    conditions = world.pullcredential(name)["status"]["conditions"]
    return next(each["message"] for each in conditions if each["type"] == kind)


def logins(world, namespace="ns-0"):
    return world.logins().get(namespace, {})


def login(password=PASSWORD):
    return {REGISTRY: ("puller", password)}


def everywhere(world, password=PASSWORD):
    """Whether each namespace has the login, and ServiceAccounts name the Secret as they should."""
    name = world.installation.secret_name
    return (
        world.logins() == {each: login(password) for each in world.namespaces}
        and set(map(tuple, world.lists().values())) == {(name,)}
        and set(map(tuple, world.lists("app").values())) == {("theirs", name)}
        and set(map(tuple, world.lists("other").values())) == {("theirs",)}
    )


def gone(world, name="main"):
    return world.pullcredential(name) is None


# To give


def test_every_selected_namespace_is_given_it(operator, installed):
    world = installed
    assert everywhere(world)
    secret = world.get(secret_path(world))
    assert secret["type"] == PULL
    assert secret["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "regcred"}
    assert secret["metadata"]["annotations"][KEPT_BY] == "operator"
    found = world.pullcredential("main")
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert condition(world) == condition(world, "Minted") == "True"
    for name in map(world.full, world.namespaces):
        assert len(operator.said("SecretCreated", namespace=name)) == 1
        assert len(operator.said("Attached", namespace=name)) == 2
        assert len(operator.said(namespace=name)) == 3


def test_new_namespaces_and_serviceaccounts_are_given_it(operator, installed):
    world = installed
    world.add_namespaces(["late"], {"app": ["theirs"], "other": ["theirs"]})
    world.await_state("all four are ready", lambda: world.ready() == "4/4" and everywhere(world))
    world.change(
        f"/api/v1/namespaces/{world.full('late')}",
        lambda obj: obj["metadata"]["labels"].update({"regcred-test": "no"}),
    )
    world.await_state("it is taken from there again", lambda: "late" not in world.logins())
    assert world.ready() in {"4/4", "3/3"}
    world.delete_namespace("late")


def test_a_source_that_comes_later(operator, operator_world):
    world = operator_world()
    world.put_pullcredential("main", source="late")
    world.await_state("it says so", lambda: condition(world) == "SourceMissing")
    assert condition(world, "Minted") == "SourceMissing"
    assert f"{world.full('late')} does not exist" in message(world, "Minted")
    assert world.logins() == {}
    # ServiceAccounts name it already: Pods of these minutes pull as soon as it is there.
    assert set(map(tuple, world.lists().values())) == {(world.installation.secret_name,)}
    world.put_source("late", "puller", PASSWORD)
    world.await_state("it is served", lambda: world.ready() == "3/3")
    assert everywhere(world)


def test_a_new_password_goes_everywhere(operator, installed):
    world = installed
    uids = {key: uid for key, (uid, _) in world.versions().items()}
    world.put_source("login", "puller", ROTATED)
    world.await_state("all have it", lambda: everywhere(world, ROTATED))
    assert {key: uid for key, (uid, _) in world.versions().items()} == uids
    for name in map(world.full, world.namespaces):
        assert len(operator.said("SecretUpdated", namespace=name)) == 1


BREAK_SOURCE = {
    "missing": (lambda world: world.delete_source("login"), "SourceMissing"),
    "without a password": (
        lambda world: world.change(source_path(world), lambda obj: obj["data"].pop("password")),
        "SourceMalformed",
    ),
    "with an empty one": (
        lambda world: world.change(
            source_path(world), lambda obj: obj.update(stringData={"password": ""})
        ),
        "SourceMalformed",
    ),
}


@pytest.mark.parametrize(("harm", "reason"), BREAK_SOURCE.values(), ids=BREAK_SOURCE)
def test_a_source_that_fails_takes_nothing_away(harm, reason, operator, installed, installation):
    world = installed
    before = world.versions()
    harm(world)
    world.await_state("it says so", lambda: condition(world, "Minted") == reason)
    assert world.full("login") in message(world, "Minted")
    assert world.ready() == "3/3"
    assert world.versions() == before

    # What it gave last is remembered, and new namespaces get it.
    world.put_pullcredential("second", registries=[OTHER], attach="None", source="no-such")
    world.await_state("another is seen", lambda: condition(world, name="second") == "SourceMissing")
    world.add_namespaces(["late"], {"app": ["theirs"], "other": ["theirs"]})
    world.await_state("so has the new one", lambda: world.ready() == "4/4" and everywhere(world))

    # The next operator does not know any more what that was, and takes nothing away either.
    operator.stop()
    before = world.versions()
    with installation.operator() as successor:
        successor.wait_for(reason, pullCredential=world.full("main"))
        world.add_namespaces(["later"], {"app": ["theirs"], "other": ["theirs"]})
        world.await_state("it says so", lambda: condition(world) == reason)
        status = world.pullcredential("main")["status"]["namespaces"]
        assert (status["ready"], status["desired"]) == (4, 5)
        assert before.items() <= world.versions().items()
        if reason == "SourceMissing":
            world.put_source("login", "puller", ROTATED)
        else:
            world.change(
                source_path(world), lambda obj: obj.update(stringData={"password": ROTATED})
            )
        world.await_state("it is mended", lambda: world.ready() == "5/5")
        successor.stop()
    assert everywhere(world, ROTATED)


# To keep


def edit(change, path=secret_path):
    return lambda world: world.change(path(world), change)


def delete(path):
    return lambda world: world.delete(path(world))


def without_annotation(name):
    return lambda obj: obj["metadata"]["annotations"].pop(name)


def replaced(world):
    """Deleted, and another of a type that no pull takes is put in its place, with our marks."""
    obj = world.get(secret_path(world))
    world.delete(secret_path(world))
    kept = {key: obj["metadata"][key] for key in ("name", "labels", "annotations")}
    body = {"metadata": kept, "type": "Opaque", "stringData": {"a": "b"}}
    status, _ = world.installation.cluster.api.request(
        "POST", f"{world.path('ns-0')}/secrets", body
    )
    assert status in (201, 409)  # the operator was faster


BROKEN = base64.b64encode(b'{"auths":{"a.example.com":{"auth":"?"}}}').decode()

DRIFT = {
    "Secret deleted": delete(secret_path),
    "Secret edited": edit(lambda obj: obj["data"].update({".dockerconfigjson": BROKEN})),
    "Secret emptied": edit(lambda obj: obj.update(data={".dockerconfigjson": "e30="})),
    "Secret with another key": edit(lambda obj: obj["data"].update({"x": "eA=="})),
    "Secret edited and frozen": edit(
        lambda obj: obj.update(immutable=True, data={".dockerconfigjson": BROKEN})
    ),
    "Secret of another type": replaced,
    "annotation edited": edit(
        lambda obj: obj["metadata"]["annotations"].update(
            {"regcred.dev/pullcredentials": "nobody=nowhere.example.com"}
        )
    ),
    "annotation removed": edit(without_annotation("regcred.dev/pullcredentials")),
    "ServiceAccount's entry removed": edit(
        lambda obj: obj.update(imagePullSecrets=[]), account_path
    ),
    "ServiceAccount's entry and mark removed": edit(
        lambda obj: (obj.update(imagePullSecrets=[]), without_annotation(MARK)(obj)), account_path
    ),
    "ServiceAccount deleted": delete(account_path),
    "finalizer removed": lambda world: world.strip_finalizer("main"),
}


@pytest.mark.parametrize("harm", DRIFT.values(), ids=DRIFT)
def test_what_is_changed_is_put_right(harm, operator, installed):
    world = installed
    wanted = world.snapshot()
    before = world.versions()
    harm(world)
    world.await_snapshot(wanted)
    untouched = {key: version for key, version in before.items() if key[1] != "ns-0"}
    assert untouched.items() <= world.versions().items()


def test_a_namespace_that_is_relabelled(operator, installed):
    world = installed
    wanted, path = world.snapshot(), f"/api/v1/namespaces/{world.full('ns-0')}"
    world.change(path, lambda obj: obj["metadata"]["labels"].update({"regcred-test": "no"}))
    world.await_state("two are left", lambda: world.ready() == "2/2")
    world.await_state("it is taken away", lambda: "ns-0" not in world.logins())
    assert world.lists()["ns-0"] == []
    assert world.lists("app")["ns-0"] == ["theirs"]
    assert "annotations" not in world.get(account_path(world))["metadata"]
    world.change(path, lambda obj: obj["metadata"]["labels"].update(world.label))
    world.await_snapshot(wanted)


# What is somebody else's


def docker_config(password="theirs"):
    content = {"auths": {"theirs.example.com": {"username": "them", "password": password}}}
    return base64.b64encode(json.dumps(content).encode()).decode()


THEIRS = {
    "kubectl's": {"type": PULL, "data": {".dockerconfigjson": docker_config()}},
    "of another type": {"type": "Opaque", "data": {"x": "eA=="}},
    "frozen": {"type": PULL, "data": {".dockerconfigjson": docker_config()}, "immutable": True},
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS)
def test_anothers_secret_is_left_alone_until_it_is_handed_over(theirs, operator, operator_world):
    world = operator_world()
    name = world.installation.secret_name
    pristine = world.snapshot()
    body = {"metadata": {"name": name, "labels": {"app": "theirs"}}, **theirs}
    world.create(f"{world.path('ns-0')}/secrets", body)
    before = {key: found for key, found in world.versions().items() if key[1] == "ns-0"}
    world.put_pullcredential("main")
    world.await_state("it says so", lambda: condition(world) == "NamespacesFailed")
    world.await_state(
        "two of three are ready",
        lambda: world.pullcredential("main")["status"]["namespaces"]["summary"] == "2/3",
    )
    (failure,) = world.pullcredential("main")["status"]["failures"]
    assert (failure["namespace"], failure["reason"]) == (world.full("ns-0"), "SecretNotOurs")
    assert before.items() <= world.versions().items()

    command = re.search("kubectl (label .*)$", failure["message"])[1]
    world.installation.cluster.kubectl(*shlex.split(command))
    world.await_state("it is taken over", lambda: world.ready() == "3/3")
    assert everywhere(world)
    world.delete_pullcredential("main")
    world.await_state("it is gone", lambda: gone(world))
    assert world.snapshot() == pristine


def test_a_persons_login_and_the_operator(operator, operator_world, regcred, installation):
    world = operator_world()
    name, namespace = installation.secret_name, world.full("ns-0")
    arguments = ("login", OTHER, "-n", namespace, "--name", name, "-u", "me", "--skip-verify")
    regcred(*arguments, "--password-stdin", stdin=b"mine")
    before = world.versions()
    world.put_pullcredential("main")
    world.await_state("it says so", lambda: condition(world) == "NamespacesFailed")
    assert (
        "regcred login keeps it" in world.pullcredential("main")["status"]["failures"][0]["message"]
    )
    kept = {key: found for key, found in before.items() if key[1] == "ns-0"}
    assert kept.items() <= world.versions().items()

    world.change(
        secret_path(world),
        lambda obj: obj["metadata"]["labels"].update({"regcred.dev/hand-over": "true"}),
    )
    world.await_state("it is taken over", lambda: world.ready() == "3/3")
    assert logins(world) == login()
    refused = regcred(*arguments, "--password-stdin", stdin=b"mine", check=None)
    assert refused.returncode == 1
    assert b"PullCredential" in refused.stderr
    world.delete_pullcredential("main")
    world.await_state("it is gone", lambda: gone(world))
    assert world.logins() == {}
    assert world.lists() == {"ns-0": [name], "ns-1": [], "ns-2": []}  # login's own entry


# To undo


def test_deletion_takes_away_what_it_gave_and_nothing_else(operator, operator_world):
    world = operator_world()
    name = world.installation.secret_name
    # Somebody attached the Secret long before the operator came.
    world.change(
        account_path(world, "app"),
        lambda obj: obj.update(imagePullSecrets=[{"name": name}, {"name": "theirs"}]),
    )
    world.change(
        account_path(world, "app", "ns-1"),
        lambda obj: (
            obj["metadata"].update(annotations={"regcred.dev/attached": name})
            or obj.update(imagePullSecrets=[{"name": name}])
        ),
    )
    pristine = world.snapshot()
    world.put_pullcredential("main")
    world.await_state("it is served", lambda: world.ready() == "3/3")
    # And somebody puts entries of their own beside the operator's.
    world.change(account_path(world), lambda obj: obj["imagePullSecrets"].append({"name": "more"}))
    world.delete_pullcredential("main")
    world.await_state("it is gone", lambda: gone(world))
    world.change(account_path(world), lambda obj: obj.pop("imagePullSecrets"))
    assert world.snapshot() == pristine
    operator.wait_for("Undone", pullCredential=world.full("main"))


def test_a_deletion_that_holds_nobody_up(operator, operator_world):
    """No finalizer is left on an object that can give nothing."""
    world = operator_world()
    world.put_pullcredential("main", source="no-such")
    world.await_state("it says so", lambda: condition(world) == "SourceMissing")
    world.delete_pullcredential("main")
    world.await_state("it is gone", lambda: gone(world))


def test_a_finalizer_whose_answer_is_lost(no_operator, installation, operator_world, tmp_path):
    """It is there, although that was not told; and stays until all is undone."""
    world = operator_world()
    ours = both(writes("pullcredentials"), lambda seen: not seen.path.endswith("/status"))
    in_namespaces = both(writes(), lambda seen: f"/namespaces/{world.prefix}" in seen.path)
    with FaultyProxy(installation.kubeconfig) as proxy:
        proxy.on(ours, Cut(after=True))
        proxy.on(in_namespaces, Delay(seconds=2), times=None)
        # Else a status may come first, and then it is refused.
        added = proxy.event()
        proxy.on(lambda seen: seen.path.endswith("/status"), Delay(until=added))
        with installation.operator(kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
            world.put_pullcredential("main")
            operator.wait_for("FinalizerNotWritten")
            added.set()
            world.delete_pullcredential("main")
            world.await_state("it is gone", lambda: gone(world))
            assert world.logins() == {}
            operator.stop()
        removal = proxy.wait(ours, count=2)[1]
        later = proxy.seen[proxy.seen.index(removal) :]
        assert not [seen.path for seen in later if in_namespaces(seen)]


def test_replaced_without_its_finalizer_and_narrowed_at_once(operator, operator_world):
    """As ``kubectl replace`` does, and Argo CD with ``Replace=true``."""
    world = operator_world()
    world.put_pullcredential("main")
    world.await_state("it is everywhere", lambda: world.ready() == "3/3")

    def replace(obj):
        del obj["metadata"]["finalizers"]
        obj["spec"]["namespaces"]["include"] = [world.full("ns-0")]

    world.change(f"{PULLCREDENTIALS}/{world.full('main')}", replace)
    world.await_state("it is where it is wanted", lambda: world.logins().keys() == {"ns-0"})
    world.await_state("and says so", lambda: world.ready() == "1/1")
    assert FINALIZER in world.pullcredential("main")["metadata"]["finalizers"]


def test_a_404_of_somebody_in_between(no_operator, installation, operator_world, tmp_path):
    """The namespace is there all the same: it counts, it fails, and it is tried again."""
    world = operator_world()
    there = both(writes("secrets"), lambda seen: f"/namespaces/{world.full('ns-1')}/" in seen.path)
    with FaultyProxy(installation.kubeconfig) as proxy:
        proxy.on(there, Answer(404), times=None)
        with installation.operator(kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
            world.put_pullcredential("main")
            world.await_state("it is said", lambda: world.ready() == "NamespacesFailed")
            status = world.pullcredential("main")["status"]
            assert status["namespaces"]["desired"] == 3
            assert [each["namespace"] for each in status["failures"]] == [world.full("ns-1")]
            proxy.clear()
            world.await_state("it is tried again", lambda: world.ready() == "3/3")
            operator.stop()


NARROWED = {
    "namespaces": (
        lambda world: {"namespaces": {"include": [world.full("ns-0")]}},
        {"ns-0": [True, True]},
    ),
    "none": (lambda _: {"namespaces": {"include": ["no-such-namespace"]}}, {}),
    "ServiceAccounts": (
        lambda _: {"serviceAccounts": {"include": ["default"]}},
        {"ns-0": [True, False], "ns-1": [True, False], "ns-2": [True, False]},
    ),
    "not attached": (
        lambda _: {"attach": "None"},
        {"ns-0": [False, False], "ns-1": [False, False], "ns-2": [False, False]},
    ),
}


@pytest.mark.parametrize(("fields", "left"), NARROWED.values(), ids=NARROWED)
def test_what_is_not_selected_any_more_is_taken_away(fields, left, operator, installed):
    world = installed
    name = world.installation.secret_name
    world.put_pullcredential("main", **fields(world))

    def narrowed():
        return (
            set(world.logins()) == set(left)
            and {n for n, names in world.lists().items() if name in names}
            == {n for n, (default, _) in left.items() if default}
            and {n for n, names in world.lists("app").items() if name in names}
            == {n for n, (_, app) in left.items() if app}
        )

    world.await_state("only that is left", narrowed)
    world.await_state("it says so", lambda: world.ready() == f"{len(left)}/{len(left)}")
    assert {tuple(names)[:1] for names in world.lists("app").values()} == {("theirs",)}


def test_registries_that_are_taken_out(operator, installed):
    world = installed
    world.put_pullcredential("main", registries=[OTHER, "third.example.com"])
    world.await_state(
        "the new ones are there, the old one is not",
        lambda: set(logins(world)) == {OTHER, "third.example.com"},
    )
    world.put_pullcredential("main", registries=[OTHER])
    world.await_state("one is left", lambda: set(logins(world)) == {OTHER})


def test_a_namespace_that_is_terminating_holds_nothing_up(operator, installed):
    world = installed
    path = f"{world.path('ns-0')}/configmaps"
    hold = {"metadata": {"name": "hold", "finalizers": ["test.regcred.dev/hold"]}}
    world.create(path, hold)
    world.delete_namespace("ns-0")
    try:
        world.await_state("two are left", lambda: world.ready() == "2/2")
        world.put_source("login", "puller", ROTATED)
        world.await_state("they are served", lambda: everywhere(world, ROTATED))
        world.put_pullcredential("second", registries=[OTHER])
        world.await_state("and by another", lambda: world.ready("second") == "2/2")
        for name in ("main", "second"):
            world.delete_pullcredential(name)
            world.await_state("it can be deleted", lambda name=name: gone(world, name))
        assert world.logins() == {}
    finally:
        world.change(f"{path}/hold", lambda obj: obj["metadata"].pop("finalizers"))


# Uninstall


def test_uninstall(no_operator, installation, operator_world):
    world = operator_world()
    pristine = world.snapshot()
    with installation.operator() as operator:
        world.put_pullcredential("main")
        world.await_state("it is served", lambda: world.ready() == "3/3")
        with installation.operator("--uninstall") as uninstall:
            # Who still runs would put everything back.
            await_condition(
                "it waits for the one that leads",
                lambda: any("waiting for" in line for line in uninstall.odd),
                timeout=30,
            )
            assert any(installation.lease_name in line for line in uninstall.odd)
            operator.stop()
            assert uninstall.wait() == 0, uninstall.stderr
    said = uninstall.stdout
    assert "out of 3 namespaces" in said
    assert "off 6 ServiceAccounts" in said
    assert f"pullcredential/{world.full('main')} stays" in said
    left = world.snapshot()
    assert {k: v for k, v in left.items() if k[0] != "pullcredentials"} == pristine
    assert "finalizers" not in world.pullcredential("main")["metadata"]

    with installation.operator("--uninstall") as again:
        assert again.wait() == 0, again.stderr
    assert "nothing" in again.stdout

    # The objects stayed: whoever installs it again has everything back.
    with installation.operator() as operator:
        world.await_state("it is served again", lambda: everywhere(world))
        world.await_state("it says so", lambda: world.ready() == "3/3")
        operator.stop()


def test_uninstall_under_another_name(no_operator, installation, operator_world):
    """It must not let PullCredentials go whose logins are everywhere."""
    world = operator_world()
    with installation.operator() as operator:
        world.put_pullcredential("main")
        world.await_state("it is served", lambda: world.ready() == "3/3")
        operator.stop()
    before = world.snapshot()
    admin = installation.cluster.kubeconfig
    with installation.operator("--uninstall", "--secret-name=no", kubeconfig=admin) as uninstall:
        assert uninstall.wait() == 1
    assert any(f"--secret-name {installation.secret_name}" in line for line in uninstall.odd)
    assert world.snapshot() == before


def test_deleted_before_and_after_uninstall(no_operator, installation, operator_world):
    world = operator_world()
    pristine = world.snapshot()
    with installation.operator() as operator:
        for name in ("main", "second"):
            world.put_pullcredential(name, registries=[f"{name}.example.com"])
            world.await_state("served", lambda name=name: world.ready(name) == "3/3")
        operator.stop()
    world.delete_pullcredential("main")
    with installation.operator("--uninstall") as uninstall:
        assert uninstall.wait() == 0, uninstall.stderr
    assert gone(world)
    world.delete_pullcredential("second")
    assert gone(world, "second")
    assert world.snapshot() == pristine


# Several


def await_older(world, name):
    """Times of creation have seconds: wait until another object's is another."""
    made = world.pullcredential(name)["metadata"]["creationTimestamp"]
    world.await_state(
        "the second has passed",
        lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > made,
    )


def test_several_share_one_secret(operator, operator_world):
    world = operator_world()
    world.put_source("other", "other-puller", ROTATED)
    world.put_pullcredential("z-older")
    await_older(world, "z-older")
    world.put_pullcredential("a-younger", source="other", registries=[REGISTRY, OTHER])
    world.await_state("the older is Ready", lambda: world.ready("z-older") == "3/3")
    world.await_state("the younger says", lambda: condition(world, name="a-younger") == "Conflict")
    assert world.full("z-older") in message(world, name="a-younger")
    assert REGISTRY in message(world, name="a-younger")
    both = {REGISTRY: ("puller", PASSWORD), OTHER: ("other-puller", ROTATED)}
    world.await_state(
        "both are there", lambda: world.logins() == dict.fromkeys(world.namespaces, both)
    )
    assert set(map(tuple, world.lists().values())) == {(world.installation.secret_name,)}

    uids = {key: uid for key, (uid, _) in world.versions().items()}
    world.delete_pullcredential("z-older")
    world.await_state("the younger has it", lambda: world.ready("a-younger") == "3/3")
    assert {key: uid for key, (uid, _) in world.versions().items()} == uids
    theirs = dict.fromkeys((REGISTRY, OTHER), ("other-puller", ROTATED))
    assert world.logins() == dict.fromkeys(world.namespaces, theirs)


def test_one_that_fails_takes_nothing_of_the_others(operator, installed):
    world = installed
    world.put_source("other", "other-puller", ROTATED)
    world.put_pullcredential("second", source="other", registries=[OTHER])
    world.await_state("both are served", lambda: world.ready("second") == "3/3")
    world.delete_source("other")
    world.await_state("it fails", lambda: condition(world, "Minted", "second") == "SourceMissing")
    world.put_source("login", "puller", ROTATED)
    wanted = {REGISTRY: ("puller", ROTATED), OTHER: ("other-puller", ROTATED)}
    world.await_state(
        "the other goes on", lambda: world.logins() == dict.fromkeys(world.namespaces, wanted)
    )
    world.await_state("and says so", lambda: world.ready() == "3/3")


def test_events_are_of_the_object_and_not_of_namespaces(operator, operator_world):
    world = operator_world(namespaces=30)
    world.put_pullcredential("main")
    world.await_state("it is served", lambda: world.ready() == "30/30")
    world.delete_source("login")
    world.await_state("it says so", lambda: condition(world, "Minted") == "SourceMissing")
    world.await_state(
        "there is an Event",
        lambda: "SourceMissing" in {each["reason"] for each in events_about(world)},
    )
    told = events_about(world)
    assert {each["type"] for each in told if each["reason"] == "SourceMissing"} == {"Warning"}
    assert {each["reportingController"] for each in told} == {"regcred.dev/operator"}
    assert len(told) <= 5
    for namespace in world.namespaces:
        found = world.get(f"/apis/events.k8s.io/v1/namespaces/{world.full(namespace)}/events")
        assert not [each for each in found["items"] if "regcred" in each["reportingController"]]


# The process


def test_ready_as_soon_as_everything_is_in_view(
    no_operator, installation, operator_world, tmp_path
):
    world = operator_world(namespaces=1)
    with FaultyProxy(installation.kubeconfig) as proxy:
        go_on = proxy.event()
        proxy.on(lists("pullcredentials"), Delay(until=go_on), times=None)
        with installation.operator(kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
            assert operator.get("/healthz") == (200, "ok\n")
            await_condition(
                "it waits for the last of its views",
                lambda: operator.get("/readyz") == (503, "waiting for pullcredentials\n"),
                timeout=60,
            )
            world.put_pullcredential("main")
            go_on.set()
            operator.wait_for("Synced")
            assert operator.get("/readyz") == (200, "ok\n")
            world.await_state("it works", lambda: world.ready() == "1/1")
            operator.stop()


def test_one_that_stands_by_is_ready_too(operator, installation):
    with installation.operator() as other:
        other.wait_for("Standby")
        other.wait_for("Synced")
        assert other.get("/readyz") == (200, "ok\n")
        assert not other.said("Leading")
        other.stop()


def test_sigterm_gives_the_lease_up(operator, installation):
    path = f"/apis/coordination.k8s.io/v1/namespaces/{installation.namespace}/leases"
    path = f"{path}/{installation.lease_name}"

    def holder():
        return json.loads(installation.cluster.api.request("GET", path)[1])["spec"].get(
            "holderIdentity"
        )

    assert holder()
    operator.stop()
    assert not holder()
    assert [line["reason"] for line in operator.lines[-2:]] == ["Stopping", "Stopped"]


def test_a_cluster_that_cannot_be_reached_at_first(
    no_operator, installation, operator_world, tmp_path
):
    world = operator_world(namespaces=1)
    world.put_pullcredential("main")
    with FaultyProxy(installation.kubeconfig) as proxy:
        proxy.stop_listening()
        with installation.operator(kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
            line = operator.wait_for("WatchTrouble")
            assert line["level"] == "warning"
            assert f"127.0.0.1:{proxy.port}" in line["message"]
            assert operator.get("/readyz")[0] == 503
            proxy.listen()
            world.await_state("it works", lambda: world.ready() == "1/1")
            operator.stop()
        proxy.stop_listening()
        with installation.operator(kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
            operator.wait_for("WatchTrouble")
            operator.stop()


def test_a_token_that_is_exchanged(no_operator, installation, operator_world, tmp_path):
    world = operator_world(namespaces=1)
    cluster = installation.cluster
    secrets = f"/api/v1/namespaces/{installation.namespace}/secrets"
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "bound"}
    made = cluster.api.request("POST", secrets, {"metadata": {"name": "bound"}})
    bound["uid"] = json.loads(made[1])["metadata"]["uid"]
    old, new = installation.token(boundObjectRef=bound), installation.token()
    file = tmp_path / "token"
    file.write_text(old)
    config = yaml.safe_load(installation.kubeconfig.read_text())
    config["users"][0]["user"] = {"tokenFile": str(file)}
    (kubeconfig := tmp_path / "config").write_text(yaml.safe_dump(config))
    with installation.operator(kubeconfig=kubeconfig) as operator:
        world.put_pullcredential("main")
        world.await_state("it is served", lambda: world.ready() == "1/1")
        file.write_text(new)
        assert cluster.api.request("DELETE", f"{secrets}/bound")[0] == 200
        caller = Caller(cluster, old)
        await_condition(
            "the old token is refused",
            lambda: caller.ask("GET", PULLCREDENTIALS)[0] == 401,
            timeout=60,
        )
        world.put_source("login", "puller", ROTATED)
        world.await_state("it is written with the new one", lambda: everywhere(world, ROTATED))
        operator.stop()
        assert old not in operator.stderr
        assert new not in operator.stderr


@pytest.mark.timeout(300)
def test_a_cluster_without_the_crd(helm_program, tmp_path):
    """It may come later than the operator, go while it runs, and come again."""
    with Cluster() as cluster:
        installation = Installation(cluster, helm_program, tmp_path)
        installation.install()
        cluster.kubectl("delete", "-f", str(CRD))
        with installation.operator() as operator:
            line = operator.wait_for("WatchTrouble")
            assert "pullcredentials" in line["message"]
            waiting = (503, "waiting for pullcredentials\n")
            await_condition(
                "all else is synced", lambda: operator.get("/readyz") == waiting, timeout=60
            )

            def bring():
                cluster.kubectl("create", "-f", str(CRD))
                cluster.kubectl("wait", "--for=condition=Established", "-f", str(CRD))
                world = OperatorWorld(installation)
                world.put_source("login", "puller", PASSWORD)
                world.add_namespaces(["ns-0"], {"app": ["theirs"], "other": ["theirs"]})
                world.put_pullcredential("main")
                world.await_state("it is served", lambda: world.ready() == "1/1")
                return world

            world = bring()
            assert operator.get("/readyz")[0] == 200
            # With it all PullCredentials go, which have a finalizer: so what they gave goes too.
            cluster.kubectl("delete", "-f", str(CRD), "--timeout=60s")
            world.await_state("it is taken away", lambda: world.logins() == {})
            assert world.lists() == {"ns-0": []}
            bring()
            operator.stop()
