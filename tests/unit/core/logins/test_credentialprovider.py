import json

import pytest

from regcred.core.credential import Credential, Password
from regcred.core.logins.credentialprovider import (
    API_VERSIONS,
    BadRequest,
    BadResponse,
    answer,
    read,
    read_request,
    request,
)

V1 = API_VERSIONS[0]
HEAD = {"kind": "CredentialProviderResponse", "apiVersion": V1, "cacheKeyType": "Image"}


def response(auth, **more):
    entries = {key: {"username": name, "password": "p"} for key, name in auth.items()}
    return read(json.dumps(HEAD | {"auth": entries} | more).encode(), V1)


def test_what_kubelet_asks():
    asked = {"kind": "CredentialProviderRequest", "apiVersion": V1, "image": "gcr.io/a/b"}
    assert json.loads(request("gcr.io/a/b", V1)) == asked


@pytest.mark.parametrize("kept", ["Image", "Registry", "Global"])
def test_what_kubelet_may_keep(kept):
    assert response({}, cacheKeyType=kept, cacheDuration="1h0m0s").seconds == 3600
    assert response({}, cacheKeyType=kept, cacheDuration="0s").seconds is None
    assert response({}, cacheKeyType=kept).seconds is None


def test_logins_come_in_the_order_of_kubelet():
    auth = {"a.io": "1", "b.io": "2", "a.io/x": "3", "https://a.io/x/y": "4", "%": "dropped"}
    found = [each.username for each in response(auth).credentials]
    assert found == ["2", "4", "3", "1"]


@pytest.mark.parametrize(
    ("auth", "registry", "image", "username"),
    [
        ({"gcr.io": "a"}, "gcr.io", "gcr.io/x", "a"),
        ({"gcr.io": "a"}, "https://gcr.io/team", "gcr.io/team/x", "a"),
        ({"*.gcr.io": "a"}, "eu.gcr.io", "eu.gcr.io/x", "a"),
        ({"eu.gcr.io": "a"}, "*.gcr.io", "eu.gcr.io/x", "a"),  # what kubelet uses for the image
        ({"eu.gcr.io": "a"}, "*.gcr.io", "us.gcr.io/x", None),
        ({"eu.gcr.io": "a", "us.gcr.io": "b"}, "us.gcr.io", "eu.gcr.io/x", "b"),
        ({"gcr.io/team": "a"}, "gcr.io", "gcr.io/x", None),
        ({"gcr.io:443": "a"}, "gcr.io", "gcr.io/x", None),
        ({"index.docker.io": "a"}, "docker.io", "docker.io/library/x", "a"),
        ({"docker.io": "a"}, "https://index.docker.io/v1/", "docker.io/library/x", "a"),
        ({"gcr.io": "a"}, "%zz", "gcr.io/x", None),
    ],
)
def test_the_login_for_a_registry(auth, registry, image, username):
    expected = None if username is None else Credential(registry, username, Password("p"))
    assert response(auth).login(registry, image) == expected


def test_entries_without_a_login_are_none():
    assert response({"gcr.io": ""}).credentials == ()
    assert read(json.dumps(HEAD).encode(), V1).credentials == ()


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"hunter2", b"\xff", b"[" * 100_000, ["hunter2"], {}, HEAD | {"kind": "hunter2"}),
        *(HEAD | {"apiVersion": API_VERSIONS[1]}, HEAD | {"cacheKeyType": "hunter2"}),
        *(HEAD | {"auth": "hunter2"}, HEAD | {"auth": {"gcr.io": ["hunter2"]}}),
        *(HEAD | {"auth": {"gcr.io": {"password": ["hunter2"]}}},),
        *(HEAD | {"cacheDuration": each} for each in ("hunter2", "", "-1s", 5)),
    ],
)
def test_what_kubelet_could_not_use(answer):
    with pytest.raises(BadResponse) as caught:
        read(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), V1)
    assert "hunter2" not in str(caught.value)


def test_passwords_are_not_shown():
    hidden = HEAD | {"auth": {"gcr.io": {"username": "u", "password": "hunter2"}}}
    assert "hunter2" not in repr(read(json.dumps(hidden).encode(), V1))


@pytest.mark.parametrize("version", API_VERSIONS)
def test_a_request_is_read_as_it_is_asked(version):
    found = read_request(request("gcr.io/a/b", version))
    assert (found.image, found.api_version, found.token) == ("gcr.io/a/b", version, None)


def test_a_request_with_the_token_of_the_pods_serviceaccount():
    asked = json.loads(request("gcr.io/a/b", V1)) | {"serviceAccountToken": "hush"}
    found = read_request(json.dumps(asked).encode())
    assert found.token.reveal() == "hush"
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "CredentialProviderResponse"}, "not of the kind"),
        ({"apiVersion": "v1"}, "its apiVersion is none of"),
        ({"image": ""}, "names no image"),
        ({"image": 7}, "names no image"),
        ({"serviceAccountToken": 7}, "its serviceAccountToken is not a string"),
    ],
)
def test_what_kubelet_never_asks(change, why):
    asked = json.loads(request("gcr.io/a/b", V1)) | change
    with pytest.raises(BadRequest, match=why):
        read_request(json.dumps(asked).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_request(text):
    with pytest.raises(BadRequest):
        read_request(text)


@pytest.mark.parametrize(("seconds", "kept"), [(None, None), (0.0, None), (90.9, 90.0)])
def test_an_answer_is_read_as_it_is_meant(seconds, kept):
    logins = (Credential("gcr.io", "a", Password("p")), Credential("*.gcr.io", "b", Password("q")))
    found = read(answer(V1, logins, seconds).encode(), V1)
    assert set(found.credentials) == set(logins)
    assert found.seconds == kept
    assert ('"cacheDuration": "0s"' in answer(V1, logins, seconds)) == (seconds == 0.0)
