"""What was minted before is taken back when the last namespace has what came after, and not sooner.

Time is the loop's own and passes at once; see `tests.support.timeless`.
"""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import pairwise

import pytest

from regcred.core.errors import MintFailed, NotLeader
from regcred.core.operator.source import SourceReason
from regcred.minters import gitlab
from regcred.operator import oplog
from regcred.operator.revoking import Revoking
from tests.support.operating import EPOCH, given, pullcredential
from tests.support.providers.desk import open_desk
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.serving import Clock, serve
from tests.support.timeless import in_no_time, settle

MAIN = pullcredential("main")
#: Seconds, and a little longer than that.
AFTER, THEN = 600.0, 602.0


def token(handle="1"):
    """What a source gives that can be taken back."""
    fragment = given("ghcr.io", password=f"token-{handle}", expires=EPOCH + timedelta(hours=1))
    return replace(fragment, handle=handle)


class Place:
    """One operator's Revoking, and what is around it."""

    def __init__(self):
        self.given = {}
        self.everywhere = True
        self.revoked = []
        """Name, what was kept, and when."""
        self.failures = 0
        """How many times more the provider fails."""
        self.held = None
        self.tasks = []
        self.objects = {"main": MAIN, "other": pullcredential("other")}
        self.error = MintFailed(SourceReason.UNREACHABLE, "nobody answers", hint="wait")
        self.revoking = Revoking(
            self.revoke,
            given=self.given.get,
            current=self.objects.get,
            is_everywhere=lambda _: self.everywhere,
            after=AFTER,
            spawn=self.spawn,
        )

    def spawn(self, work):
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def revoke(self, pullcredential, keep, *, newer=False):
        if self.held is not None:
            await self.held.wait()
        self.revoked.append((pullcredential.name, keep, asyncio.get_running_loop().time()))
        if self.failures:
            self.failures -= 1
            raise self.error

    def gives(self, handle, name="main"):
        """Its source gave this."""
        self.given[name] = token(handle)
        self.revoking.gave(name)

    @property
    def kept(self):
        return [keep for _, keep, _ in self.revoked]


@pytest.fixture
def place():
    place = Place()
    yield place
    for task in place.tasks:
        assert task.cancelled() or task.exception() is None


