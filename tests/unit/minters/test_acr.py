"""Azure Container Registry: azure-identity as it is, and servers that check what Azure checks."""

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from regcred.core.credential import Password
from regcred.core.operator.source import SourceReason
from regcred.minters import acr
from tests.support.providers.acr import Registry
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import failure
from tests.support.providers.entra import Application, Entra
from tests.support.providers.oidc import a_key, subject

BAD, NO_PERMISSION = SourceReason.BAD_CREDENTIALS, SourceReason.NO_PERMISSION
NOT_CONFIGURED, MINT_FAILED = SourceReason.NOT_CONFIGURED, SourceReason.MINT_FAILED
THROTTLED, UNREACHABLE = SourceReason.THROTTLED, SourceReason.UNREACHABLE
TENANT, CLIENT = "72f988bf-0000-0000-0000-2d7cd011db47", "6731de76-0000-0000-0000-ed4cb65c1c2d"
SECRET = "cl1ent~S3cret.of-the-application"
REGISTRY, LOGIN = "acme.azurecr.io", "login.microsoftonline.com"
AUDIENCE = "api://AzureADTokenExchange"
APP = {"tenantId": TENANT, "clientId": CLIENT}
STORED = APP | {"secretRef": {"name": "azure"}}
KEYLESS = APP | {"identity": {"serviceAccount": "puller"}}


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "regcred")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


def pem(key, made):
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode()


@pytest.fixture
def entra(clock, issuer):
    made = Entra(TENANT, clock)
    federation = (issuer.url, subject("puller"), AUDIENCE)
    made.applications[CLIENT] = Application({SECRET: None}, federations=[federation])
    return made


@pytest.fixture
def login(entra, start, dns):
    """Entra, by the name that it has in the public cloud."""
    served = start(entra.app, LOGIN)
    dns[LOGIN] = served.port
    return served


@pytest.fixture
def registry(entra, clock):
    made = Registry(REGISTRY, entra, clock)
    made.pullers.add(CLIENT)
    return made


@pytest.fixture
def served(registry, start, dns):
    served = start(registry.app, REGISTRY)
    dns[REGISTRY] = served.port
    return served


@pytest.fixture
async def there(clock, desk, issuer, login, served):
    secrets = {"azure": {"client-secret": f"{SECRET}\n"}}
    return await desk(REGISTRY, f"{REGISTRY}/team", secrets=secrets, identity=issuer, now=clock)


@pytest.fixture
def fails(there, login, served, issuer, caplog):
    """How minting fails."""
    caplog.set_level(logging.DEBUG)

    async def fail(reason, how, there=there, **changed):
        settings = {k: v for k, v in (how | changed).items() if v is not None}
        error = await failure(acr.mint(settings, there), hides=[SECRET, "t0ken", *issuer.tokens])
        sent = "".join(str(each.body) for each in (*login.requests, *served.requests))
        for word in (error.message + error.hint).split():
            assert not word.startswith("eyJ")
            assert len(word) < 100 or word not in sent
        for secret in (SECRET, "t0ken", *issuer.tokens):
            assert secret not in caplog.text
        assert error.reason == reason
        return error

    return fail


async def test_a_client_secret(registry, there, clock):
    minted = await acr.mint(STORED, there)
    password = minted.credentials[0].password.reveal()
    assert [each.registry for each in minted.credentials] == [REGISTRY, f"{REGISTRY}/team"]
    assert {each.username for each in minted.credentials} == {acr.USERNAME}
    assert timedelta(minutes=179) < minted.expires - clock() <= timedelta(hours=3)
    assert minted.warnings == ()
    assert password not in repr(minted)
    assert registry.accepts(acr.USERNAME, password)
    clock.forward(timedelta(hours=3, seconds=1))
    assert not registry.accepts(acr.USERNAME, password)


async def test_several_registries_are_asked_one_by_one(
    registry, entra, there, served, clock, start, dns
):
    other = Registry("other.azurecr.io", entra, clock)
    other.pullers.add(CLIENT)
    dns["other.azurecr.io"] = start(other.app, "other.azurecr.io").port
    there = replace(there, registries=(*there.registries, "other.azurecr.io"))
    minted = await acr.mint(STORED, there)
    assert other.accepts(acr.USERNAME, minted.credentials[2].password.reveal())
    assert registry.accepts(acr.USERNAME, minted.credentials[1].password.reveal())
    assert len(served.requests) == 1


