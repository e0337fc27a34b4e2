import base64
from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.credential import Credential, Password
from regcred.minters import harbor
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import OWNER, failure
from tests.support.providers.harbor import Harbor, User

PASSWORD = "Harbor-12345"
REGISTRY = "harbor.example.com"
PULL = [{"resource": "repository", "action": "pull"}]
MARK = f"made by regcred for {OWNER}"


@pytest.fixture
def provider(clock):
    users = {"admin": User(PASSWORD, is_admin=True), "lead": User(PASSWORD, admin_of=("team",))}
    return Harbor(clock, {"team": 7, "42": 8, "other": 9}, users)


@pytest.fixture
def served(start, provider):
    return start(provider.app())


@pytest.fixture
async def as_user(desk, clock):
    async def make(username="lead", password=PASSWORD):
        secrets = {"hb": {"username": username, "password": f"{password}\n"}}
        return await desk(REGISTRY, f"{REGISTRY}/team", secrets=secrets, now=clock)

    return make


@pytest.fixture
def settings(served):
    return {"url": f"{served.url}/", "projects": ["team"], "secretRef": {"name": "hb"}}


def hides(password=PASSWORD):
    return [password, base64.b64encode(f"lead:{password}".encode()).decode()]


def grants(*projects):
    return [{"kind": "project", "namespace": each, "access": PULL} for each in projects]


async def test_a_robot_account_of_one_project_is_made(provider, settings, as_user, clock):
    minted = await harbor.mint(settings, await as_user())
    (made,) = provider.robots
    login = "robot$" + made.name, Password(made.secret)
    assert minted.credentials == (
        Credential(REGISTRY, *login),
        Credential(f"{REGISTRY}/team", *login),
    )
    assert (made.level, made.permissions, made.description) == ("project", grants("team"), MARK)
    assert made.name.startswith(f"team+{OWNER}-")
    assert (minted.expires, minted.handle, minted.warnings) == (made.expires, str(made.id), ())
    assert abs(made.expires - clock() - timedelta(days=1)) < timedelta(minutes=1)
    assert made.secret not in repr(minted)
    assert provider.may_pull(login[0], made.secret, "team")
    assert not provider.may_pull(login[0], made.secret, "other")
    clock.forward(timedelta(days=1, minutes=1))
    assert not provider.may_pull(login[0], made.secret, "team")


async def test_several_projects_take_one_of_the_system(provider, settings, as_user, clock):
    provider.prefix = "bot_"
    settings |= {"projects": ["team", "42"], "days": 30}
    minted = await harbor.mint(settings, await as_user("admin"))
    (made,) = provider.robots
    assert (made.level, made.permissions) == ("system", grants("team", "42"))
    assert minted.credentials[0].username == f"bot_{made.name}"
    assert minted.expires > clock() + timedelta(days=29)


async def test_one_project_that_is_named_twice_is_one(provider, settings, as_user):
    settings["projects"] = ["team", "team"]
    await harbor.mint(settings, await as_user())
    assert provider.robots[0].permissions == grants("team")


async def test_what_is_in_use_stays_until_it_is_revoked(provider, settings, as_user):
    desk = await as_user()
    first, second = [await harbor.mint(settings, desk) for _ in range(2)]
    for minted in (first, second):
        login = minted.credentials[0]
        assert provider.may_pull(login.username, login.password.reveal(), "team")
    await harbor.revoke(settings, desk, second.handle)
    assert [str(each.id) for each in provider.robots] == [second.handle]


@pytest.mark.parametrize("projects", [["team"], ["team", "other"], ["42"]])
async def test_all_but_one_of_an_owner_are_deleted(provider, settings, as_user, projects):
    desk, level = await as_user("admin"), "project" if len(projects) == 1 else "system"
    settings["projects"] = projects
    others = [
        provider.make("theirs", "somebody's", grants(*projects), level=level),
        provider.make(f"{OWNER}-2", f"{MARK}-2", grants(*projects), level=level),
        provider.make(OWNER, MARK, grants("other"), level="project"),
    ]
    for number in range(130):  # more than a page
        provider.make(f"{OWNER}-{number}x", MARK, grants(*projects), level=level)
    kept = await harbor.mint(settings, desk)
    await harbor.revoke(settings, desk, kept.handle)
    assert [each.id for each in provider.robots] == [*(x.id for x in others), int(kept.handle)]
    await harbor.revoke(settings, desk, "")
    await harbor.revoke(settings, desk, "")
    assert provider.robots == others


async def test_there_may_be_none(provider, settings, as_user):
    await harbor.revoke(settings, await as_user(), "")
    assert provider.robots == []


