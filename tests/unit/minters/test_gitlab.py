from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.credential import Credential, Password
from regcred.minters import gitlab
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import OWNER, failure
from tests.support.providers.gitlab import AccessToken, GitLab

ACCESS = "glpat-Xy12abCDef34GHij56kl"
PROJECT, GROUP = "projects/team/app", "groups/team"
REGISTRY = "registry.example.com/team"


@pytest.fixture
def provider(clock):
    access = {ACCESS: AccessToken()}
    return GitLab(clock, {PROJECT: 7, GROUP: 8, "projects/other": 9}, access)


@pytest.fixture
def served(start, provider):
    return start(provider.app())


@pytest.fixture
async def at(desk, clock):
    return await desk(
        REGISTRY, "*.example.com", secrets={"gl": {"token": f"{ACCESS}\n"}}, now=clock
    )


@pytest.fixture
def settings(served):
    return {"url": f"{served.url}/", "project": "team/app", "secretRef": {"name": "gl"}}


def secrets(provider):
    return [ACCESS, *(each.token for each in provider.deploy_tokens)]


@pytest.mark.parametrize(
    ("place", "key", "role"),
    [
        (PROJECT, {"project": "team/app"}, "Maintainer"),
        (PROJECT, {"project": "7"}, "Owner"),
        (GROUP, {"group": "team"}, "Owner"),
    ],
)
async def test_a_deploy_token_is_made(provider, settings, at, clock, place, key, role):
    del settings["project"]
    provider.access[ACCESS].role = role
    minted = await gitlab.mint(settings | key, at)
    (made,) = provider.deploy_tokens
    login = made.username, Password(made.token)
    assert minted.credentials == (
        Credential(REGISTRY, *login),
        Credential("*.example.com", *login),
    )
    assert (made.place, made.name, made.scopes) == (place, OWNER, ["read_registry"])
    assert minted.expires == made.expires
    assert abs(made.expires - clock() - timedelta(days=2)) < timedelta(minutes=1)
    assert (minted.handle, minted.warnings) == (str(made.id), ())
    assert provider.may_pull(made.username, made.token)
    assert made.token not in repr(minted)
    clock.forward(timedelta(days=2, minutes=1))
    assert not provider.may_pull(made.username, made.token)


async def test_days_and_another_key_of_the_secret(provider, settings, desk, clock):
    at = await desk(REGISTRY, secrets={"gl": {"mine": ACCESS}}, now=clock)
    settings["secretRef"]["key"] = "mine"
    minted = await gitlab.mint(settings | {"days": 30}, at)
    assert minted.expires > clock() + timedelta(days=29)


async def test_the_expiry_is_what_gitlab_says(served, settings, at):
    answer = {"id": 5, "username": "u", "token": "t", "expires_at": "2100-02-03T04:05:06.000+02:00"}
    served.instead(201, answer)
    minted = await gitlab.mint(settings, at)
    assert minted.expires == datetime(2100, 2, 3, 2, 5, 6, tzinfo=UTC)


async def test_a_clock_that_is_off_is_told(served, settings, at):
    answer = {"id": 5, "username": "u", "token": "t", "expires_at": "2100-01-01T00:00:00.000Z"}
    served.instead(201, answer, headers={"Date": "Thu, 01 Jan 2099 00:00:00 GMT"})
    (warning,) = (await gitlab.mint(settings, at)).warnings
    assert f"the clock of {served.host} is" in warning


async def test_all_but_one_of_an_owner_are_deleted(provider, settings, at, clock):
    ends = clock() + timedelta(days=1)
    others = [
        provider.make(PROJECT, "somebody's", ["read_registry"], None),
        provider.make(PROJECT, f"{OWNER}-2", ["read_registry"], None),
        provider.make("projects/other", OWNER, ["read_registry"], ends),
    ]
    for _ in range(130):  # more than a page
        provider.make(PROJECT, OWNER, ["read_registry"], ends)
    kept = await gitlab.mint(settings, at)
    await gitlab.revoke(settings, at, kept.handle)
    assert [str(each.id) for each in provider.deploy_tokens] == [
        *(str(each.id) for each in others),
        kept.handle,
    ]
    await gitlab.revoke(settings, at, "")
    await gitlab.revoke(settings, at, "")
    assert provider.deploy_tokens == others


