"""A manifest with everything in it, applied in one go: no Pod is created a second too early.

``REGCRED_EXAMPLES=soak`` applies thirty in a row. That a pull fails without the admission policies
is a matter of luck each time, hence so many tries there; with them none may.
"""

import json
import os

import pytest

from cluster.waiting import await_condition
from tests.support.pods import workload

pytestmark = pytest.mark.timeout(600)
SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
ROUNDS = 30 if SOAK else 5
MOST_TRIES = 30


@pytest.fixture
def apply(installed, pullcredential, token_registry):
    """Apply a manifest of a new namespace and what runs there; the namespace's name."""
    cluster, release = installed.cluster, installed.release.name
    made = []

    def one():
        name = f"{release}-{len(made)}"
        made.append(name)
        objects = manifest(name, release, token_registry.image)
        text = "\n---\n".join(json.dumps(each) for each in objects)
        cluster.kubectl("apply", "-f", "-", stdin=text.encode())
        return name

    installed.start(0)
    installed.await_said(0, "Leading")
    await_condition("it gives its login", lambda: minted(pullcredential()), timeout=60)
    yield one
    for name in made:
        cluster.api.delete_namespace(name)


def minted(found):
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Minted" and each["status"] == "True" for each in conditions)


def manifest(namespace, release, image):
    """A Deployment with a ServiceAccount of its own, and a Job with the one there always is."""
    labels = {"regcred-test": release}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}}
    job = workload("Job", "once", image)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["args"] = ["end"]
    inside = [account, workload("Deployment", "web", image, serviceAccountName="app"), job]
    for each in inside:
        each["metadata"]["namespace"] = namespace
    own = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": labels},
    }
    return [own, *inside]


def refused(cluster, namespace):
    """What kubelet says of pulls that failed."""
    listed = json.loads(cluster.kubectl("get", "events", "-n", namespace, "-o", "json").stdout)
    return [
        f"{each['involvedObject']['name']}: {each['message']}"
        for each in listed["items"]
        if each["reason"] == "Failed" and "pull" in each["message"].casefold()
    ]


def await_started(cluster, namespace):
    """Wait until the image of each of the two Pods has been pulled, or one could not be."""

    def asked():
        listed = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)
        started = [
            state
            for each in listed["items"]
            for status in each.get("status", {}).get("containerStatuses", ())
            for state in status["state"]
            if state in ("running", "terminated")
        ]
        return len(started) == 2 or bool(refused(cluster, namespace))

    await_condition("both Pods have their image, or have it refused", asked, timeout=120)


def test_everything_at_once_pulls(installed, apply):
    cluster = installed.cluster
    for _ in range(ROUNDS):
        namespace = apply()
        await_started(cluster, namespace)
        where = ("-n", namespace, "--timeout=60s")
        cluster.kubectl("wait", "--for=condition=Available", "deployment/web", *where)
        cluster.kubectl("wait", "--for=condition=Complete", "job/once", *where)
        assert refused(cluster, namespace) == []


@pytest.mark.parametrize("installed", [{"admission": {"mode": "Off"}}], indirect=True)
def test_without_the_policies_a_pull_fails(installed, apply):
    for _ in range(MOST_TRIES):
        namespace = apply()
        await_started(installed.cluster, namespace)
        if refused(installed.cluster, namespace):
            return
    pytest.fail(f"{MOST_TRIES} namespaces, and none was too early", pytrace=False)
