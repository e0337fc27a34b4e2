"""A namespace that cannot be served: said with its reason, tried again, and no other waits for it.

Once the cause is gone all is as in a run that nobody disturbed, object by object.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from cluster.waiting import await_condition
from tests.support.faults import Answer, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorhistory import ACCOUNTS, follow, install, undisturbed

SOLO = "--no-leader-elect"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
#: What the API server answers when etcd has no space left; tried, see test_operator_outages.
FULL = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "etcdserver: mvcc: database space exceeded",
    "code": 500,
}


@pytest.fixture
def proxy(installation):
    with FaultyProxy(installation.kubeconfig) as proxy:
        yield proxy


def request(world, method, path, body=None):
    status, content = world.installation.cluster.api.request(method, path, body)
    assert status in (200, 201), content
    return json.loads(content)


def refuses(world, namespace):
    """Whether nobody can create a Secret there, not even the admin."""
    where = f"{world.path(namespace)}/secrets?dryRun=All"
    body = {"metadata": {"generateName": "try-"}}
    return world.installation.cluster.api.request("POST", where, body)[0] in (403, 422)


@contextmanager
def quota(world, namespace, _):
    """No Secret more."""
    path = f"{world.path(namespace)}/resourcequotas"
    spec = {"hard": {"count/secrets": "0"}}
    request(world, "POST", path, {"metadata": {"name": "none"}, "spec": spec})
    await_condition(
        "the quota is in force",
        lambda: "hard" in (world.get(f"{path}/none") or {}).get("status", {}),
        timeout=60,
    )
    yield
    request(world, "DELETE", f"{path}/none")


@contextmanager
def policy(world, namespace, _):
    """A policy that refuses Secrets of one namespace only, and shows what it refuses."""
    name = world.full("no-secrets")
    namespaces = {"matchLabels": {"kubernetes.io/metadata.name": world.full(namespace)}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["secrets"],
        "operations": ["CREATE", "UPDATE"],
    }
    constraints = {"namespaceSelector": namespaces, "resourceRules": [rule]}
    spec = {
        "matchConstraints": constraints,
        "validations": [
            {
                "expression": "false",
                "message": "no Secrets here",
                "messageExpression": "'no Secrets here: ' + object.data['.dockerconfigjson']",
            }
        ],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    paths = [
        f"{POLICIES}/validatingadmissionpolicies",
        f"{POLICIES}/validatingadmissionpolicybindings",
    ]
    for path, each in zip(paths, (spec, binding), strict=True):
        request(world, "POST", path, {"metadata": {"name": name}, "spec": each})
    try:
        await_condition("it is in force", lambda: refuses(world, namespace), timeout=60)
        yield
    finally:
        for path in reversed(paths):
            request(world, "DELETE", f"{path}/{name}")
    await_condition("it is gone", lambda: not refuses(world, namespace), timeout=60)


@contextmanager
def full(world, namespace, proxy):
    """etcd takes nothing more; here of one namespace, since else nothing at all could be said."""
    there = both(writes(), lambda seen: f"{world.full(namespace)}/" in seen.path)
    proxy.on(there, Answer(500, json.dumps(FULL).encode()), times=None)
    yield
    proxy.clear()


REFUSALS = {
    "quota": (quota, "QuotaExceeded", "exceeded quota"),
    "policy": (policy, "AdmissionRefused", "no Secrets here"),
    "database-full": (full, "DatabaseFull", "database space exceeded"),
}


@pytest.mark.parametrize(("refuse", "reason", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_namespace_that_takes_no_secret(
    refuse, reason, words, installation, operator_world, proxy, tmp_path
):
    tried = writes("secrets")
    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        operator.wait_for("Synced")
        calm = undisturbed(operator_world(3), [install])
        world = operator_world(3)
        there = both(tried, lambda seen: f"{world.full('ns-1')}/" in seen.path)
        with refuse(world, "ns-1", proxy):
            install(world)
            world.await_state("it is said", lambda: world.ready() == "NamespacesFailed")
            world.await_state("the others are served", lambda: served(world) == {"ns-0", "ns-2"})
            world.await_state("so it says", lambda: status(world)["namespaces"]["ready"] == 2)
            said = status(world)
            (failure,) = said["failures"]
            assert (failure["namespace"], failure["reason"]) == (world.full("ns-1"), reason)
            assert words in failure["message"]
            secret = world.get(f"{world.path('ns-0')}/secrets/{installation.secret_name}")
            data = secret["data"][".dockerconfigjson"]
            if refuse is policy:
                assert failure["message"].endswith("no Secrets here: ********"), failure
            assert data not in json.dumps(world.pullcredential("main"))
            assert said["namespaces"] | {"summary": "2/3"} == {
                "desired": 3,
                "ready": 2,
                "failed": 1,
                "summary": "2/3",
            }
            proxy.wait(there, count=3)
            assert operator.said(reason, namespace=world.full("ns-1"), level="warning")
        world.await_snapshot(calm["install"])
        operator.stop()
    assert data not in operator.stderr
    # It is said once in the log, however often it was tried.
    assert len(operator.said(reason, namespace=world.full("ns-1"), level="warning")) == 1


def status(world):
    return world.pullcredential("main")["status"]


def served(world):
    """Namespaces with the login, and their ServiceAccounts with it."""
    name = world.installation.secret_name
    return {each for each in world.logins() if name in world.lists()[each]}


@pytest.fixture
def hold(installation):
    """An object that lets no namespace go, as long as the test runs."""
    paths = []

    def hold(world, namespace):
        paths.append(f"{world.path(namespace)}/configmaps/hold")
        metadata = {"name": "hold", "finalizers": ["example.com/hold"]}
        request(world, "POST", paths[-1].removesuffix("/hold"), {"metadata": metadata})

    yield hold
    for path in paths:
        api = installation.cluster.api
        obj = json.loads(api.request("GET", path)[1])
        obj["metadata"].pop("finalizers", None)
        api.request("PUT", path, obj)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_namespace_that_is_terminating_for_ever(when, installation, operator_world, hold):
    """It counts no more, whatever it still has, and nothing waits for it."""
    with installation.operator(SOLO) as operator:
        calm = undisturbed(operator_world(2))
        world = operator_world(2)
        world.add_namespaces(["held"], ACCOUNTS)
        held = world.path("held")
        hold(world, "held")
        if when == "after":
            install(world)
            world.await_state("it is served", lambda: world.ready() == "3/3")
        world.delete_namespace("held")
        world.await_state("it is terminating", lambda: phase(world, held) == "Terminating")
        follow(world, calm)
        assert phase(world, held) == "Terminating"
        operator.stop()


def phase(world, path):
    return world.get(path)["status"]["phase"]