@pytest.mark.parametrize("where", [{"key": "app.pem"}, {}])
async def test_a_certificate(registry, entra, there, desk, where):
    key = a_key("application")
    made = certificate(key)
    entra.applications[CLIENT].certificates.append(made)
    data = {where.get("key", "client.pem"): pem(key, made)}
    there = await desk(REGISTRY, secrets={"azure": data}, now=there.now)
    minted = await acr.mint(APP | {"secretRef": {"name": "azure"} | where}, there)
    assert registry.accepts(acr.USERNAME, minted.credentials[0].password.reveal())


async def test_a_certificate_that_is_not_registered(fails, there, desk):
    key = a_key("application")
    secrets = {"azure": {"client.pem": pem(key, certificate(key))}}
    error = await fails(BAD, STORED, await desk(REGISTRY, secrets=secrets, now=there.now))
    assert "AADSTS700027" in error.message


@pytest.mark.parametrize("text", ["-----BEGIN CERTIFICATE-----\nt0ken\n-----END", "key only"])
async def test_a_certificate_that_is_none(fails, there, desk, text):
    if text == "key only":
        text = pem(a_key("application"), certificate(a_key("application"))).split("-----BEGIN CE")[
            0
        ]
    secrets = {"azure": {"client.pem": text}}
    error = await fails(NOT_CONFIGURED, STORED, await desk(REGISTRY, secrets=secrets))
    assert "Secret azure has no certificate with an RSA key" in error.message


async def test_the_token_of_a_service_account(registry, there):
    minted = await acr.mint(KEYLESS, there)
    assert registry.accepts(acr.USERNAME, minted.credentials[0].password.reveal())


@pytest.mark.parametrize(
    ("cloud", "host", "name"),
    [
        ("AzurePublic", LOGIN, REGISTRY),
        ("AzureUSGovernment", "login.microsoftonline.us", "acme.azurecr.us"),
        ("AzureChina", "login.chinacloudapi.cn", "acme.azurecr.cn"),
    ],
)
async def test_sovereign_clouds(entra, clock, start, dns, desk, cloud, host, name):
    registry = Registry(name, entra, clock)
    registry.pullers.add(CLIENT)
    dns[host] = start(entra.app, host).port
    dns[name] = start(registry.app, name).port
    there = await desk(name, secrets={"azure": {"client-secret": SECRET}}, now=clock)
    minted = await acr.mint(STORED | {"cloud": cloud}, there)
    assert registry.accepts(acr.USERNAME, minted.credentials[0].password.reveal())


async def test_workload_identity(registry, there, issuer, tmp_path):
    file = tmp_path / "token"
    file.write_text(issuer.token("puller", AUDIENCE))
    env = {
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_AUTHORITY_HOST": f"https://{LOGIN}/",
    }
    minted = await acr.mint({}, replace(there, env=env))
    assert registry.accepts(acr.USERNAME, minted.credentials[0].password.reveal())


async def test_workload_identity_that_is_not_whole(fails, there, tmp_path):
    env = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "missing")}
    error = await fails(NOT_CONFIGURED, {}, replace(there, env=env))
    assert error.hint == "set tenantId and clientId"
    error = await fails(NOT_CONFIGURED, APP, replace(there, env=env))
    assert "cannot be read: No such file or directory" in error.message


@pytest.mark.parametrize("settings", [{}, {"clientId": "managed-2"}])
async def test_a_managed_identity(registry, entra, there, start, monkeypatch, settings):
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", start(entra.metadata).url)
    entra.identities = ["managed-1", "managed-2"]
    registry.pullers.add(settings.get("clientId", "managed-1"))
    minted = await acr.mint(settings, there)
    assert registry.accepts(acr.USERNAME, minted.credentials[0].password.reveal())


async def test_no_managed_identity(fails, entra, there, start, monkeypatch, unreachable):
    machine = start(entra.metadata)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
    error = await fails(NOT_CONFIGURED, {})
    assert "assign the identity" in error.hint
    machine.instead(500, "oops")
    await fails(UNREACHABLE, {})
    machine.instead(429, {"error": "t0ken"})
    await fails(THROTTLED, {})
    machine.instead(200, {"access_token": "t0ken"})
    await fails(MINT_FAILED, {})
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://{unreachable}")
    error = await fails(UNREACHABLE, {})
    assert error.message == "Azure's metadata service cannot be reached"
    assert "secretRef or identity" in error.hint


async def test_another_client_secret(fails, entra):
    entra.applications[CLIENT].secrets = {"another": None}
    error = await fails(BAD, STORED)
    assert error.message == (
        f"no token to application {CLIENT} of tenant {TENANT} by {LOGIN}: "
        "the client secret is wrong (AADSTS7000215)"
    )
    assert f"az ad app credential reset --id {CLIENT}" in error.hint


