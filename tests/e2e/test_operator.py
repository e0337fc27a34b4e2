"""The operator as a Pod on the real node, from its own image, by the chart and with its rights."""

import json

import pytest

from cluster.waiting import await_condition
from tests.support.pods import await_running, create, pod

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def new_namespaces(node_cluster, installed):
    """Make some that the PullCredential selects."""
    made = []

    def make(count):
        names = [f"{installed.release.name}-{len(made) + n}" for n in range(count)]
        for name in names:
            made.append(name)
            metadata = {"name": name, "labels": {"regcred-test": installed.release.name}}
            body = {"metadata": metadata}
            assert node_cluster.api.request("POST", "/api/v1/namespaces", body)[0] == 201
        return names

    yield make
    for name in made:
        node_cluster.api.delete_namespace(name)


def summary(found):
    return found.get("status", {}).get("namespaces", {}).get("summary", "")


def await_attached(installed, namespaces):
    """Wait until a Pod that is created now is given the Secret."""
    name = installed.release.name

    def attached(namespace):
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        status, content = installed.cluster.api.request("GET", path)
        return status == 200 and {"name": name} in json.loads(content).get("imagePullSecrets", ())

    await_condition("all are attached", lambda: all(map(attached, namespaces)), timeout=60)


def test_new_namespaces_pull(installed, pullcredential, new_namespaces, token_registry):
    installed.start(0)
    namespaces = new_namespaces(5)
    await_attached(installed, namespaces)
    for namespace in namespaces:
        create(installed.cluster, namespace, pod("app", token_registry.image))
    for namespace in namespaces:
        await_running(installed.cluster, namespace, "app")
    await_condition("it says so", lambda: summary(pullcredential()) == "5/5", timeout=60)
    said = installed.said(0)
    # ServiceAccounts have it from the admission policies by the time that they are looked at.
    assert (said["SecretCreated"], said["Attached"]) == (5, 0)
    assert said["WatchTrouble"] == 0
    assert installed.page(0, "/readyz") == "ok\n"


def test_the_leader_is_deleted(installed, pullcredential, new_namespaces, token_registry):
    for replica in (0, 1):
        installed.start(replica)
    installed.await_said(0, "Leading")
    installed.await_said(1, "Standby")
    first = new_namespaces(2)
    await_attached(installed, first)
    assert installed.said(1)["SecretCreated"] == 0

    # Without another Pod in its place, which would be a candidate too.
    where = ("-n", installed.release.namespace)
    installed.cluster.kubectl(
        "delete", "deployment", f"{installed.release.name}-0", *where, "--wait=false"
    )
    installed.await_said(1, "Leading")
    (second,) = new_namespaces(1)
    await_attached(installed, [second])
    create(installed.cluster, second, pod("app", token_registry.image))
    await_running(installed.cluster, second, "app")
    assert installed.said(1)["SecretCreated"] == 1
    await_condition("it says so", lambda: summary(pullcredential()) == "3/3", timeout=60)
