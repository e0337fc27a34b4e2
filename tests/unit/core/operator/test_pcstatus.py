from dataclasses import replace
from datetime import timedelta

import pytest

from regcred.core.operator.merging import Loss
from regcred.core.operator.minting import digest
from regcred.core.operator.pcstatus import Failure, Tally, build, changed, uninstalled
from regcred.core.operator.pullcredential import Rescue, parse
from regcred.core.operator.rescuestatus import Census
from regcred.core.operator.source import Fragment, SourceFailure, SourceReason
from tests.support.operating import EPOCH, given, pullcredential

NOW = EPOCH
HOUR = timedelta(hours=1)
ALL = Tally(3, 3)
NONE = Tally(3, 0)
MISSING = SourceFailure(SourceReason.MISSING, "Secret a/b does not exist", "make it")
INVALID = parse({"metadata": {"name": "a", "generation": 7}, "spec": {}})


def status(one=None, tally=ALL, source=None, losses=(), old=None, now=NOW, **more):
    source = given("ghcr.io") if source is None else source
    return build(one or pullcredential(), tally, source, losses, old or {}, now, **more)


def condition(status, kind="Ready"):
    (found,) = [each for each in status["conditions"] if each["type"] == kind]
    return found["status"], found["reason"], found["message"]


def test_a_login_that_has_ended_is_not_ready_after_a_restart_either():
    """Its source fails, and who had read it last has told when it ends."""
    old = status(source=given("ghcr.io", expires=NOW + HOUR))
    later = NOW + 2 * HOUR
    found = status(source=MISSING, old=old, now=later)
    assert condition(found)[:2] == ("False", "Expired")
    assert found["expiresAt"] == old["expiresAt"]
    other = replace(pullcredential(), generation=2)
    assert "expiresAt" not in status(other, source=MISSING, old=old, now=later)


def test_all_is_well():
    ends = NOW + 3 * HOUR
    source = given("ghcr.io", "quay.io", expires=ends)
    found = status(source=source, refresh=NOW + 2 * HOUR)
    assert found == {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Ready",
                "message": "3 namespaces have the logins",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
            {
                "type": "Minted",
                "status": "True",
                "reason": "Minted",
                "message": "2 registries",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
        ],
        "namespaces": {"desired": 3, "ready": 3, "failed": 0, "summary": "3/3"},
        "failures": [],
        "expiresAt": "2026-01-01T03:00:00Z",
        "refreshAt": "2026-01-01T02:00:00Z",
    }


FAILURE = Failure("team-q", "SecretNotOurs", "it is somebody else's")
LOSS = Loss("ghcr", "Conflict", "ghcr.io: another is older", "edit it")


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        (status(tally=Tally()), ("True", "NoNamespaceSelected")),
        (status(tally=Tally(3, 2)), ("False", "Progressing")),
        (status(tally=Tally(3, 2, [FAILURE])), ("False", "NamespacesFailed")),
        (status(losses=[LOSS]), ("False", "Conflict")),
        (status(source=MISSING, tally=NONE), ("False", "SourceMissing")),
        (status(source=MISSING, tally=Tally()), ("False", "SourceMissing")),
        (status(source=MISSING, last=given("ghcr.io")), ("True", "Ready")),
        (status(source=given("ghcr.io", expires=NOW)), ("False", "Expired")),
        (
            status(source=MISSING, last=given("ghcr.io", expires=NOW - HOUR)),
            ("False", "Expired"),
        ),
        (status(source=MISSING, last=given("ghcr.io", expires=NOW + HOUR)), ("True", "Ready")),
        (status(pullcredential(deleting=True)), ("False", "Deleting")),
        (status(INVALID), ("False", "InvalidSpec")),
    ],
)
def test_ready(found, ready):
    assert condition(found)[:2] == ready


