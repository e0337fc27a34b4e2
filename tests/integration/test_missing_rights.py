"""Who has too few rights is told all of them at once, and the hint's command grants just these."""

import json
import os
import re
import subprocess

import pytest

from tests.integration.conftest import RIGHTS
from tests.support.cli import run_regcred
from tests.support.faults import Answer
from tests.support.faultyproxy import FaultyProxy
from tests.support.rights import await_right

FLAGS = "--docker-server=a.example", "--docker-username=a", "--docker-password=b"


@pytest.fixture
def run(htpasswd_registry):
    registry = htpasswd_registry

    def run(who, *args, check=1):
        env = {"KUBECONFIG": str(who), "REGCRED_PASSWORD": registry.password}
        if args[0] == "login":
            args = ("login", registry.address, "-u", registry.username, *args[1:])
        done = run_regcred(*args, env=env, check=check)
        # The line of a thing that failed is on stdout, and its hint is not.
        return done.stdout.decode() + done.stderr.decode()

    return run


@pytest.fixture
def grant(cluster, tmp_path):
    """Type what the hint has for whoever may grant it."""
    (tmp_path / "kubectl").symlink_to(cluster.kubectl_path)

    def grant(said, who, verb, resource, namespace):
        (command,) = re.findall("whoever may grant (?:it|them): (.*)", said)
        env = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "KUBECONFIG": str(cluster.kubeconfig),
        }
        subprocess.run(["sh", "-ec", command], env=env, check=True, capture_output=True)
        await_right(cluster.kubectl, who, verb, resource, namespace)

    return grant


def test_login_without_any(run, grant, world):
    who = world.user({"pods": ("list",)})
    said = run(who, "login", "-n", world.namespace)
    assert 'cannot get resource "serviceaccounts"' in said
    assert (
        "; it may not get secrets/regcred, create secrets, patch secrets/regcred "
        "or patch serviceaccounts/default either\n"
    ) in said
    assert said.count("hint: ") == 1
    assert f"hint: check with: kubectl auth can-i --list -n {world.namespace}; " in said
    grant(said, who, "patch", "serviceaccounts/default", world.namespace)
    run(who, "login", "-n", world.namespace, check=0)
    assert world.attached() == ["regcred"]
    run(who, "login", "-n", world.namespace, check=0)
    said = run(who, "login", "--name=another", "-n", world.namespace)
    assert 'secrets "another" is forbidden' in said, "no more is granted than was asked for"
    grant(said, who, "get", "secrets/another", world.namespace)
    run(who, "login", "--name=another", "-n", world.namespace, check=0)


def test_two_people_in_one_namespace(run, grant, world):
    """Each types the hint that the other one's has gone before."""
    for _ in range(2):
        who = world.user({"pods": ("list",)})
        said = run(who, "login", "-n", world.namespace)
        grant(said, who, "patch", "serviceaccounts/default", world.namespace)
        run(who, "login", "-n", world.namespace, check=0)


def test_login_says_what_it_would_come_to(run, world):
    reads = {"secrets": ("get",), "serviceaccounts": ("get",)}
    who = world.user(reads)
    said = run(who, "login", "-n", world.namespace)
    assert 'cannot create resource "secrets"' in said
    assert "; it may not patch serviceaccounts/default either\n" in said
    who = world.user({"secrets": ("get",)})
    said = run(who, "login", "-n", world.namespace)
    assert "; it may not create secrets or patch serviceaccounts/default either\n" in said
    world.pull_secret("regcred")
    said = run(who, "login", "--adopt", "-n", world.namespace)
    assert "; it may not patch secrets/regcred or patch serviceaccounts/default either\n" in said
    said = run(who, "login", "--dry-run=client", "-n", world.namespace)
    assert "either" not in said, "what changes nothing takes no right to"


