"""Tokens of a robot account of Quay, from a server that checks what Quay checks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from regcred.core.credential import Password
from regcred.core.operator.source import SourceReason
from regcred.minters import quay
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import failure
from tests.support.providers.oidc import subject
from tests.support.providers.quay import Quay

BAD, NO_PERMISSION = SourceReason.BAD_CREDENTIALS, SourceReason.NO_PERMISSION
NOT_CONFIGURED, MINT_FAILED = SourceReason.NOT_CONFIGURED, SourceReason.MINT_FAILED
THROTTLED, UNREACHABLE = SourceReason.THROTTLED, SourceReason.UNREACHABLE
ROBOT, OAUTH = "acme+puller", "0auth-t0ken-of-the-application"
STORED = {"secretRef": {"name": "quay-oauth"}}
KEYLESS = {"identity": {"serviceAccount": "puller"}}


@pytest.fixture
def server(clock, issuer):
    made = Quay(clock)
    made.scopes[OAUTH] = {"org:admin"}
    robot = made.add(ROBOT)
    robot.issuer, robot.subject = issuer.url, subject("puller")
    return made


@pytest.fixture
def served(server, start):
    return start(server.app)


@pytest.fixture
async def there(clock, desk, issuer):
    secrets = {"quay-oauth": {"token": f"{OAUTH}\n"}}
    return await desk("quay.io/acme", "quay.io", secrets=secrets, identity=issuer, now=clock)


@pytest.fixture
def fails(served, server, there, issuer):
    """How minting fails."""

    async def fail(reason, how, there=there, **changed):
        settings = {"robot": ROBOT, "url": served.url} | how | changed
        minting = quay.mint({k: v for k, v in settings.items() if v is not None}, there)
        error = await failure(minting, hides=[OAUTH, server.robots[ROBOT].token, "r0b0t"])
        for token in issuer.tokens:
            assert token not in error.message + error.hint
        assert error.reason == reason
        return error

    return fail


async def test_keyless(server, served, there, issuer, clock):
    server.robots[ROBOT].audience = served.host
    minted = await quay.mint({"robot": ROBOT, "url": served.url} | KEYLESS, there)
    password = minted.credentials[0].password
    assert [each.registry for each in minted.credentials] == ["quay.io/acme", "quay.io"]
    assert {each.username for each in minted.credentials} == {ROBOT}
    assert timedelta(minutes=59) < minted.expires - clock() <= timedelta(hours=1)
    assert minted.warnings == ()
    assert password.reveal() not in repr(minted)
    assert server.accepts(ROBOT, password.reveal())
    clock.forward(timedelta(hours=1, seconds=1))
    assert not server.accepts(ROBOT, password.reveal())


async def test_keyless_with_an_audience(server, served, there):
    server.robots[ROBOT].audience = "https://quay.example.com"
    identity = {"serviceAccount": "puller", "audience": "https://quay.example.com"}
    minted = await quay.mint({"robot": ROBOT, "url": served.url, "identity": identity}, there)
    assert server.accepts(ROBOT, minted.credentials[0].password.reveal())


async def test_the_robots_own_token(server, served, there):
    minted = await quay.mint({"robot": ROBOT, "url": f"{served.url}/"} | STORED, there)
    assert {each.password for each in minted.credentials} == {Password(server.robots[ROBOT].token)}
    assert server.accepts(ROBOT, minted.credentials[0].password.reveal())
    assert minted.expires is None
    assert "never expires" in minted.warnings[0]


async def test_another_oauth_token(fails, server):
    server.scopes.clear()
    error = await fails(BAD, STORED)
    assert "org:admin" in error.hint


async def test_an_oauth_token_that_may_not(fails, server):
    server.scopes[OAUTH] = {"repo:read"}
    error = await fails(NO_PERMISSION, STORED)
    assert "org:admin" in error.hint
    assert f"no token of {ROBOT} (403): Unauthorized" in error.message


@pytest.mark.parametrize("how", [STORED, KEYLESS])
async def test_an_unknown_robot(fails, how):
    error = await fails(NOT_CONFIGURED, how, robot="acme+other")
    assert "has no robot account acme+other" in error.message


async def test_a_robot_without_federation(fails, server, issuer):
    server.robots[ROBOT].issuer = ""
    error = await fails(NOT_CONFIGURED, KEYLESS)
    assert "does not have federated login configured" in error.message
    assert f"issuer {issuer.url} and subject {subject('puller')}" in error.hint


@pytest.mark.parametrize("field", ["issuer", "subject"])
async def test_a_federation_with_others(fails, server, field):
    setattr(server.robots[ROBOT], field, "https://other.example.com")
    error = await fails(NOT_CONFIGURED, KEYLESS)
    assert f"subject {subject('puller')}" in error.hint


async def test_a_federation_for_another_audience(fails, server):
    server.robots[ROBOT].audience = "other"
    error = await fails(BAD, KEYLESS)
    assert "its audience is another" in error.message


async def test_a_token_that_is_over(fails, server, issuer, there):
    server.robots[ROBOT].audience = "quay"
    over = issuer.token("puller", "quay", lifetime=timedelta(minutes=-1))

    async def identity(_account, _audience):
        return Password(over)

    error = await fails(BAD, KEYLESS, there=replace(there, identity=identity))
    assert "it is expired" in error.message


async def test_no_such_service_account(desk, served):
    error = await failure(
        quay.mint({"robot": ROBOT, "url": served.url} | KEYLESS, await desk("quay.io")), hides=[]
    )
    assert error.reason == NOT_CONFIGURED


async def test_a_quay_without_federation(fails, served):
    served.instead(404, "<html></html>")
    error = await fails(NOT_CONFIGURED, KEYLESS)
    assert "3.13" in error.hint


@pytest.mark.parametrize("how", [STORED, KEYLESS])
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, {"error": "slow_down"}, THROTTLED),
        (500, "<html>oops</html>", UNREACHABLE),
        (520, {"detail": "An external service timed out."}, UNREACHABLE),
        (401, {"error": "Invalid robot"}, None),
        (401, "", BAD),
        (400, "", NOT_CONFIGURED),
        (418, "", MINT_FAILED),
        (302, "", NOT_CONFIGURED),
        (200, "<html>log in</html>", MINT_FAILED),
        (200, [], MINT_FAILED),
        (200, {"name": ROBOT}, MINT_FAILED),
        (200, {"name": ROBOT, "token": 5}, MINT_FAILED),
        (200, {"name": ROBOT, "token": ""}, MINT_FAILED),
        (200, {"name": ROBOT, "token": "r0b0t\nr0b0t"}, MINT_FAILED),
        (200, {"name": "acme+other", "token": "r0b0t"}, MINT_FAILED),
    ],
)
async def test_answers_of_others(fails, served, how, status, body, reason):
    headers = {"Retry-After": "9"} if status == 429 else {"Location": "https://example.com/"}
    served.instead(status, body, headers=headers)
    error = await fails(reason or (NOT_CONFIGURED if how is KEYLESS else BAD), how)
    assert error.retry_after == (9 if status == 429 else None)


async def test_a_token_in_an_answer_is_hidden(fails, served, there):
    async def identity(_account, _audience):
        return Password("s3cr3t t0ken")

    served.instead(401, {"error": "what is s3cr3t t0ken?"})
    error = await fails(BAD, KEYLESS, there=replace(there, identity=identity))
    assert error.message.endswith("what is ********?")


async def test_nobody_is_there(fails, served, unreachable):
    for how in (STORED, KEYLESS):
        served.hang_up()
        await fails(UNREACHABLE, how)
        error = await fails(UNREACHABLE, how, url=f"http://{unreachable}")
        assert unreachable in error.message


@pytest.mark.parametrize(
    ("how", "changed"),
    [
        (STORED, {"robot": None}),
        (STORED, {"robot": "acme"}),
        (STORED, {"robot": "acme+a/../../user"}),
        (STORED, {"robot": ["acme+a"]}),
        (STORED, KEYLESS),
        ({}, {}),
        ({"secretRef": {}}, {}),
        ({"secretRef": {"name": "missing"}}, {}),
        ({"secretRef": {"name": "quay-oauth", "key": "missing"}}, {}),
        ({"identity": {}}, {}),
        ({"identity": "puller"}, {}),
        ({"identity": {"serviceAccount": "puller", "audience": 5}}, {}),
        (STORED, {"url": "http://quay.example.com"}),
        (STORED, {"url": "quay.io"}),
    ],
)
async def test_settings_that_cannot_be_meant(fails, how, changed):
    await fails(NOT_CONFIGURED, how, **changed)


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_clock_that_is_wrong_is_made_up_for(server, served, desk, issuer, minutes):
    ours = off(timedelta(minutes=minutes))
    there = await desk("quay.io", identity=issuer, now=ours)
    minted = await quay.mint({"robot": ROBOT, "url": served.url} | KEYLESS, there)
    assert abs(minted.expires - ours() - timedelta(hours=1)) < CLOSE


async def test_a_token_that_cannot_be_one(fails, desk, served):
    there = await desk("quay.io", secrets={"quay-oauth": {"token": f"{OAUTH}\nx"}})
    error = await fails(NOT_CONFIGURED, STORED, there)
    assert "no OAuth access token" in error.message
    assert not served.requests
