import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.operator.pullcredential import parse_spec
from regcred.core.operator.source import Fragment, SourceFailure, SourceReason, fragment
from regcred.core.operator.staticsource import read
from tests.support.operating import login

CANARY = "s3cr3t-canary"
KEY = {"type": "service_account", "client_email": "a@b", "private_key": CANARY}
MALFORMED, MISSING = SourceReason.MALFORMED, SourceReason.MISSING


def jwt(exp):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    return f"e30.{claims}.x"


def secret(data, kind="Opaque", **metadata):
    encoded = {
        key: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for key, value in data.items()
    }
    return {
        "metadata": {"name": "login", "namespace": "regcred-system"} | metadata,
        "type": kind,
        "data": encoded,
    }


def spec(kind, *registries, **ref):
    source = {kind: {"secretRef": {"name": "login"} | ref}}
    registries = {"registries": list(registries)} if registries else {}
    return parse_spec({"source": source, "namespaces": {}} | registries, "a")


def given_by(spec, obj):
    found = read(spec, obj, "regcred-system")
    assert isinstance(found, Fragment), found
    return {
        key: (c.registry, c.username, c.password.reveal()) for key, c in found.credentials.items()
    }


def failure(spec, obj):
    found = read(spec, obj, "regcred-system")
    assert isinstance(found, SourceFailure), found
    assert CANARY not in found.message + found.hint
    return found


def docker(auths, key=".dockerconfigjson", kind="kubernetes.io/dockerconfigjson", **more):
    return secret(
        {key: json.dumps(auths if kind.endswith("cfg") else {"auths": auths, **more})}, kind
    )


AUTH = {"auth": base64.b64encode(f"me:{CANARY}".encode()).decode()}


# basic


@pytest.mark.parametrize("kind", ["kubernetes.io/basic-auth", "Opaque"])
def test_basic(kind):
    obj = secret({"username": "me\n", "password": f"{CANARY}\r\n"}, kind)
    assert given_by(spec("basic", "ghcr.io", "docker.io"), obj) == {
        "ghcr.io": ("ghcr.io", "me", CANARY),
        "docker.io": ("docker.io", "me", CANARY),
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"username": "me"}, "has no key password; it has username"),
        ({}, "has no key username; it has nothing"),
        ({"username": "me", "password": ""}, "the password is empty"),
        ({"username": "\n", "password": CANARY}, "its key username is empty"),
        ({"username": "m:e", "password": CANARY}, "the username has a colon in it"),
        ({"username": "me", "password": b"\xff" + CANARY.encode()}, "password is not UTF-8"),
    ],
)
def test_basic_malformed(data, says):
    found = failure(spec("basic", "ghcr.io"), secret(data))
    assert found.reason == MALFORMED
    assert says in found.message
    assert "Secret regcred-system/login" in found.message


# dockerConfig


def test_all_logins_of_a_docker_config():
    obj = docker({"ghcr.io": AUTH, "https://index.docker.io/v1/": AUTH})
    assert given_by(spec("dockerConfig"), obj) == {
        "ghcr.io": ("ghcr.io", "me", CANARY),
        "docker.io": ("https://index.docker.io/v1/", "me", CANARY),
    }


def test_the_legacy_form():
    legacy = docker({"ghcr.io": AUTH}, ".dockercfg", "kubernetes.io/dockercfg")
    assert set(given_by(spec("dockerConfig"), legacy)) == {"ghcr.io"}
    named = secret({".dockercfg": json.dumps({"ghcr.io": AUTH})})
    assert set(given_by(spec("dockerConfig", key=".dockercfg"), named)) == {"ghcr.io"}


def test_another_key():
    obj = docker({"ghcr.io": AUTH}, "config.json", "Opaque")
    assert set(given_by(spec("dockerConfig", key="config.json"), obj)) == {"ghcr.io"}
    assert (
        "no key .dockerconfigjson; it has config.json" in failure(spec("dockerConfig"), obj).message
    )


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (["ghcr.io"], {"ghcr.io", "ghcr.io/team"}),
        (["ghcr.io/team"], {"ghcr.io/team"}),
        (["*.pkg.dev"], {"asia.pkg.dev", "eu.pkg.dev"}),
        (["docker.io", "eu.pkg.dev"], {"docker.io", "eu.pkg.dev"}),
    ],
)
def test_narrowed_to_what_the_object_lists(wanted, taken):
    keys = ["ghcr.io", "ghcr.io/team", "asia.pkg.dev", "eu.pkg.dev", "index.docker.io"]
    obj = docker(dict.fromkeys(keys, AUTH) | {"quay.io": {}})
    assert set(given_by(spec("dockerConfig", *wanted), obj)) == taken


def test_a_registry_that_is_listed_and_not_there():
    found = failure(spec("dockerConfig", "ghcr.io", "quay.io"), docker({"ghcr.io": AUTH}))
    assert found.reason == SourceReason.REGISTRY_MISSING
    assert found.message == "Secret regcred-system/login has no login for quay.io"


