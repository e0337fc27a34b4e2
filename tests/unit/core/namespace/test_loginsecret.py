import base64
import json
from datetime import UTC, datetime

import pytest

from regcred.core import marks
from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput, NotOurs, UnusableSecret
from regcred.core.logins import secret
from regcred.core.namespace import loginsecret
from tests.support.patching import apply

#: Leaves a Secret no room for a login of a kilobyte.
LONG = b"x" * (secret.MAX_BYTES - 500)


def credential(registry="asia.gcr.io", username="me", password="hush"):
    return Credential(registry, username, Password(password))


def merge(existing, *credentials, adopt=False):
    return loginsecret.merge(existing, "regcred", "a", credentials, adopt=adopt)


def stored(built):
    """The object as the API server has it after create."""
    return built | {"metadata": built["metadata"] | {"resourceVersion": "1", "uid": "u"}}


def logged_in(*credentials):
    return stored(merge(None, *credentials).create)


def foreign(auths, **fields):
    data = {secret.DATA_KEY: json.dumps({"auths": auths}).encode()}
    return stored(secret.build("regcred", data, namespace="a") | fields)


def auths(obj):
    return json.loads(secret.content(obj))["auths"]


def test_the_first_login_creates_a_marked_secret():
    change = merge(None, credential(), credential("ghcr.io"))
    assert (change.reason, change.message) == ("Created", "asia.gcr.io, ghcr.io")
    assert marks.kept_by(change.create) == marks.LOGIN
    assert marks.read_names(change.create, marks.REGISTRIES) == {"asia.gcr.io", "ghcr.io"}
    assert auths(change.create)["asia.gcr.io"] == {
        "username": "me",
        "password": "hush",
        "auth": "bWU6aHVzaA==",
    }


def test_a_second_registry_joins_the_first():
    change = merge(logged_in(credential()), credential("ghcr.io", password="other"))
    assert change.reason == "Updated"
    after = apply(logged_in(credential()), change.patch)
    assert list(auths(after)) == ["asia.gcr.io", "ghcr.io"]
    assert marks.read_names(after, marks.REGISTRIES) == {"asia.gcr.io", "ghcr.io"}


def test_the_same_login_again_changes_nothing():
    change = merge(logged_in(credential()), credential())
    assert (change.reason, change.create, list(change.patch)) == ("Unchanged", None, [])


def test_a_new_password_replaces_the_old_one():
    before = logged_in(credential())
    after = apply(before, merge(before, credential(password="new")).patch)
    assert auths(after)["asia.gcr.io"]["password"] == "new"


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        (foreign({}, type="Opaque"), "of type Opaque"),
        (foreign({}, type=secret.DOCKERCFG), "of type kubernetes.io/dockercfg"),
        (foreign({}), "not made by regcred"),
        (foreign({}, immutable=True), "immutable"),
    ],
)
def test_what_is_not_ours_is_refused_with_the_way_out(existing, said):
    with pytest.raises(NotOurs, match=said) as caught:
        merge(existing, credential())
    assert "Secret a/regcred" in caught.value.message
    assert "--name" in caught.value.hint


def test_the_operators_is_refused_even_when_asked_to_adopt():
    existing = foreign({})
    existing["metadata"] |= {
        "labels": {marks.MANAGED_BY: marks.MANAGER},
        "annotations": {marks.KEPT_BY: marks.OPERATOR},
    }
    with pytest.raises(NotOurs, match="operator"):
        merge(existing, credential(), adopt=True)


def test_a_broken_one_is_refused():
    existing = stored(secret.build("regcred", {secret.DATA_KEY: b'{"auths": 1}'}))
    with pytest.raises(UnusableSecret, match="Secret a/regcred"):
        merge(existing, credential(), adopt=True)


def test_one_that_has_no_room_is_no_wrong_usage():
    """Of an empty Secret the same login is."""
    full = stored(secret.build("regcred", {secret.DATA_KEY: b'{"auths": {}, "x": "%s"}' % LONG}))
    with pytest.raises(UnusableSecret, match="there is no room for it") as caught:
        merge(full, Credential("ghcr.io", "me", Password("x" * 1000)), adopt=True)
    assert "--name" in caught.value.hint
    with pytest.raises(InvalidInput, match="would hold"):
        merge(None, Credential("ghcr.io", "me", Password("x" * secret.MAX_BYTES)))