def test_what_cannot_be_read_hides_no_refusal(run, world, tmp_path):
    """What would be done is read only to word the refusal."""
    who = world.user({"secrets": ("get",)})
    with FaultyProxy(who) as proxy:
        reads = f"/api/v1/namespaces/{world.namespace}/secrets/regcred"
        proxy.on(lambda seen: seen.path == reads, Answer(500), times=None)
        said = run(proxy.kubeconfig(tmp_path), "login", "-n", world.namespace)
        assert proxy.count(lambda seen: seen.path == reads)
    assert 'cannot get resource "serviceaccounts"' in said
    assert "; it may not create secrets, patch secrets/regcred or patch" in said


def test_login_in_several_namespaces(run, world, new_world):
    other, who = new_world(), world.user({"secrets": ("get",)})
    said = run(who, "login", "-n", world.namespace, "-n", other.namespace)
    for namespace in (world.namespace, other.namespace):
        assert f"can-i --list -n {namespace}; " in said
    assert other.secret() is world.secret() is None


def test_what_else_fails_hides_no_refusal(run, world):
    who = world.user({"secrets": ("get",)})
    missing = f"{world.namespace}-not-there"
    for places in ((world.namespace, missing), (missing, world.namespace)):
        said = run(who, "login", *(flag for place in places for flag in ("-n", place)))
        assert f"can-i --list -n {world.namespace}; " in said
        assert missing in said


def test_logout(run, grant, world, regcred):
    run(world.cluster.kubeconfig, "login", "-n", world.namespace, check=0)
    who = world.user({"pods": ("list",)})
    said = run(who, "logout", "--all", "-n", world.namespace)
    also = "list serviceaccounts, patch serviceaccounts, patch secrets/regcred or delete"
    assert f"; it may not {also} secrets/regcred either\n" in said
    grant(said, who, "list", "serviceaccounts", world.namespace)
    run(who, "logout", "--all", "-n", world.namespace, check=0)
    assert world.secret() is None
    assert world.attached() == []


def test_logout_that_may_read(run, world):
    run(world.cluster.kubeconfig, "login", "-n", world.namespace, check=0)
    reads = {"secrets": ("get", "patch"), "serviceaccounts": ("list",)}
    said = run(world.user(reads), "logout", "--all", "-n", world.namespace)
    assert 'serviceaccounts "default" is forbidden' in said
    assert "; it may not delete secrets/regcred either\n" in said
    assert "--verb=patch --resource=serviceaccounts -n" in said, "of whichever it is attached to"
    assert "--verb=delete --resource=secrets --resource-name=regcred -n" in said


def test_logout_of_one_of_two(run, grant, world, htpasswd_registry):
    """No ServiceAccount is asked for, and the Secret stays."""
    admin = world.cluster.kubeconfig
    run(admin, "login", "a.example", "--skip-verify", "-n", world.namespace, check=0)
    who = world.user({"secrets": ("get",)})
    said = run(who, "logout", htpasswd_registry.address, "-n", world.namespace)
    assert 'cannot patch resource "secrets"' in said
    assert "either" not in said
    grant(said, who, "patch", "secrets/regcred", world.namespace)
    run(who, "logout", htpasswd_registry.address, "-n", world.namespace, check=0)
    assert list(world.logins()) == ["a.example"]


def test_secret(run, grant, world):
    who = world.user({"pods": ("list",)})
    said = run(who, "secret", "pull", *FLAGS, "-n", world.namespace)
    assert "; it may not create secrets or patch secrets/pull either\n" in said
    grant(said, who, "create", "secrets", world.namespace)
    run(who, "secret", "pull", *FLAGS, "-n", world.namespace, check=0)
    assert world.secret("pull")


@pytest.mark.parametrize(
    ("how", "verb", "missing"),
    [((), "get", "serviceaccounts/default"), (("--all",), "list", "serviceaccounts")],
)
def test_attach(run, grant, world, how, verb, missing):
    who = world.user({"pods": ("list",)})
    said = run(who, "attach", "pull", *how, "-n", world.namespace)
    assert f"cannot {verb} {missing} in" in said
    assert f"; it may not patch {missing} either\n" in said
    grant(said, who, "patch", missing, world.namespace)
    run(who, "attach", "pull", *how, "-n", world.namespace, check=0)
    assert world.attached() == ["pull"]