def test_messages_name_what_mends_it():
    assert condition(status(source=MISSING, tally=NONE))[2] == (
        "Secret a/b does not exist; make it"
    )
    assert "spec.namespaces" in str(INVALID.problem.problems)
    assert condition(status(INVALID))[2].startswith("PullCredential a: spec.source: source must")
    found = condition(status(tally=Tally(1, 0, [FAILURE])))[2]
    assert found == "1 of 1 namespace failed; team-q: it is somebody else's"
    assert condition(status(losses=[LOSS, LOSS]))[2] == (
        "ghcr.io: another is older; edit it (and 1 more)"
    )


@pytest.mark.parametrize(
    ("found", "minted"),
    [
        (status(), ("True", "Minted", "1 registry")),
        (
            status(source=replace(given("ghcr.io"), left_out=("'x': it has no host",))),
            ("True", "Minted", "1 registry; left out: 'x': it has no host"),
        ),
        (
            status(source=replace(given("ghcr.io"), warnings=("it is old", "it never ends"))),
            ("True", "Minted", "1 registry; it is old; it never ends"),
        ),
        (status(source=MISSING), ("False", "SourceMissing", "Secret a/b does not exist; make it")),
        (
            status(source=MISSING, last=given("ghcr.io")),
            (
                "False",
                "SourceMissing",
                "Secret a/b does not exist; make it; what it gave before stays",
            ),
        ),
        (
            status(source=MISSING, last=replace(given("ghcr.io"), expires=NOW)),
            (
                "False",
                "SourceMissing",
                "Secret a/b does not exist; make it; what it gave before has expired",
            ),
        ),
        (status(INVALID), ("Unknown", "InvalidSpec", "nobody knows what its source is")),
        (
            build(pullcredential(), NONE, None, (), {}, NOW),
            ("Unknown", "Pending", "the source has not been asked yet"),
        ),
    ],
)
def test_minted(found, minted):
    assert condition(found, "Minted") == minted


def test_at_most_ten_failures_in_order():
    failures = [Failure(f"ns-{i:02}", "Forbidden", "no") for i in reversed(range(25))]
    found = status(tally=Tally(30, 5, failures))
    assert [each["namespace"] for each in found["failures"]] == [f"ns-{i:02}" for i in range(10)]
    assert found["namespaces"]["failed"] == 25
    assert condition(found)[2].startswith(
        "25 of 30 namespaces failed: ns-00, ns-01, ns-02 and 22 more; ns-00: no"
    )


def test_messages_do_not_grow_without_end():
    found = status(tally=Tally(1, 0, [Failure("a", "Forbidden", "x" * 5000)]))
    assert len(found["failures"][0]["message"]) == 1000
    assert len(condition(found)[2]) == 1000


def test_a_condition_keeps_the_time_at_which_it_came_about():
    first = status()
    later = status(old=first, now=NOW + HOUR)
    assert later == first
    assert not changed(first, later)
    broken = status(tally=NONE, old=first, now=NOW + HOUR)
    assert changed(first, broken)
    times = [each["lastTransitionTime"] for each in broken["conditions"]]
    assert times == ["2026-01-01T01:00:00Z", "2026-01-01T00:00:00Z"]


def test_when_it_is_worth_writing():
    first = status()
    assert changed({}, first)
    assert not changed(first, status(now=NOW + HOUR))
    assert changed(first, status(replace(pullcredential(), generation=2)))
    assert changed(first, status(tally=Tally(4, 4)))
    assert changed(first, status(source=given("ghcr.io", expires=NOW + HOUR)))


def test_a_fragment_tells_what_it_is():
    assert isinstance(given("ghcr.io"), Fragment)


def test_what_was_uninstalled_is_not_ready():
    old = status(tally=Tally(2, 2))
    found = uninstalled(pullcredential(), old, NOW + HOUR)
    said = {each["type"]: (each["status"], each["reason"]) for each in found["conditions"]}
    assert said == {"Ready": ("False", "Uninstalled"), "Minted": ("Unknown", "Uninstalled")}
    assert found["namespaces"]["summary"] == "0/0"
    assert changed(old, found)


def rescuing(mode, **more):
    one = pullcredential(**more)
    return replace(one, spec=one.spec and replace(one.spec, rescue=mode))


