import base64
import json
import re

import pytest

from regcred.core.errors import InvalidInput, UndecodableDockerConfig
from regcred.core.logins.pullsecret import PullSecret, named
from regcred.core.problem import Reason

JSON = "kubernetes.io/dockerconfigjson"
LEGACY = "kubernetes.io/dockercfg"
AUTHS = {"gcr.io": {"username": "me", "password": "s3cret"}}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def obj(**fields):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "regcred", "namespace": "team-a"},
        "type": JSON,
        **fields,
    }


def test_object_of_the_api_server():
    content = json.dumps({"auths": AUTHS})
    secret = PullSecret.from_object(obj(data={".dockerconfigjson": b64(content)}))
    assert (secret.name, secret.namespace, secret.type) == ("regcred", "team-a", JSON)
    assert secret.data == {".dockerconfigjson": content.encode()}
    assert secret.source == "Secret team-a/regcred"
    assert secret.passed_over() is None
    assert secret.docker_config()["gcr.io"].username == "me"
    assert "s3cret" not in repr(secret)
    assert b64("s3cret") not in repr(secret)


def test_manifest_with_stringdata_which_wins_over_data():
    secret = PullSecret.from_object(
        obj(data={"a": b64("1"), "b": None}, stringData={"a": "2\ud800é", "c": None})
    )
    assert secret.data == {"a": "2\ufffdé".encode(), "b": b"", "c": b""}


def test_manifest_with_the_least_in_it():
    secret = PullSecret.from_object({"metadata": {"name": "x"}, "data": None})
    assert (secret.namespace, secret.type, secret.data) == ("", "Opaque", {})
    assert secret.source == "Secret x"


def test_base64_may_be_broken_into_lines():
    secret = PullSecret.from_object(obj(data={"a": "YW\nJj\r\nZA==\n"}))
    assert secret.data == {"a": b"abcd"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"data": {"a": "hunter2"}}, r"data\[a\] is not base64"),
        ({"data": {"a": "YWI"}}, "not base64"),
        ({"data": {"a": " YWI="}}, "not base64"),
        ({"data": {"a": 5}}, "must be a string"),
        ({"stringData": {"a": 5}}, r"stringData\[a\] must be a string"),
        ({"data": ["hunter2"]}, "data is not a mapping"),
        ({"metadata": "x"}, "the Secret: metadata is not a mapping"),
    ],
)
def test_what_the_api_server_would_refuse(fields, why):
    with pytest.raises(InvalidInput, match=why) as caught:
        PullSecret.from_object(obj(**fields))
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("type_", "data", "why"),
    [
        ("Opaque", {".dockerconfigjson": b"{}"}, "is of type Opaque: kubelet reads only kuber"),
        (JSON, {".dockercfg": b"{}"}, r"only the key .dockerconfigjson of it; it has .dockercfg$"),
        (JSON, {}, "it has nothing$"),
        (JSON, dict.fromkeys("abcde", b"x"), "it has a, b, c and 2 more$"),
        (LEGACY, {".dockerconfigjson": b"{}"}, "only the key .dockercfg of it"),
        (JSON, {".dockerconfigjson": b""}, "its key .dockerconfigjson is empty"),
    ],
)
def test_wrong_type_or_missing_key_is_passed_over(type_, data, why):
    problem = PullSecret("x", "n", type_, data).passed_over()
    assert problem.reason == Reason.WRONG_SECRET_TYPE
    assert problem.source == "Secret n/x"
    assert "kubectl delete secret x -n n" in problem.hint
    assert re.search(why, problem.message)


def test_missing_secret_is_passed_over():
    problem = PullSecret("x", "n").passed_over()
    assert (problem.reason, problem.source) == (Reason.SECRET_MISSING, "Secret n/x")
    assert "Secret n/x does not exist" in problem.message
    assert "-n n" in problem.hint
    assert "-n" not in PullSecret("x").passed_over().hint


def test_legacy_secret_is_read_in_its_own_form():
    secret = PullSecret("x", "n", LEGACY, {".dockercfg": json.dumps(AUTHS).encode()})
    assert secret.legacy
    assert secret.passed_over() is None
    assert list(secret.docker_config()) == ["gcr.io"]


def test_what_does_not_decode_is_named():
    secret = PullSecret("x", "n", JSON, {".dockerconfigjson": b"{"})
    with pytest.raises(UndecodableDockerConfig, match="Secret n/x"):
        secret.docker_config()


@pytest.mark.parametrize(
    ("type_", "document", "why"),
    [
        (JSON, AUTHS, "entries stand at the top"),
        (JSON, {"gcr.io": {"auth": "dTpw"}, "x": 1}, "entries stand at the top"),
        (LEGACY, {"auths": AUTHS}, "the form that belongs to kubernetes.io/dockerconfigjson"),
        (JSON, {"auths": AUTHS}, None),
        (JSON, {"auths": {}}, None),
        (JSON, {"HttpHeaders": {"a": "b"}, "credsStore": "osxkeychain"}, None),
        (LEGACY, AUTHS, None),
    ],
)
def test_the_other_types_form(type_, document, why):
    key = ".dockercfg" if type_ == LEGACY else ".dockerconfigjson"
    secret = PullSecret("x", "n", type_, {key: json.dumps(document).encode()})
    problem = secret.wrong_form(secret.docker_config())
    assert (problem is None) if why is None else (why in problem.message)


def test_docker_config_that_is_in_no_secret():
    secret = PullSecret.of_docker_config(b'{"auths": {"gcr.io": {}}}', "~/.docker/config.json")
    assert secret.source == "~/.docker/config.json"
    assert list(secret.docker_config()) == ["gcr.io"]
    empty = PullSecret.of_docker_config(b"", "f").passed_over()
    assert (empty.message, empty.hint) == ("f: it is empty", "")


def test_a_pods_list_is_read_in_its_own_namespace():
    here, there = PullSecret("a", "n", JSON, {}), PullSecret("b", "other", JSON, {})
    secrets = {("n", "a"): here, ("other", "b"): there}
    assert named(["b", "", "a", "a"], "n", secrets) == [PullSecret("b", "n"), here, here]