async def test_a_client_secret_that_is_over(fails, entra, clock):
    entra.applications[CLIENT].secrets = {SECRET: clock()}
    error = await fails(BAD, STORED)
    assert "the client secret has expired" in error.message


async def test_an_unknown_application(fails):
    error = await fails(NOT_CONFIGURED, STORED, clientId="00000000")
    assert "the tenant has no such application" in error.message


async def test_an_unknown_tenant(fails):
    error = await fails(NOT_CONFIGURED, STORED, tenantId="contoso.example.com")
    assert "there is no such tenant" in error.message


async def test_a_disabled_application(fails, entra):
    entra.applications[CLIENT].disabled = True
    await fails(NO_PERMISSION, STORED)


@pytest.mark.parametrize("part", range(3))
async def test_a_federation_with_others(fails, entra, issuer, part):
    federation = [issuer.url, subject("puller"), AUDIENCE]
    federation[part] = "https://other.example.com"
    entra.applications[CLIENT].federations = [tuple(federation)]
    error = await fails(NOT_CONFIGURED, KEYLESS)
    assert "none of its federated credentials fits" in error.message
    assert error.hint == (
        f"give it one with issuer {issuer.url}, subject {subject('puller')} and audience {AUDIENCE}"
    )


async def test_a_token_that_is_over(fails, issuer, there):
    over = issuer.token("puller", AUDIENCE, lifetime=timedelta(minutes=-1))

    async def identity(_account, _audience):
        return Password(over)

    error = await fails(BAD, KEYLESS, replace(there, identity=identity))
    assert "what it shows is not valid at this time (AADSTS700024)" in error.message
    assert error.hint == "set the clock right"


async def test_who_may_not_pull(fails, registry):
    registry.pullers.clear()
    error = await fails(NO_PERMISSION, STORED)
    assert f"{REGISTRY} lets {CLIENT} do nothing: authentication required" in error.message
    assert f"az role assignment create --role AcrPull --assignee {CLIENT}" in error.hint
    assert "az acr show -n acme " in error.hint


async def test_a_firewall(fails, registry):
    registry.firewall = True
    error = await fails(NO_PERMISSION, STORED)
    assert "client with IP '192.0.2.1' is not allowed access" in error.message
    assert "az acr network-rule add -n acme" in error.hint


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, {"errors": [{"message": "slow down"}]}, THROTTLED),
        (500, "<html>oops</html>", UNREACHABLE),
        (404, "<html></html>", NOT_CONFIGURED),
        (400, {"errors": []}, NOT_CONFIGURED),
        (401, {"errors": [{"message": 5}]}, NO_PERMISSION),
        (403, ["x"], NO_PERMISSION),
        (418, "", MINT_FAILED),
        (307, "", NOT_CONFIGURED),
        (200, "<html>log in</html>", MINT_FAILED),
        (200, {"refresh_token": None}, MINT_FAILED),
        (200, {"refresh_token": "t0ken"}, MINT_FAILED),
        (200, {"refresh_token": "t0k.e30.en"}, MINT_FAILED),
        (200, {"refresh_token": "t0k\n.e30.en"}, MINT_FAILED),
    ],
)
async def test_answers_of_other_registries(fails, served, status, body, reason):
    served.instead(status, body, headers={"Location": "https://e.example.com", "Retry-After": "5"})
    error = await fails(reason, STORED)
    assert status != 429 or error.retry_after == 5


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, {"error": "temporarily_unavailable"}, THROTTLED),
        (503, "<html>error t0ken</html>", UNREACHABLE),
        (500, "oops", UNREACHABLE),
        (
            400,
            {"error": "invalid_scope", "error_description": "AADSTS70011: t0ken"},
            NOT_CONFIGURED,
        ),
        (401, {"error": "invalid_client", "error_description": "t0ken"}, BAD),
        (404, "<html></html>", NOT_CONFIGURED),
        (302, "", MINT_FAILED),
        (200, "<html>log in with t0ken</html>", MINT_FAILED),
        (200, "", MINT_FAILED),
        (200, {"access_token": "t0ken"}, MINT_FAILED),
        (200, {"expires_in": 5}, MINT_FAILED),
        (200, {"access_token": "t0ken", "expires_in": "soon"}, MINT_FAILED),
        (200, {"access_token": 5, "expires_in": 5}, MINT_FAILED),
        (200, ["access_token", "t0ken"], MINT_FAILED),
    ],
)
async def test_answers_of_other_logins(fails, login, status, body, reason):
    login.instead(status, body, headers={"Location": "https://e.example.com", "Retry-After": "5"})
    for how in (STORED, KEYLESS):
        error = await fails(reason, how)
        assert error.retry_after == (5 if status in (429, 503) else error.retry_after)


