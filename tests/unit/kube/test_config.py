import json
import subprocess
import sys
from pathlib import Path

import pytest

from regcred.core.errors import InvalidKubeconfig
from regcred.kube.config import ClusterConfig, load

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def load_user(tmp_path: Path, user: dict, cluster: dict | None = None, **env: str) -> ClusterConfig:
    """The configuration of a kubeconfig with one context, of that user and cluster."""
    path = tmp_path / "config"
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443"} | (cluster or {})}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(document))
    return load(kubeconfig=str(path), env=env)


@pytest.fixture
def service_account(tmp_path):
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("t\n")
    (folder / "ca.crt").write_text("the CA")
    (folder / "namespace").write_text("team-a\n")
    return folder


def test_a_context_and_its_namespace(tmp_path):
    path = tmp_path / "config"
    path.write_text(
        """
        clusters: [{name: c, cluster: {server: "https://api:6443/prefix/?q=1#f"}}]
        contexts:
        - {name: with, context: {cluster: c, namespace: team-a}}
        - {name: without, context: {cluster: c}}
        current-context: with
        """
    )
    config = load(kubeconfig=str(path), env={})
    assert (config.server, config.context) == ("https://api:6443/prefix", "with")
    assert (config.namespace, config.namespace_given_by_context) == ("team-a", True)
    assert config.source == f"context 'with' of {path}"
    assert config.auth.is_anonymous
    config = load(context="without", env={"KUBECONFIG": str(path)})
    assert (config.namespace, config.namespace_given_by_context) == ("default", False)


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://[fd00::1]:6443/", "https://[fd00::1]:6443"),
        ("localhost:8080", "http://localhost:8080"),
        ("10.0.0.1", "http://10.0.0.1"),
    ],
)
def test_servers(tmp_path, server, url):
    assert load_user(tmp_path, {}, {"server": server}).server == url


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("", "leads to no server"),
        ("ftp://api", "not a URL"),
        ("https://", "not a URL"),
        ("https://api:port", "not a URL"),
        ("https://api:6443\r\nX: y", "not a URL"),
        ("api:6443/path", "not a URL"),
        ("https://ann:hunter2@api", "holds a user name"),
    ],
)
def test_servers_that_are_none(tmp_path, server, says):
    with pytest.raises(InvalidKubeconfig, match=says) as caught:
        load_user(tmp_path, {}, {"server": server})
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"auth-provider": {"name": "gcp"}}, "auth-provider 'gcp'.*removed"),
        ({"token": "t", "username": "u"}, "both a token and a username"),
        ({"client-certificate-data": "aGk="}, "no client-key"),
        ({"token": "hunter2\n"}, "line break"),
        ({"as-groups": ["g"]}, "and no as"),
        ({"as": "a\nb"}, "line break"),
        ({"exec": {}}, "without a command"),
        ({"exec": {"command": "c", "apiVersion": "v1"}}, "apiVersion 'v1'"),
        (
            {"exec": {"command": "c", "apiVersion": "client.authentication.k8s.io/v1"}},
            "interactiveMode",
        ),
        ({"tokenFile": "nowhere"}, "cannot read the token file"),
    ],
)
def test_users_that_cannot_be_used(tmp_path, user, says):
    with pytest.raises(InvalidKubeconfig, match=says) as caught:
        load_user(tmp_path, user)
    assert "'u'" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_ca_and_insecure_exclude_each_other(tmp_path):
    cluster = {"certificate-authority-data": "aGk=", "insecure-skip-tls-verify": True}
    with pytest.raises(InvalidKubeconfig, match="one of them must go"):
        load_user(tmp_path, {}, cluster)


def test_nothing_secret_goes_over_plain_http(tmp_path):
    config = load_user(tmp_path, {"token": "t", "as": "ann"}, {"server": "http://api"})
    assert config.auth.is_anonymous
    assert config.impersonation is not None


def test_a_token_beats_a_plugin(tmp_path):
    plugin = {"command": "c", "apiVersion": "client.authentication.k8s.io/v1beta1"}
    assert load_user(tmp_path, {"exec": plugin, "token": "t"}).auth.exec is None
    assert load_user(tmp_path, {"exec": plugin}).auth.exec is not None


def test_proxies(tmp_path):
    env = {"HTTPS_PROXY": "http://from-env"}
    assert load_user(tmp_path, {}, **env).proxy_url == "http://from-env"
    config = load_user(tmp_path, {}, {"proxy-url": "http://from-file"}, **env)
    assert config.proxy_url == "http://from-file"
    with pytest.raises(InvalidKubeconfig, match="SOCKS"):
        load_user(tmp_path, {}, {"proxy-url": "socks5://p"})


def test_secrets_are_not_shown(tmp_path):
    user = {"username": "u", "password": "hunter2", "client-key-data": "aHVudGVy"}
    shown = repr(load_user(tmp_path, user, {"proxy-url": "http://u:hunter3@p"}, A="hunter4"))
    assert "hunter" not in shown


def test_in_a_pod_without_kubeconfig(tmp_path, service_account):
    env = IN_POD | {"HOME": str(tmp_path)}
    config = load(env=env, service_account=service_account)
    assert config.server == "https://10.0.0.1:443"
    assert config.tls.ca == b"the CA"
    assert config.auth.token_file == str(service_account / "token")
    assert (config.namespace, config.namespace_given_by_context) == ("team-a", True)
    assert config.context == ""


def test_in_a_pod_with_little(tmp_path, service_account):
    (service_account / "ca.crt").unlink()
    (service_account / "namespace").unlink()
    env = IN_POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    config = load(env=env, service_account=service_account)
    assert config.server == "https://[fd00::1]:443"
    assert config.tls.ca == b""
    assert config.namespace == "default"
    config = load(env=env | {"POD_NAMESPACE": "team-b"}, service_account=service_account)
    assert config.namespace == "team-b"


def test_in_a_pod_a_kubeconfig_comes_first(tmp_path, service_account):
    path = tmp_path / "config"
    path.write_text("{}")
    env = IN_POD | {"KUBECONFIG": str(path)}
    assert load(env=env, service_account=service_account).server == "https://10.0.0.1:443"
    with pytest.raises(InvalidKubeconfig, match="is empty"):
        load(kubeconfig=str(path), env=env, service_account=service_account)
    with pytest.raises(InvalidKubeconfig, match="is empty"):
        load(context="x", env=env, service_account=service_account)


def test_no_configuration_at_all(tmp_path):
    with pytest.raises(InvalidKubeconfig, match=r"no kubeconfig: .*\.kube/config does not exist"):
        load(env={"HOME": str(tmp_path)}, service_account=tmp_path)
    with pytest.raises(InvalidKubeconfig, match="there is no kubeconfig"):
        load(env={}, service_account=tmp_path)


def test_reading_a_configuration_starts_without_the_network_stack():
    """The CLI answers --help and bad kubeconfigs without paying for aiohttp."""
    program = (
        "import sys, regcred.kube.config;"
        "print(*{'aiohttp', 'asyncio', 'ssl', 'cryptography'} & sys.modules.keys())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert answer.stdout.split() == []
