"""``regcred credential-provider`` as the plugin of a real kubelet: no Secret anywhere.

What the provider is shown is the token of the Pod's own ServiceAccount, which kubelet asks the API
server for; the provider has the API server verify it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta

import pytest
import yaml

from cluster import Cluster
from cluster.paths import CHECKOUT
from cluster.registries import TOKEN
from cluster.waiting import await_condition
from tests.support import pods
from tests.support.clusters import PytestProgress
from tests.support.providers import quay as quays
from tests.support.providers.serving import Clock, serve

PAGE = CHECKOUT / "docs" / "how-to" / "credential-provider.md"
ROBOT, AUDIENCE = "acme+puller", "quay"


class Quay(quays.Quay):
    """One whose images are in a registry of the cluster, which it asks whose a token is.

    Attributes:
        cluster: it; set when it is up.
        shown: the tokens that it was shown.
    """

    def __init__(self):
        super().__init__(Clock())
        self.add(ROBOT).audience = AUDIENCE
        self.cluster = None
        self.shown = []

    async def _refused(self, name, token):
        self.shown.append(token)
        review = {"spec": {"token": token, "audiences": [AUDIENCE]}}
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        body = review | {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        _, content = await asyncio.to_thread(self.cluster.api.request, "POST", path, body)
        status = json.loads(content)["status"]
        if not status.get("authenticated") or AUDIENCE not in status["audiences"]:
            return "Invalid token"
        is_it = status["user"]["username"] == self.robots[name].subject
        return "" if is_it else "Token does not match robot"

    async def _federated(self, request):
        answer = await super()._federated(request)
        if answer.status == 200:
            ends = self._now() + timedelta(minutes=5)
            token = json.loads(answer.body)["token"]
            self.cluster.registries[TOKEN].add_token(ROBOT, token, ends)
        return answer


@pytest.fixture(scope="module")
def quay():
    made = Quay()
    with serve(made.app) as made.served:
        yield made


@pytest.fixture(scope="module")
def cluster(quay, tmp_path_factory, request):
    """One whose kubelet is configured as the page has it."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "regcred").write_text(f'#!/bin/sh\nexec {sys.executable} -m regcred "$@"\n')
    (folder / "regcred").chmod(0o755)

    def flags(registries):
        config = the_page("CredentialProviderConfig")
        (provider,) = config["providers"]
        assert provider["tokenAttributes"]["serviceAccountTokenAudience"] == "quay.io"
        provider["tokenAttributes"]["serviceAccountTokenAudience"] = AUDIENCE
        provider["matchImages"] = [registries[TOKEN].address]
        assert provider["args"][:3] == [
            "credential-provider",
            "--from=quay",
            f"--set=robot={ROBOT}",
        ]
        provider["args"].append(f"--set=url={quay.served.url}")
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return (
            f"--image-credential-provider-config={folder / 'config.yaml'}",
            f"--image-credential-provider-bin-dir={folder}",
        )

    with Cluster(
        node=True,
        registries=True,
        kubelet_flags=flags,
        progress=PytestProgress(request.config),
    ) as made:
        quay.cluster = made
        rights = [the_page("ClusterRole"), the_page("ClusterRoleBinding")]
        assert rights[0]["rules"][0]["resources"] == ["quay.io"]
        rights[0]["rules"][0]["resources"] = [AUDIENCE]
        for each in rights:
            made.kubectl("apply", "-f", "-", stdin=json.dumps(each).encode())
        yield made


def the_page(kind):
    """The object of a kind that the page shows."""
    parts = PAGE.read_text().split("```yaml\n")[1:]
    objects = [each for part in parts for each in yaml.safe_load_all(part.partition("```")[0])]
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def run(cluster, namespace, name, account):
    """Create a Pod of a ServiceAccount, and no Secret."""
    made = pods.pod(name, cluster.registries[TOKEN].image)
    made["spec"]["serviceAccountName"] = account
    cluster.kubectl("create", "serviceaccount", account, "-n", namespace)
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(made).encode())


def test_a_pod_pulls_by_its_own_serviceaccount(cluster, quay, namespace):
    quay.robots[ROBOT].issuer = "https://kubernetes.default.svc"
    quay.robots[ROBOT].subject = f"system:serviceaccount:{namespace}:shop"
    run(cluster, namespace, "shop", "shop")
    pods.await_running(cluster, namespace, "shop")
    assert cluster.kubectl("get", "secrets", "-n", namespace, "-o", "name").stdout == b""

    run(cluster, namespace, "other", "other")
    pods.await_waiting(cluster, namespace, "other", "ImagePullBackOff")
    log = cluster.folder.log("kubelet")
    await_condition(
        "kubelet's log has why", lambda: "Token does not match robot" in log.read_text(), timeout=60
    )
    said = log.read_text()
    assert "error: " in said
    assert len(quay.shown) > 1
    assert not [token for token in quay.shown if token in said]