def test_what_no_image_matches_is_left_out_and_said_so():
    obj = docker({"ghcr.io": AUTH, "hub.docker.com": AUTH, "a:b@quay.io/X": AUTH})
    found = read(spec("dockerConfig"), obj, "regcred-system")
    assert isinstance(found, Fragment)
    assert set(found.credentials) == {"ghcr.io"}
    assert found.left_out == (
        "'hub.docker.com': hub.docker.com is a web site and no registry; "
        "write https://index.docker.io/v1/",
        "'***@quay.io/X': repositories are lower-case; write quay.io/x",
    )


def test_of_two_spellings_the_first_counts():
    other = {"username": "other", "password": "x"}
    obj = docker({"https://ghcr.io": AUTH, "ghcr.io": other})
    assert given_by(spec("dockerConfig"), obj) == {"ghcr.io": ("https://ghcr.io", "me", CANARY)}


@pytest.mark.parametrize(
    ("obj", "says"),
    [
        (docker({}), "has no login in it"),
        (docker({"hub.docker.com": AUTH}), "has no login in it"),
        (docker({"ghcr.io": {}}, credsStore="osxkeychain"), "entry 'ghcr.io' has no login"),
        (docker({"ghcr.io": {"auth": CANARY}}), "auth is not standard base64"),
        (docker({"ghcr.io": {"username": "me"}}), "the password is empty"),
        (secret({".dockerconfigjson": CANARY}), "is not a docker config"),
        (
            secret({".dockerconfigjson": json.dumps({"ghcr.io": AUTH})}),
            "its entries stand at the top and not under auths",
        ),
        (secret({".dockerconfigjson": ""}), "it is empty"),
        (secret({"x": ""}) | {"data": {"x": "?"}}, "is not base64"),
    ],
)
def test_docker_config_malformed(obj, says):
    found = failure(spec("dockerConfig"), obj)
    assert (found.reason, says in found.message) == (MALFORMED, True), found.message
    assert "regcred-system/login" in found.message


# googleServiceAccount


@pytest.mark.parametrize("key", ["", "k.json"])
def test_google(key):
    obj = secret({key or "key.json": json.dumps(KEY)})
    assert given_by(spec("googleServiceAccount", "*.pkg.dev", key=key), obj) == {
        "*.pkg.dev": ("*.pkg.dev", "_json_key", json.dumps(KEY))
    }


def test_a_key_that_lives_for_ever_is_told_of():
    obj = secret({"key.json": json.dumps(KEY), "username": "me", "password": "x"})
    (said,) = read(spec("googleServiceAccount", "gcr.io"), obj, "regcred-system").warnings
    assert "never expires" in said
    assert "googleArtifactRegistry" in said
    assert read(spec("basic", "gcr.io"), obj, "regcred-system").warnings == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CANARY, "it is not complete JSON"),
        (json.dumps(KEY | {"type": "authorized_user"}), "a person's login"),
    ],
)
def test_google_malformed(content, says):
    found = failure(spec("googleServiceAccount", "gcr.io"), secret({"key.json": content}))
    assert (found.reason, says in found.message) == (MALFORMED, True)
    assert "key key.json of Secret regcred-system/login" in found.message


# all of them


@pytest.mark.parametrize("kind", ["basic", "dockerConfig", "googleServiceAccount"])
def test_no_such_secret(kind):
    found = failure(spec(kind, "ghcr.io"), None)
    assert (found.reason, found.message) == (
        MISSING,
        "Secret regcred-system/login does not exist",
    )
    assert "login -n regcred-system" in found.hint


def test_a_kind_of_a_later_version():
    later = parse_spec({"registries": ["x.y"], "source": {"ecr": {}}, "namespaces": {}}, "a")
    found = failure(later, None)
    assert found.reason == SourceReason.UNSUPPORTED
    assert "kind ecr" in found.message


def test_what_the_operator_writes_is_no_source_of_it():
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "regcred"},
        "annotations": {"regcred.dev/kept-by": "operator"},
    }
    obj = docker({"ghcr.io": AUTH})
    obj["metadata"] |= marks
    assert failure(spec("dockerConfig"), obj).reason == MALFORMED


def test_the_first_to_expire_counts():
    passwords = [jwt(2_000_000_000), jwt(1_900_000_000), "static"]
    logins = [login(f"r{i}.io", password) for i, password in enumerate(passwords)]
    found = fragment(logins, "a test")
    assert isinstance(found, Fragment)
    assert found.expires == datetime.fromtimestamp(1_900_000_000, UTC)
    told = datetime(2030, 1, 1, tzinfo=UTC)
    found = fragment(logins, "a test", expires=told)
    assert isinstance(found, Fragment)
    assert found.expires == told
    found = fragment(logins[2:], "a test")
    assert isinstance(found, Fragment)
    assert found.expires is None


def test_a_credential_for_what_no_image_matches_is_not_given():
    assert isinstance(fragment([login("ghcr")], "a test"), SourceFailure)


@given(st.text(max_size=5), st.text(max_size=5))
def test_what_is_given_reads_as_it_was_written(username, password):
    found = fragment([Credential("ghcr.io", username, Password(password))], "a test")
    usable = bool(username and password) and ":" not in username
    assert isinstance(found, Fragment) is usable


def test_passwords_do_not_show():
    found = read(spec("dockerConfig"), docker({"ghcr.io": AUTH}), "regcred-system")
    assert CANARY not in repr(found)
