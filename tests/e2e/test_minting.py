"""Images that are pulled all the while with tokens that live for less than a minute.

The registry takes tokens only that a server wrote from GitHub's description has issued, and forgets
them in time; kubelet asks it for every container. ``REGCRED_EXAMPLES=soak`` has twenty namespaces
and ten tokens of a minute each, in place of five, three, and half a minute.
"""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from cluster.waiting import await_condition
from tests.support.cli import run_regcred
from tests.support.pods import pod
from tests.support.providers import github as githubs
from tests.support.providers.oidc import a_key
from tests.support.providers.serving import Clock, serve
from tests.support.secrecy import Secrecy
from tests.support.secrecycluster import History, add_secrets

pytestmark = pytest.mark.timeout(1800)
SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
NAMESPACES, TOKENS, LIFETIME = (20, 10, 60) if SOAK else (5, 3, 30)
APP, NUMBER = 12345, 678
PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"


class GitHub(githubs.GitHub):
    """One whose packages are in a registry of this cluster.

    Args:
        registry: which.
        key: of the App.
    """

    def __init__(self, registry, key):
        super().__init__(APP, key.public_key(), Clock())
        self.installations[NUMBER] = githubs.Installation("Acme")
        self._registry = registry

    async def _create(self, request):
        before = set(self.issued)
        answer = await super()._create(request)
        for token in self.issued.keys() - before:
            self._registry.add_token("x-access-token", token, self.issued[token].expires)
        return answer


@pytest.fixture
def github(token_registry, monkeypatch):
    monkeypatch.setattr(githubs, "LIFETIME", timedelta(seconds=LIFETIME))
    key = a_key("github")
    made = GitHub(token_registry, key)
    made.pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    with serve(made.app) as made.served:
        yield made


@pytest.fixture
def history(installed):  # which brings the CRD
    with History(installed.cluster) as made:
        yield made


@pytest.fixture
def namespaces(installed, github, token_registry, history):
    """Those that a PullCredential of GitHub's keeps logged in; it and they go at the end."""
    cluster, name = installed.cluster, installed.release.name
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}}
    installed.apply(secret | {"stringData": {"private-key.pem": github.pem}})
    source = {
        "appId": APP,
        "installationId": NUMBER,
        "url": github.served.url,
        "secretRef": {"name": "app"},
    }
    spec = {
        "registries": [token_registry.address],
        "source": {"githubApp": source},
        "namespaces": {"matchLabels": {"regcred-test": name}},
    }
    kind = {"apiVersion": "regcred.dev/v1alpha1", "kind": "PullCredential"}
    installed.apply(kind | {"metadata": {"name": name}, "spec": spec})
    installed.start(0)
    installed.start(1)
    made = [f"{name}-{number}" for number in range(NAMESPACES)]
    for each in made:
        metadata = {"name": each, "labels": {"regcred-test": name}}
        cluster.api.request("POST", "/api/v1/namespaces", {"metadata": metadata})
    await_condition(
        "all have a token",
        lambda: condition(installed, "Ready")["message"].startswith(f"{NAMESPACES} namespaces"),
        timeout=60,
    )
    yield made
    cluster.api.request("DELETE", f"{PULLCREDENTIALS}/{name}")
    for each in made:
        cluster.api.delete_namespace(each)
    where = f"{PULLCREDENTIALS}/{name}"
    await_condition(
        "the object is gone", lambda: cluster.api.request("GET", where)[0] == 404, timeout=60
    )


def condition(installed, kind):
    path = f"{PULLCREDENTIALS}/{installed.release.name}"
    found = json.loads(installed.cluster.api.request("GET", path)[1])
    there = {each["type"]: each for each in found.get("status", {}).get("conditions", ())}
    return there.get(kind, {"status": "", "reason": "", "message": ""})


