"""Installation tokens of a GitHub App, from a server that checks what GitHub checks."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from regcred.core.credential import HIDDEN
from regcred.core.operator.source import SourceReason
from regcred.minters import github
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import failure
from tests.support.providers.github import GitHub, Installation
from tests.support.providers.oidc import a_key
from tests.support.providers.serving import Clock

BAD, NO_PERMISSION = SourceReason.BAD_CREDENTIALS, SourceReason.NO_PERMISSION
NOT_CONFIGURED, MINT_FAILED = SourceReason.NOT_CONFIGURED, SourceReason.MINT_FAILED
THROTTLED, UNREACHABLE = SourceReason.THROTTLED, SourceReason.UNREACHABLE
APP, NUMBER = 12345, 678
KEY = "ghcr.io/acme"


def pem(key, password=None):
    encryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption
    ).decode()


@pytest.fixture
def private():
    return a_key("github")


@pytest.fixture
def app(private, clock):
    made = GitHub(APP, private.public_key(), clock)
    made.installations[NUMBER] = Installation("Acme")
    return made


@pytest.fixture
def served(app, start):
    return start(app.app)


@pytest.fixture
async def counter(private, clock, served, desk):
    """A Desk, and the settings that work; both may be changed."""
    secrets = {"github-app": {"private-key.pem": pem(private)}}
    settings = {
        "appId": APP,
        "installationId": NUMBER,
        "secretRef": {"name": "github-app"},
        "url": served.url,
    }
    return await desk(KEY, "ghcr.io", secrets=secrets, now=clock), settings


@pytest.fixture
def fails(counter, served):
    """How minting fails with settings changed; None takes one away."""

    async def fail(reason, there=counter[0], **changed):
        settings = {k: v for k, v in (counter[1] | changed).items() if v is not None}
        hidden = [(await there.secret("github-app"))["private-key.pem"].decode(), "ghs_t0ken"]
        error = await failure(github.mint(settings, there), hides=hidden)
        for request in served.requests:
            assert request.headers["authorization"].removeprefix("Bearer ") not in str(error)
        assert error.reason == reason
        return error

    return fail


async def test_a_token_that_may_only_read_packages(counter, app, clock):
    minted = await github.mint(counter[1], counter[0])
    token = minted.credentials[0].password
    assert [each.registry for each in minted.credentials] == [KEY, "ghcr.io"]
    assert {each.username for each in minted.credentials} == {"x-access-token"}
    issued = app.issued[token.reveal()]
    assert (issued.installation, issued.permissions) == (NUMBER, {"packages": "read"})
    assert minted.expires == issued.expires
    assert app.accepts("x-access-token", token.reveal())
    assert HIDDEN in repr(minted)
    assert token.reveal() not in repr(minted)
    assert [each for each in minted.warnings if "personal access tokens (classic)" in each]
    clock.forward(timedelta(hours=1, seconds=1))
    assert not app.accepts("x-access-token", token.reveal())


async def test_for_some_repositories(counter, app):
    counter[1]["repositories"] = ["web"]
    await github.mint(counter[1], counter[0])
    assert [each.repositories for each in app.issued.values()] == [("web",)]


async def test_github_enterprise_server(private, clock, start, desk):
    server = GitHub(APP, private.public_key(), clock, "/api/v3")
    server.installations[7] = Installation("acme")
    settings = {
        "appId": str(APP),
        "secretRef": {"name": "a", "key": "k"},
        "url": start(server.app).url + "/api/v3/",
    }
    there = await desk("containers.example.com", secrets={"a": {"k": pem(private)}}, now=clock)
    minted = await github.mint(settings, there)
    assert server.accepts("x-access-token", minted.credentials[0].password.reveal())


async def test_the_only_installation_is_found(counter, app):
    del counter[1]["installationId"]
    await github.mint(counter[1], counter[0])
    assert [each.installation for each in app.issued.values()] == [NUMBER]


async def test_the_installation_of_the_registries_owner_is_found(counter, app, served):
    del counter[1]["installationId"]
    for number in range(1000, 1120):
        app.installations[number] = Installation(f"other{number}")
    await github.mint(counter[1], counter[0])
    assert [each.installation for each in app.issued.values()] == [NUMBER]
    assert len([each for each in served.requests if each.method == "GET"]) == 2


async def test_several_installations_and_no_way_to_choose(fails, app):
    app.installations = {1: Installation("ours"), 2: Installation("theirs")}
    error = await fails(NOT_CONFIGURED, installationId=None)
    assert error.message == f"App {APP} has 2 installations: ours (1), theirs (2)"
    assert "installationId" in error.hint


async def test_no_installation_at_all(fails, app):
    app.installations.clear()
    error = await fails(NOT_CONFIGURED, installationId=None)
    assert error.message == f"App {APP} is not installed anywhere"
    error = await fails(NOT_CONFIGURED)
    assert f"has no installation {NUMBER}" in error.message


async def test_another_apps_key(fails, desk, clock):
    other = pem(a_key("other"))
    there = await desk(KEY, secrets={"github-app": {"private-key.pem": other}}, now=clock)
    error = await fails(BAD, there)
    assert f"does not accept the private key of App {APP}: A JSON web token" in error.message
    assert "generate a new one" in error.hint
    await fails(BAD, there, installationId=None)


@pytest.mark.parametrize("minutes", [-30, 30])
async def test_a_clock_that_is_wrong_is_the_cause(fails, private, desk, minutes):
    ours = Clock()
    ours.forward(timedelta(minutes=minutes))
    there = await desk(KEY, secrets={"github-app": {"private-key.pem": pem(private)}}, now=ours)
    error = await fails(BAD, there)
    where = "ahead of" if minutes < 0 else "behind"
    assert error.hint.startswith("set the clock right: the clock of 127.0.0.1:")
    assert where in error.hint


async def test_a_clock_that_is_a_little_wrong_is_told(counter, private, desk, clock):
    ours = Clock()
    ours.forward(timedelta(seconds=-80))
    there = await desk(KEY, secrets={"github-app": {"private-key.pem": pem(private)}}, now=ours)
    assert any("ahead of" in each for each in (await github.mint(counter[1], there)).warnings)


async def test_an_unknown_app(fails):
    error = await fails(NOT_CONFIGURED, appId=99)
    assert "has no App 99" in error.message
    await fails(NOT_CONFIGURED, appId=99, installationId=None)


async def test_a_suspended_installation(fails, app):
    app.installations[NUMBER].suspended = True
    error = await fails(NO_PERMISSION)
    assert f"installation {NUMBER} of App {APP} is suspended" in error.message


async def test_an_app_without_the_permission(fails, app):
    app.installations[NUMBER].permissions = {"contents": "read"}
    error = await fails(NO_PERMISSION)
    assert "Packages: Read-only" in error.hint


async def test_repositories_that_it_has_not(fails):
    error = await fails(NOT_CONFIGURED, repositories=["app", "secret"])
    assert "Repository access" in error.hint
    error = await fails(NOT_CONFIGURED, repositories=["acme/app"])
    assert "'acme/app'" in error.message


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (429, {"Retry-After": "17"}, "", 17),
        (403, {"Retry-After": "17"}, "You have exceeded a secondary rate limit.", 17),
        (403, {}, "You have exceeded a secondary rate limit.", 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, "", 1),
    ],
)
async def test_throttled(fails, served, status, headers, message, seconds):
    served.instead(status, {"message": message}, headers=headers)
    error = await fails(THROTTLED)
    assert error.retry_after == seconds


async def test_throttled_until_the_limit_is_reset(fails, served, clock):
    reset = str(int(clock().timestamp()) + 900)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    served.instead(403, {"message": "API rate limit exceeded"}, headers=headers)
    error = await fails(THROTTLED)
    assert 800 < error.retry_after <= 900


@pytest.mark.parametrize("installation", [NUMBER, None])
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, "<html>oops</html>", UNREACHABLE),
        (502, {"message": "Server Error"}, UNREACHABLE),
        (401, "", BAD),
        (403, {"message": "Forbidden"}, NO_PERMISSION),
        (418, "", MINT_FAILED),
        (404, "<html>not here</html>", NOT_CONFIGURED),
        (302, "", NOT_CONFIGURED),
        (200, "<html>log in</html>", MINT_FAILED),
        (200, {"token": 5}, MINT_FAILED),
        (200, [{"id": "x", "account": None}], MINT_FAILED),
        (200, ["x"], MINT_FAILED),
    ],
)
async def test_answers_of_others(fails, served, installation, status, body, reason):
    headers = {"Location": "https://example.com/"} if status == 302 else {}
    served.instead(status, body, headers=headers)
    await fails(reason, installationId=installation)


@pytest.mark.parametrize(
    "lacks",
    [
        {"token": ""},
        {"token": None},
        {"token": 5},
        {"token": "a\nb"},
        {"expires_at": None},
        {"expires_at": "soon"},
        {"expires_at": 1e400},
    ],
)
async def test_a_token_that_is_none(fails, served, lacks):
    whole = {
        "token": "ghs_t0ken",
        "expires_at": "2030-01-01T00:00:00Z",
        "permissions": {"packages": "read"},
    }
    served.instead(201, whole | lacks)
    await fails(MINT_FAILED)


async def test_a_token_with_other_permissions(fails, served):
    served.instead(
        201, {"token": "ghs_t0ken", "expires_at": "2030-01-01T00:00:00Z", "permissions": {}}
    )
    await fails(NO_PERMISSION)


async def test_what_ends_in_the_past_is_told_as_it_is(counter, served, clock):
    served.instead(
        201,
        {
            "token": "ghs_t0ken",
            "expires_at": "2020-01-01T00:00:00",
            "permissions": {"packages": "read"},
        },
    )
    assert (await github.mint(counter[1], counter[0])).expires < clock()


async def test_nobody_is_there(fails, served, unreachable):
    served.hang_up()
    await fails(UNREACHABLE)
    error = await fails(UNREACHABLE, url=f"http://{unreachable}")
    assert unreachable in error.message


@pytest.mark.parametrize(
    "changed",
    [
        {"appId": None},
        {"appId": ""},
        {"appId": "Iv23liAbCdEfGhIjKlMn"},
        {"clientId": "Iv23liAbCdEfGhIjKlMn"},
        {"appId": None, "clientId": "a b"},
        {"appId": None, "clientId": ""},
        {"appId": True},
        {"appId": 1.5},
        {"appId": "a b"},
        {"installationId": "x"},
        {"installationId": "1/../../user"},
        {"repositories": "app"},
        {"secretRef": None},
        {"secretRef": "github-app"},
        {"secretRef": {}},
        {"secretRef": {"name": "missing"}},
        {"secretRef": {"name": "github-app", "key": "missing"}},
        {"url": "http://github.example.com"},
        {"url": "https://me:secret@github.example.com"},
        {"url": "github.example.com"},
    ],
)
async def test_settings_that_cannot_be_meant(fails, changed):
    await fails(NOT_CONFIGURED, **changed)


async def test_keys_that_are_none(fails, private, desk, clock):
    made = {
        "it is no private key in PEM form": "s3cr3t-canary",
        "it is encrypted": pem(private, b"passphrase"),
        "it is no RSA key": pem(ec.generate_private_key(ec.SECP256R1())),
    }
    for why, text in made.items():
        there = await desk(KEY, secrets={"github-app": {"private-key.pem": text}}, now=clock)
        error = await fails(NOT_CONFIGURED, there)
        assert error.message == f"the private key of App {APP} cannot be used: {why}"


async def test_a_clock_that_is_wrong_is_made_up_for(counter, app, private, desk):
    ours = off(timedelta(minutes=-5))
    there = await desk(KEY, secrets={"github-app": {"private-key.pem": pem(private)}}, now=ours)
    minted = await github.mint(counter[1], there)
    (issued,) = app.issued.values()
    assert abs(minted.expires - issued.expires + timedelta(minutes=5)) < CLOSE


async def test_a_limit_is_reset_by_githubs_clock(fails, private, served, desk, clock):
    reset = str(int(clock().timestamp()) + 900)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    served.instead(403, {"message": "API rate limit exceeded"}, headers=headers)
    secrets = {"github-app": {"private-key.pem": pem(private)}}
    error = await fails(THROTTLED, await desk(KEY, secrets=secrets, now=off(timedelta(hours=-2))))
    assert 800 < error.retry_after <= 900


async def test_a_client_id(counter, app, fails):
    del counter[1]["appId"]
    app.client_id = "Iv23liAbCdEfGhIjKlMn"
    assert (await github.mint(counter[1] | {"clientId": app.client_id}, counter[0])).credentials
    error = await fails(NOT_CONFIGURED, clientId="Iv23liOther")
    assert "has no App Iv23liOther" in error.message
    assert "correct clientId" in error.hint


async def test_an_enterprise_has_no_packages(counter, app):
    del counter[1]["installationId"]
    app.installations = {1: Installation("")} | app.installations
    await github.mint(counter[1], counter[0])
    assert [each.installation for each in app.issued.values()] == [NUMBER]


async def test_a_list_without_end_is_left(fails, served):
    page = [{"id": number, "account": {"login": f"org{number}"}} for number in range(1, 101)]
    served.instead(200, page)
    error = await fails(NOT_CONFIGURED, installationId=None)
    assert "has 100 installations" in error.message
    assert len(served.requests) == 10
