"""What single plans look like; that they come out right is shown by test_plan_machine.py."""

import base64
import json
from datetime import UTC, datetime

import pytest

from regcred.core import marks
from regcred.core.errors import UnusableSecret
from regcred.core.logins.secret import MAX_BYTES
from regcred.core.operator.actions import (
    CreateSecret,
    DeleteSecret,
    PatchAccount,
    UpdateSecret,
    Written,
)
from regcred.core.operator.desired import Desired, desire
from regcred.core.operator.observed import Observed, see_secret
from regcred.core.operator.plan import plan
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import Fragment
from tests.support.operating import (
    NAME,
    Namespace,
    Refused,
    account,
    given,
    login,
    ours,
    pullcredential,
)

GHCR, QUAY = pullcredential("ghcr", age=2), pullcredential("quay", age=1, registries=["quay.io"])
BLIND = parse({"metadata": {"name": "ghcr", "creationTimestamp": "2025-01-01T00:00:00Z"}})


def wish(*offers, name="team-a"):
    return desire(name, {}, offers)


def planned(world, *offers):
    return plan(wish(*offers), world.observe(), NAME)


def settle(world, *offers):
    for action in planned(world, *offers).actions:
        world.carry_out(action)
    assert planned(world, *offers).actions == ()


def auths(world):
    data = base64.b64decode(world.secret["data"][".dockerconfigjson"])
    return {key: entry["password"] for key, entry in json.loads(data)["auths"].items()}


def foreign(**metadata):
    return {
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()},
    }


@pytest.fixture
def world():
    world = Namespace()
    world.put_account(account("default"))
    return world


def test_from_nothing(world):
    made = planned(world, (GHCR, given("ghcr.io")), (QUAY, given("quay.io")))
    assert [(type(a), a.reason, a.message) for a in made.actions] == [
        (CreateSecret, "SecretCreated", "2 registries from ghcr, quay"),
        (PatchAccount, "Attached", "ServiceAccount default is selected"),
    ]
    assert (made.obstacle, made.serves) == (None, {"ghcr", "quay"})
    assert "hunter2" not in repr(made)
    body = made.actions[0].body(NAME, "team-a")
    assert body["metadata"] == {
        "name": "regcred",
        "namespace": "team-a",
        "labels": {"app.kubernetes.io/managed-by": "regcred"},
        "annotations": {
            "regcred.dev/kept-by": "operator",
            "regcred.dev/pullcredentials": "ghcr=ghcr.io,quay=quay.io",
        },
    }


def test_back_to_nothing_in_the_reverse_order(world):
    settle(world, (GHCR, given("ghcr.io")))
    made = planned(world)
    assert [type(a) for a in made.actions] == [PatchAccount, DeleteSecret]
    assert made.actions[1].uid == world.secret["metadata"]["uid"]
    assert made.actions[1].version == world.secret["metadata"]["resourceVersion"]
    settle(world)
    assert world.secret is None
    assert "imagePullSecrets" not in world.accounts["default"]
    assert "annotations" not in world.accounts["default"]["metadata"]


def test_what_takes_something_away_says_so(world):
    """It is not done by somebody who has seen an old list of PullCredentials."""
    both = given("ghcr.io", "quay.io")
    assert not planned(world, (GHCR, both)).takes_away
    settle(world, (GHCR, both))
    assert not planned(world, (GHCR, both)).takes_away
    assert not planned(world, (GHCR, given("ghcr.io", "quay.io", password="new"))).takes_away
    assert planned(world, (GHCR, given("ghcr.io"))).takes_away
    assert planned(world).takes_away
    elsewhere = pullcredential("ghcr", serviceAccounts={"include": ["app"]})
    assert planned(world, (elsewhere, both)).takes_away
    world.secret["metadata"]["annotations"] = {}
    assert not planned(world, (GHCR, both)).takes_away
    assert planned(world, (elsewhere, both)).takes_away
    del world.accounts["default"]
    assert not planned(world).takes_away


def test_an_update_in_place(world):
    settle(world, (GHCR, given("ghcr.io")))
    uid = world.secret["metadata"]["uid"]
    (action,) = planned(world, (GHCR, given("ghcr.io", password="new"))).actions
    assert isinstance(action, UpdateSecret)
    assert [step["path"] for step in action.patch()] == ["/metadata/resourceVersion", "/data"]
    world.carry_out(action)
    assert auths(world) == {"ghcr.io": "new"}
    assert world.secret["metadata"]["uid"] == uid


