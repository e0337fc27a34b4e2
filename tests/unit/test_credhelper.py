import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from regcred import credhelper
from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    CredentialHelperFailed,
    InvalidDockerConfig,
    InvalidRegistry,
    NoLogin,
)
from regcred.core.logins.clientconfig import parse_client_config

HUB = "https://index.docker.io/v1/"

# As the Go library of docker-credential-helpers serves a helper: the server on stdin, errors on
# stdout with exit code 1, an unknown verb refused.
HELPER = """\
#!{python}
import json, sys
logins = json.loads({logins!r})
verb = sys.argv[1:]
server = sys.stdin.read().strip()
if verb == ["list"]:
    print(json.dumps({{server: name for server, (name, _) in logins.items()}}))
elif verb != ["get"]:
    sys.exit("Usage: docker-credential-x <store|get|erase|list|version>")
elif not server:
    print("no credentials server URL")
    sys.exit(1)
elif server not in logins:
    print("credentials not found in native keychain")
    sys.exit(1)
else:
    name, secret = logins[server]
    print(json.dumps({{"ServerURL": server, "Username": name, "Secret": secret}}))
"""


@pytest.fixture
def env(tmp_path):
    """An environment with nothing but the helpers of the test, and Python, on PATH."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


@pytest.fixture
def add_helper(env):
    """Install ``docker-credential-NAME``: with logins, or as a shell script."""

    def add(name, logins=None, script=None, mode=0o700):
        text = HELPER.format(python=sys.executable, logins=json.dumps(logins))
        path = Path(env["PATH"], f"docker-credential-{name}")
        path.write_text(f"#!/bin/sh\n{script}\n" if script else text)
        path.chmod(mode)

    return add


def config(**fields):
    return parse_client_config(json.dumps(fields), source="config.json")


def entry(username, password, **more):
    return {"username": username, "password": password, **more}


def login(registry, username="u", password="p", email=""):
    return Credential(registry, username, Password(password), email)


def test_file_is_found_where_docker_has_it(tmp_path):
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text('{"credsStore":"home"}')
    (tmp_path / "config.json").write_text('{"credsStore":"other"}')
    home = {"HOME": str(tmp_path)}
    load = credhelper.load_client_config
    assert load(None, home).creds_store == "home"
    assert load(None, {**home, "DOCKER_CONFIG": ""}).creds_store == "home"
    assert load(None, {**home, "DOCKER_CONFIG": str(tmp_path)}).creds_store == "other"
    assert load(str(tmp_path), home).creds_store == "other"
    assert load(str(tmp_path / "config.json"), home).source == str(tmp_path / "config.json")


@pytest.mark.parametrize("path", ["none.json", ".", "folder"])
def test_file_that_cannot_be_read_is_named(tmp_path, path):
    (tmp_path / "folder/config.json").mkdir(parents=True)
    with pytest.raises(InvalidDockerConfig, match=f"cannot read the docker config {tmp_path}"):
        credhelper.load_client_config(str(tmp_path / path), {})


def test_broken_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InvalidDockerConfig, match=f"{tmp_path}/config.json is not a docker config"):
        credhelper.load_client_config(None, {"DOCKER_CONFIG": str(tmp_path)})


def test_endless_file_is_refused():
    with pytest.raises(InvalidDockerConfig, match="too large"):
        credhelper.load_client_config("/dev/zero", {})


def test_logins_in_the_file_are_taken_under_the_key_asked_for(env):
    known = config(
        auths={HUB: entry("hub", "a"), "https://gcr.io": entry("g", "b\0\0", email="me@x")}
    )
    assert credhelper.resolve(known, ["gcr.io/p", "docker.io"], env=env) == [
        login("gcr.io/p", "g", "b", "me@x"),
        login("docker.io", "hub", "a"),
    ]


def test_helper_comes_before_the_file(env, add_helper):
    add_helper("one", {"gcr.io": ("helper", "é\n\"'")})
    add_helper("store", {HUB: ("hub", "h"), "quay.io": ("q", "s")})
    known = config(
        auths={"gcr.io": entry("file", "x"), "quay.io": entry("file", "x")},
        credHelpers={"gcr.io": "one", "ghcr.io": ""},
        credsStore="store",
    )
    assert credhelper.resolve(known, ["gcr.io", "quay.io", "index.docker.io"], env=env) == [
        login("gcr.io", "helper", "é\n\"'"),
        login("quay.io", "q", "s"),
        login("index.docker.io", "hub", "h"),
    ]


def test_all_logins_of_the_file_and_of_helpers(env, add_helper):
    add_helper("one", {"gcr.io": ("helper", "s")})
    known = config(
        auths={"gcr.io": {}, "quay.io": entry("file", "x")},
        credHelpers={"gcr.io": "one", "eu.gcr.io": "one"},
    )
    assert credhelper.resolve(known, env=env) == [
        login("quay.io", "file", "x"),
        login("gcr.io", "helper", "s"),
    ]


def test_all_logins_of_a_store_that_are_for_registries(env, add_helper):
    add_helper("store", {HUB: ("hub", "h"), f"{HUB}access-token": ("hub", "t"), "a": ("a", "b")})
    add_helper("one", {"quay.io": ("q", "s")})
    known = config(
        auths={HUB: {}, "x.io": entry("file", "x")},
        credsStore="store",
        credHelpers={"quay.io": "one"},
    )
    assert credhelper.resolve(known, env=env) == [
        login(HUB, "hub", "h"),
        login("quay.io", "q", "s"),
    ]


@pytest.mark.parametrize("registries", [[], ["gcr.io"]])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"credsStore": "empty"},
        {"credHelpers": {"gcr.io": "empty"}},
        {"credHelpers": {"gcr.io": "blank"}, "auths": {"gcr.io": entry("file", "x")}},
    ],
)
def test_no_login_is_an_error(env, add_helper, registries, fields):
    add_helper("empty", {})
    add_helper("blank", {"gcr.io": ("", "")})
    with pytest.raises(NoLogin, match="no login") as caught:
        credhelper.resolve(config(**fields), registries, env=env)
    assert "docker login" in caught.value.hint


@pytest.mark.parametrize("registries", [[], ["gcr.io"]])
def test_identity_token_is_refused(env, add_helper, registries):
    add_helper("acr", {"gcr.io": ("<token>", "hunter2")})
    for fields in ({"credHelpers": {"gcr.io": "acr"}}, {"credsStore": "acr"}):
        with pytest.raises(NoLogin, match="is an identity token") as caught:
            credhelper.resolve(config(**fields), registries, env=env)
        assert "hunter2" not in caught.value.message + caught.value.hint


def test_identity_token_on_request(env, add_helper):
    add_helper("acr", {"gcr.io": ("<token>", "hunter2"), "quay.io": ("<token>", "")})
    known = config(credsStore="acr")
    found = credhelper.resolve(known, ["gcr.io"], env=env, identity_tokens=True)
    assert found == [login("gcr.io", "", "hunter2")]
    with pytest.raises(NoLogin):
        credhelper.resolve(known, ["quay.io"], env=env, identity_tokens=True)


def test_identity_token_in_the_file_is_refused(env):
    known = config(auths={"gcr.io": {"identitytoken": "hunter2"}, "quay.io": entry("a", "b")})
    assert credhelper.resolve(known, ["quay.io"], env=env) == [login("quay.io", "a", "b")]
    for registries in ([], ["gcr.io"]):
        with pytest.raises(NoLogin, match=r"'gcr.io' has no login .*identitytoken"):
            credhelper.resolve(known, registries, env=env)


def test_what_is_no_registry_is_refused(env):
    with pytest.raises(InvalidRegistry):
        credhelper.resolve(config(), ["a b"], env=env)


def test_missing_helper_is_named(env):
    with pytest.raises(
        CredentialHelperFailed, match="docker-credential-gone is not inst"
    ) as caught:
        credhelper.resolve(config(credsStore="gone"), ["gcr.io"], env=env)
    assert "PATH" in caught.value.hint


def test_helper_that_is_not_executable_is_named(env, add_helper):
    add_helper("broken", mode=0o600)
    with pytest.raises(
        CredentialHelperFailed, match="cannot run docker-credential-broken: Permission"
    ):
        credhelper.resolve(config(credsStore="broken"), ["gcr.io"], env=env)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo oops >&2; exit 3", "failed with exit code 3: oops"),
        ("echo hunter2; echo 'a\tb' >&2; exit 1", "failed with exit code 1: a b"),
        ("echo hunter2; exit 1", "failed with exit code 1: it said nothing on stderr"),
        ("echo token: hunter2 >&2; exit 1", r"failed with exit code 1: token: \*{8}"),
        ("echo hunter2", "did not print JSON"),
        ("echo '[\"hunter2\"]'", "printed a list and not an object"),
        ("exit 0", "did not print JSON: it is empty"),
        ("kill -9 $$", "failed with exit code -9"),
    ],
)
@pytest.mark.parametrize("registries", [[], ["gcr.io"]])
def test_failure_of_a_helper_shows_stderr_and_never_stdout(
    env, add_helper, script, why, registries
):
    add_helper("odd", script=script)
    with pytest.raises(CredentialHelperFailed, match=why) as caught:
        credhelper.resolve(config(credsStore="odd"), registries, env=env)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_helper_that_hangs_is_ended_even_if_a_child_keeps_its_output(env, add_helper):
    add_helper("slow", script='/bin/sleep 600 & echo $! > "$HOME/child"; wait')
    with pytest.raises(CredentialHelperFailed, match=r"did not answer within 3 seconds"):
        credhelper.resolve(config(credsStore="slow"), ["gcr.io"], env=env, timeout=3)
    os.kill(int(Path(env["HOME"], "child").read_text()), signal.SIGTERM)


def test_endless_answer_is_cut_off(env, add_helper):
    add_helper("endless", script="exec /usr/bin/yes hunter2")
    with pytest.raises(CredentialHelperFailed, match="more than 1 MiB and was ended") as caught:
        credhelper.resolve(config(credsStore="endless"), ["gcr.io"], env=env)
    assert "echo gcr.io | docker-credential-endless get" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("registries", [[], ["https://me:s3cret@ghcr.io"]])
@pytest.mark.parametrize(
    "script",
    [
        """if [ $1 = list ]; then echo '{"https://me:s3cret@ghcr.io": "me"}'
        else read s; echo no login for $s ${s#*me:} >&2; exit 1; fi""",
        "exec /usr/bin/yes",
        "exec /bin/sleep 600",
        "echo rubbish",
        """if [ $1 = list ]; then echo '{"https://me:s3cret@ghcr.io": "me"}'
        else echo '{"Username": "<token>", "Secret": "x"}'; fi""",
        "echo '{}'",
    ],
)
def test_user_in_a_registry_is_shown_nowhere(env, add_helper, registries, script):
    add_helper("y", script=script)
    helpers = {"ghcr.io": "y", "https://me:s3cret@ghcr.io": "y"}
    auths = {"https://me:s3cret@ghcr.io": {"identitytoken": "s3cret"}}
    for known in (config(credHelpers=helpers), config(credsStore="y"), config(auths=auths)):
        with pytest.raises((CredentialHelperFailed, NoLogin)) as caught:
            credhelper.resolve(known, registries, env=env, timeout=1)
        assert "s3cret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("name", ["x.io/$(id)", "x.io#\x1b[2J", "x.io/" + "a" * 999])
def test_command_in_a_hint_can_be_pasted(env, name):
    with pytest.raises(NoLogin) as caught:
        credhelper.resolve(config(), [name], env=env)
    assert shlex.split(caught.value.hint) in (
        ["docker", "login", name],
        ["docker", "login", "REGISTRY"],
    )
    assert caught.value.hint.isprintable()


def test_large_answer_does_not_block(env, add_helper):
    add_helper("large", {"gcr.io": ("u", "x" * 1_000_000)})
    [credential] = credhelper.resolve(config(credsStore="large"), ["gcr.io"], env=env)
    assert len(credential.password.reveal()) == 1_000_000


def test_helper_is_found_on_this_process_path(env, add_helper, monkeypatch):
    add_helper("one", {"gcr.io": ("u", "p")})
    monkeypatch.setenv("PATH", env["PATH"])
    known = config(credHelpers={"gcr.io": "one"})
    assert credhelper.resolve(known, ["gcr.io"]) == [login("gcr.io")]