async def test_nobody_is_there(fails, served, login, dns):
    port = dns.pop(REGISTRY)
    error = await fails(UNREACHABLE, STORED)
    assert error.message == f"{REGISTRY} cannot be reached: no such host"
    dns[REGISTRY] = port
    served.hang_up()
    error = await fails(UNREACHABLE, STORED)
    assert error.message.startswith(f"{REGISTRY} cannot be reached")
    login.hang_up()
    error = await fails(UNREACHABLE, STORED)
    assert error.message == f"{LOGIN} cannot be reached"
    del dns[LOGIN]
    await fails(UNREACHABLE, STORED)


@pytest.mark.parametrize(
    "key",
    [
        "ghcr.io",
        "*.azurecr.io",
        "azurecr.io",
        "acme.azurecr.io.example.com",
        "example.com/acme.azurecr.io",
        "example.com?.azurecr.io",
        "example.com#.azurecr.io",
        "example.com:1\\.azurecr.io",
        "$(reboot).azurecr.io",
        "acme.azurecr.io:8443",
        "169.254.169.254",
        "a/b c",
    ],
)
async def test_registries_that_are_none(fails, there, login, key):
    await fails(NOT_CONFIGURED, STORED, replace(there, registries=(REGISTRY, key)))
    assert login.requests == []


@pytest.mark.parametrize(
    ("how", "changed"),
    [
        (STORED, {"tenantId": None}),
        (STORED, {"clientId": None}),
        (KEYLESS, {"tenantId": None}),
        (KEYLESS, {"clientId": 5}),
        (STORED, {"tenantId": "a/../b"}),
        (STORED, {"tenantId": ""}),
        (STORED, {"clientId": "a; reboot"}),
        (STORED, {"identity": KEYLESS["identity"]}),
        (STORED, {"secretRef": {}}),
        (STORED, {"secretRef": "azure"}),
        (STORED, {"secretRef": {"name": "missing"}}),
        (STORED, {"secretRef": {"name": "azure", "key": "missing"}}),
        (KEYLESS, {"identity": {}}),
        (KEYLESS, {"identity": ["puller"]}),
        (KEYLESS, {"identity": {"serviceAccount": "puller", "audience": ["a"]}}),
        (STORED, {"cloud": "AzureGermany"}),
        ({}, {"cloud": 5}),
    ],
)
async def test_settings_that_cannot_be_meant(fails, how, changed):
    await fails(NOT_CONFIGURED, how, **changed)


async def test_no_such_service_account(there, desk):
    error = await failure(acr.mint(KEYLESS, await desk(REGISTRY)), hides=[])
    assert error.reason == NOT_CONFIGURED


async def test_without_the_sdk(fails, monkeypatch):
    for name in [each for each in sys.modules if each.partition(".")[0] == "azure"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "azure.core.exceptions", None)
    error = await fails(NOT_CONFIGURED, STORED)
    assert error.hint == "pip install 'regcred[azure]'"


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_made_up_for(there, desk, hours):
    ours = off(timedelta(hours=hours))
    wrong = await desk(REGISTRY, secrets={"azure": {"client-secret": SECRET}}, now=ours)
    minted = await acr.mint(STORED, wrong)
    assert abs(minted.expires - ours() - timedelta(hours=3)) < CLOSE


async def test_no_proxy_is_asked_who_we_are(
    registry, entra, there, start, monkeypatch, unreachable
):
    machine = start(entra.metadata)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
    monkeypatch.setenv("HTTP_PROXY", f"http://{unreachable}")
    entra.identities = ["managed-1"]
    registry.pullers.add("managed-1")
    assert (await acr.mint({}, there)).credentials
    assert machine.requests


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (70025, NOT_CONFIGURED, "give it one with issuer"),
        (7000229, NOT_CONFIGURED, f"az ad sp create --id {CLIENT}"),
    ],
)
async def test_other_words_of_entra(fails, login, code, reason, says):
    body = {"error": "invalid_client", "error_description": f"AADSTS{code}: no."}
    login.instead(401, body, path=f"/{TENANT}/oauth2")
    error = await fails(reason, KEYLESS)
    assert says in error.hint