def test_marks_are_mended_without_touching_the_data(world):
    settle(world, (GHCR, given("ghcr.io")))
    del world.secret["metadata"]["annotations"][marks.PULLCREDENTIALS]
    world.secret["metadata"]["annotations"][marks.REGISTRIES] = "x"
    (action,) = planned(world, (GHCR, given("ghcr.io"))).actions
    assert "/data" not in [step["path"] for step in action.patch()]
    assert not action.needs_secret
    settle(world, (GHCR, given("ghcr.io")))
    assert marks.REGISTRIES not in world.secret["metadata"]["annotations"]


def test_somebody_elses_is_left_alone_and_its_own_way_out_named(world):
    world.put_secret(foreign())
    made = planned(world, (GHCR, given("ghcr.io")))
    assert made.actions == ()
    assert made.serves == frozenset()
    assert made.obstacle.reason == "SecretNotOurs"
    assert made.obstacle.message == (
        "Secret team-a/regcred is there already, and the operator did not make it"
    )
    assert made.obstacle.hint.endswith(
        "kubectl label secret regcred -n team-a regcred.dev/hand-over=true"
    )


def test_a_persons_login_is_somebody_elses(world):
    metadata = {
        "labels": {marks.MANAGED_BY: marks.MANAGER},
        "annotations": {marks.KEPT_BY: marks.LOGIN, marks.REGISTRIES: "x"},
    }
    world.put_secret(foreign(**metadata))
    made = planned(world, (GHCR, given("ghcr.io")))
    assert (made.actions, "regcred login keeps it" in made.obstacle.message) == ((), True)
    world.secret["metadata"]["labels"][marks.HAND_OVER] = "true"
    assert planned(world).actions == ()
    settle(world, (GHCR, given("ghcr.io")))
    assert ours(world.secret)
    assert marks.REGISTRIES not in world.secret["metadata"]["annotations"]
    settle(world)
    assert world.secret is None


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (["ghcr.io"], ""),
        (["ghcr.io", "https://me:hunter3@quay.io/v2/"], "quay.io"),
        ([f"r{n}.io" for n in range(7)], "r0.io, r1.io, r2.io, r3.io, r4.io and 2 more"),
    ],
)
def test_what_a_hand_over_takes_is_said_before_and_after(world, theirs, said):
    """Of what only that Secret has a login for."""
    auths_of = {key: {"username": "a", "password": "hunter3"} for key in theirs}
    data = base64.b64encode(json.dumps({"auths": auths_of}).encode()).decode()
    world.put_secret(foreign() | {"data": {".dockerconfigjson": data}})
    before = planned(world, (GHCR, given("ghcr.io"))).obstacle.hint
    assert ("is lost" in before) == bool(said)
    assert f"(that for {said} is lost: no PullCredential gives it here)" in before or not said
    world.secret["metadata"]["labels"] = {marks.HAND_OVER: "true"}
    taken = planned(world, (GHCR, given("ghcr.io"))).actions[0]
    gone = f"; what it held for {said} is gone" if said else ""
    assert (taken.reason, taken.message) == ("SecretTakenOver", f"1 registry from ghcr{gone}")
    world.secret["immutable"] = True
    replaced = planned(world, (GHCR, given("ghcr.io"))).actions[0]
    assert replaced.message == f"1 registry from ghcr; its data were immutable{gone}"
    assert "hunter3" not in before + taken.message + replaced.message


@pytest.mark.parametrize("change", [{"type": "Opaque"}, {"immutable": True}])
def test_what_cannot_be_put_right_is_replaced(world, change):
    world.put_secret(foreign(labels={marks.HAND_OVER: "true"}) | change)
    action = planned(world, (GHCR, given("ghcr.io"))).actions[0]
    assert (type(action), action.reason) == (CreateSecret, "SecretReplaced")
    settle(world, (GHCR, given("ghcr.io")))
    assert auths(world) == {"ghcr.io": "hunter2"}


