"""What docs/threat-model.md says of others than the operator, on a real API server."""

import json
import re
import secrets
from functools import partial

import pytest
import yaml

from cluster.paths import CHECKOUT
from cluster.waiting import await_condition
from tests.support.release import CRD
from tests.support.rights import await_right

PAGE = CHECKOUT / "docs" / "threat-model.md"
API = "/apis/regcred.dev/v1alpha1/pullcredentials"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def tenant(cluster, world):
    """Make somebody who has a ClusterRole of Kubernetes in the test's namespace."""

    def make(role):
        user = f"{role}-{secrets.token_hex(4)}"
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
        }
        path = f"/apis/{RBAC}/v1/namespaces/{world.namespace}/rolebindings"
        assert cluster.api.request("POST", path, binding)[0] == 201
        kubeconfig = cluster.users.with_certificate(user)
        await_right(cluster.kubectl, kubeconfig, "get", "pods", world.namespace)

        def may(*command, stdin=b""):
            """Whether kubectl does it; what is refused has to be by RBAC."""
            done = cluster.kubectl(*command, kubeconfig=kubeconfig, check=False, stdin=stdin)
            assert done.returncode == 0 or b"orbidden" in done.stderr, done.stderr
            return done.returncode == 0

        return may

    return make


@pytest.mark.parametrize("role", ["admin", "edit", "view"])
def test_a_tenant_has_no_hand_in_it(role, tenant, world):
    may = tenant(role)
    namespace = world.namespace
    assert may("get", "pods", "-n", namespace)  # so what follows is about rights
    for refused in (
        ("label", "namespace", namespace, "team=other"),
        ("annotate", "namespace", namespace, "a=b"),
        ("create", "namespace", f"{namespace}-2"),
        *(
            ("get", "--raw", path)
            for path in (
                API,
                f"{ADMISSION}/mutatingadmissionpolicies",
                f"{ADMISSION}/mutatingadmissionpolicybindings",
                f"{ADMISSION}/validatingadmissionpolicies",
                f"{ADMISSION}/mutatingwebhookconfigurations",
                CRDS,
                "/api/v1/namespaces/regcred-system/secrets",
            )
        ),
        ("create", "--raw", API, "-f", "-"),
        ("create", "--raw", f"{ADMISSION}/validatingadmissionpolicybindings", "-f", "-"),
        ("delete", "--raw", f"{ADMISSION}/mutatingadmissionpolicybindings/regcred-pods"),
        ("delete", "--raw", f"{ADMISSION}/validatingadmissionpolicies/regcred-secrets"),
    ):
        assert not may(*refused, stdin=b"{}"), refused


@pytest.mark.parametrize(("role", "reads"), [("admin", True), ("edit", True), ("view", False)])
def test_who_reads_a_delivered_login(role, reads, tenant, world):
    world.pull_secret("regcred")
    may = tenant(role)
    assert may("get", "secret", "regcred", "-n", world.namespace) is reads
    assert not may("get", "secret", "regcred", "-n", "default")


#: A source that the policy of the page refuses.
PROGRAM = {"exec": {"command": "x", "protocol": "CredentialHelper"}}


@pytest.fixture
def policy(cluster):
    """The policy of the page, and the CRD that it is about."""
    was_there = cluster.api.request("GET", f"{CRDS}/pullcredentials.regcred.dev")[0] == 200
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    await_condition(
        "PullCredentials are served", lambda: cluster.api.request("GET", API)[0] == 200, timeout=60
    )
    found = re.search(
        r"<!-- policy:begin -->\n```yaml\n(.*?)```\n<!-- policy:end -->",
        PAGE.read_text(),
        re.DOTALL,
    )
    text = found[1]
    cluster.kubectl("apply", "-f", "-", stdin=text.encode())
    yield yaml.safe_load_all(text)
    cluster.kubectl("delete", "-f", "-", stdin=text.encode())
    # The API server goes by it for a moment longer: whoever comes next would meet it.
    await_condition("the policy acts no more", lambda: ask(cluster, PROGRAM)[0] == 201, timeout=60)
    if not was_there:
        cluster.kubectl("delete", "crd", "pullcredentials.regcred.dev")


def ask(cluster, source, **namespaces):
    """What becomes of a PullCredential, which is not kept: status, and what is said."""
    spec = {
        "registries": ["r.example.com"],
        "source": source,
        "namespaces": {"include": ["team-*"], **namespaces},
    }
    body = {
        "apiVersion": "regcred.dev/v1alpha1",
        "kind": "PullCredential",
        "metadata": {"name": f"threats-{secrets.token_hex(4)}"},
        "spec": spec,
    }
    status, content = cluster.api.request("POST", f"{API}?dryRun=All", body)
    return status, json.loads(content).get("message", "")


def test_the_policy_of_the_page(policy, cluster):
    secret = {"secretRef": {"name": "key"}}
    gitlab, harbor = {"project": "1", **secret}, {"projects": ["a"], **secret}
    answer = partial(ask, cluster)

    def refused(why, *args, **more):
        status, said = answer(*args, **more)
        return status == 422 and why in said

    await_condition(
        "the policy acts",
        lambda: refused("is no program", PROGRAM),
        timeout=60,
        log=lambda: str(answer(PROGRAM)),
    )
    assert answer({"basic": secret})[0] == 201
    assert answer({"gitlab": gitlab})[0] == 201  # the provider's own address
    for url, taken in (
        ("https://gitlab.example.com", True),
        ("https://gitlab.example.com/a", True),
        ("https://gitlab.example.com:8443", False),  # another port may be another's
        ("https://evil.example.com/gitlab.example.com", False),
    ):
        status, said = answer({"gitlab": {**gitlab, "url": url}})
        assert (status == 201) is taken, (url, said)
    assert refused("asked at", {"harbor": {**harbor, "url": "https://harbor.example.com.evil.io"}})
    assert refused("not for all", {"basic": secret}, include=["*"])
    assert answer({"basic": secret}, include=["*"], matchLabels={"team": "a"})[0] == 201
    cluster_policy = f"{ADMISSION}/validatingadmissionpolicies/our-pullcredentials"
    held = json.loads(cluster.api.request("GET", cluster_policy)[1])
    assert not held.get("status", {}).get("typeChecking", {}).get("expressionWarnings")
