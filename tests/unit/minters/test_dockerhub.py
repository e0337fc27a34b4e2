import base64
from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.credential import Credential, Password
from regcred.minters import dockerhub
from tests.support.providers.desk import failure
from tests.support.providers.dockerhub import HOSTS, Account, DockerHub

TOKEN = "dckr_pat_aB3dE5gH7jK9mN1pQ3sT5vX7zA9"
HUB = "https://index.docker.io/v1/"
UNKNOWN = "nobody says when the access token ends: expiresAt would"
HIDES = (TOKEN, base64.b64encode(f"team:{TOKEN}".encode()).decode())


@pytest.fixture
def provider(clock):
    return DockerHub(clock, {"team": Account({TOKEN: None})})


@pytest.fixture
def served(start, provider, dns):
    served = start(provider.app(), *HOSTS)
    dns.update(dict.fromkeys(HOSTS, served.port))
    return served


@pytest.fixture
async def at(desk, clock):
    return await desk(HUB, "docker.io/team", secrets={"hub": {"token": f"{TOKEN}\n"}}, now=clock)


@pytest.fixture
def settings():
    return {"username": "team", "secretRef": {"name": "hub"}}


async def test_the_access_token_is_handed_on(served, settings, at):
    minted = await dockerhub.mint(settings, at)
    assert minted.credentials == (
        Credential(HUB, "team", Password(TOKEN)),
        Credential("docker.io/team", "team", Password(TOKEN)),
    )
    assert (minted.expires, minted.handle, minted.warnings) == (None, "", (UNKNOWN,))
    assert TOKEN not in repr(minted)
    assert [seen.headers["host"] for seen in served.requests] == list(HOSTS)


async def test_its_end_is_what_its_owner_wrote_down(served, settings, at, clock):
    settings["expiresAt"] = "2100-02-03T04:05:06+02:00"
    minted = await dockerhub.mint(settings, at)
    assert minted.expires == datetime(2100, 2, 3, 2, 5, 6, tzinfo=UTC)
    assert minted.warnings == ()
    clock.forward(minted.expires - clock() + timedelta(seconds=1))
    served.requests.clear()
    error = await failure(dockerhub.mint(settings, at), hides=HIDES)
    assert error.reason == "BadCredentials"
    assert "of team has ended, by what expiresAt says, at 2100-02-03T02:05:06Z" in error.message
    assert "into Secret hub" in error.hint
    assert served.requests == []


@pytest.mark.parametrize(
    ("remaining", "said"),
    [
        (200, ()),
        (21, ()),
        (20, ("team has 20 of 200 pulls in 6 h left",)),
        (0, ("team has 0 of 200 pulls in 6 h left",)),
    ],
)
async def test_few_pulls_that_are_left_are_told(provider, served, settings, at, remaining, said):
    account = provider.accounts["team"]
    account.limit, account.remaining = 200, remaining
    settings["expiresAt"] = "2100-01-01T00:00:00Z"
    assert (await dockerhub.mint(settings, at)).warnings == said
    assert account.remaining == remaining  # asking was no pull


async def test_no_pulls_for_now_is_told(served, settings, at):
    served.instead(429, "You have reached your pull rate limit.", path="/v2/")
    warnings = (await dockerhub.mint(settings, at)).warnings
    assert warnings == ("team has no pulls left at Docker Hub for now", UNKNOWN)


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit-limit": "200;w=21600"},
        {"ratelimit-limit": "200;w=21600", "ratelimit-remaining": "few"},
        {"ratelimit-limit": "9" * 40, "ratelimit-remaining": "1"},
        {"ratelimit-limit": "-1", "ratelimit-remaining": "-1"},
    ],
)
async def test_odd_numbers_of_pulls_are_not_told(served, settings, at, headers):
    served.instead(200, "", path="/v2/", headers=headers)
    assert (await dockerhub.mint(settings, at)).warnings == (UNKNOWN,)


async def test_pulls_without_a_window(served, settings, at):
    headers = {"ratelimit-limit": "2000", "ratelimit-remaining": "7"}
    served.instead(200, "", path="/v2/", headers=headers)
    assert "team has 7 of 2,000 pulls left" in (await dockerhub.mint(settings, at)).warnings


async def test_a_clock_that_is_off_is_told(served, settings, at):
    served.instead(200, {"token": "x"}, headers={"Date": "Thu, 01 Jan 2099 00:00:00 GMT"})
    warnings = (await dockerhub.mint(settings, at)).warnings
    assert any("the clock of auth.docker.io is" in each for each in warnings)