async def test_what_is_gone_already_need_not_be_deleted(served, settings, as_user):
    desk = await as_user()
    await harbor.mint(settings, desk)
    error = {"errors": [{"code": "NOT_FOUND", "message": "robot 1 not found"}]}
    served.instead(404, error, path="/api/v2.0/robots/")
    await harbor.revoke(settings, desk, "")
    assert served.requests[-1].method == "DELETE"


async def test_with_a_project_its_robot_accounts_are_gone(provider, served, settings, as_user):
    del provider.projects["team"]
    await harbor.revoke(settings, await as_user("admin"), "")
    assert [seen.method for seen in served.requests] == ["GET"]
    served.instead(404, "<html>")  # and this is not Harbor
    error = await failure(harbor.revoke(settings, await as_user(), ""), hides=hides())
    assert error.reason == "NotConfigured"


ROWS = [
    (
        "lead",
        ["other"],
        "NoPermission",
        "forbidden",
        "lead needs the role Project Admin in project",
    ),
    ("lead", ["team", "other"], "NoPermission", "forbidden", "take an administrator of Harbor"),
    ("nobody", ["team"], "BadCredentials", "unauthorized", "of a user of Harbor into Secret hb"),
]


@pytest.mark.parametrize(("user", "projects", "reason", "said", "hint"), ROWS)
@pytest.mark.parametrize("call", ["mint", "revoke"])
async def test_what_harbor_refuses(
    served, settings, as_user, call, user, projects, reason, said, hint
):
    desk = await as_user(user)
    settings["projects"] = projects
    work = harbor.mint(settings, desk) if call == "mint" else harbor.revoke(settings, desk, "")
    error = await failure(work, hides=hides())
    assert error.reason == reason
    assert served.host in error.message
    assert projects[0] in error.message
    assert said in error.message
    assert hint in error.hint


async def test_a_project_that_is_not_there(settings, as_user):
    settings["projects"] = ["none"]
    error = await failure(harbor.mint(settings, await as_user("admin")), hides=hides())
    assert (error.reason, "project none not found" in error.message) == ("NotConfigured", True)
    assert error.hint == "check projects and url"


async def test_a_wrong_password(settings, as_user):
    desk = await as_user(password="Wrong-98765")
    error = await failure(harbor.mint(settings, desk), hides=hides("Wrong-98765"))
    assert error.reason == "BadCredentials"


def errors(message):
    return {"errors": [{"code": "X", "message": message}]}


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (400, errors(f"no {PASSWORD}"), {}, "NotConfigured"),
        (401, errors(f"no Basic {hides()[1]}"), {}, "BadCredentials"),
        (401, PASSWORD, {}, "BadCredentials"),
        (403, {"errors": [None, 5, {}]}, {}, "NoPermission"),
        (404, {"errors": PASSWORD}, {}, "NotConfigured"),
        (409, errors("exists"), {}, "MintFailed"),
        (412, errors("quota"), {}, "MintFailed"),
        (429, "slow down", {"Retry-After": "17"}, "Throttled"),
        (500, errors("internal server error"), {}, "Unreachable"),
        (503, "<html>", {}, "Unreachable"),
        (302, "", {"Location": "https://evil.example.com/"}, "NotConfigured"),
    ],
)
async def test_other_answers_are_reasons(served, settings, as_user, status, body, headers, reason):
    served.instead(status, body, headers=headers)
    desk = await as_user()
    for work in (harbor.mint(settings, desk), harbor.revoke(settings, desk, "")):
        error = await failure(work, hides=hides())
        assert (error.reason, str(status) in error.message) == (reason, True)
        assert error.retry_after == (17 if status == 429 else None)


GOOD = {"id": 5, "name": "robot$x", "secret": "T0psecret", "expires_at": 4_102_444_800}


async def test_the_expiry_is_what_harbor_says(served, settings, as_user):
    served.instead(201, GOOD, headers={"Date": "Thu, 01 Jan 2099 00:00:00 GMT"})
    minted = await harbor.mint(settings, await as_user())
    assert minted.expires == datetime(2100, 1, 1, tzinfo=UTC)
    assert f"the clock of {served.host} is" in minted.warnings[0]


@pytest.mark.parametrize(
    "body",
    [
        *("", "<html>hello</html>", "T0psecret", b"\xff", [], None, 5, [GOOD]),
        *({name: value for name, value in GOOD.items() if name != gone} for gone in GOOD),
        *(GOOD | {"id": each} for each in (None, "5", 0, -1, True, 1.5)),
        *(GOOD | {name: each} for name in ("name", "secret") for each in ("", None, 5, [])),
        *(GOOD | {"expires_at": each} for each in (None, "", -1, 0, True, 1e9, 10**30)),
    ],
)
async def test_what_is_no_answer_of_harbor(served, settings, as_user, body):
    served.instead(201, body)
    error = await failure(harbor.mint(settings, await as_user()), hides=[*hides(), "T0psecret"])
    assert (error.reason, error.hint) == ("MintFailed", "does url lead to Harbor?")


