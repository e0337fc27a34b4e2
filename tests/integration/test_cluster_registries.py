"""The private registries of the cluster: they let in whom they should, and nobody else."""

import json
import re
import subprocess
from base64 import b64encode

import pytest

from tests.support.http import basic, request


def skopeo_inspect(registry, tmp_path, username="", password=""):
    """As a client of the field sees it; the password is in a file, and nothing else is."""
    login = tmp_path / "auth.json"
    auth = b64encode(f"{username}:{password}".encode()).decode()
    login.write_text(json.dumps({"auths": {registry.address: {"auth": auth}} if username else {}}))
    trust = ["--tls-verify=false"]
    if registry.ca_file:
        (tmp_path / "ca.crt").write_bytes(registry.ca_file.read_bytes())
        trust = [f"--cert-dir={tmp_path}"]
    command = ["skopeo", "inspect", "--raw", "--authfile", login, *trust]
    return subprocess.run(
        [*command, f"docker://{registry.image}"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("kind", ["htpasswd", "token", "tls"])
def test_right_password_is_let_in(cluster, kind, tmp_path):
    registry = cluster.registries[kind]
    answer = skopeo_inspect(registry, tmp_path, registry.username, registry.password)
    assert answer.returncode == 0, answer.stderr
    assert len(json.loads(answer.stdout)["layers"]) == 1


@pytest.mark.parametrize("kind", ["htpasswd", "token", "tls"])
@pytest.mark.parametrize("username", ["puller", "nobody", ""])
def test_wrong_password_is_refused(cluster, kind, username, tmp_path):
    answer = skopeo_inspect(cluster.registries[kind], tmp_path, username, "wrong")
    assert answer.returncode != 0
    assert re.search("unauthorized|authentication required|invalid username", answer.stderr)


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
@pytest.mark.parametrize("password", ["a\"b'c $<>&", "äöü \N{SNOWMAN}", "with:colon"])
def test_added_account_is_let_in(cluster, kind, password, tmp_path):
    registry = cluster.registries[kind]
    registry.add_account("added", password)
    answer = skopeo_inspect(registry, tmp_path, "added", password)
    assert answer.returncode == 0, answer.stderr


def test_pushed_image_has_the_name_asked_for(htpasswd_registry):
    reference = htpasswd_registry.push("other/thing:2")
    assert reference == f"{htpasswd_registry.address}/other/thing:2"
    login = basic(htpasswd_registry.username, htpasswd_registry.password)
    tags = f"http://{htpasswd_registry.address}/v2/other/thing/tags/list"
    status, _, content = request("GET", tags, headers=login)
    assert (status, content["tags"]) == (200, ["2"])


def test_tls_registry_is_not_trusted_without_its_ca(tls_registry):
    with pytest.raises(OSError, match="certificate verify failed"):
        request("GET", f"https://{tls_registry.address}/v2/")
    status, _, _ = request(
        "GET", f"https://{tls_registry.address}/v2/", ca_file=tls_registry.ca_file
    )
    assert status == 401


@pytest.fixture
def service(token_registry):
    """The token service, as the registry's challenge names it: URL and service."""
    _, headers, _ = request("GET", f"http://{token_registry.address}/v2/team/app/tags/list")
    found = re.fullmatch(
        r'Bearer realm="(.*)",service="(.*)",scope="repository:team/app:pull"',
        headers["WWW-Authenticate"],
    )
    return found[1], found[2].replace(" ", "+")


def tags_status(registry, token):
    url = f"http://{registry.address}/v2/team/app/tags/list"
    return request("GET", url, headers={"Authorization": f"Bearer {token}"})[0]


def test_token_by_get(token_registry, service):
    realm, name = service
    login = basic(token_registry.username, token_registry.password)
    url = f"{realm}?service={name}&scope=repository:team/app:pull"
    status, _, content = request("GET", url, headers=login)
    assert status == 200
    assert content["token"] == content["access_token"]
    assert content["expires_in"] >= 60
    assert "refresh_token" not in content
    assert tags_status(token_registry, content["token"]) == 200


def test_token_by_post_and_again_by_refresh_token(token_registry, service):
    realm, name = service
    common = [
        ("service", name.replace("+", " ")),
        ("client_id", "tests"),
        ("scope", "repository:team/app:pull,push repository:other:pull"),
    ]
    by_password = [
        ("grant_type", "password"),
        ("access_type", "offline"),
        ("username", token_registry.username),
        ("password", token_registry.password),
    ]
    status, _, first = request("POST", realm, form=[*common, *by_password])
    assert status == 200
    assert first["scope"] == "repository:team/app:pull repository:other:pull"
    by_refresh = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"])]
    status, _, second = request("POST", realm, form=[*common, *by_refresh])
    assert status == 200
    assert tags_status(token_registry, second["access_token"]) == 200


@pytest.mark.parametrize("who", ["nobody", "outsider"])
def test_token_without_rights_opens_nothing(token_registry, service, who):
    realm, name = service
    login = basic(who, token_registry.accounts()[who]) if who != "nobody" else {}
    url = f"{realm}?service={name}&scope=repository:team/app:pull"
    status, _, content = request("GET", url, headers=login)
    assert (status, content["scope"]) == (200, "")
    assert tags_status(token_registry, content["token"]) == 401


@pytest.mark.parametrize(
    ("query", "login", "status", "code"),
    [
        ("service=SERVICE", basic("puller", "wrong"), 401, "UNAUTHORIZED"),
        ("service=SERVICE", {"Authorization": "Basic %%%"}, 401, "UNAUTHORIZED"),
        ("service=SERVICE", {"Authorization": "Bearer x"}, 401, "UNAUTHORIZED"),
        ("service=another", {}, 400, "UNSUPPORTED"),
        ("service=SERVICE&scope=repository:team/app", {}, 400, "NAME_INVALID"),
        ("service=SERVICE&scope=repository:UPPER:pull", {}, 400, "NAME_INVALID"),
    ],
)
def test_token_service_refuses(service, query, login, status, code):
    realm, name = service
    got, _, content = request("GET", f"{realm}?{query.replace('SERVICE', name)}", headers=login)
    assert (got, content["errors"][0]["code"]) == (status, code)