async def test_a_token_that_is_not_taken(provider, served, settings, at, clock):
    provider.accounts["team"].tokens[TOKEN] = clock()
    error = await failure(dockerhub.mint(settings, at), hides=HIDES)
    assert error.reason == "BadCredentials"
    assert "auth.docker.io" in error.message
    assert "personal access token is expired" in error.message
    assert "into Secret hub" in error.hint
    del provider.accounts["team"].tokens[TOKEN]
    error = await failure(dockerhub.mint(settings, at), hides=HIDES)
    assert "incorrect username or password" in error.message


@pytest.mark.parametrize("body", [f"no {TOKEN}", {"details": f"no {TOKEN} {HIDES[1]}"}, {}, []])
async def test_words_about_it_are_hushed(served, settings, at, body):
    served.instead(401, body)
    error = await failure(dockerhub.mint(settings, at), hides=HIDES)
    assert error.reason == "BadCredentials"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((each, "") for each in (400, 403, 404, 429, 500, 503)),
        *((200, each) for each in ("", "<html>", [], {}, {"token": 5}, {"token": "a\nb"})),
    ],
)
async def test_that_nobody_knows_is_no_reason_to_withhold_it(served, settings, at, status, body):
    served.instead(status, body)
    minted = await dockerhub.mint(settings, at)
    assert minted.credentials[0].password == Password(TOKEN)
    said = f"Docker Hub does not say whether it takes the access token ({status})"
    assert minted.warnings == (said, UNKNOWN)
    assert minted.again == timedelta(minutes=10)


async def test_nor_is_that_it_cannot_be_asked(served, settings, at, desk, dns):
    served.instead(302, "", headers={"Location": "https://evil.example.com/"})
    warnings = (await dockerhub.mint(settings, at)).warnings
    assert "auth.docker.io sends us elsewhere" in warnings[0]
    served.heal()
    served.hang_up(path="/v2/")
    warnings = (await dockerhub.mint(settings, at)).warnings
    assert warnings[0].startswith("Docker Hub does not say how many pulls are left: registry-1.")
    dns.clear()
    minted = await dockerhub.mint(settings, await desk(HUB, secrets={"hub": {"token": TOKEN}}))
    assert "auth.docker.io cannot be reached: no such host" in minted.warnings[0]
    assert minted.credentials[0].password == Password(TOKEN)
    assert not any(secret in str(minted.warnings) for secret in HIDES)


async def test_it_is_for_nobody_else(served, settings, desk):
    for registry in ("gcr.io", "evil.example.com/docker.io", "*.docker.io", "["):
        at = await desk(HUB, registry, secrets={"hub": {"token": TOKEN}})
        error = await failure(dockerhub.mint(settings, at), hides=HIDES)
        assert (error.reason, "is not Docker Hub" in error.message) == ("NotConfigured", True)
    assert served.requests == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"username": None}, "username is required"),
        ({"username": 5}, "username is required"),
        ({"username": "a:b"}, "username has a colon in it"),
        ({"secretRef": None}, "secretRef is required"),
        ({"secretRef": "hub"}, "secretRef has to be an object"),
        ({"secretRef": {}}, "name is required"),
        ({"secretRef": {"name": "none"}}, "there is no Secret none"),
        ({"secretRef": {"name": "hub", "key": "key"}}, "has no key key; it has token"),
        ({"expiresAt": "soon"}, "expiresAt has to be a time as in"),
        ({"expiresAt": "2100-01-01"}, "expiresAt has to be a time as in"),
        ({"expiresAt": "0001-01-01T00:00:00+14:00"}, "expiresAt has to be a time as in"),
        ({"expiresAt": 5}, "expiresAt is required, and has to be a text"),
    ],
)
async def test_settings_that_cannot_be_meant(served, settings, at, change, said):
    error = await failure(dockerhub.mint(settings | change, at), hides=HIDES)
    assert (error.reason, said in error.message) == ("NotConfigured", True)
    assert served.requests == []


async def test_a_secret_that_is_no_token(served, settings, desk):
    two = {"hub": {"token": f"{TOKEN}\n{TOKEN}"}}
    error = await failure(dockerhub.mint(settings, await desk(HUB, secrets=two)), hides=HIDES)
    assert error.reason == "NotConfigured"
    assert "is no access token" in error.message
    assert served.requests == []
