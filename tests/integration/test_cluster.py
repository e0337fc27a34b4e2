"""The cluster that all other integration tests stand on."""

import json
from datetime import timedelta

import pytest

from cluster import ClusterError
from cluster.binaries import chosen, sources


def test_namespace_has_its_default_service_account(kubectl, namespace):
    accounts = json.loads(kubectl("get", "serviceaccounts", "-n", namespace, "-o", "json").stdout)
    assert [account["metadata"]["name"] for account in accounts["items"]] == ["default"]


def test_kubectl_and_server_have_the_version_of_go_mod(kubectl):
    versions = json.loads(kubectl("version", "-o", "json").stdout)
    newest, asked_for = sources()[0], chosen()
    assert versions["clientVersion"]["gitVersion"] == f"v{newest.module.version}"
    assert versions["serverVersion"]["gitVersion"] == f"v{asked_for.module.version}"


def test_kubeconfig_is_private(kubeconfig):
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def test_failing_kubectl_shows_no_flags(kubectl, namespace):
    command = ["create", "secret", "docker-registry", "-n", namespace, "--docker-password=hidden"]
    with pytest.raises(ClusterError) as caught:
        kubectl(*command)
    assert caught.value.message == "kubectl create secret docker-registry exited with 1"
    assert "hidden" not in str(caught.value)


def test_stranger_is_known_and_may_do_nothing(cluster, kubectl, namespace):
    answer = kubectl(
        "get", "secrets", "-n", namespace, kubeconfig=cluster.users.stranger, check=False
    )
    assert answer.returncode == 1
    assert b'User "stranger" cannot list resource "secrets"' in answer.stderr


def test_certificate_user_has_name_and_groups(cluster, kubectl):
    ann = cluster.users.with_certificate("ann", ("developers",))
    review = json.loads(kubectl("auth", "whoami", "-o", "json", kubeconfig=ann).stdout)
    assert review["status"]["userInfo"]["username"] == "ann"
    assert "developers" in review["status"]["userInfo"]["groups"]


def test_expired_certificate_is_refused(cluster, kubectl):
    ann = cluster.users.with_certificate("ann", valid_for=-timedelta(days=1))
    assert b"Unauthorized" in kubectl("auth", "whoami", kubeconfig=ann, check=False).stderr


def test_service_account_token_is_accepted(cluster, kubectl, namespace):
    token = kubectl("create", "token", "default", "-n", namespace).stdout.decode()
    account = cluster.users.with_token(token)
    review = json.loads(kubectl("auth", "whoami", "-o", "json", kubeconfig=account).stdout)
    name = f"system:serviceaccount:{namespace}:default"
    assert review["status"]["userInfo"]["username"] == name
