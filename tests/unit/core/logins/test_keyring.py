"""The sentences of the project's notes on how kubelet finds credentials, each by a test."""

import base64
import json

import pytest

from regcred.core.logins.image import parse_image
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.pullsecret import PullSecret, named
from regcred.core.problem import Reason

JSON = "kubernetes.io/dockerconfigjson"
LEGACY = "kubernetes.io/dockercfg"


def auth(text):
    return base64.b64encode(text.encode()).decode()


def secret(name, auths, *, type_=JSON, namespace="n"):
    """A pull Secret; the keys given alone have a user of the key's name."""
    if not isinstance(auths, dict):
        auths = {key: {"username": key, "password": "p"} for key in auths}
    content = auths if type_ == LEGACY else {"auths": auths}
    key = ".dockercfg" if type_ == LEGACY else ".dockerconfigjson"
    return PullSecret(name, namespace, type_, {key: json.dumps(content).encode()})


def find(image, *secrets):
    return Keyring.build(secrets).find(parse_image(image)).candidates


def keys(image, *secrets):
    """The registry keys that kubelet tries, in its order."""
    return [candidate.registry for candidate in find(image, *secrets)]


def logins(image, *secrets):
    found = (candidate.credential for candidate in find(image, *secrets))
    return [(credential.username, credential.password.reveal()) for credential in found]


# The Pod's own imagePullSecrets, read in the Pod's namespace.
def test_a_secret_of_another_namespace_is_out_of_reach():
    here, there = secret("s", ["gcr.io"]), secret("s", ["quay.io"], namespace="other")
    secrets = {("n", "s"): here, ("other", "s"): there}
    assert keys("gcr.io/x", *named(["s"], "n", secrets)) == ["gcr.io"]
    assert keys("quay.io/x", *named(["s"], "n", secrets)) == []


# A missing Secret is skipped; wrong type or missing key: skipped.
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (PullSecret("t", "n"), Reason.SECRET_MISSING),
        (PullSecret("t", "n", "Opaque", {".dockerconfigjson": b"{"}), Reason.WRONG_SECRET_TYPE),
        (PullSecret("t", "n", JSON, {".dockercfg": b"{"}), Reason.WRONG_SECRET_TYPE),
        (PullSecret("t", "n", LEGACY, {".dockerconfigjson": b"{"}), Reason.WRONG_SECRET_TYPE),
        (PullSecret("t", "n", JSON, {".dockerconfigjson": b""}), Reason.WRONG_SECRET_TYPE),
    ],
)
def test_secrets_that_are_no_use_are_skipped(other, reason):
    keyring = Keyring.build([other, secret("s", ["gcr.io"])])
    assert [problem.reason for problem in keyring.passed_over] == [reason]
    assert keyring.broken == ()
    assert [c.registry for c in keyring.find(parse_image("gcr.io/x")).candidates] == ["gcr.io"]


# One entry that does not decode, even one for another registry, fails the whole lookup.
@pytest.mark.parametrize("type_", [JSON, LEGACY])
@pytest.mark.parametrize("entry", [{"auth": "dTpw ="}, {"auth": auth("x")}, {"username": 5}, 5])
def test_one_entry_that_does_not_decode_breaks_the_keyring(type_, entry):
    bad = secret("bad", {"gcr.io": {}, "quay.io": entry}, type_=type_)
    keyring = Keyring.build([secret("good", ["gcr.io"]), bad])
    (broken,) = keyring.broken
    assert (broken.source, broken.index, broken.error.registry) == (
        "Secret n/bad", "quay.io", "quay.io",
    )  # fmt: skip
    assert broken.may_concern(parse_image("quay.io/x"))
    assert not broken.may_concern(parse_image("gcr.io/x"))


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"auths": 5}', b'{"HttpHeaders": 5}'])
def test_a_document_that_does_not_decode_concerns_every_image(content):
    keyring = Keyring.build([PullSecret("s", "n", JSON, {".dockerconfigjson": content})])
    (broken,) = keyring.broken
    assert (broken.error.registry, broken.index) == (None, None)
    assert broken.may_concern(parse_image("x"))


