"""``regcred why`` where an operator keeps the logins: a real operator, a provider that goes away, a
real registry; what kubelet says the tests write.
"""

from __future__ import annotations

import json

import pytest

from cluster.waiting import await_condition
from tests.integration.conftest import World
from tests.integration.test_operator_minting import (
    condition,
    hub,  # noqa: F401 - a fixture
    lifetime,  # noqa: F401 - a fixture
)
from tests.integration.test_why_verb import Stage
from tests.support.cli import run_regcred

BARRED = "list pullcredentials"


@pytest.fixture
def staged(hub, cluster, htpasswd_registry):  # noqa: F811
    """A namespace that `hub` is to keep logged in, to a registry that takes no tokens of its."""
    hub.registries = [htpasswd_registry.address]
    return Stage(World(cluster, hub.world.full("ns-0")), htpasswd_registry)


def ask(staged, *args, kubeconfig=None):
    """The document, and the text of the same."""
    env = {"KUBECONFIG": str(kubeconfig or staged.world.cluster.kubeconfig)}
    where = ("why", "-n", staged.namespace, *args)
    document = json.loads(run_regcred(*where, "-o", "json", env=env, check=1).stdout)
    return document, run_regcred(*where, env=env, check=1).stdout.decode()


def cause_of(document):
    (one,) = document["pods"]
    return one["causes"][0]


def test_minting_never_worked(installation, hub, staged):  # noqa: F811
    hub.served.hang_up()
    name = hub.world.full("main")
    with installation.operator():
        hub.put(registries=hub.registries)
        hub.world.await_state(
            "it is told", lambda: condition(hub.world, "Minted")["reason"] == "Unreachable"
        )
    staged.workload("deployments", "web")
    document, text = ask(staged)
    cause = cause_of(document)
    assert cause["reason"] == "SecretMissing"  # the ServiceAccount names it already
    assert (
        f"PullCredential {name} selects the namespace for it, and has nothing to give, since "
        f"minting fails: Unreachable: "
    ) in cause["message"]
    assert hub.served.host in cause["message"]
    assert f"kubectl get pullcredential {name} -o yaml" in cause["hint"]
    assert "rollout" not in cause["hint"]
    assert "commands" not in cause
    assert "regcred login" not in text
    assert cause["message"] in text
    (one,) = document["pods"]
    said = [each["fact"] for each in one["evidence"] if each["source"] == f"PullCredential {name}"]
    assert any(fact.startswith("Minted is False since 20") for fact in said)
    unasked, _ = ask(staged, "--no-probe")
    assert cause_of(unasked)["hint"] == cause["hint"]


def test_what_was_minted_is_refused_and_then_ends(installation, hub, staged, lifetime):  # noqa: F811
    lifetime(seconds=20)
    name, secret = hub.world.full("main"), installation.secret_name
    gave = f"the credential for '{hub.registries[0]}' that PullCredential {name} gave"
    with installation.operator() as operator:
        hub.put(registries=hub.registries)
        hub.world.await_state("it is everywhere", lambda: hub.world.ready() == "3/3")
        staged.pod("bare", secret)
        assert (
            f"{gave}, and its source gives it without fault" in cause_of(ask(staged)[0])["message"]
        )
        hub.served.hang_up()
        hub.world.await_state(
            "it has ended", lambda: condition(hub.world, "Ready")["reason"] == "Expired"
        )
        operator.stop()
    message = condition(hub.world, "Minted")["message"]
    assert message.endswith("; what it gave before has expired")
    for arguments in ((), ("--no-probe",)):
        document, text = ask(staged, *arguments)
        cause = cause_of(document)
        assert cause["reason"] == "Expired"
        before, _, after = cause["message"].partition(" ended at 20")
        assert before == gave
        assert ", and there is no newer one, since minting fails: Unreachable: " in after
        assert after.endswith(message.removesuffix("; what it gave before has expired"))
        assert f"kubectl get pullcredential {name} -o yaml" in cause["hint"]
        assert "commands" not in cause
        assert "regcred login" not in text


def test_who_may_not_read_pullcredentials_is_told(installation, hub, staged):  # noqa: F811
    with installation.operator():
        hub.put(registries=hub.registries)
        hub.world.await_state("it is everywhere", lambda: hub.world.ready() == "3/3")
    staged.pod("bare", installation.secret_name)
    rights = {"pods": ("list",), "secrets": ("get", "list"), "serviceaccounts": ("get",)}
    user = staged.world.user(rights)
    document, text = ask(staged, kubeconfig=user)
    cause = cause_of(document)
    assert cause["message"].endswith(f"; PullCredential {hub.world.full('main')} gave it")
    assert BARRED in {each.get("right") for each in document["unread"]}
    assert text.count(f"PullCredentials could not be read: it takes the right to {BARRED}") == 1
    assert "regcred login" not in text


def test_whom_it_selects_by_labels_alone_is_not_known_to_all(installation, hub, staged):  # noqa: F811
    hub.served.hang_up()
    with installation.operator():
        hub.put(registries=hub.registries)
        hub.world.await_state(
            "it is told", lambda: condition(hub.world, "Minted")["reason"] == "Unreachable"
        )
    staged.pod("bare")
    user = staged.world.user({"pods": ("list",), "secrets": ("get",)})
    api = "rbac.authorization.k8s.io"
    role = f"reads-{hub.world.prefix}"
    rule = {"apiGroups": ["regcred.dev"], "resources": ["pullcredentials"], "verbs": ["list"]}
    where = f"/apis/{api}/v1"
    staged.request("POST", f"{where}/clusterroles", {"metadata": {"name": role}, "rules": [rule]})
    binding = {
        "metadata": {"name": role},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": api, "kind": "Group", "name": "system:authenticated"}],
    }
    try:
        staged.request("POST", f"{where}/clusterrolebindings", binding)
        said = f"PullCredential {hub.world.full('main')} may select the namespace for it"
        await_condition(
            "it may be read", lambda: said in ask(staged, kubeconfig=user)[1], timeout=60
        )
    finally:
        for kind in ("clusterrolebindings", "clusterroles"):
            staged.request("DELETE", f"{where}/{kind}/{role}")