class Pulling:
    """One Pod after the other in each namespace, until it is told to stop; a context manager.

    Args:
        installed: where.
        namespaces: which.
        image: what they pull, at each start.

    Attributes:
        ran: how many have run.
        failed: what became of those that did not.
    """

    def __init__(self, installed, namespaces, image):
        self._cluster, self._namespaces, self._image = installed.cluster, namespaces, image
        self._stop, self._pool = threading.Event(), ThreadPoolExecutor(4)
        self.ran, self.failed = 0, []

    def __enter__(self):
        self._work = [self._pool.submit(self._pull, self._namespaces[i::4]) for i in range(4)]
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._pool.shutdown()
        for each in self._work:
            each.result()

    def _pull(self, namespaces):
        number = 0
        while not self._stop.is_set():
            number += 1
            for namespace in namespaces:
                self._run(namespace, f"pull-{number}")

    def _run(self, namespace, name):
        api = self._cluster.api
        made = pod(name, self._image)
        made["spec"]["restartPolicy"] = "Never"
        made["spec"]["containers"][0]["args"] = ["end"]
        path = f"/api/v1/namespaces/{namespace}/pods"
        status, content = api.request("POST", path, made)
        assert status == 201, content
        seen = {}

        def ended():
            seen.update(json.loads(api.request("GET", f"{path}/{name}")[1]))
            states = [e["state"] for e in seen["status"].get("containerStatuses", ())]
            reasons = [each.get("waiting", {}).get("reason", "") for each in states]
            return seen["status"].get("phase") == "Succeeded" or any("Pull" in r for r in reasons)

        await_condition(f"{namespace}/{name} has its image, or not", ended, timeout=120)
        if seen["status"]["phase"] == "Succeeded":
            self.ran += 1
        else:
            self.failed.append((namespace, name, seen["status"]["containerStatuses"][0]["state"]))
        api.request("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


def tells_why(installed, namespace, registry):
    """What `regcred why` says of a Pod of which kubelet has been refused the image."""
    api, name = installed.cluster.api, installed.release.name
    where = f"/api/v1/namespaces/{namespace}/pods"
    status, content = api.request("POST", where, pod("asked-about", registry.image))
    assert status == 201, content

    def refused():
        found = json.loads(api.request("GET", f"{where}/asked-about")[1])["status"]
        states = [each["state"].get("waiting", {}) for each in found.get("containerStatuses", ())]
        return any("Pull" in each.get("reason", "") for each in states)

    await_condition("kubelet is refused the image", refused, timeout=120)
    minted = condition(installed, "Minted")
    failing = minted["message"].removesuffix("; what it gave before has expired")
    assert failing != minted["message"]
    ask = ("why", "asked-about", "-n", namespace)
    env = {"KUBECONFIG": str(installed.cluster.kubeconfig)}
    (one,) = json.loads(run_regcred(*ask, "-o", "json", env=env, check=1).stdout)["pods"]
    (cause,) = one["causes"]
    assert cause["reason"] == "Expired"
    gave = f"the credential for '{registry.address}' that PullCredential {name} gave ended at "
    ended, _, since = cause["message"].removeprefix(gave).partition(" UTC, ")
    assert cause["message"].startswith(gave)
    found = json.loads(api.request("GET", f"{PULLCREDENTIALS}/{name}")[1])
    assert f"{ended.replace(' ', 'T')}Z" == found["status"]["expiresAt"]
    assert since == f"and there is no newer one, since minting fails: Unreachable: {failing}"
    assert f"kubectl get pullcredential {name} -o yaml" in cause["hint"]
    assert "commands" not in cause
    text = run_regcred(*ask, env=env, check=1).stdout.decode()
    assert f"  Expired: {cause['message']}" in text
    assert "regcred login" not in text
    api.request("DELETE", f"{where}/asked-about?gracePeriodSeconds=0")


def test_no_pull_fails_while_tokens_come_and_go(
    installed, namespaces, github, token_registry, history
):
    with Pulling(installed, namespaces, token_registry.image) as pulling:
        await_condition(
            f"{TOKENS} tokens were issued",
            lambda: len(github.issued) >= TOKENS or bool(pulling.failed),
            timeout=TOKENS * LIFETIME,
        )
        assert pulling.failed == []

        # Nobody issues any for as long as the last one is good; it is refreshed at two thirds.
        github.served.hang_up()
        await_condition(
            "it is told",
            lambda: condition(installed, "Minted")["reason"] == "Unreachable",
            timeout=LIFETIME,
        )
        assert condition(installed, "Ready")["status"] == "True"
        assert pulling.failed == []
        github.served.heal()
        await_condition(
            "it is minted again",
            lambda: condition(installed, "Minted")["status"] == "True",
            timeout=LIFETIME,
        )
    assert pulling.failed == []
    assert pulling.ran > NAMESPACES

    # And for longer than that.
    github.served.hang_up()
    await_condition(
        "it has ended", lambda: condition(installed, "Ready")["status"] == "False", timeout=120
    )
    assert condition(installed, "Minted")["reason"] == "Unreachable"
    assert github.served.host in condition(installed, "Minted")["message"]
    with Pulling(installed, namespaces[:1], token_registry.image) as pulling:
        await_condition("a pull fails", lambda: bool(pulling.failed), timeout=120)
    tells_why(installed, namespaces[0], token_registry)

    secrecy = Secrecy()
    secrecy.add_served([github.served])
    secrecy.add("a token", *github.issued)
    release = installed.release
    add_secrets(secrecy, history.secrets(), release.namespace, release.name)
    secrecy.require(all_that_is_said(installed) | history.written())


def all_that_is_said(installed):
    """Where → what both replicas have logged, and what their pages say."""
    said = {}
    for replica in (0, 1):
        for path in ("/metrics", "/readyz", "/healthz"):
            said[f"{path} of replica {replica}"] = installed.page(replica, path)
        (name,) = installed.pods(replica)
        logs = installed.cluster.kubectl("logs", name, "-n", installed.release.namespace)
        said[f"the log of replica {replica}"] = logs.stdout.decode() + logs.stderr.decode()
    assert all(said.values())
    return said