def test_a_broken_entry_concerns_what_it_would_have_matched():
    def broken(key):
        return Keyring.build([secret("s", {key: 5})]).broken[0]

    assert broken("https://index.docker.io/v1/").may_concern(parse_image("nginx"))
    assert not broken("https://index.docker.io/v1/").may_concern(parse_image("gcr.io/x"))
    assert not broken("gcr io").may_concern(parse_image("gcr.io/x"))


# `auth` beats username/password; it is decoded as standard base64, padded or raw; CR and LF are
# ignored, spaces are errors (above); it is split at the first colon.
@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": auth("u:p"), "username": "x", "password": "y"}, ("u", "p")),
        ({"auth": auth("u:pp").rstrip("=")}, ("u", "pp")),
        ({"auth": "dT\r\npw\n"}, ("u", "p")),
        ({"auth": auth("u:p:q")}, ("u", "p:q")),
        # Go matches JSON field names without regard to case.
        ({"AUTH": auth("u:p")}, ("u", "p")),
        ({"UserName": "u", "PASSWORD": "p"}, ("u", "p")),
    ],
)
def test_the_login_of_an_entry(entry, login):
    assert logins("gcr.io/x", secret("s", {"gcr.io": entry})) == [login]


# identitytoken, registrytoken, credHelpers, credsStore are ignored: such an entry still matches,
# with empty credentials.
@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"identitytoken": "t"}, "it has only identitytoken, which kubelet ignores"),
        ({"registrytoken": "t"}, "it has only registrytoken, which kubelet ignores"),
        ({}, "it has neither username nor password"),
    ],
)
def test_an_entry_without_a_login_matches_all_the_same(entry, why):
    (candidate,) = find("gcr.io/x", secret("s", {"gcr.io": entry}))
    assert (candidate.credential.username, candidate.useless) == ("", why)


# `https://` is assumed when there is no scheme; a leading `/v1/` or `/v2/` path is dropped (only
# with the trailing slash); the index is host + path.
@pytest.mark.parametrize(
    ("key", "index"),
    [
        ("gcr.io", "gcr.io"),
        ("http://gcr.io", "gcr.io"),
        ("https://gcr.io/", "gcr.io"),
        ("gcr.io/v1/", "gcr.io/"),
        ("gcr.io/v2/p", "gcr.io/p"),
        ("gcr.io/v2", "gcr.io/v2"),
    ],
)
def test_what_a_key_is_filed_under(key, index):
    assert list(Keyring.build([secret("s", [key])]).filed) == [index.rstrip("/")]


def test_a_key_that_is_no_url_is_dropped():
    keyring = Keyring.build([secret("s", ["gcr io", "gcr.io"])])
    assert keyring.dropped == (("gcr io", "Secret n/s"),)
    assert list(keyring.filed) == ["gcr.io"]


# The index is deduplicated, sorted by bytes in reverse over all Secrets (so the longer path comes
# before the shorter).
def test_the_order_is_that_of_the_indexes_over_all_secrets():
    one = secret("one", ["gcr.io", "gcr.io/p/app", "*.io", "gcr.*"])
    two = secret("two", ["gcr.io/p", "https://gcr.io/p/app", "*.io"])
    assert keys("gcr.io/p/app", one, two) == [
        "gcr.io/p/app", "https://gcr.io/p/app", "gcr.io/p", "gcr.io", "gcr.*", "*.io", "*.io",
    ]  # fmt: skip
    assert [c.position for c in find("gcr.io/x", two, one)] == [1, 1, 0, 1]


def test_indexes_are_sorted_by_their_bytes():
    texts = ["a.io/\uffff", "a.io/\U0001f600", "a.io/é", "a.io/%ff", "a.io/z"]
    assert [i[5:] for i in Keyring.build([secret("s", texts)]).filed] == [
        "\udcff", "\U0001f600", "\uffff", "é", "z",
    ]  # fmt: skip


def test_a_secret_that_is_named_twice_counts_twice():
    one = secret("s", ["gcr.io"])
    assert keys("gcr.io/x", one, one) == ["gcr.io", "gcr.io"]


