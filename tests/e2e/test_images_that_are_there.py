"""Who may start an image that is on the node already: what docs/explanation says, on a kubelet.

It is Kubernetes' doing and none of regcred's; but what is said of logins that are taken back, and
of Secrets that are changed in place, rests on it.
"""

import json
import secrets

from tests.support.pods import await_running, await_waiting, create, login_secret, pod


def config(registry, password):
    auths = {registry.address: {"username": "nobody", "password": password}}
    return {"stringData": {".dockerconfigjson": json.dumps({"auths": auths})}}


def test_by_the_secret_it_was_pulled_with_or_the_same_login(
    node_cluster, namespace, htpasswd_registry
):
    """Of whatever password it has by now, and though the registry takes neither any more."""
    account = f"there-{secrets.token_hex(4)}"
    htpasswd_registry.add_account(account, secrets.token_hex(8))
    image = htpasswd_registry.push(f"team/{account}:1")

    def start(name, *pull_secrets, policy="IfNotPresent"):
        made = pod(name, image, pull_secrets=pull_secrets)
        made["spec"]["containers"][0]["imagePullPolicy"] = policy
        create(node_cluster, namespace, made)

    for secret in ("kept", "changed", "same"):
        create(node_cluster, namespace, login_secret(secret, htpasswd_registry, account))
    other = login_secret("other", htpasswd_registry) | config(htpasswd_registry, "another")
    create(node_cluster, namespace, other)
    for secret in ("kept", "changed"):
        start(f"first-{secret}", secret, policy="Always")
        await_running(node_cluster, namespace, f"first-{secret}")

    htpasswd_registry.add_account(account, secrets.token_hex(8))
    new = json.dumps(config(htpasswd_registry, "wrong"))
    node_cluster.kubectl("patch", "secret", "changed", "-n", namespace, "-p", new)
    for secret in ("kept", "changed", "same", "other"):
        start(secret, secret)
    start("without")
    start("always", "kept", policy="Always")
    for name in ("kept", "changed", "same"):
        await_running(node_cluster, namespace, name)
    for name in ("other", "without", "always"):
        await_waiting(node_cluster, namespace, name, "ErrImagePull")
