"""A real kubelet pulls from real private registries: what the whole project is about."""

import pytest

from tests.support.pods import await_running, await_waiting, create, login_secret, pod


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_pull_needs_a_pull_secret(node_cluster, namespace, kind):
    registry = node_cluster.registries[kind]
    create(node_cluster, namespace, pod("before", registry.image))
    await_waiting(node_cluster, namespace, "before", "ErrImagePull")

    create(node_cluster, namespace, login_secret("login", registry))
    create(node_cluster, namespace, pod("after", registry.image, pull_secrets=("login",)))
    await_running(node_cluster, namespace, "after")
    logs = node_cluster.kubectl("logs", "after", "-n", namespace).stdout
    assert logs == b"running, from a private image\n"


def test_pull_is_denied_to_an_account_without_rights(node_cluster, namespace, token_registry):
    create(node_cluster, namespace, login_secret("login", token_registry, "outsider"))
    create(node_cluster, namespace, pod("app", token_registry.image, pull_secrets=("login",)))
    await_waiting(node_cluster, namespace, "app", "ErrImagePull")
