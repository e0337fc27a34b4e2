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

from regcred.core.errors import MintFailed
from regcred.core.source import SourceReason
from regcred.minters import gitlab
from regcred.operator import oplog
from regcred.operator.revoking import Revoking
from tests.support.operating import EPOCH, given, pullcredential
from tests.support.providers.desk import open_desk
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.serving import Clock, serve
from tests.support.timeless import in_no_time, settle

MAIN = pullcredential("main")


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
        self.revoking = Revoking(
            self.revoke,
            given=self.given.get,
            is_everywhere=lambda _: self.everywhere,
            spawn=self.spawn,
        )

    def spawn(self, work):
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def revoke(self, pullcredential, keep):
        if self.held is not None:
            await self.held.wait()
        self.revoked.append((pullcredential.name, keep, asyncio.get_running_loop().time()))
        if self.failures:
            self.failures -= 1
            raise MintFailed(SourceReason.UNREACHABLE, "nobody answers", hint="wait")

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
async def test_not_before_the_last_namespace_has_the_new_one(place):
    place.everywhere = False
    place.gives("2")
    for _ in range(3):
        place.revoking.consider(MAIN)
        await asyncio.sleep(3600)
    assert place.revoked == []
    place.everywhere = True
    place.revoking.consider(MAIN)
    await settle()
    assert place.kept == ["2"]


@in_no_time
async def test_once_for_each_that_was_given(place):
    place.gives("1")
    for _ in range(5):
        place.revoking.consider(MAIN)
        await settle()
    assert place.kept == ["1"]
    place.gives("2")
    place.revoking.consider(MAIN)
    await settle()
    assert place.kept == ["1", "2"]


@in_no_time
async def test_what_cannot_be_taken_back_is_not_asked_for(place):
    place.given["main"] = given("ghcr.io")
    place.revoking.gave("main")
    place.revoking.gave("unknown")
    place.revoking.consider(MAIN)
    place.revoking.consider(pullcredential("unknown"))
    await settle()
    assert (place.revoked, place.tasks) == ([], [])


@in_no_time
async def test_each_pullcredential_by_itself(place):
    place.held = asyncio.Event()
    for name in ("main", "other"):
        place.gives(f"of-{name}", name)
        place.revoking.consider(pullcredential(name))
    place.revoking.consider(MAIN)
    await settle()
    assert len(place.tasks) == 2
    place.held.set()
    await settle()
    assert sorted(place.kept) == ["of-main", "of-other"]


@in_no_time
async def test_a_provider_that_fails_is_asked_ever_more_seldom(place, log):
    place.failures = 20
    place.gives("2")
    place.revoking.consider(MAIN)
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


@in_no_time
async def test_what_comes_meanwhile_is_what_is_kept(place):
    """Between two tries another is minted, and reaches all namespaces."""
    place.failures = 1
    place.gives("2")
    place.revoking.consider(MAIN)
    await settle()
    place.gives("3")
    await asyncio.sleep(10)
    assert place.kept == ["2", "3"]
    place.revoking.consider(MAIN)
    await settle()
    assert len(place.revoked) == 2


@in_no_time
async def test_what_comes_while_it_is_asked_has_the_rest_taken_back_too(place):
    place.held = asyncio.Event()
    place.gives("2")
    place.revoking.consider(MAIN)
    await settle()
    place.gives("3")
    place.held.set()
    await settle()
    assert place.kept == ["2", "3"]


@in_no_time
async def test_a_namespace_that_comes_meanwhile_holds_it_up(place):
    place.failures = 1
    place.gives("2")
    place.revoking.consider(MAIN)
    await settle()
    place.everywhere = False
    await asyncio.sleep(600)
    assert place.kept == ["2"]
    place.everywhere = True
    place.revoking.consider(MAIN)
    await settle()
    assert place.kept == ["2", "2"]


@in_no_time
async def test_forgotten_is_forgotten(place):
    place.failures = 5
    place.gives("2")
    place.revoking.consider(MAIN)
    await settle()
    place.revoking.forget("main")
    place.revoking.forget("main")
    await asyncio.sleep(3600)
    assert place.kept == ["2"]
    place.revoking.consider(MAIN)
    await settle()
    assert place.kept == ["2"]


@in_no_time
async def test_a_source_that_was_forgotten_meanwhile_keeps_nothing_from_its_end(place):
    place.gives("2")
    del place.given["main"]
    place.revoking.consider(MAIN)
    await settle()
    assert place.revoked == []
    assert place.tasks[0].done()


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
        assert said == ["nobody answers; wait; what was minted ends by itself"] * 3

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
                lambda _, keep: gitlab.revoke(settings, desk, keep),
                given=place.given.get,
                is_everywhere=lambda _: place.everywhere,
                spawn=place.spawn,
            )
            for _ in range(3):
                minted = await gitlab.mint(settings, desk)
                place.given["main"] = replace(token(), handle=minted.handle)
                revoking.gave("main")
            assert len(provider.deploy_tokens) == 4
            revoking.consider(MAIN)
            await asyncio.gather(*place.tasks)
            assert [str(each.id) for each in provider.deploy_tokens] == [
                str(somebodys.id),
                minted.handle,
            ]
            await revoking.last(MAIN)
            assert provider.deploy_tokens == [somebodys]
