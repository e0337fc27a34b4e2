"""Log in to real registries: htpasswd, token service, TLS."""

import base64
import secrets

import pytest

from regcred import registry
from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    BadCredentials,
    RegistryRefused,
    RegistryUnreachable,
)
from regcred.core.logins.registrykey import login_key

KINDS = ["htpasswd", "token"]


@pytest.fixture
def real(cluster):
    """Kind → registry."""
    return cluster.registries


def login(host, username, password):
    return Credential(host, username, Password(password))


async def refuses(credential, error, **options):
    with pytest.raises(error) as caught:
        await registry.verify(credential, **options)
    assert credential.password.reveal() not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelling", ["{}", "http://{}/", "{}/team/app", "{}/v2/"])
async def test_right_password_is_let_in(real, kind, spelling):
    address = real[kind].address
    key = login_key(spelling.format(address)).text
    verified = await registry.verify(login(key, real[kind].username, real[kind].password))
    assert verified == registry.Verified(key, address, asked=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_plain_http_may_be_said(real, kind):
    there = real[kind]
    credential = login(there.address, there.username, there.password)
    assert (await registry.verify(credential, plain_http=True)).asked


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("htpasswd", "UNAUTHORIZED authentication required"),
        ("token", "UNAUTHORIZED incorrect username or password"),
    ],
)
@pytest.mark.parametrize("username", ["puller", "nobody"])
async def test_wrong_password_is_told(real, kind, said, username):
    address = real[kind].address
    error = await refuses(login(address, username, "wr0ng-password"), BadCredentials)
    assert error.message == (
        f"{address} does not accept user {username!r} with this password: {said}"
    )
    assert error.hint


async def test_who_may_pull_nothing_can_log_in(token_registry):
    password = token_registry.accounts()["outsider"]
    assert await registry.verify(login(token_registry.address, "outsider", password))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "password", ["a\"b'c $<>&\\", "äöü \N{SNOWMAN}", "with:colon", "x" * 72, "tab\tand space "]
)
async def test_odd_passwords_arrive(real, kind, password):
    name = f"odd-{secrets.token_hex(4)}"
    real[kind].add_account(name, password)
    assert await registry.verify(login(real[kind].address, name, password))
    await refuses(login(real[kind].address, name, "not" + password), BadCredentials)


async def test_json_key_with_newlines_arrives(token_registry):
    key = '{\n  "type": "service_account",\n  "private_key": "-----BEGIN\\n"\n}\n' + "x" * 400
    token_registry.add_account("_json_key", key)
    assert await registry.verify(login(token_registry.address, "_json_key", key))


async def test_certificate_of_an_unknown_ca(tls_registry):
    credential = login(tls_registry.address, tls_registry.username, tls_registry.password)
    error = await refuses(credential, RegistryUnreachable)
    assert "shows a certificate that is not trusted" in error.message
    assert "--ca-file" in error.hint
    assert await registry.verify(credential, ca_file=str(tls_registry.ca_file))
    wrong = login(tls_registry.address, tls_registry.username, "wr0ng-password")
    await refuses(wrong, BadCredentials, ca_file=str(tls_registry.ca_file))


async def test_plain_http_to_a_registry_with_tls(tls_registry):
    credential = login(tls_registry.address, tls_registry.username, tls_registry.password)
    error = await refuses(credential, RegistryRefused, plain_http=True)
    assert "HTTP status 400" in error.message
    assert "leave out --plain-http" in error.hint


async def test_what_is_no_registry(cluster, tmp_path):
    """The API server: it speaks https and JSON, and knows nothing of registries."""

    def view(path):
        return cluster.kubectl("config", "view", "--raw", "-o", f"jsonpath={{{path}}}").stdout

    server = view(".clusters[0].cluster.server").decode().removeprefix("https://")
    stranger = login(server, "u", "wr0ng-password")
    await refuses(stranger, RegistryUnreachable)
    ca_file = tmp_path / "ca.crt"
    ca_file.write_bytes(base64.b64decode(view(".clusters[0].cluster.certificate-authority-data")))
    error = await refuses(stranger, RegistryRefused, ca_file=str(ca_file))
    assert error.message.startswith(f"{server} ")