def test_entries_of_one_secret_and_index_keep_the_documents_order():
    spellings = ["https://gcr.io", "gcr.io", "http://gcr.io/v2/", "gcr.io/"]
    assert keys("gcr.io/x", secret("s", spellings)) == spellings


# Match: same port, same number of dot-parts, glob per part, path as raw prefix (no segment
# boundary).
@pytest.mark.parametrize(
    ("key", "image", "matched"),
    [
        ("gcr.io", "gcr.io/x", True),
        ("gcr.io:443", "gcr.io/x", False),
        ("gcr.io", "gcr.io:443/x", False),
        ("gcr.io:443", "gcr.io:443/x", True),
        ("*.gcr.io", "gcr.io/x", False),
        ("*.io", "eu.gcr.io/x", False),
        ("*.gcr.io", "eu.gcr.io/x", True),
        ("e*.gcr.io", "eu.gcr.io/x", True),
        ("gcr.io/proj", "gcr.io/project2/x", True),
        ("gcr.io/proj/", "gcr.io/project2/x", False),
        ("gcr.io/proj/", "gcr.io/proj/x", True),
    ],
)
def test_match(key, image, matched):
    assert bool(keys(image, secret("s", [key]))) is matched


# Image names are first normalized (`docker.io/library/x`), tag and digest stripped.
@pytest.mark.parametrize(
    "image", ["x", "x:1", f"x@sha256:{'a' * 64}", "index.docker.io/x", "library/x"]
)
def test_images_are_normalized(image):
    assert keys(image, secret("s", ["docker.io/library/x"])) == ["docker.io/library/x"]


# Only where nothing matched is the exact key `index.docker.io` tried for Docker Hub images: a
# `docker.io` entry wins over it, and `*.docker.io` never matches them.
HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("image", "registries", "tried"),
    [
        ("x", [HUB], [HUB]),
        ("docker.io/me/x", ["index.docker.io"], ["index.docker.io"]),
        ("x", [HUB, "docker.io"], ["docker.io"]),
        ("x", [HUB, "docker.io/me"], [HUB]),
        ("x", ["*.docker.io"], []),
        ("x", ["https://index.docker.io/v1"], []),
        ("x", ["index.docker.io/library"], []),
        ("gcr.io/x", [HUB], []),
        ("registry-1.docker.io/x", [HUB], []),
        # kubelet takes every host without dot and port for Docker Hub.
        ("localhost/x", [HUB], [HUB]),
        ("REG/x", [HUB], [HUB]),
        ("localhost:5000/x", [HUB], []),
        ("[::1]/x", [HUB], []),
        # An image reference, and no URL.
        ("[:]/x", ["[:]", "[::1]", "*", HUB], []),
    ],
)
def test_last_resort(image, registries, tried):
    assert keys(image, secret("s", registries)) == tried


def test_what_the_last_resort_would_have_been_is_known():
    keyring = Keyring.build([secret("s", [HUB]), secret("t", ["docker.io", "index.docker.io"])])
    found = keyring.find(parse_image("x"))
    assert [c.registry for c in found.candidates] == ["docker.io"]
    assert [c.registry for c in found.hidden] == [HUB, "index.docker.io"]
    assert keyring.find(parse_image("gcr.io/x")).hidden == ()


# Every match is tried in order, on any error; anonymous only if nothing matched.
def test_every_match_is_a_candidate():
    assert len(find("gcr.io/x", secret("s", ["gcr.io", "*.io"]), secret("t", ["gcr.io"]))) == 3
    assert find("gcr.io/x", secret("s", ["quay.io"])) == ()
    assert find("gcr.io/x") == ()


def test_both_formats_side_by_side():
    legacy = secret("l", {"gcr.io": {"auth": auth("old:p")}}, type_=LEGACY)
    assert logins("gcr.io/x", secret("s", ["gcr.io"]), legacy) == [("gcr.io", "p"), ("old", "p")]


def test_passwords_are_hidden():
    entry = {"gcr.io": {"username": "u", "password": "hunter2"}}
    assert "hunter2" not in repr(Keyring.build([secret("s", entry)]))
