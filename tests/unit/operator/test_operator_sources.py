"""What was given last stays while a source fails; nothing is asked without need, nothing forgotten.

Time is the loop's own and passes at once; see `tests.support.timeless`.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from regcred.core.errors import ClusterUnreachable, NotFound
from regcred.core.operator.source import Fragment, SourceFailure, SourceReason
from regcred.operator.sources import Sources, same_logins, static
from tests.support.operating import EPOCH, given, pullcredential
from tests.support.timeless import in_no_time, settle

MISSING = SourceFailure(SourceReason.MISSING, "Secret ops/login does not exist")
UNREADABLE = SourceFailure(SourceReason.UNREADABLE, "the API server fails")


class Desk:
    """Sources whose answers a test sets, and what came of asking them."""

    def __init__(self):
        self.answers = {}
        """Secret → what its source gives, or what makes that; of a list one by one, the last for
        ever."""
        self.asked = []
        self.told = []
        self.late = []
        self.read = []
        self.held = None
        self.step = timedelta(0)
        """How much the time of day is ahead of where it should be."""
        self.tasks = set()
        self.sources = Sources(
            self.give,
            on_result=lambda *result: self.told.append(result),
            spawn=self.spawn,
            on_late=self.late.append,
            on_read=lambda *read: self.read.append(read),
            now=self.now,
        )

    def now(self):
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time()) + self.step

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        return task

    async def give(self, pullcredential):
        secret = pullcredential.spec.source.secret.name
        self.asked.append((secret, asyncio.get_running_loop().time()))
        answer = self.answers.get(secret, MISSING)
        if self.held is not None:
            await self.held.wait()
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer() if callable(answer) else answer

    def put(self, name="ghcr", secret="login", **spec):
        source = {"basic": {"secretRef": {"name": secret}}}
        self.sources.put(pullcredential(name, source=source, **spec))

    def asked_for(self, secret="login"):
        return [when for name, when in self.asked if name == secret]


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    for task in desk.tasks:
        assert task.cancelled() or task.exception() is None


@in_no_time
async def test_a_bug_in_one_source_holds_up_no_other(desk, monkeypatch):
    monkeypatch.delenv("REGCRED_DEBUG", raising=False)
    desk.answers |= {"odd": [], "login": given("ghcr.io")}  # an empty list has no first answer
    desk.put("odd", "odd")
    desk.put()
    await settle()
    assert desk.sources.result("odd").reason == SourceReason.UNREADABLE
    assert desk.sources.result("odd").message == "this is a bug in regcred: IndexError"
    assert desk.sources.offer("ghcr") == given("ghcr.io")


@in_no_time
async def test_it_is_asked_once_and_again_when_its_secret_changes(desk):
    desk.answers["login"] = given("ghcr.io")
    desk.put()
    await desk.sources.settled(60)
    await asyncio.sleep(86400)
    assert desk.asked_for() == [0.0]
    assert same_logins(desk.sources.offer("ghcr"), given("ghcr.io"))
    desk.sources.secret_changed("other")
    await settle()
    assert len(desk.asked) == 1
    desk.answers["login"] = given("ghcr.io", password="new")
    desk.sources.secret_changed("login")
    await settle()
    assert desk.told == [("ghcr", True), ("ghcr", True)]
    assert same_logins(desk.sources.offer("ghcr"), given("ghcr.io", password="new"))


@in_no_time
async def test_another_version_of_the_same_logins_is_no_difference(desk):
    desk.answers["login"] = [given("ghcr.io"), given("ghcr.io")]
    desk.put()
    await settle()
    desk.sources.secret_changed("login")
    await settle()
    assert desk.told == [("ghcr", True), ("ghcr", False)]


@pytest.mark.parametrize("failure", [MISSING, UNREADABLE])
@in_no_time
async def test_what_it_gave_stays_while_it_fails(desk, failure):
    good = given("ghcr.io")
    desk.answers["login"] = [good, failure]
    desk.put()
    await settle()
    desk.sources.secret_changed("login")
    await asyncio.sleep(3600)
    assert desk.sources.offer("ghcr") is good
    assert desk.sources.result("ghcr") == failure
    assert ("ghcr", False) in desk.told
    assert desk.told.count(("ghcr", True)) == 1
    assert desk.read[:2] == [("ghcr", "ok"), ("ghcr", str(failure.reason))]


@pytest.mark.parametrize(
    "reason",
    [
        SourceReason.MISSING,
        SourceReason.MALFORMED,
        SourceReason.REGISTRY_MISSING,
        SourceReason.UNSUPPORTED,
    ],
)
@in_no_time
async def test_what_a_person_has_to_mend_is_not_asked_again_by_itself(desk, reason):
    desk.answers["login"] = SourceFailure(reason, "it is not as it should be")
    desk.put()
    await asyncio.sleep(86400)
    assert desk.asked_for() == [0.0]
    assert desk.sources.refresh("ghcr") is None


@in_no_time
async def test_what_may_pass_by_itself_is_asked_again_ever_more_seldom(desk):
    desk.answers["login"] = UNREADABLE
    desk.put()
    await asyncio.sleep(3600)
    times = desk.asked_for()
    pauses = [b - a for a, b in pairwise(times)]
    assert 0.5 <= pauses[0] <= 1.0
    assert all(30.0 <= pause <= 60.0 for pause in pauses[8:])
    assert desk.sources.refresh("ghcr") > desk.now()
    desk.answers["login"] = given("ghcr.io")
    await asyncio.sleep(60)
    assert isinstance(desk.sources.result("ghcr"), Fragment)
    asked = len(desk.asked)
    await asyncio.sleep(3600)
    assert len(desk.asked) == asked
    assert desk.sources.refresh("ghcr") is None


@in_no_time
async def test_a_change_while_it_is_asked_is_not_lost(desk):
    desk.held = asyncio.Event()
    desk.answers["login"] = [given("ghcr.io"), given("ghcr.io", password="new")]
    desk.put()
    await settle()
    for _ in range(3):
        desk.sources.secret_changed("login")
    desk.held.set()
    await settle()
    assert len(desk.asked) == 2  # however often it changed meanwhile
    assert same_logins(desk.sources.offer("ghcr"), given("ghcr.io", password="new"))


@in_no_time
async def test_what_another_source_gave_is_no_offer(desk):
    desk.answers |= {"login": given("ghcr.io"), "other": MISSING}
    desk.put()
    await settle()
    desk.put(secret="other")
    assert desk.sources.offer("ghcr") is None
    assert desk.sources.result("ghcr") is None
    await settle()
    assert desk.sources.offer("ghcr") is None
    assert desk.sources.result("ghcr") == MISSING


@in_no_time
async def test_a_late_answer_of_a_source_that_was_replaced_does_not_count(desk):
    desk.held = asyncio.Event()
    desk.answers |= {"login": given("ghcr.io"), "other": given("quay.io")}
    desk.put()
    await settle()
    desk.put(secret="other", registries=["quay.io"])
    desk.held.set()
    await settle()
    assert [secret for secret, _ in desk.asked] == ["login", "other"]
    assert list(desk.sources.offer("ghcr").credentials) == ["quay.io"]
    assert desk.told == [("ghcr", True)]


@in_no_time
async def test_what_does_not_concern_the_source_asks_nothing(desk):
    desk.answers["login"] = given("ghcr.io")
    desk.put()
    await settle()
    desk.put(namespaces={"include": ["team-*"]})
    await settle()
    assert len(desk.asked) == 1
    assert desk.sources.offer("ghcr") is not None


@in_no_time
async def test_a_spec_that_nobody_understands_keeps_what_was_given(desk):
    desk.answers["login"] = given("ghcr.io")
    desk.put()
    await settle()
    desk.sources.put(pullcredential("ghcr", registries=["https://"]))
    desk.sources.put(replace(pullcredential("ghcr"), spec=None))
    await settle()
    assert desk.sources.offer("ghcr") is not None


@in_no_time
async def test_forgotten_is_forgotten(desk):
    desk.held = asyncio.Event()
    desk.answers["login"] = given("ghcr.io")
    desk.put()
    await settle()
    desk.sources.forget("ghcr")
    desk.sources.forget("ghcr")
    desk.held.set()
    await settle()
    assert desk.told == []
    assert desk.sources.offer("ghcr") is None
    desk.put()
    await settle()
    assert desk.sources.offer("ghcr") is not None


@in_no_time
async def test_one_slow_source_holds_up_no_other(desk):
    desk.answers |= {f"login-{n}": given("ghcr.io") for n in range(30)}
    desk.held = asyncio.Event()
    desk.put("slow", "slow")
    await settle()
    held, desk.held = desk.held, None
    for n in range(30):
        desk.put(f"pc-{n}", f"login-{n}")
    await desk.sources.settled(5.0)
    assert asyncio.get_running_loop().time() == 5.0
    assert all(desk.sources.offer(f"pc-{n}") for n in range(30))
    assert desk.sources.result("slow") is None
    held.set()


@in_no_time
async def test_after_the_end_of_a_term_nothing_is_asked(desk):
    desk.answers |= {"login": given("ghcr.io"), "other": UNREADABLE}
    desk.put()
    desk.put("other", "other")
    await settle()
    desk.held = asyncio.Event()
    desk.sources.secret_changed("login")
    await settle()
    asked, told = list(desk.asked), list(desk.told)
    await desk.sources.close()
    desk.held.set()
    await asyncio.sleep(86400)
    await desk.sources.settled(60)
    assert (desk.asked, desk.told) == (asked, told)


def ends(seconds):
    return given("ghcr.io", expires=EPOCH + timedelta(seconds=seconds))


@in_no_time
async def test_the_end_of_a_credential_is_told_once_when_it_comes(desk):
    desk.answers["login"] = ends(4000)
    desk.put()
    await asyncio.sleep(3999)
    assert desk.told == [("ghcr", True)]
    await asyncio.sleep(1.1)
    assert desk.told == [("ghcr", True), ("ghcr", False)]
    await asyncio.sleep(86400)
    assert len(desk.told) == 2
    assert desk.sources.offer("ghcr") is not None  # what is there stays, whatever it is worth
    desk.answers["login"] = ends(200_000)
    desk.sources.secret_changed("login")
    await asyncio.sleep(200_000)
    assert desk.told[2:] == [("ghcr", True), ("ghcr", False)]


@pytest.mark.parametrize("hours", [1, -1])
@in_no_time
async def test_the_clock_is_stepped(desk, hours):
    """The end is told when the clock says so, ten minutes later at most; nothing is asked more."""
    desk.answers["login"] = ends(7200)
    desk.put()
    await asyncio.sleep(1000)
    desk.step = timedelta(hours=hours)
    end = 7200 - 3600 * hours
    await asyncio.sleep(end - 1000 - 1)
    assert desk.told == [("ghcr", True)]
    await asyncio.sleep(602)
    assert desk.told == [("ghcr", True), ("ghcr", False)]
    assert desk.asked_for() == [0.0]


@pytest.mark.parametrize("hours", [1, -1])
@in_no_time
async def test_the_clock_is_stepped_while_a_source_fails(desk, hours):
    """It is tried again as if nothing had happened."""
    desk.answers["login"] = UNREADABLE
    desk.put()
    await asyncio.sleep(1000)
    desk.step = timedelta(hours=hours)
    asked = len(desk.asked)
    await asyncio.sleep(600)
    assert 9 <= len(desk.asked) - asked <= 21


def minted(life=3600, refresh=2400, **more):
    """What a source gives that mints: it ends, and is to be asked again before that."""
    now = EPOCH + timedelta(seconds=asyncio.get_running_loop().time())
    fragment = given("ghcr.io", expires=now + timedelta(seconds=life), **more)
    return replace(fragment, minted=now, refresh=now + timedelta(seconds=refresh))


def failed(reason, *, after=None):
    return SourceFailure(reason, "the provider says no", retry_after=after)


class TestMinted:
    """Sources that are asked again before their credential ends."""

    @in_no_time
    async def test_it_is_asked_again_when_that_is_due_and_not_before(self, desk):
        desk.answers["login"] = minted
        desk.put()
        await asyncio.sleep(2399)
        assert desk.asked_for() == [0.0]
        assert desk.sources.refreshes() == [desk.sources.refresh("ghcr")]
        desk.answers["login"] = lambda: minted(password="next", refresh=3000)
        await asyncio.sleep(2)
        assert desk.asked_for() == [0.0, pytest.approx(2400)]
        assert desk.told == [("ghcr", True), ("ghcr", True)]
        await asyncio.sleep(2900)
        assert len(desk.asked) == 2

    @in_no_time
    async def test_it_is_asked_at_once_for_another_spec_or_secret(self, desk):
        desk.answers["login"] = minted
        desk.put()
        await settle()
        desk.sources.secret_changed("login")
        await settle()
        assert desk.asked_for() == [0.0, 0.0]
        desk.put(registries=["quay.io"])
        await settle()
        assert desk.asked_for() == [0.0] * 3
        assert desk.sources.refreshes() == [desk.sources.refresh("ghcr")]

    @in_no_time
    async def test_a_provider_that_is_away_is_asked_until_it_is_back(self, desk):
        """What it gave last serves meanwhile, and that it has ended is told."""
        good = minted()
        desk.answers["login"] = [good, failed(SourceReason.UNREACHABLE)]
        desk.put()
        await asyncio.sleep(3500)
        assert desk.sources.offer("ghcr") is good
        assert desk.told.count(("ghcr", True)) == 1
        told = len(desk.told)
        asked = len(desk.asked)
        await asyncio.sleep(101)
        assert len(desk.told) == told + 1 + len(desk.asked) - asked  # and the end, once
        desk.answers["login"] = lambda: minted(password="next")
        await asyncio.sleep(61)
        assert desk.told[-1] == ("ghcr", True)
        asked = len(desk.asked)
        await asyncio.sleep(2300)
        assert len(desk.asked) == asked

    @pytest.mark.parametrize(
        ("reason", "pause"),
        [
            (SourceReason.UNREACHABLE, (1, 60)),
            (SourceReason.MINT_FAILED, (1, 60)),
            (SourceReason.THROTTLED, (1, 60)),
            (SourceReason.BAD_CREDENTIALS, (60, 600)),
            (SourceReason.NO_PERMISSION, (60, 600)),
            (SourceReason.NOT_CONFIGURED, (60, 600)),
        ],
    )
    @in_no_time
    async def test_a_provider_is_left_alone_for_longer_where_it_may_lock_out(
        self, desk, reason, pause
    ):
        first, longest = pause
        desk.answers["login"] = failed(reason)
        desk.put()
        await asyncio.sleep(6 * 3600)
        pauses = [b - a for a, b in pairwise(desk.asked_for())]
        assert first / 2 <= pauses[0] <= first
        assert all(longest / 2 <= pause <= longest for pause in pauses[-10:])

    @pytest.mark.parametrize(("after", "least"), [(0.0, 0.5), (90.0, 90), (86400.0, 3600)])
    @in_no_time
    async def test_who_asks_to_be_left_alone_is_for_an_hour_at_most(self, desk, after, least):
        desk.answers["login"] = failed(SourceReason.THROTTLED, after=after)
        desk.put()
        await asyncio.sleep(10_000)
        first, second, *_ = desk.asked_for()
        assert least <= second - first <= max(least, 1.0) + 1

    @in_no_time
    async def test_what_has_too_little_time_left_is_given_to_nobody_any_more(self, desk):
        desk.answers["login"] = [minted(), failed(SourceReason.UNREACHABLE)]
        desk.put()
        await asyncio.sleep(3589)
        assert desk.late == []
        assert desk.sources.giving("ghcr") is desk.sources.offer("ghcr")
        await asyncio.sleep(2)
        assert desk.late == ["ghcr"]
        assert desk.sources.giving("ghcr") is None
        assert desk.sources.offer("ghcr") is not None
        await asyncio.sleep(7200)
        assert desk.late == ["ghcr"]
        desk.answers["login"] = lambda: minted(password="next")
        await asyncio.sleep(61)
        assert desk.sources.giving("ghcr") is not None

    @in_no_time
    async def test_what_comes_in_time_is_a_renewal(self, desk):
        desk.answers["login"] = minted
        desk.put()
        await settle()
        assert not desk.sources.renewed("ghcr")
        desk.answers["login"] = [minted(password="second"), failed(SourceReason.UNREACHABLE)]
        await asyncio.sleep(2401)
        assert desk.sources.renewed("ghcr")
        await asyncio.sleep(7200)
        desk.answers["login"] = lambda: minted(password="third")
        await asyncio.sleep(61)
        assert desk.sources.offer("ghcr").credentials["ghcr.io"].password.reveal() == "third"
        assert not desk.sources.renewed("ghcr")
        assert not desk.sources.renewed("unknown")

    @in_no_time
    async def test_another_provider_need_not_wait_for_what_the_last_one_asked(self, desk):
        desk.answers["login"] = failed(SourceReason.THROTTLED, after=3600)
        desk.answers["other"] = minted()
        desk.put()
        await settle()
        desk.sources.secret_changed("login")
        await settle()
        desk.put(secret="other")
        await settle()
        assert desk.asked_for("other") == [0.0]

    @in_no_time
    async def test_a_secret_that_changes_all_the_time(self, desk):
        """Each minting may make something at the provider."""
        desk.answers["login"] = minted
        source = {"githubApp": {"appId": 1, "secretRef": {"name": "login"}}}
        desk.sources.put(pullcredential("ghcr", source=source))
        for _ in range(100):
            await asyncio.sleep(0.5)
            desk.sources.secret_changed("login")
        await asyncio.sleep(60)
        pauses = [b - a for a, b in pairwise(desk.asked_for())]
        assert 4 <= len(pauses) <= 6
        assert min(pauses) >= 10

    @in_no_time
    async def test_who_takes_no_more_is_left_alone_whatever_changes(self, desk):
        desk.answers["login"] = [failed(SourceReason.THROTTLED, after=300), minted()]
        desk.put()
        await asyncio.sleep(10)
        desk.sources.secret_changed("login")
        await asyncio.sleep(1000)
        assert desk.asked_for() == [0.0, pytest.approx(300, abs=1)]

    @pytest.mark.parametrize("hours", [1, -1])
    @in_no_time
    async def test_a_clock_that_is_stepped(self, desk, hours):
        """By the time of day it is due, and that is seen within ten minutes."""
        desk.answers["login"] = lambda: minted(life=4 * 3600, refresh=2 * 3600)
        desk.put()
        await asyncio.sleep(1000)
        desk.step = timedelta(hours=hours)
        due = 2 * 3600 - hours * 3600
        await asyncio.sleep(due - 1000 - 1)
        assert desk.asked_for() == [0.0]
        await asyncio.sleep(602)
        assert len(desk.asked) >= 2

    @in_no_time
    async def test_what_is_forgotten_is_not_asked_for_again(self, desk):
        desk.answers["login"] = minted
        desk.put()
        await settle()
        desk.sources.forget("ghcr")
        await asyncio.sleep(86400)
        assert desk.asked_for() == [0.0]
        assert desk.sources.refreshes() == []


class Api:
    """A client of which only `get` is used."""

    def __init__(self, answer):
        self._answer = answer

    async def get(self, *_):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class TestStatic:
    object = pullcredential()

    async def test_reads_the_secret(self):
        data = {"username": "cHVsbGVy", "password": "aHVudGVyMg=="}
        secret = {"metadata": {"name": "login", "namespace": "ops"}, "data": data}
        found = await static(Api(secret), "ops")(self.object)
        assert same_logins(found, given("ghcr.io"))

    async def test_none(self):
        found = await static(Api(NotFound("it is not there", status=404)), "ops")(self.object)
        assert found.reason == SourceReason.MISSING
        assert "Secret ops/login does not exist" in found.message

    async def test_unreachable(self):
        error = ClusterUnreachable("nobody answers", hint="wait")
        found = await static(Api(error), "ops")(self.object)
        assert found.reason == SourceReason.UNREADABLE
        assert "nobody answers" in found.message

    async def test_of_a_kind_that_a_later_version_knows(self):
        source = replace(self.object.spec.source, kind="ecr", secret=None)
        later = replace(self.object, spec=replace(self.object.spec, source=source))
        found = await static(Api(AssertionError()), "ops")(later)
        assert found.reason == SourceReason.UNSUPPORTED


def test_same_logins():
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert same_logins(given("ghcr.io"), given("ghcr.io"))
    assert not same_logins(given("ghcr.io"), given("ghcr.io", password="new"))
    assert not same_logins(given("ghcr.io"), given("quay.io"))
    assert not same_logins(given("ghcr.io"), given("ghcr.io", expires=later))