def test_rescued():
    found = status(rescuing(Rescue.REPORT), census=Census(known=True, evicted=2))
    said = "no Pod waits for want of the login; 2 Pods evicted so far"
    assert condition(found, "Rescued") == ("True", "NothingStuck", said)
    assert found["rescue"] == {"stuck": 0, "evicted": 2, "message": said}
    assert list(found)[-1] == "rescue"
    stuck = status(rescuing(Rescue.EVICT), census=Census(True, 3, 1, "team-a"))
    assert condition(stuck, "Rescued")[:2] == ("False", "Evicting")
    assert condition(stuck) == condition(status())


@pytest.mark.parametrize(
    "found",
    [
        status(rescuing(Rescue.REPORT)),
        status(rescuing(Rescue.OFF), census=Census(known=True)),
        status(rescuing(Rescue.EVICT, deleting=True), census=Census(known=True)),
        status(INVALID, census=Census(known=True)),
    ],
)
def test_nobody_asks_for_rescue(found):
    assert [each["type"] for each in found["conditions"]] == ["Ready", "Minted"]
    assert "rescue" not in found


def minted(*, expires=NOW + HOUR, at=NOW, handle="", password="token"):
    found = given("ghcr.io", password=password, expires=expires)
    return replace(found, minted=at, refresh=at + HOUR / 2, handle=handle)


def test_why_there_is_nothing_newer():
    """Where a table has room for one message."""
    away = SourceFailure(SourceReason.UNREACHABLE, "nobody answers", "wait")
    found = status(source=away, last=given("ghcr.io", expires=NOW))
    assert condition(found) == (
        "False",
        "Expired",
        "the credential has expired, and there is no newer one: Unreachable: nobody answers; wait",
    )


class TestWhatWasMinted:
    """What the next leader needs in order not to ask the provider again."""

    def test_digest_and_moment(self):
        fragment = minted(at=NOW - HOUR)
        found = status(source=fragment)["minted"]
        assert found == {
            "digest": digest("uid-ghcr", fragment.credentials.values()),
            "mintedAt": "2025-12-31T23:00:00Z",
        }

    def test_what_the_provider_calls_it(self):
        assert status(source=minted(handle="17"))["minted"]["handle"] == "17"

    def test_by_what_and_what_to_know_of_it(self):
        fragment = replace(minted(), secret_version="42", warnings=("x" * 2000, *"bcdefghi"))
        found = status(source=fragment)["minted"]
        assert found["secretVersion"] == "42"
        assert [len(each) for each in found["warnings"]] == [1000] + [1] * 7

    def test_no_secret(self):
        assert "canary" not in str(status(source=minted(password="canary", handle="17")))

    def test_it_stays_while_the_provider_is_away(self):
        first = status(source=minted())
        away = SourceFailure(SourceReason.UNREACHABLE, "it cannot be reached")
        assert status(source=away, last=minted(), old=first)["minted"] == first["minted"]
        # So it does after a restart, when nobody remembers what was given.
        assert status(source=away, old=first)["minted"] == first["minted"]

    def test_that_of_another_spec_does_not_count(self):
        first = status(source=minted())
        other = replace(pullcredential(), generation=2)
        away = SourceFailure(SourceReason.UNREACHABLE, "it cannot be reached")
        assert "minted" not in status(other, source=away, old=first)

    @pytest.mark.parametrize("fragment", [minted(expires=None), given("ghcr.io", expires=NOW)])
    def test_of_what_lasts_there_is_no_digest(self, fragment):
        """A password may be short, and its hash a way to it; and nobody has to ask for it again."""
        old = status(source=minted())
        assert "minted" not in status(source=fragment, old=old)

    @pytest.mark.parametrize("kind", ["dockerHub", "exec"])
    def test_of_what_a_person_may_have_chosen_there_is_none(self, kind):
        one = pullcredential(source={kind: {}})
        assert "minted" not in status(one, source=minted())

    def test_of_what_nobody_understands_there_is_none(self):
        assert "minted" not in status(INVALID, source=minted())

    def test_another_token_is_worth_writing(self):
        assert changed(status(source=minted()), status(source=minted(password="new")))