def test_an_adopted_secret_keeps_its_entries_and_is_handed_back():
    before = foreign({"old.example": {"auth": "YTpi", "x": 1}})
    adopted = apply(before, merge(before, credential(), adopt=True).patch)
    assert list(auths(adopted)) == ["asia.gcr.io", "old.example"] or list(auths(adopted)) == [
        "old.example",
        "asia.gcr.io",
    ]
    assert marks.kept_by(adopted) == marks.LOGIN
    assert merge(adopted, credential()).reason == "Unchanged"

    change = loginsecret.take_out(adopted, "regcred", "a", None)
    assert change.last
    assert not change.delete
    after = apply(adopted, change.patch)
    assert auths(after) == auths(before)
    assert not after["metadata"]["labels"]
    assert not after["metadata"]["annotations"]


def test_a_secret_without_data_is_filled():
    before = logged_in(credential())
    del before["data"]
    after = apply(before, merge(before, credential()).patch)
    assert list(auths(after)) == ["asia.gcr.io"]


def test_logout_of_one_of_two_leaves_the_other():
    before = logged_in(credential(), credential("ghcr.io"))
    change = loginsecret.take_out(before, "regcred", "a", ["ghcr.io"])
    assert (change.reason, change.message, change.last) == ("Updated", "ghcr.io", False)
    after = apply(before, change.patch)
    assert list(auths(after)) == ["asia.gcr.io"]
    assert marks.read_names(after, marks.REGISTRIES) == {"asia.gcr.io"}


@pytest.mark.parametrize("registries", [None, ["asia.gcr.io"]])
def test_logout_of_the_last_deletes(registries):
    change = loginsecret.take_out(logged_in(credential()), "regcred", "a", registries)
    assert (change.reason, change.delete, change.last) == ("Deleted", True, True)


@pytest.mark.parametrize(
    ("existing", "last"), [(None, True), (logged_in(credential("ghcr.io")), False)]
)
def test_logout_of_what_was_never_there(existing, last):
    change = loginsecret.take_out(existing, "regcred", "a", ["asia.gcr.io"])
    assert change.last is last
    assert (change.reason, change.delete, list(change.patch)) == ("NotLoggedIn", False, [])


@pytest.mark.parametrize("fields", [{}, {"type": "Opaque"}, {"immutable": True}])
def test_logout_finds_nothing_of_logins_in_what_is_not_ours(fields):
    """So it is with an adopted one that has been handed back."""
    theirs = foreign({"asia.gcr.io": {}}, **fields)
    change = loginsecret.take_out(theirs, "regcred", "a", ["ghcr.io", "asia.gcr.io"])
    assert (change.reason, change.message) == ("NotOurs", "asia.gcr.io, ghcr.io")
    assert (change.last, change.delete, list(change.patch)) == (False, False, [])


@pytest.mark.parametrize(("label", "says"), [("Helm", "says Helm"), (None, "is gone")])
@pytest.mark.parametrize("lost", [(), (marks.KEPT_BY,), (marks.REGISTRIES,)])
def test_logout_does_not_take_a_lost_label_for_nothing_to_do(label, says, lost):
    """Helm, kustomize and others write that label on what they deploy."""
    existing = logged_in(credential())
    existing["metadata"]["labels"] = {marks.MANAGED_BY: label} if label else None
    for mark in lost:
        del existing["metadata"]["annotations"][mark]
    with pytest.raises(NotOurs, match=f"kept by regcred login.* {says}$") as caught:
        loginsecret.take_out(existing, "regcred", "a", None)
    assert f"{marks.MANAGED_BY}=regcred" in caught.value.hint