async def test_what_is_gone_already_need_not_be_deleted(provider, served, settings, at):
    await gitlab.mint(settings, at)
    served.instead(
        404, {"message": "404 Not found"}, path="/api/v4/projects/team/app/deploy_tokens/"
    )
    await gitlab.revoke(settings, at, "")
    assert [seen.method for seen in served.requests] == ["POST", "GET", "DELETE"]


ROWS = [
    ({"scopes": ("read_api",)}, "NoPermission", "higher privileges", "needs the scope api"),
    ({"role": "Developer"}, "NoPermission", "403 Forbidden", "role Maintainer in project team/app"),
    ({"role": ""}, "NotConfigured", "404 Project Not Found", "check its name and url"),
    ({"revoked": True}, "BadCredentials", "was revoked", "scope api into Secret gl"),
]


@pytest.mark.parametrize(("access", "reason", "said", "hint"), ROWS)
@pytest.mark.parametrize("call", ["mint", "revoke"])
async def test_what_gitlab_refuses(
    provider, served, settings, at, call, access, reason, said, hint
):
    provider.access[ACCESS] = AccessToken(**access)
    work = gitlab.mint(settings, at) if call == "mint" else gitlab.revoke(settings, at, "")
    error = await failure(work, hides=secrets(provider))
    assert error.reason == reason
    assert served.host in error.message
    assert "project team/app" in error.message
    assert said in error.message
    assert hint in error.hint


async def test_a_group_takes_its_owner(provider, settings, at):
    del settings["project"]
    error = await failure(gitlab.mint(settings | {"group": "team"}, at), hides=[ACCESS])
    assert (error.reason, "role Owner in group team" in error.hint) == ("NoPermission", True)


async def test_an_access_token_that_has_ended(provider, settings, at, clock):
    provider.access[ACCESS].expires = clock()
    error = await failure(gitlab.mint(settings, at), hides=[ACCESS])
    assert (error.reason, "Token is expired" in error.message) == ("BadCredentials", True)


async def test_an_access_token_that_nobody_knows(provider, settings, at):
    provider.access.clear()
    error = await failure(gitlab.mint(settings, at), hides=[ACCESS])
    assert (error.reason, "401 Unauthorized" in error.message) == ("BadCredentials", True)


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (400, {"message": {"name": ["is bad"]}}, {}, "NotConfigured"),
        (400, {"error": f"no {ACCESS}"}, {}, "NotConfigured"),
        (401, f"no {ACCESS}", {}, "BadCredentials"),
        (402, {"message": f"no {ACCESS}"}, {}, "MintFailed"),
        (429, "Retry later\n", {"Retry-After": "17"}, "Throttled"),
        (500, "<html>", {}, "Unreachable"),
        (502, "", {}, "Unreachable"),
        (302, "", {"Location": "https://evil.example.com/"}, "NotConfigured"),
    ],
)
async def test_other_answers_are_reasons(served, settings, at, status, body, headers, reason):
    served.instead(status, body, headers=headers)
    for work in (gitlab.mint(settings, at), gitlab.revoke(settings, at, "")):
        error = await failure(work, hides=[ACCESS])
        assert (error.reason, str(status) in error.message) == (reason, True)
        assert error.retry_after == (17 if status == 429 else None)


GOOD = {"id": 5, "username": "u", "token": "t0psecret", "expires_at": "2100-01-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    "body",
    [
        *("", "<html>hello</html>", "t0psecret", b"\xff", [], None, 5, [GOOD]),
        *({name: value for name, value in GOOD.items() if name != gone} for gone in GOOD),
        *(GOOD | {"id": each} for each in (None, "5", 0, -1, True, 1.5)),
        *(GOOD | {name: each} for name in ("username", "token") for each in ("", None, 5, [])),
        *(GOOD | {"expires_at": each} for each in (None, "", "soon", 5, "2100-01-01T00:00:00")),
    ],
)
async def test_what_is_no_answer_of_gitlab(served, settings, at, body):
    served.instead(201, body)
    error = await failure(gitlab.mint(settings, at), hides=[ACCESS, "t0psecret"])
    assert (error.reason, error.hint) == ("MintFailed", "does url lead to GitLab?")


async def test_one_that_has_ended_is_not_taken(served, settings, at):
    served.instead(201, GOOD | {"expires_at": "2020-01-01T00:00:00.000Z"})
    error = await failure(gitlab.mint(settings, at), hides=[ACCESS, "t0psecret"])
    assert error.reason == "MintFailed"
    assert "has ended already, at 2020-01-01T00:00:00Z" in error.message
    assert "clocks" in error.hint