async def test_one_that_has_ended_is_not_taken(served, settings, as_user):
    served.instead(201, GOOD | {"expires_at": 1_577_836_800})
    error = await failure(harbor.mint(settings, await as_user()), hides=["T0psecret"])
    assert error.reason == "MintFailed"
    assert "has ended already, at 2020-01-01T00:00:00Z" in error.message
    assert "clocks" in error.hint


@pytest.mark.parametrize("body", ["", "<html>", {}, 5])
@pytest.mark.parametrize("path", ["/api/v2.0/robots", "/api/v2.0/projects/"])
async def test_a_list_or_a_project_that_is_none(served, settings, as_user, path, body):
    served.instead(200, body, path=path)
    error = await failure(harbor.revoke(settings, await as_user(), ""), hides=hides())
    assert error.reason == "MintFailed"


async def test_a_list_of_odd_things_deletes_nothing_odd(served, settings, as_user):
    odd = [None, 5, {"description": MARK}, {"id": "../users/1", "description": MARK}, {"id": 3}]
    served.instead(200, odd, path="/api/v2.0/robots")
    await harbor.revoke(settings, await as_user(), "")
    assert {seen.method for seen in served.requests} == {"GET"}


async def test_a_list_without_end_is_left(served, settings, as_user):
    served.instead(200, [{"id": 3}] * 100, path="/api/v2.0/robots")
    await harbor.revoke(settings, await as_user(), "")
    assert len(served.requests) == 101


async def test_nobody_answers(served, settings, as_user, unreachable):
    served.hang_up()
    for url in (served.url, f"http://{unreachable}"):
        error = await failure(harbor.mint(settings | {"url": url}, await as_user()), hides=hides())
        assert (error.reason, "cannot be reached" in error.message) == ("Unreachable", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": None}, "url is required"),
        ({"url": 5}, "url is required"),
        ({"url": "http://harbor.example.com"}, "url has to begin with https://"),
        ({"url": "harbor.example.com"}, "url has to be an https URL"),
        ({"projects": None}, "projects is required"),
        ({"projects": []}, "projects is required"),
        ({"projects": "team"}, "projects has to be a list"),
        ({"projects": ["team", 5]}, "projects has to be a list"),
        ({"secretRef": None}, "secretRef is required"),
        ({"secretRef": "hb"}, "secretRef has to be an object"),
        ({"secretRef": {}}, "name is required"),
        ({"secretRef": {"name": "none"}}, "there is no Secret none"),
        ({"secretRef": {"name": "no-password"}}, "has no key password; it has username"),
        ({"secretRef": {"name": "no-username"}}, "has no key username; it has password"),
        ({"secretRef": {"name": "colon"}}, "the username has a colon in it"),
        ({"days": 0}, "days has to be a number from 1 to 365"),
        ({"days": -1}, "days has to be a number from 1 to 365"),
        ({"days": "2"}, "days has to be a number"),
    ],
)
async def test_settings_that_cannot_be_meant(desk, served, settings, change, said):
    held = {
        "hb": {"username": "lead", "password": PASSWORD},
        "no-password": {"username": "lead"},
        "no-username": {"password": PASSWORD},
        "colon": {"username": f"lead:{PASSWORD}", "password": PASSWORD},
    }
    error = await failure(
        harbor.mint(settings | change, await desk(REGISTRY, secrets=held)), hides=hides()
    )
    assert (error.reason, said in error.message) == ("NotConfigured", True)
    assert served.requests == []


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_made_up_for(provider, settings, desk, hours):
    secrets = {"hb": {"username": "lead", "password": PASSWORD}}
    there = await desk(REGISTRY, secrets=secrets, now=off(timedelta(hours=hours)))
    minted = await harbor.mint(settings, there)
    (made,) = provider.robots
    assert abs(minted.expires - made.expires - timedelta(hours=hours)) < CLOSE


async def test_one_that_is_made_meanwhile_stays(provider, settings, as_user):
    at = await as_user()
    for _ in range(9):
        old = await harbor.mint(settings, at)
    new = await harbor.mint(settings, at)
    await harbor.revoke(settings, at, old.handle)
    assert [str(each.id) for each in provider.robots] == [old.handle, new.handle]


async def test_one_that_may_not_be_deleted(served, settings, as_user):
    at = await as_user()
    minted = await harbor.mint(settings, at)
    served.instead(403, {"errors": []}, path=f"/api/v2.0/robots/{minted.handle}")
    error = await failure(harbor.revoke(settings, at, ""), hides=hides())
    assert error.reason == "NoPermission"