def test_frozen_and_right_is_right(world):
    settle(world, (GHCR, given("ghcr.io")))
    world.secret["immutable"] = True
    assert planned(world, (GHCR, given("ghcr.io"))).actions == ()


def test_terminating(world):
    settle(world, (GHCR, given("ghcr.io")))
    world.terminating = True
    for offers in ((), [(QUAY, given("quay.io"))]):
        assert planned(world, *offers).actions == ()


# Sources that fail, while nobody remembers what they gave.


def test_what_a_source_gave_stays_and_the_others_go_on(world):
    ending = datetime(2026, 1, 1, tzinfo=UTC)
    settle(world, (GHCR, given("ghcr.io", expires=ending)), (QUAY, given("quay.io")))
    offers = (GHCR, None), (QUAY, given("quay.io", password="new"))
    made = planned(world, *offers)
    (action,) = made.actions
    assert action.needs_secret
    assert made.serves == {"ghcr", "quay"}
    settle(world, *offers)
    assert auths(world) == {"ghcr.io": "hunter2", "quay.io": "new"}
    annotations = world.secret["metadata"]["annotations"]
    assert annotations[marks.PULLCREDENTIALS] == "ghcr=ghcr.io,quay=quay.io"
    assert annotations[marks.EXPIRES_AT] == "2026-01-01T00:00:00Z"


def test_nothing_stays_where_nothing_was(world):
    made = planned(world, (GHCR, None))
    assert [type(a) for a in made.actions] == [PatchAccount]
    assert made.serves == frozenset()


def test_of_what_it_claims_no_more_nothing_stays(world):
    both = pullcredential("ghcr", registries=["ghcr.io", "quay.io"])
    settle(world, (both, given("ghcr.io", "quay.io")))
    settle(world, (GHCR, None))
    assert auths(world) == {"ghcr.io": "hunter2"}


def test_a_younger_one_gives_way_even_while_it_holds(world):
    settle(world, (QUAY, given("quay.io")))
    older = pullcredential("older", age=9, registries=["quay.io"])
    settle(world, (QUAY, None), (older, given("quay.io", password="theirs")))
    assert auths(world) == {"quay.io": "theirs"}


def test_an_older_one_keeps_what_it_holds(world):
    settle(world, (GHCR, given("ghcr.io")))
    young = pullcredential("young", registries=["ghcr.io"])
    settle(world, (GHCR, None), (young, given("ghcr.io", password="theirs")))
    assert auths(world) == {"ghcr.io": "hunter2"}


def test_an_object_that_nobody_understands_keeps_what_it_has(world):
    settle(world, (GHCR, given("ghcr.io")))
    assert planned(world, (BLIND, None)).actions == ()
    settle(world)
    assert planned(world, (BLIND, None)).actions == ()


def test_what_is_nobodys_stays_only_while_somebody_holds(world):
    settle(world, (GHCR, given("ghcr.io")))
    del world.secret["metadata"]["annotations"][marks.PULLCREDENTIALS]
    made = planned(world, (GHCR, None))
    assert made.actions == ()
    assert made.serves == frozenset()
    settle(world, (QUAY, given("quay.io")))
    assert auths(world) == {"quay.io": "hunter2"}


def test_an_edited_expiry_counts_for_nothing(world):
    settle(world, (GHCR, given("ghcr.io")))
    world.secret["metadata"]["annotations"][marks.EXPIRES_AT] = "0"
    settle(world, (GHCR, None))
    assert marks.EXPIRES_AT not in world.secret["metadata"]["annotations"]


def test_what_stays_is_taken_along_when_the_secret_is_replaced(world):
    settle(world, (GHCR, given("ghcr.io")))
    world.secret["immutable"] = True
    settle(world, (GHCR, None), (QUAY, given("quay.io")))
    assert auths(world) == {"ghcr.io": "hunter2", "quay.io": "hunter2"}


def test_junk_goes_while_somebody_holds(world):
    settle(world, (GHCR, given("ghcr.io")))
    world.secret["data"]["extra"] = ""
    settle(world, (GHCR, None))
    assert set(world.secret["data"]) == {".dockerconfigjson"}
    assert auths(world) == {"ghcr.io": "hunter2"}