@pytest.mark.parametrize(
    ("givers", "registries", "says"),
    [
        ("", None, "pullcredential NAME: exclude a in"),
        ("harbor=a.io", None, "pullcredential harbor: exclude a in"),
        (
            "harbor=a.io,harbor=b.io,hub=c.io",
            None,
            "pullcredential NAME: NAME is one of harbor, hub: excl",
        ),
        ("harbor=a.io,harbor=b.io,hub=c.io", ["c.io"], "pullcredential hub: exclude a in"),
        ("harbor=a.io,hub=c.io", ["d.io"], "NAME is one of harbor, hub: exclude"),
        ("a=a.io,b=b.io,c=c.io,d=d.io,e=e.io", None, "NAME is one of a, b, c and 2 more: excl"),
    ],
)
def test_logout_of_the_operators_names_what_has_to_let_go(givers, registries, says):
    existing = foreign({})
    existing["metadata"] |= {
        "labels": {marks.MANAGED_BY: marks.MANAGER},
        "annotations": {marks.KEPT_BY: marks.OPERATOR, marks.PULLCREDENTIALS: givers},
    }
    with pytest.raises(NotOurs, match="kept by the regcred operator") as caught:
        loginsecret.take_out(existing, "regcred", "a", registries)
    assert says in caught.value.hint


def test_the_label_of_an_adopted_secret_comes_back():
    before = foreign({"old.example": {"auth": "YTpi"}})
    before["metadata"]["labels"] = {marks.MANAGED_BY: "Helm", "a": "b"}
    adopted = apply(before, merge(before, credential(), adopt=True).patch)
    assert (marks.kept_by(adopted), marks.kept_before(adopted)) == (marks.LOGIN, "Helm")
    again = apply(adopted, merge(adopted, credential("ghcr.io")).patch)
    assert marks.kept_before(again) == "Helm"
    after = apply(again, loginsecret.take_out(again, "regcred", "a", None).patch)
    assert after["metadata"]["labels"] == {marks.MANAGED_BY: "Helm", "a": "b"}
    assert not after["metadata"]["annotations"]


def test_other_spellings_of_the_registry_give_way():
    before = foreign(
        {"https://asia.gcr.io/": {"auth": "YTpi"}, "asia.gcr.io/p": {"auth": "YTpi"}, "%": {}}
    )
    after = apply(before, merge(before, credential(), adopt=True).patch)
    assert set(auths(after)) == {"asia.gcr.io/p", "%", "asia.gcr.io"}


@pytest.mark.parametrize("theirs", ["data", "member"])
def test_logout_of_the_last_leaves_what_others_put_there(theirs):
    before = logged_in(credential())
    if theirs == "data":
        before["data"]["theirs"] = "eA=="
    else:
        content = json.dumps({"auths": auths(before), "theirs": 1}).encode()
        before["data"][secret.DATA_KEY] = secret.encode(content)
    change = loginsecret.take_out(before, "regcred", "a", None)
    assert (change.reason, change.delete, change.last) == ("Updated", False, True)
    after = apply(before, change.patch)
    assert auths(after) == {}
    assert marks.kept_by(after) == ""
    if theirs == "data":
        assert after["data"]["theirs"] == "eA=="
    else:
        assert json.loads(secret.content(after))["theirs"] == 1


def test_the_password_is_not_shown():
    change = merge(None, credential())
    assert secret.encode(b"hush")[:5] not in repr(change)
    assert "data" not in repr(change)


def test_what_does_not_decode_is_written_anew():
    existing = logged_in(credential())
    existing["data"][".dockerconfigjson"] = "e30Ke30K"
    with pytest.raises(UnusableSecret) as error:
        merge(existing, credential("ghcr.io"))
    assert error.value.hint.startswith(
        "kubectl delete secret regcred -n a && regcred login ghcr.io -n a; what else is in"
    )


SOON = datetime(2026, 1, 1, 1, tzinfo=UTC)
LATE = datetime(2026, 1, 2, tzinfo=UTC)