@pytest.mark.parametrize("body", ["", "<html>", {}, None])
async def test_a_list_that_is_none(served, settings, at, body):
    served.instead(200, body)
    error = await failure(gitlab.revoke(settings, at, ""), hides=[ACCESS])
    assert error.reason == "MintFailed"


async def test_a_list_of_odd_things_deletes_nothing_odd(served, settings, at):
    odd = [None, 5, {"name": OWNER}, {"id": "../../users/1", "name": OWNER}, {"id": 3, "name": 5}]
    served.instead(200, odd)
    await gitlab.revoke(settings, at, "")
    assert [seen.method for seen in served.requests] == ["GET"]


async def test_a_list_without_end_is_left(served, settings, at):
    served.instead(200, [], headers={"x-next-page": "2"})
    await gitlab.revoke(settings, at, "")
    assert len(served.requests) == 100


async def test_nobody_answers(served, settings, at, unreachable):
    served.hang_up()
    for url in (served.url, f"http://{unreachable}"):
        error = await failure(gitlab.mint(settings | {"url": url}, at), hides=[ACCESS])
        assert (error.reason, "cannot be reached" in error.message) == ("Unreachable", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"project": None}, "project is required"),
        ({"project": 7}, "project is required, and has to be a text"),
        ({"project": ""}, "project is required"),
        ({"group": "team"}, "exactly one of project and group"),
        ({"secretRef": None}, "secretRef is required"),
        ({"secretRef": "gl"}, "secretRef has to be an object"),
        ({"secretRef": {}}, "name is required"),
        ({"secretRef": {"name": "none"}}, "there is no Secret none"),
        ({"secretRef": {"name": "gl", "key": "key"}}, "has no key key; it has token"),
        ({"secretRef": {"name": "odd"}}, "is no access token"),
        ({"days": 0}, "days has to be a number from 1 to 365"),
        ({"days": "2"}, "days has to be a number"),
        ({"url": "http://gitlab.example.com"}, "url has to begin with https://"),
        ({"url": "gitlab.example.com"}, "url has to be an https URL"),
        ({"url": 5}, "url is required"),
    ],
)
async def test_settings_that_cannot_be_meant(desk, served, settings, change, said):
    held = {"gl": {"token": ACCESS}, "odd": {"token": f"two\n{ACCESS}"}}
    at = await desk(REGISTRY, secrets=held)
    error = await failure(gitlab.mint(settings | change, at), hides=[ACCESS])
    assert (error.reason, said in error.message) == ("NotConfigured", True)
    assert served.requests == []


async def test_neither_project_nor_group(settings, at):
    del settings["project"]
    error = await failure(gitlab.mint(settings, at), hides=[ACCESS])
    assert "exactly one of project and group" in error.message


async def test_gitlab_com_is_asked_by_default(provider, start, dns, at, settings):
    dns["gitlab.com"] = start(provider.app(), "gitlab.com").port
    del settings["url"]
    assert (await gitlab.mint(settings, at)).handle == "1"


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_made_up_for(provider, settings, desk, hours):
    there = await desk(REGISTRY, secrets={"gl": {"token": ACCESS}}, now=off(timedelta(hours=hours)))
    minted = await gitlab.mint(settings, there)
    (made,) = provider.deploy_tokens
    assert abs(minted.expires - made.expires - timedelta(hours=hours)) < CLOSE


async def test_one_that_is_made_meanwhile_stays(provider, settings, at):
    for _ in range(9):
        old = await gitlab.mint(settings, at)
    new = await gitlab.mint(settings, at)
    await gitlab.revoke(settings, at, old.handle)
    assert [str(each.id) for each in provider.deploy_tokens] == [old.handle, new.handle]


async def test_one_that_may_not_be_deleted(served, settings, at):
    await gitlab.mint(settings, at)
    served.instead(
        403, {"message": "403 Forbidden"}, path="/api/v4/projects/team/app/deploy_tokens/"
    )
    error = await failure(gitlab.revoke(settings, at, ""), hides=[ACCESS])
    assert error.reason == "NoPermission"


async def test_a_url_with_more_than_a_path(settings, at):
    error = await failure(
        gitlab.mint(settings | {"url": "https://a.example/?b"}, at), hides=[ACCESS]
    )
    assert "without ? and #" in error.message
