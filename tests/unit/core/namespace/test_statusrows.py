"""Rows out of facts; what is unknown stays unknown."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.logins.registrykey import parse_registry
from regcred.core.namespace.statusfacts import NamespaceFacts, RefusedPod
from regcred.core.namespace.statusreport import Attachment, Row, Summary
from regcred.core.namespace.statusrows import rows
from regcred.core.namespace.statussecret import SeenLogin, SeenSecret
from regcred.core.problem import Reason

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def login(key="gcr.io", **fields):
    return SeenLogin(key, parse_registry(key).index, **fields)


def facts(*secrets, refused=(), **fields):
    made = NamespaceFacts("a", secrets={s.name: s for s in secrets}, refused=list(refused))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def failing(found):
    """(registry, Secret) → Pods, of the rows where some fail."""
    return {(row.registry, row.secret): row.failing for row in found if row.failing}


class TestRows:
    def test_one_for_each_registry_of_each_secret(self):
        two = SeenSecret("two", "login", (login("quay.io"), login("gcr.io")))
        one = SeenSecret("one", "Helm", (login("gcr.io"),))
        found = rows(facts(two, one), NOW)
        assert [(r.registry, r.secret, r.managed_by) for r in found] == [
            ("gcr.io", "one", "Helm"),
            ("gcr.io", "two", "login"),
            ("quay.io", "two", "login"),
        ]

    def test_a_namespace_with_nothing(self):
        assert rows(facts(accounts={"default": ()}), NOW) == []
        assert rows(facts(), NOW, always=True) == [Row("a")]
        unknown = facts(unread={"secrets", "pods"})
        assert rows(unknown, NOW, always=True) == [Row("a", None, None, failing=None)]

    @pytest.mark.parametrize(
        ("expires", "noted", "expected"),
        [
            (None, None, (None, False)),
            (NOW + HOUR, None, (NOW + HOUR, False)),
            (NOW, None, (NOW, True)),
            (None, NOW - HOUR, (NOW - HOUR, True)),
            (NOW + HOUR, NOW - HOUR, (NOW + HOUR, False)),
        ],
    )
    def test_expiry_of_the_password_goes_before_that_of_the_mark(self, expires, noted, expected):
        seen = SeenSecret("s", logins=(login(expires=expires),), expires=noted)
        (row,) = rows(facts(seen), NOW)
        assert (row.expires, row.expired) == expected

    def test_the_mark_is_not_for_what_never_expires_or_is_no_login(self):
        logins = (login("a.io", static=True), login("b.io", useless="it is null"))
        static, useless = rows(facts(SeenSecret("s", logins=logins, expires=NOW)), NOW)
        assert (static.expires, static.static) == (None, True)
        assert (useless.expires, useless.reason) == (None, Reason.EMPTY_CREDENTIAL)
        assert useless.message == "it is null"

    def test_the_mark_tells_when_a_short_lived_one_ends(self):
        token = login(short_lived=True)
        (row,) = rows(facts(SeenSecret("s", logins=(token,))), NOW)
        assert row.short_lived
        (row,) = rows(facts(SeenSecret("s", logins=(token,), expires=NOW + HOUR)), NOW)
        assert not row.short_lived

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, Attachment(("default",))),
            (
                {"accounts": {"default": ("s",), "unused": ("s",), "build": ()}},
                Attachment(("default",), ("default",), ("unused",)),
            ),
            (
                {"accounts": {"default": (), "build": ("t", "s")}, "runs_as": {"build", "gone"}},
                Attachment(("build", "default", "gone"), ("build",)),
            ),
            ({"unread": {"serviceaccounts"}}, Attachment(("default",), None)),
            (
                {"unread": {"pods"}, "accounts": {"b": ("s",), "a": ("s",), "c": ()}},
                Attachment(None, ("a", "b")),
            ),
            ({"unread": {"pods", "serviceaccounts"}}, Attachment(None, None)),
        ],
    )
    def test_attachment(self, fields, expected):
        (row,) = [r for r in rows(facts(SeenSecret("s", logins=(login(),)), **fields), NOW)
                  if r.secret == "s"]  # fmt: skip
        assert row.attachment == expected

    def test_how_many_pods_name_it(self):
        here = SeenSecret("s", logins=(login(),))
        assert rows(facts(here, named=Counter({"s": 3})), NOW)[0].pods == 3
        assert rows(facts(here), NOW)[0].pods == 0
        assert rows(facts(here, unread={"pods"}), NOW)[0].pods is None

    @pytest.mark.parametrize(
        ("fields", "reason", "registry"),
        [
            ({}, Reason.SECRET_MISSING, ""),
            ({"other_secrets": {"gone"}}, Reason.WRONG_SECRET_TYPE, ""),
            ({"other_secrets": None}, Reason.UNKNOWN, None),
            ({"unread": {"secrets"}}, Reason.UNKNOWN, None),
        ],
    )
    def test_one_that_is_named_and_not_there(self, fields, reason, registry):
        (row,) = rows(facts(accounts={"default": ("gone",)}, **fields), NOW)
        assert (row.secret, row.reason, row.registry) == ("gone", reason, registry)
        assert row.attachment == Attachment(("default",), ("default",))

    def test_one_that_does_not_decode(self):
        bad = SeenSecret("s", "me", (), None, Reason.SECRET_MALFORMED, "no JSON", "gcr.io")
        (row,) = rows(facts(bad), NOW)
        assert (row.registry, row.reason, row.message) == ("gcr.io", bad.reason, "no JSON")


class TestFailing:
    def test_by_the_keys_that_match(self):
        logins = (login("gcr.io"), login("gcr.io/other"), login("*.io"))
        pods = [
            RefusedPod("one", ("gcr.io/p/app", "gcr.io/p/side"), ("s",)),
            RefusedPod("two", ("quay.io/x", "gcr.io/other/x"), ("s",)),
        ]
        found = rows(facts(SeenSecret("s", logins=logins), refused=pods), NOW)
        assert failing(found) == {
            ("*.io", "s"): ("one", "two"),
            ("gcr.io", "s"): ("one", "two"),
            ("gcr.io/other", "s"): ("two",),
        }

    def test_at_the_secrets_of_the_pods_own_list_alone(self):
        secrets = [SeenSecret(name, logins=(login(),)) for name in ("s", "t", "idle")]
        pods = [
            RefusedPod("one", ("gcr.io/x",), ("s",)),
            RefusedPod("both", ("gcr.io/x",), ("t", "s")),
            RefusedPod("none", ("gcr.io/x",)),
        ]
        made = facts(*secrets, refused=pods, accounts={"default": ("idle",)})
        assert failing(rows(made, NOW)) == {
            ("gcr.io", "s"): ("one", "both"),
            ("gcr.io", "t"): ("both",),
            ("gcr.io", ""): ("none",),
        }
        assert Summary.of([made]).failing == 3

    def test_what_no_key_is_for_has_a_row_with_its_registry(self):
        pods = [
            RefusedPod("one", ("nginx", "quay.io/x"), ("s",)),
            RefusedPod("two", ("nginx:2",)),
            RefusedPod("odd", ("Not An Image",), ("s",)),
        ]
        found = rows(facts(SeenSecret("s", logins=(login(),)), refused=pods), NOW)
        assert failing(found) == {
            ("docker.io", ""): ("one", "two"),
            ("quay.io", ""): ("one",),
            ("", ""): ("odd",),
        }
        assert found[-1] == Row("a", failing=("odd",))

    def test_whether_there_is_a_key_for_it_may_be_unknown(self):
        pods = [RefusedPod("one", ("quay.io/x",))]
        (row,) = rows(facts(refused=pods, unread={"secrets"}), NOW)
        assert (row.registry, row.secret) == ("quay.io", None)

    @pytest.mark.parametrize(
        ("keys", "matched"),
        [
            (["https://index.docker.io/v1/"], ["https://index.docker.io/v1/"]),
            (["https://index.docker.io/v1/", "docker.io"], ["docker.io"]),
            (["docker.io", "docker.io/library"], ["docker.io", "docker.io/library"]),
            (["*.docker.io"], [""]),
        ],
    )
    def test_docker_hub_as_kubelet_does(self, keys, matched):
        seen = SeenSecret("s", logins=tuple(map(login, keys)))
        found = rows(facts(seen, refused=[RefusedPod("p", ("nginx",), ("s",))]), NOW)
        assert [registry or secret for registry, secret in failing(found)] == [
            m or "docker.io" for m in matched
        ]

    def test_a_key_that_kubelet_drops_matches_nothing(self):
        seen = SeenSecret("s", logins=(SeenLogin("%zz", None),))
        found = rows(facts(seen, refused=[RefusedPod("p", ("gcr.io/x",), ("s",))]), NOW)
        assert failing(found) == {("gcr.io", ""): ("p",)}

    def test_one_that_names_a_secret_which_does_not_decode_fails_for_that(self):
        bad = SeenSecret("bad", reason=Reason.SECRET_MALFORMED, message="no JSON")
        pods = [RefusedPod("p", ("gcr.io/x",), ("bad",)), RefusedPod("q", ("gcr.io/x",))]
        found = rows(facts(bad, refused=pods), NOW)
        assert failing(found) == {("", "bad"): ("p",), ("gcr.io", ""): ("q",)}

    def test_one_that_names_a_secret_which_is_not_there_lacks_a_login_too(self):
        pods = [RefusedPod("p", ("gcr.io/x",), ("gone", "here"))]
        here = SeenSecret("here", logins=(login("quay.io"),))
        found = rows(facts(here, refused=pods, named=Counter(gone=1, here=1)), NOW)
        assert failing(found) == {("gcr.io", ""): ("p",), ("", "gone"): ("p",)}

    def test_unknown_where_pods_could_not_be_read(self):
        known = facts(SeenSecret("s", logins=(login(),)), unread={"pods"})
        assert rows(known, NOW)[0].failing is None


class TestJSON:
    def test_a_login(self):
        seen = SeenSecret("s", "login", (login(expires=NOW - HOUR),))
        (row,) = rows(facts(seen, accounts={"default": ("s",)}), NOW)
        assert row.to_dict() == {
            "namespace": "a",
            "registry": "gcr.io",
            "secret": "s",
            "managedBy": "login",
            "expiresAt": "2026-07-01T11:00:00Z",
            "expired": True,
            "serviceAccounts": {"meant": ["default"], "attached": ["default"], "others": []},
            "pods": 0,
            "failing": [],
        }

    def test_kinds_of_logins(self):
        logins = (login("a", static=True), login("b", short_lived=True))
        static, token = (r.to_dict() for r in rows(facts(SeenSecret("s", logins=logins)), NOW))
        assert static["static"] is token["shortLived"] is True
        assert "expiresAt" not in static | token

    def test_what_is_unknown_is_null(self):
        (row,) = rows(
            facts(named=Counter(s=1), unread={"secrets", "pods", "serviceaccounts"}),
            NOW,
        )
        assert row.to_dict() == {
            "namespace": "a",
            "registry": None,
            "secret": "s",
            "reason": "Unknown",
            "message": "it could not be read",
            "serviceAccounts": {"meant": None, "attached": None, "others": []},
            "pods": None,
            "failing": None,
        }

    def test_what_does_not_apply_is_left_out(self):
        assert Row("a").to_dict() == {"namespace": "a", "failing": []}

    def test_what_a_pullcredential_gave(self):
        seen = SeenSecret("s", "operator", (login(giver="main"), login("quay.io", giver="hub")))
        found = [r.to_dict() for r in rows(facts(seen, for_pods=frozenset({"hub"})), NOW)]
        assert [each["pullCredential"] for each in found] == ["main", "hub"]
        assert [each.get("byAdmission", False) for each in found] == [False, True]


class TestSummary:
    def test_counts(self):
        good = facts(SeenSecret("s", logins=(login(),)))
        useless = facts(
            SeenSecret("s", logins=(login(useless="it is null"),)),
            refused=[RefusedPod("p", ("x",)), RefusedPod("q", ("y",))],
        )
        bad = facts(SeenSecret("s", reason=Reason.SECRET_MALFORMED))
        one = facts(refused=[RefusedPod("p", ("x",))])
        said = "4 namespaces: 1 with a login, 3 without"
        summary = Summary.of([good, useless, bad, one])
        assert str(summary) == f"{said}; 3 Pods fail to pull in 2"
        assert summary.to_dict() == {
            "namespaces": 4,
            "complete": True,
            "withLogin": 1,
            "failingPods": 3,
            "failingNamespaces": 2,
        }
        assert str(Summary.of([one])).endswith("; 1 Pod fails to pull in 1")
        assert (
            str(Summary.of([good]))
            == "1 namespace: 1 with a login, 0 without; no Pod fails to pull"
        )

    def test_what_is_unknown(self):
        unknown = [facts(unread={"pods", "secrets"}), facts(), facts(unread={"pods", "secrets"})]
        summary = Summary.of(unknown, complete=False)
        assert str(summary) == "at least 3 namespaces"
        assert summary.to_dict() == {
            "namespaces": 3,
            "complete": False,
            "withLogin": None,
            "failingPods": None,
            "failingNamespaces": None,
        }


HUSH = "hush-4711-hush"
NAMES = st.sampled_from(["s", "t", "u", "default"])
KEYS = st.sampled_from(
    ["gcr.io", "*.io", "index.docker.io", "docker.io", "%zz", "", "[::1]", f"me:{HUSH}@gcr.io"]
) | st.text(max_size=12)
TOKENS = st.sampled_from(["", "ya29.", "eyJ.e30.", "."])
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "username": st.sampled_from(["", "me", "_json_key", "oauth2accesstoken"]) | st.none(),
        "password": TOKENS.map(lambda t: t + HUSH) | st.just(3),
        "auth": st.sampled_from([base64.b64encode(f"me:{HUSH}".encode()).decode(), HUSH, ""]),
        "identitytoken": st.just(HUSH),
    },
) | st.sampled_from([None, [], HUSH])
CONTENTS = (
    st.dictionaries(KEYS, ENTRIES, max_size=3).map(lambda a: json.dumps({"auths": a}))
    | st.dictionaries(KEYS, ENTRIES, max_size=3).map(json.dumps)
    | st.just(f'{{"{HUSH}')
)


@st.composite
def secrets(draw):
    type_ = draw(st.sampled_from(["dockerconfigjson", "dockercfg"]))
    noted = draw(st.sampled_from(["", "2026-07-01T00:00:00Z", "9999-99-99T00:00:00Z"]))
    return {
        "metadata": {"name": draw(NAMES), "annotations": {"regcred.dev/expires-at": noted}},
        "type": f"kubernetes.io/{type_}",
        "data": {f".{type_}": base64.b64encode(draw(CONTENTS).encode()).decode()},
    }


def named(names):
    return [{"name": name} for name in names]


ACCOUNTS = st.builds(
    lambda name, names: {"metadata": {"name": name}, "imagePullSecrets": named(names)},
    NAMES,
    st.lists(NAMES | st.just("gone"), max_size=2),
)
PODS = st.builds(
    lambda name, image, names, reason: {
        "metadata": {"name": name},
        "spec": {
            "imagePullSecrets": named(names),
            "containers": [{"name": "c", "image": image}],
        },
        "status": {"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": reason}}}]},
    },
    NAMES,
    st.sampled_from(["nginx", "gcr.io/x", "localhost/x", "[::1]:5000/x", "", "X Y"]),
    st.lists(NAMES | st.just("gone"), max_size=2),
    st.sampled_from(["ErrImagePull", "ContainerCreating"]),
)


@given(
    st.lists(secrets(), max_size=3),
    st.lists(ACCOUNTS, max_size=3),
    st.lists(PODS, max_size=3),
    st.sets(st.sampled_from(["secrets", "serviceaccounts", "pods"])),
    st.none() | st.sets(NAMES),
)
def test_never_raises_and_never_shows_a_password(found, accounts, pods, unread, others):
    made = NamespaceFacts("a", other_secrets=others, unread=unread)
    for each in found:
        made.add_secret(each)
    for each in accounts:
        made.add_account(each)
    for each in pods:
        made.add_pod(each)
    result = rows(made, NOW, always=True)
    assert result
    said = json.dumps([row.to_dict() for row in result]) + str(Summary.of([made]))
    assert HUSH not in said + repr(made) + repr(result)
    # Each failing Pod is in some row, where Pods could be read.
    shown = {name for row in result for name in row.failing or ()}
    assert shown == ({pod.name for pod in made.refused} if "pods" not in unread else set())