def jwt(moment):
    """A password that says itself when it ends."""
    claims = json.dumps({"exp": int(moment.timestamp())}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


def minted(existing, expires, *credentials, adopt=False):
    """The Secret after a login by a provider who says when it ends."""
    change = loginsecret.merge(existing, "regcred", "a", credentials, adopt=adopt, expires=expires)
    return stored(change.create) if change.create else apply(existing, change.patch)


def noted(obj):
    """The first end that is noted, and that of each login."""
    return marks.expires_at(obj), marks.read_ends(obj)


class TestEnds:
    def test_of_what_is_minted_is_noted(self):
        made = minted(None, SOON, credential(), credential("ghcr.io"))
        assert noted(made) == (SOON, {"asia.gcr.io": SOON, "ghcr.io": SOON})

    def test_nothing_is_noted_of_a_login_without_one(self):
        annotations = logged_in(credential())["metadata"]["annotations"]
        assert annotations.keys() == {marks.KEPT_BY, marks.REGISTRIES}

    def test_what_a_password_says_itself_counts_before_what_its_giver_says(self):
        made = minted(None, LATE, credential(password=jwt(SOON)), credential("ghcr.io"))
        assert noted(made) == (SOON, {"asia.gcr.io": SOON, "ghcr.io": LATE})
        assert noted(logged_in(credential(password=jwt(SOON))))[0] == SOON

    def test_the_earliest_stands_for_all(self):
        made = minted(minted(None, LATE, credential()), SOON, credential("ghcr.io"))
        assert noted(made) == (SOON, {"asia.gcr.io": LATE, "ghcr.io": SOON})

    def test_a_newer_one_replaces_the_older(self):
        made = minted(minted(None, SOON, credential()), LATE, credential(password="new"))
        assert noted(made) == (LATE, {"asia.gcr.io": LATE})

    def test_a_static_login_in_its_place_has_none(self):
        both = minted(minted(None, LATE, credential("ghcr.io")), SOON, credential())
        after = apply(both, merge(both, credential(password="typed")).patch)
        assert noted(after) == (LATE, {"ghcr.io": LATE})
        alone = minted(None, SOON, credential())
        after = apply(alone, merge(alone, credential(password="typed")).patch)
        assert after["metadata"]["annotations"].keys() == {marks.KEPT_BY, marks.REGISTRIES}

    def test_a_static_login_beside_it_changes_nothing_of_it(self):
        made = minted(None, SOON, credential())
        after = apply(made, merge(made, credential("ghcr.io")).patch)
        assert noted(after) == (SOON, {"asia.gcr.io": SOON})

    def test_the_same_password_typed_keeps_it(self):
        made = minted(None, SOON, credential())
        assert merge(made, credential()).reason == "Unchanged"

    def test_another_spelling_takes_it_along(self):
        made = minted(None, SOON, credential("https://ghcr.io/"))
        after = apply(made, merge(made, credential("ghcr.io")).patch)
        assert noted(after) == (None, {})

    def test_logout_takes_it_along(self):
        both = minted(minted(None, LATE, credential("ghcr.io")), SOON, credential())
        change = loginsecret.take_out(both, "regcred", "a", ["asia.gcr.io"])
        assert noted(apply(both, change.patch)) == (LATE, {"ghcr.io": LATE})

    def test_a_key_with_a_password_in_it_gets_into_no_mark(self):
        existing = foreign(
            {"quay.io": {"auth": "YTpi"}, "https://me:hush@docker.example": {"auth": "YTpi"}}
        )
        existing["metadata"]["annotations"] = {marks.EXPIRES_AT: marks.write_moment(LATE)}
        taken = minted(existing, SOON, credential(), adopt=True)
        assert noted(taken) == (SOON, {"quay.io": LATE, "asia.gcr.io": SOON})
        assert "hush" not in str(taken["metadata"])
        left = loginsecret.take_out(taken, "regcred", "a", ["asia.gcr.io"])
        assert "hush" not in str(apply(taken, left.patch)["metadata"])

    def test_and_is_taken_out_of_one(self):
        made = minted(None, LATE, credential(), credential("ghcr.io"))
        written = f"{marks.write_moment(SOON)}=https://me:hush@docker.example"
        made["metadata"]["annotations"][marks.LOGINS_EXPIRE_AT] += f",{written}"
        left = loginsecret.take_out(made, "regcred", "a", ["ghcr.io"])
        after = apply(made, left.patch)
        assert noted(after) == (LATE, {"asia.gcr.io": LATE})
        assert "hush" not in str(after["metadata"])

    def test_of_an_adopted_secret_stays_through_login_and_logout(self):
        existing = foreign({"quay.io": {"auth": "YTpi"}})
        existing["metadata"]["annotations"] = {marks.EXPIRES_AT: marks.write_moment(LATE)}
        taken = minted(existing, SOON, credential(), adopt=True)
        assert noted(taken) == (SOON, {"quay.io": LATE, "asia.gcr.io": SOON})
        change = loginsecret.take_out(taken, "regcred", "a", None)
        assert apply(taken, change.patch)["metadata"]["annotations"] == {
            marks.EXPIRES_AT: marks.write_moment(LATE)
        }