@pytest.fixture
def log():
    stream = StringIO()
    oplog.setup("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@in_no_time
async def test_not_before_the_last_namespace_has_had_the_new_one_for_a_while(place):
    place.everywhere = False
    place.gives("2")
    for _ in range(3):
        place.revoking.consider("main")
        await asyncio.sleep(3600)
    assert place.revoked == []
    place.everywhere = True
    place.revoking.consider("main")
    await asyncio.sleep(AFTER - 1)
    assert place.revoked == []
    await asyncio.sleep(3)
    assert place.kept == ["2"]


@in_no_time
async def test_nobody_has_to_tell(place):
    place.everywhere = False
    place.gives("2")
    await settle()
    place.everywhere = True
    await asyncio.sleep(AFTER + 62)
    assert place.kept == ["2"]


@in_no_time
async def test_once_for_each_that_was_given(place):
    place.gives("1")
    for _ in range(5):
        place.revoking.consider("main")
        await asyncio.sleep(THEN)
    assert place.kept == ["1"]
    place.gives("2")
    await asyncio.sleep(THEN)
    assert place.kept == ["1", "2"]
    assert all(task.done() for task in place.tasks)


@in_no_time
async def test_what_cannot_be_taken_back_is_not_asked_for(place):
    place.given["main"] = given("ghcr.io")
    place.revoking.gave("main")
    place.revoking.gave("unknown")
    place.revoking.consider("main")
    place.revoking.consider("unknown")
    await asyncio.sleep(THEN)
    assert (place.revoked, place.tasks) == ([], [])


@in_no_time
async def test_each_pullcredential_by_itself(place):
    place.held = asyncio.Event()
    for name in ("main", "other"):
        place.gives(f"of-{name}", name)
        place.revoking.consider(name)
    place.revoking.consider("main")
    await asyncio.sleep(THEN)
    assert len(place.tasks) == 2
    place.held.set()
    await settle()
    assert sorted(place.kept) == ["of-main", "of-other"]


@in_no_time
async def test_a_provider_that_fails_is_asked_ever_more_seldom(place, log):
    place.failures = 20
    place.gives("2")
    await asyncio.sleep(86400)
    pauses = [later - earlier for (_, _, earlier), (_, _, later) in pairwise(place.revoked)]
    assert len(place.revoked) == 21
    assert 2.5 <= pauses[0] <= 5
    assert all(300 <= pause <= 600 for pause in pauses[-8:])
    lines = log()
    assert {each["reason"] for each in lines} == {"NotRevoked"}
    assert lines[0]["message"] == "nobody answers; wait"
    assert lines[0]["pullCredential"] == "main"
    assert place.tasks[0].done()


@pytest.mark.parametrize(("asked", "least"), [(900.0, 900), (86400.0, 3600)])
@in_no_time
async def test_who_asks_to_be_left_alone_is_for_an_hour_at_most(place, asked, least):
    place.failures = 1
    place.error = MintFailed(SourceReason.THROTTLED, "slow down", retry_after=asked)
    place.gives("2")
    await asyncio.sleep(2 * 3600)
    (_, _, first), (_, _, second) = place.revoked
    assert second - first == pytest.approx(least)


@in_no_time
async def test_a_bug_in_one_minter_ends_nothing(place, log, monkeypatch):
    monkeypatch.delenv("REGCRED_DEBUG", raising=False)
    place.failures = 1
    place.error = KeyError("hush")
    place.gives("2")
    await asyncio.sleep(THEN + 10)
    assert place.kept == ["2", "2"]
    assert [each["message"] for each in log()] == ["this is a bug in regcred: KeyError"]


@in_no_time
async def test_who_does_not_lead_any_more_leaves_it_to_the_next(place, log):
    place.failures = 99
    place.error = NotLeader("another may")
    place.gives("2")
    await asyncio.sleep(86400)
    assert (place.kept, log()) == (["2"], [])


@in_no_time
async def test_what_comes_between_two_tries_is_what_is_kept_then(place):
    place.failures = 1
    place.gives("2")
    await asyncio.sleep(AFTER + 1)
    place.gives("3")
    await asyncio.sleep(AFTER)
    assert place.kept == ["2"]  # all that was waited for is waited for again
    await asyncio.sleep(10)
    assert place.kept == ["2", "3"]


@in_no_time
async def test_sources_that_change_all_the_time_hold_nothing_up(place):
    """What is older than what was everywhere ten minutes ago is in no use."""
    for number in range(20):
        place.gives(f"{number}")
        await asyncio.sleep(AFTER / 2)
    assert len(place.kept) >= 8
    await asyncio.sleep(3 * AFTER)
    assert place.kept[-1] == "19"


@in_no_time
async def test_what_comes_while_it_is_asked_has_the_rest_taken_back_too(place):
    place.held = asyncio.Event()
    place.gives("2")
    await asyncio.sleep(THEN)
    place.gives("3")
    place.held.set()
    await asyncio.sleep(THEN)
    assert place.kept == ["2", "3"]


@in_no_time
async def test_another_place_meanwhile(place):
    """Numbers of one provider say nothing at another."""
    source = {"gitlab": {"project": "a/b", "url": "https://a.example", "secretRef": {"name": "s"}}}
    place.objects["main"] = pullcredential("main", source=source)
    place.gives("500")
    await asyncio.sleep(AFTER / 2)
    place.objects["main"] = MAIN
    place.given["main"] = None
    await asyncio.sleep(2 * AFTER)
    assert place.revoked == []


@in_no_time
async def test_an_object_that_was_mended_meanwhile(place):
    """What cannot be done by the old spec can be by the new one."""
    asked = []
    mended = replace(MAIN, generation=2)

    async def revoke(pullcredential, _, *, newer):
        asked.append(pullcredential.generation)
        if pullcredential is not mended:
            raise place.error

    place.revoking._revoke = revoke
    place.gives("2")
    await asyncio.sleep(THEN)
    place.objects["main"] = mended
    await asyncio.sleep(THEN)
    assert asked[0] == MAIN.generation
    assert asked[-1] == 2
    assert place.tasks[0].done()


@in_no_time
async def test_forgotten_is_forgotten(place):
    place.failures = 5
    place.gives("2")
    await asyncio.sleep(AFTER + 1)
    place.revoking.forget("main")
    place.revoking.forget("main")
    await asyncio.sleep(3600)
    assert place.kept == ["2"]
    place.revoking.consider("main")
    await asyncio.sleep(THEN)
    assert place.kept == ["2"]


@in_no_time
async def test_an_object_that_is_gone_keeps_nothing_from_its_end(place):
    place.gives("2")
    await settle()
    del place.objects["main"]
    await asyncio.sleep(THEN)
    assert place.revoked == []


class TestFormer:
    """Another source took its place: what the former one gave goes, where that was."""

    @staticmethod
    def minting(kind="gitlab", **settings):
        source = {kind: {"project": "a/b", "secretRef": {"name": "s"}} | settings}
        return pullcredential("main", source=source)

    async def after(self, place, former, now, handle="2"):
        asked = []

        async def revoke(pullcredential, keep, *, newer):
            asked.append((pullcredential.spec.source.kind, keep, newer))

        place.revoking._revoke = revoke
        place.objects["main"] = now
        place.revoking.replaced(former, now)
        place.gives(handle)
        await asyncio.sleep(AFTER - 1)
        assert asked == []
        await asyncio.sleep(3)
        assert place.tasks[0].done()
        return asked

    @in_no_time
    async def test_of_the_same_instance(self, place):
        asked = await self.after(place, self.minting(), self.minting(project="c/d"))
        assert asked == [("gitlab", "2", False), ("gitlab", "2", True)]

    @in_no_time
    async def test_of_the_same_place(self, place):
        now = self.minting(days=9, secretRef={"name": "other"})
        assert await self.after(place, self.minting(), now) == [("gitlab", "2", False)]

    @in_no_time
    async def test_of_another_instance(self, place):
        former = self.minting(url="https://gitlab.acme.com")
        """It may be the same by another name: what is in use is spared."""
        asked = await self.after(place, former, self.minting())
        assert asked == [("gitlab", "2", False), ("gitlab", "2", True)]

    @in_no_time
    async def test_of_another_kind_which_takes_nothing_back(self, place):
        now = pullcredential("main", source={"githubApp": {"appId": 1, "secretRef": {"name": "s"}}})
        assert await self.after(place, self.minting(), now, handle="") == [("gitlab", "", True)]

    @in_no_time
    async def test_of_another_object_of_the_name(self, place):
        former = replace(self.minting(), uid="before")
        asked = await self.after(place, former, self.minting())
        assert asked == [("gitlab", "2", False), ("gitlab", "", True)]

    @in_no_time
    async def test_that_fails_is_given_up(self, place, log):
        place.failures = 99
        place.objects["main"] = MAIN
        place.revoking.replaced(self.minting(), MAIN)
        place.gives("")
        await asyncio.sleep(THEN + 60)
        assert len(place.revoked) == 3
        assert log()[-1]["message"] == "nobody answers; wait; what was minted ends by itself"

    @in_no_time
    async def test_the_object_goes_before_that(self, place):
        former = replace(self.minting(), uid="before")
        place.revoking.replaced(former, MAIN)
        place.revoking.forget("main")
        await place.revoking.last(MAIN)
        assert place.kept == ["", ""]


class TestLast:
    """At the end all of it is taken back, as far as that can be done soon."""

    @in_no_time
    async def test_nothing_is_kept(self, place):
        await place.revoking.last(MAIN)
        assert place.kept == [""]

    @in_no_time
    async def test_a_provider_that_fails_does_not_hold_it_up_for_long(self, place, log):
        place.failures = 99
        await place.revoking.last(MAIN)
        assert place.kept == [""] * 3
        assert asyncio.get_running_loop().time() < 30
        said = [each["message"] for each in log()]
        assert said == ["nobody answers; wait"] * 2 + [
            "nobody answers; wait; what was minted ends by itself"
        ]

    @in_no_time
    async def test_it_is_tried_again(self, place):
        place.failures = 2
        await place.revoking.last(MAIN)
        assert (place.kept, place.failures) == ([""] * 3, 0)


async def test_deploy_tokens_of_gitlab(place):
    """The real minter, and what GitLab has in the end."""
    provider = GitLab(Clock(), {"projects/team/app": 7}, {"glpat-x": AccessToken()})
    somebodys = provider.make("projects/team/app", "by-hand", ["read_registry"], None)
    with serve(provider.app()) as served:
        settings = {"url": served.url, "project": "team/app", "secretRef": {"name": "gl"}}
        async with open_desk("ghcr.io", secrets={"gl": {"token": "glpat-x"}}) as desk:
            revoking = Revoking(
                lambda _, keep, newer: gitlab.revoke(settings, desk, keep, newer=newer),
                given=place.given.get,
                current=place.objects.get,
                is_everywhere=lambda _: place.everywhere,
                after=0.0,
                spawn=place.spawn,
            )
            for _ in range(3):
                minted = await gitlab.mint(settings, desk)
                place.given["main"] = replace(token(), handle=minted.handle)
                revoking.gave("main")
            assert len(provider.deploy_tokens) == 4
            await asyncio.gather(*place.tasks)
            assert [str(each.id) for each in provider.deploy_tokens] == [
                str(somebodys.id),
                minted.handle,
            ]
            await revoking.last(MAIN)
            assert provider.deploy_tokens == [somebodys]