def test_one_that_grew_too_large_keeps_what_it_had(world):
    huge = Fragment({f"r{i}.io": login(f"r{i}.io", "x" * 30_000) for i in range(20)})
    whole = pullcredential(
        "all", registries=[], source={"dockerConfig": {"secretRef": {"name": "a"}}}
    )
    settle(world, (whole, given("ghcr.io")))
    settle(world, (whole, huge), (QUAY, given("quay.io")))
    assert auths(world) == {"ghcr.io": "hunter2", "quay.io": "hunter2"}


def test_what_stays_may_not_make_it_too_large():
    secret = foreign(uid="u", resourceVersion="1")
    doc = {"auths": {f"r{i}.io": {"username": "a", "password": "x" * 500_000} for i in range(2)}}
    secret["data"][".dockerconfigjson"] = base64.b64encode(json.dumps(doc).encode()).decode()
    written = Written({}, "", "", keep=frozenset({"r0.io", "r1.io"}))
    with pytest.raises(UnusableSecret, match=f"{MAX_BYTES:,}"):
        written.with_kept(secret)


# ServiceAccounts.


def test_entries_of_others_stay(world):
    world.put_account(account("default", "other", **{marks.ATTACHED: "other"}))
    world.put_account(account("builder", "regcred"))
    everyone = pullcredential(serviceAccounts={"include": ["*"]})
    settle(world, (everyone, given("ghcr.io")))
    names = world.accounts["default"]["imagePullSecrets"]
    assert names == [{"name": "other"}, {"name": "regcred"}]
    settle(world)
    assert world.accounts["default"]["imagePullSecrets"] == [{"name": "other"}]
    assert world.accounts["default"]["metadata"]["annotations"] == {marks.ATTACHED: "other"}
    assert world.accounts["builder"]["imagePullSecrets"] == [{"name": "regcred"}]


@pytest.mark.parametrize("attach", ["Pod", "None"])
def test_without_service_accounts(world, attach):
    settle(world, (GHCR, given("ghcr.io")))
    made = planned(world, (pullcredential(attach=attach, age=2), given("ghcr.io")))
    assert [a.reason for a in made.actions] == ["Detached"]


def test_a_mark_without_its_entry_goes(world):
    world.put_account(account("default", **{marks.ATTACHED_BY_OPERATOR: "regcred"}))
    (action,) = planned(world).actions
    assert action.reason == "Detached"
    settle(world)
    assert "annotations" not in world.accounts["default"]["metadata"]


def test_decisions_on_an_old_view_come_to_nothing(world):
    settle(world, (GHCR, given("ghcr.io")))
    update = planned(world, (GHCR, given("ghcr.io", password="old"))).actions
    remove = planned(world).actions
    del world.secret["metadata"]["labels"]
    world.put_secret(world.secret)
    for account_ in list(world.accounts.values()):
        world.put_account(account_)
    for action in (*update, *remove):
        with pytest.raises(Refused):
            world.carry_out(action)


def test_nothing_of_a_secrets_content_is_kept():
    secret = foreign(uid="u", resourceVersion="1")
    doc = b'{"auths":{"ghcr.io":{"username":"me","password":"hunter2"}}}'
    secret["data"][".dockerconfigjson"] = base64.b64encode(doc).decode()
    seen = see_secret(secret)
    assert set(seen.content.entries) == {"ghcr.io"}
    assert "hunter2" not in repr(seen)
    assert see_secret(secret, seen.content).content is seen.content


def test_an_entry_that_kubelet_cannot_use_is_none():
    secret = foreign(uid="u", resourceVersion="1")
    doc = b'{"auths":{"ghcr.io":{},"ghcr":{"auth":"YTpi"},"quay.io":{"auth":"YTpi"}}}'
    secret["data"][".dockerconfigjson"] = base64.b64encode(doc).decode()
    assert set(see_secret(secret).content.entries) == {"quay.io"}
    assert not see_secret(secret).content.plain


@pytest.mark.parametrize("data", [{}, None, {"x": "eA=="}, {".dockerconfigjson": "eA=="}])
def test_a_secret_without_a_docker_config(data):
    secret = foreign(uid="u", resourceVersion="1") | {"data": data}
    assert see_secret(secret).content.entries == {}
    assert not see_secret(secret).content.plain


def test_no_desire_no_deed():
    assert plan(Desired(), Observed("team-a"), NAME).actions == ()
