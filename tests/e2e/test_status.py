"""``regcred status`` beside a real kubelet: what it says of Pods is what becomes of them."""

import json

from tests.support.cli import run_regcred
from tests.support.pods import await_running, await_waiting, create, login_secret, pod


def status(cluster, namespace):
    args = ("status", "-n", namespace, "-o", "json")
    return json.loads(run_regcred(*args, env={"KUBECONFIG": str(cluster.kubeconfig)}).stdout)


def test_pods_that_fail_and_pods_that_run(node_cluster, namespace, htpasswd_registry):
    image, registry = htpasswd_registry.image, htpasswd_registry.address
    create(node_cluster, namespace, pod("before", image))
    await_waiting(node_cluster, namespace, "before", "ErrImagePull")
    (row,) = status(node_cluster, namespace)["rows"]
    assert row == {"namespace": namespace, "registry": registry, "failing": ["before"]}

    create(node_cluster, namespace, login_secret("login", htpasswd_registry))
    create(node_cluster, namespace, pod("after", image, pull_secrets=("login",)))
    await_running(node_cluster, namespace, "after")
    found = status(node_cluster, namespace)
    # Its list is frozen, whatever the namespace has by now.
    assert found["rows"][0] == {"namespace": namespace, "registry": registry, "failing": ["before"]}
    _, row = found["rows"]
    assert (row["registry"], row["secret"], row["pods"]) == (registry, "login", 1)
    assert row["failing"] == []
    assert row["serviceAccounts"] == {"meant": ["default"], "attached": [], "others": []}
    assert found["summary"]["failingPods"] == 1


def test_a_pod_whose_secret_does_not_decode_fails_to_pull(
    node_cluster, namespace, htpasswd_registry
):
    broken = login_secret("broken", htpasswd_registry)
    auths = {"auths": {htpasswd_registry.address: {"auth": "!"}}}
    broken["stringData"] = {".dockerconfigjson": json.dumps(auths)}
    create(node_cluster, namespace, broken)
    create(node_cluster, namespace, pod("p", htpasswd_registry.image, pull_secrets=("broken",)))
    await_waiting(node_cluster, namespace, "p", "illegal base64 data at input byte 0")
    found = status(node_cluster, namespace)
    (row,) = found["rows"]
    assert (row["secret"], row["reason"]) == ("broken", "SecretMalformed")
    assert row["failing"] == ["p"]
    assert found["summary"]["failingPods"] == 1
