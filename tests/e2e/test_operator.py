"""The operator as a Pod on the real node, from its own image, by the chart and with its rights.

The node of this cluster has no network for Pods, and takes those that name it: what the chart has
no value for is patched into its Deployment. Two Pods on one host need two ports, hence a second
Deployment for the second replica; nothing else differs.
"""

from __future__ import annotations

import json
import secrets
import socket
import urllib.request
from collections import Counter
from urllib.parse import urlsplit

import pytest

from cluster.node import NODE
from cluster.waiting import await_condition
from tests.support.pods import await_running, create, login_secret, pod
from tests.support.release import Release

pytestmark = pytest.mark.timeout(600)
PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Installed:
    """A release whose Pods run on the one node.

    Args:
        cluster: where.
        release: installed without Pods.
        ports: one for each replica.
    """

    def __init__(self, cluster, release, ports):
        self.cluster, self.release, self.ports = cluster, release, ports
        self._where = ("-n", release.namespace)

    def start(self, replica):
        """Start the first or the second replica; returns when it is ready."""
        name = f"{self.release.name}-{replica}"
        asked = ("get", "deployment", self.release.name, *self._where, "-o", "json")
        deployment = json.loads(self.cluster.kubectl(*asked).stdout)
        labels = {"app.kubernetes.io/instance": name}
        spec = deployment["spec"] | {"replicas": 1, "selector": {"matchLabels": labels}}
        spec["template"]["metadata"]["labels"] |= labels
        spec["template"]["spec"] |= {"hostNetwork": True, "nodeName": NODE}
        (container,) = spec["template"]["spec"]["containers"]
        port, first = self.ports[replica], self.ports[0]
        container["args"] = [each.replace(f":{first}", f":{port}") for each in container["args"]]
        container["ports"][0] |= {"containerPort": port, "hostPort": port}
        kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
        create(
            self.cluster, self.release.namespace, kind | {"metadata": {"name": name}, "spec": spec}
        )
        self.cluster.kubectl(
            "rollout", "status", f"deployment/{name}", *self._where, "--timeout=120s"
        )

    def pods(self, replica):
        """Names of a replica's Pods."""
        label = f"app.kubernetes.io/instance={self.release.name}-{replica}"
        listed = self.cluster.kubectl("get", "pods", *self._where, "-l", label, "-o", "name")
        return listed.stdout.decode().split()

    def said(self, replica):
        """Reasons of what a replica has logged, and how often."""
        found = Counter()
        for name in self.pods(replica):
            done = self.cluster.kubectl("logs", name, *self._where, check=False)
            found.update(json.loads(line)["reason"] for line in done.stdout.splitlines())
        return found

    def await_said(self, replica, reason):
        await_condition(
            f"replica {replica} says {reason}",
            lambda: bool(self.said(replica)[reason]),
            timeout=60,
        )

    def put_source(self, registry, *, username=""):
        """The Secret ``login`` of the operator's namespace."""
        name = username or registry.username
        data = {"username": name, "password": registry.accounts()[name]}
        self.apply({"apiVersion": "v1", "kind": "Secret", **_named("login"), "stringData": data})

    def apply(self, manifest):
        stdin = json.dumps(manifest).encode()
        self.cluster.kubectl("apply", *self._where, "-f", "-", stdin=stdin)

    def page(self, replica, path):
        url = f"http://127.0.0.1:{self.ports[replica]}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()


def _named(name):
    return {"metadata": {"name": name}}


@pytest.fixture
def installed(node_cluster, helm_program, operator_image, tmp_path):
    """The chart, its own image, and a pull Secret for that; no Pods yet."""
    name = f"op-{secrets.token_hex(4)}"
    release = Release(node_cluster, helm_program, name, f"{name}-system", tmp_path)
    server, ports = urlsplit(node_cluster.server), [free_port(), free_port()]
    repository, _, tag = operator_image.rpartition(":")
    env = {"KUBERNETES_SERVICE_HOST": server.hostname, "KUBERNETES_SERVICE_PORT": str(server.port)}
    values = {
        "replicas": 0,
        "image": {"repository": repository, "tag": tag},
        "imagePullSecrets": [{"name": "image"}],
        "secretName": name,
        "leaderElection": {"leaseName": name},
        "metrics": {"port": ports[0]},
        "extraEnv": [{"name": key, "value": value} for key, value in env.items()],
    }
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    try:
        release.install("--values", str(file))
        # hostNetwork is what "restricted" refuses.
        lifted = "pod-security.kubernetes.io/enforce-"
        node_cluster.kubectl("label", "namespace", release.namespace, lifted)
        registry = node_cluster.registries["htpasswd"]
        create(node_cluster, release.namespace, login_secret("image", registry))
        yield Installed(node_cluster, release, ports)
    finally:
        release.uninstall()


@pytest.fixture
def pullcredential(installed, token_registry):
    """A PullCredential for namespaces that have a label of the test's."""
    name = installed.release.name
    spec = {
        "registries": [token_registry.address],
        "source": {"basic": {"secretRef": {"name": "login"}}},
        "namespaces": {"matchLabels": {"regcred-test": name}},
    }
    manifest = {"apiVersion": "regcred.dev/v1alpha1", "kind": "PullCredential", "spec": spec}
    api = installed.cluster.api

    def read():
        status, content = api.request("GET", f"{PULLCREDENTIALS}/{name}")
        return json.loads(content) if status == 200 else None

    installed.put_source(token_registry)
    installed.apply(manifest | _named(name))
    yield read
    api.request("DELETE", f"{PULLCREDENTIALS}/{name}")
    while (left := read()) is not None:
        left["metadata"].pop("finalizers", None)
        api.request("PUT", f"{PULLCREDENTIALS}/{name}", left)


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
    assert (said["SecretCreated"], said["Attached"]) == (5, 5)
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
