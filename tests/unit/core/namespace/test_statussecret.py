"""A pull Secret as the API server gives it, and what `regcred status` says of it."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.namespace.statussecret import managed_by, see_secret
from regcred.core.problem import Reason

JSON = "kubernetes.io/dockerconfigjson"
LEGACY = "kubernetes.io/dockercfg"
MOMENT = datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())
MINUTE = timedelta(minutes=1)
MARK = "2033-05-18T03:33:20Z"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def secret(content, *, type_=JSON, name="regcred", **metadata):
    """A Secret as the API server has it; `content` is what its one key holds."""
    text = content if isinstance(content, str) else json.dumps(content)
    key = ".dockercfg" if type_ == LEGACY else ".dockerconfigjson"
    return {
        "metadata": {"name": name, "namespace": "a"} | metadata,
        "type": type_,
        "data": {key: b64(text)},
    }


def login(username="me", password="hush", **fields):
    return {"username": username, "password": password} | fields


def auths(*keys, **entry):
    return {"auths": {key: entry or login() for key in keys or ("gcr.io",)}}


def jwt(claims):
    return f"eyJhbGciOiJub25lIn0.{b64(json.dumps(claims)).rstrip('=')}.c2ln"


def manager(name, key=".dockerconfigjson", time="2026-01-01T00:00:00Z"):
    return {"manager": name, "time": time, "fieldsV1": {"f:data": {".": {}, f"f:{key}": {}}}}


def test_entries_in_order():
    seen = see_secret(secret(auths("gcr.io", "https://index.docker.io/v1/", "%zz")))
    assert (seen.name, seen.reason) == ("regcred", None)
    assert [each.registry for each in seen.logins] == [
        "gcr.io",
        "https://index.docker.io/v1/",
        "%zz",
    ]
    assert [each.index for each in seen.logins] == [
        "gcr.io",
        "index.docker.io",
        None,
    ]


def test_legacy():
    (seen,) = see_secret(secret({"gcr.io": login()}, type_=LEGACY)).logins
    assert seen.registry == "gcr.io"


def test_a_password_in_a_key_is_hidden():
    assert "hush" not in repr(see_secret(secret(auths("me:hush@gcr.io"))))
    broken = {"auths": {"me:hush@gcr.io": {"auth": "?"}}}
    assert "hush" not in repr(see_secret(secret(broken)))


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("me", "hush", (None, False, False)),
        ("me", jwt({"exp": SECONDS}), (MOMENT, False, False)),
        ("AWS", b64(json.dumps({"expiration": SECONDS})), (MOMENT, False, False)),
        ("_json_key", '{"type": "service_account"}', (None, True, False)),
        ("_json_key_base64", "e30=", (None, True, False)),
        ("oauth2accesstoken", "ya29.a0", (None, False, True)),
        ("oauth2accesstoken", "other", (None, False, True)),
        ("_dcgcloud_token", "ya29.a0", (None, False, True)),
        ("oauth2accesstoken", jwt({"exp": SECONDS}), (MOMENT, False, False)),
        ("_json_key", jwt({"exp": SECONDS}), (MOMENT, False, False)),
    ],
)
def test_expiry(username, password, expected):
    (seen,) = see_secret(secret(auths(**login(username, password)))).logins
    assert (seen.expires, seen.static, seen.short_lived) == expected


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ("2033-05-18T03:33:20Z", MOMENT),
        ("2033-05-18T03:33:20.25Z", MOMENT.replace(microsecond=250000)),
        ("2033-02-30T03:33:20Z", None),
        ("2033-05-18T03:33:20", None),
        ("2033-05-18T03:33:20+00:00", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_the_mark(noted, expected):
    seen = see_secret(secret(auths(), annotations={"regcred.dev/expires-at": noted}))
    assert seen.expires == expected


def test_the_mark_of_each_login():
    later = jwt({"exp": SECONDS + 60})
    content = {"auths": {"a.io": login(), "b.io": login(), "c.io": login(password=later)}}
    ends = "2033-05-18T03:33:20Z=a.io,2033-05-18T03:33:20Z=c.io"
    noted = {"regcred.dev/expires-at": MARK, "regcred.dev/logins-expire-at": ends}
    seen = see_secret(secret(content, annotations=noted))
    minted, static, own = (each.expires for each in seen.logins)
    # What a password says itself counts, and the mark of one login is not that of another.
    assert (seen.expires, minted, static, own) == (None, MOMENT, None, MOMENT + MINUTE)


@pytest.mark.parametrize(
    ("obj", "reason", "registry"),
    [
        (secret({"auths": {"gcr.io": {"auth": "?"}}}), Reason.SECRET_MALFORMED, "gcr.io"),
        (secret("{"), Reason.SECRET_MALFORMED, ""),
        (secret({"auths": []}), Reason.SECRET_MALFORMED, ""),
        (secret("{}") | {"data": {".dockerconfigjson": "?"}}, Reason.SECRET_MALFORMED, ""),
        (secret({"gcr.io": login()}), Reason.WRONG_SECRET_TYPE, ""),
        (secret("{}") | {"data": {}}, Reason.WRONG_SECRET_TYPE, ""),
        (secret("{}") | {"type": "Opaque"}, Reason.WRONG_SECRET_TYPE, ""),
        (secret({"auths": {}}), Reason.NO_CREDENTIAL, ""),
    ],
)
def test_what_kubelet_gets_nothing_out_of(obj, reason, registry):
    seen = see_secret(obj)
    assert (seen.reason, seen.registry, seen.logins) == (reason, registry, ())
    assert seen.message
    assert "hush" not in repr(seen)


def test_an_entry_without_username():
    (seen,) = see_secret(secret(auths(password="ya29.hush"))).logins
    assert seen.useless == "it has a password and no username"
    assert not seen.short_lived


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ""),
        (
            {
                "labels": {"app.kubernetes.io/managed-by": "regcred"},
                "annotations": {"regcred.dev/kept-by": "operator"},
            },
            "operator",
        ),
        ({"labels": {"app.kubernetes.io/managed-by": "regcred"}}, "regcred"),
        ({"annotations": {"regcred.dev/kept-by": "operator"}}, ""),
        (
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "managedFields": [manager("helm")],
            },
            "Helm",
        ),
        ({"managedFields": [manager("kubectl-create")]}, "kubectl-create"),
        (
            {
                "managedFields": [
                    manager("old", time="2025-01-01T00:00:00Z"),
                    manager("new"),
                    {"manager": "labels", "time": "2027-01-01T00:00:00Z", "fieldsV1": {}},
                    {"manager": "odd", "time": "2027-01-01T00:00:00Z"},
                    manager("another-key", "x", "2027-01-01T00:00:00Z"),
                ]
            },
            "new",
        ),
        ({"managedFields": [manager("old", ".dockercfg")]}, ""),
    ],
)
def test_who_keeps_it(metadata, expected):
    assert managed_by(secret(auths(), **metadata)) == expected
    assert see_secret(secret(auths(), **metadata)).managed_by == expected


def test_which_pullcredential_gave_what():
    said = {
        "regcred.dev/pullcredentials": "hub=docker.io,main=gcr.io",
        "regcred.dev/kept-by": "operator",
    }
    config = auths("gcr.io", "https://index.docker.io/v1/", "quay.io")
    config["auths"]["gcr.io"] = {"auth": ""}
    ours = secret(config, labels={"app.kubernetes.io/managed-by": "regcred"}, annotations=said)
    assert [each.giver for each in see_secret(ours).logins] == ["main", "hub", ""]
    theirs = secret(config, annotations=said)
    assert {each.giver for each in see_secret(theirs).logins} == {""}


@pytest.mark.parametrize(("adopted", "before"), [("true", ""), ("Helm", "Helm")])
def test_what_login_did_not_write_into_an_adopted_one_is_not_logins(adopted, before):
    metadata = {
        "labels": {"app.kubernetes.io/managed-by": "regcred"},
        "annotations": {
            "regcred.dev/kept-by": "login",
            "regcred.dev/registries": "gcr.io",
            "regcred.dev/adopted": adopted,
        },
    }
    seen = see_secret(secret(auths("gcr.io", "quay.io"), **metadata))
    assert (seen.managed_by, seen.kept_before) == ("login", before)
    assert {each.registry: each.kept for each in seen.logins} == {"gcr.io": True, "quay.io": False}