@pytest.mark.parametrize(
    ("how", "has", "also", "granted"),
    [
        (
            "--serviceaccount=x,y",
            {"pods": ("list",)},
            "; it may not patch serviceaccounts/x or patch serviceaccounts/y either\n",
            "--verb=get,patch --resource=serviceaccounts --resource-name=x --resource-name=y -n",
        ),
        (
            "--serviceaccount=x,y",
            {"serviceaccounts": ("get",)},
            "",
            "--verb=patch --resource=serviceaccounts --resource-name=x --resource-name=y -n",
        ),
        (
            "--all",
            {"serviceaccounts": ("list",)},
            "",
            "--verb=patch --resource=serviceaccounts -n",
        ),
    ],
)
def test_attach_to_two(run, grant, world, how, has, also, granted):
    """One command grants what is missing for both, and both are told."""
    for name in ("x", "y"):
        world.create("serviceaccounts", name)
    who = world.user(has)
    said = run(who, "attach", "pull", how, "-n", world.namespace)
    for name in ("x", "y"):
        assert f"Failed    serviceaccount/{name} in {world.namespace}: cannot " in said
    assert also in said
    assert said.count(" either") == bool(also)
    assert said.count("hint: ") == 1
    assert granted in said
    grant(said, who, "patch", "serviceaccounts/y", world.namespace)
    run(who, "attach", "pull", how, "-n", world.namespace, check=0)
    assert world.attached("x") == world.attached("y") == ["pull"]


def test_status_of_all_namespaces(run, grant, world, cluster):
    who = world.user({"pods": ("list",)})
    said = run(who, "status", "-A", check=3)
    unread = set(re.findall("warning: not read, so unknown: ([a-zA-Z]+)", said))
    assert len(unread - {"pullcredentials"}) == 4
    assert said.count("whoever may grant") == 1
    assert "--verb=list --resource=namespaces,pods,secrets,serviceaccounts" in said
    document = json.loads(run(who, "status", "-A", "-o", "json", check=3).partition("\nerror")[0])
    hints = {each["hint"] for each in document["unread"]}
    assert [f"hint: {hint}\n" in said for hint in hints] == [True]
    (name,) = re.findall("create clusterrole (\\S+)", said)
    try:
        grant(said, who, "list", "namespaces", world.namespace)
        # Where another test has brought the CRD, PullCredentials may not be read still.
        left = run(who, "status", "-A", check=None)
        assert {*re.findall("not read, so unknown: ([a-z]+)", left)} <= {"pullcredentials"}
    finally:
        for kind in ("clusterrole", "clusterrolebinding"):
            cluster.kubectl("delete", kind, name, "--ignore-not-found")


def test_what_is_no_want_of_a_right_stays_as_it_is(run, world, cluster):
    """A quota refuses with the same status."""
    quota = {"spec": {"hard": {"secrets": "0"}}}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, **quota}
    cluster.kubectl("create", "-n", world.namespace, "-f", "-", stdin=json.dumps(body).encode())
    said = run(cluster.kubeconfig, "login", "-n", world.namespace)
    assert "exceeded quota" in said
    assert "either" not in said


@pytest.mark.parametrize(
    ("rights", "asked"), [(RIGHTS, 0), (RIGHTS | {"serviceaccounts": ("get",)}, 0), ({}, 4)]
)
def test_nothing_is_asked_that_need_not_be(run, world, tmp_path, rights, asked):
    """About rights, as long as nothing is refused; then about those that were not tried yet."""
    who = world.user({"pods": ("list",)} | rights)
    with FaultyProxy(who) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path)
        missing = rights != RIGHTS
        run(kubeconfig, "login", "-n", world.namespace, check=int(missing))
        assert proxy.count(lambda seen: "selfsubjectaccessreviews" in seen.path) == asked
