"""``regcred login``: real registries, a real API server, and what stands there afterwards."""

import json
import os

import pytest
import yaml

from tests.integration.conftest import RIGHTS
from tests.support.terminal import Terminal


@pytest.fixture
def login(regcred):
    """Log in to a registry with an account's password on standard input."""

    def run(registry, *args, username="puller", password=None, **options):
        word = registry.accounts()[username] if password is None else password
        return regcred(
            "login",
            registry.address,
            "-u",
            username,
            "--password-stdin",
            *args,
            stdin=word.encode(),
            **options,
        )

    return run


def account(registry):
    return registry.username, registry.password


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_writes_and_attaches_and_says_so(login, world, cluster, kind):
    registry = cluster.registries[kind]
    done = login(registry, "-n", world.namespace)
    assert done.stdout.decode().splitlines() == [
        f"Verified  {registry.address}: accepts user puller",
        f"Created   secret/regcred in {world.namespace}: {registry.address}",
        f"Attached  serviceaccount/default in {world.namespace}",
    ]
    assert done.stderr == b""
    assert world.logins() == {registry.address: account(registry)}
    assert world.attached() == ["regcred"]


def test_a_second_registry_is_merged_and_a_second_run_changes_nothing(
    login, world, htpasswd_registry, token_registry
):
    login(htpasswd_registry, "-n", world.namespace)
    uid = world.secret()["metadata"]["uid"]
    login(token_registry, "-n", world.namespace)
    assert world.secret()["metadata"]["uid"] == uid
    both = {r.address: account(r) for r in (htpasswd_registry, token_registry)}
    assert world.logins() == both
    before = world.snapshot()
    again = login(token_registry, "-n", world.namespace).stdout.decode().splitlines()[1:]
    assert [line.split()[0] for line in again] == ["Unchanged", "Unchanged"]
    assert world.snapshot() == before


def test_rotated_password_is_updated_in_place(login, world, htpasswd_registry):
    login(htpasswd_registry, "-n", world.namespace, "--skip-verify", password="old")
    uid = world.secret()["metadata"]["uid"]
    done = login(htpasswd_registry, "-n", world.namespace)
    assert b"Updated   secret/regcred" in done.stdout
    assert world.secret()["metadata"]["uid"] == uid
    assert world.logins() == {htpasswd_registry.address: account(htpasswd_registry)}


def test_several_namespaces_or_none(login, world, new_world, htpasswd_registry):
    other = new_world()
    before = world.snapshot(), other.snapshot()
    missing = login(
        htpasswd_registry, "-n", f"{world.namespace},{other.namespace},nowhere", check=1
    )
    assert b"namespace nowhere does not exist" in missing.stderr
    assert b"kubectl create namespace nowhere makes it" in missing.stderr
    other.create("secrets", "regcred", stringData={"a": "b"})
    before = world.snapshot(), other.snapshot()
    login(htpasswd_registry, "-n", world.namespace, "-n", other.namespace, check=1)
    assert (world.snapshot(), other.snapshot()) == before
    login(htpasswd_registry, "-n", world.namespace, "-n", other.namespace, "--name", "pull")
    for place in (world, other):
        assert place.logins("pull") == {htpasswd_registry.address: account(htpasswd_registry)}
        assert place.attached() == ["pull"]


def test_a_namespace_without_rights_leaves_the_other_untouched(
    login, world, new_world, htpasswd_registry
):
    kubeconfig = world.user(RIGHTS)
    other, before = new_world(), world.snapshot()
    where = ("-n", world.namespace, "-n", other.namespace)
    done = login(htpasswd_registry, *where, env={"KUBECONFIG": str(kubeconfig)}, check=1)
    assert f"-n {other.namespace}" in done.stderr.decode()
    assert world.snapshot() == before
    assert "regcred" not in other.attached()


def test_adopts_only_when_told(login, regcred, world, htpasswd_registry):
    made = world.pull_secret("regcred")
    before = world.snapshot()
    refused = login(htpasswd_registry, "-n", world.namespace, check=1)
    assert b"was not made by regcred" in refused.stderr
    assert b"--adopt" in refused.stderr
    assert b"--name" in refused.stderr
    assert world.snapshot() == before
    login(htpasswd_registry, "-n", world.namespace, "--adopt")
    assert world.logins() == {
        "a.example.com": ("a", "b"),
        htpasswd_registry.address: account(htpasswd_registry),
    }
    regcred("logout", "--all", "-n", world.namespace)
    given_back = world.secret()
    assert given_back["metadata"]["uid"] == made["metadata"]["uid"]
    assert not given_back["metadata"].get("labels")
    assert not given_back["metadata"].get("annotations")
    assert world.logins() == {"a.example.com": ("a", "b")}
    assert world.attached() == []


def test_the_operators_secret_is_refused_with_the_way_out(login, world, htpasswd_registry):
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "regcred"},
        "annotations": {"regcred.dev/kept-by": "operator"},
    }
    world.pull_secret("regcred", metadata=marks)
    before = world.snapshot()
    refused = login(htpasswd_registry, "-n", world.namespace, "--adopt", check=1)
    assert b"PullCredential" in refused.stderr
    assert world.snapshot() == before


def test_serviceaccounts_by_glob(login, world, htpasswd_registry):
    world.with_list("build-a", "other")
    world.with_list("build-b")
    login(htpasswd_registry, "-n", world.namespace, "--serviceaccount", "build-*")
    assert world.attached("build-a") == ["other", "regcred"]
    assert world.attached("build-b") == ["regcred"]
    assert world.attached() == []


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_results_as_a_document(login, world, htpasswd_registry, form, read):
    done = login(htpasswd_registry, "-n", world.namespace, "-o", form, "--dry-run=server")
    results = read(done.stdout)["results"]
    assert [r["result"] for r in results] == ["Verified", "Created", "Attached"]
    assert results[1]["object"] == "secret/regcred"
    assert results[1]["namespace"] == world.namespace
    assert world.secret() is None
    assert world.attached() == []


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_wrong_password_writes_nothing(login, world, cluster, kind):
    before = world.snapshot()
    done = login(cluster.registries[kind], "-n", world.namespace, password="marker-wrong", check=1)
    assert b"does not accept user 'puller'" in done.stderr
    assert b"UNAUTHORIZED" in done.stderr
    assert b"hint:" in done.stderr
    assert b"marker-wrong" not in done.stdout + done.stderr
    assert world.snapshot() == before


def test_unknown_ca(login, world, tls_registry):
    done = login(tls_registry, "-n", world.namespace, check=3)
    assert b"not trusted" in done.stderr
    assert b"hint: --ca-file" in done.stderr
    assert world.secret() is None
    login(tls_registry, "-n", world.namespace, "--ca-file", str(tls_registry.ca_file))
    assert world.logins() == {tls_registry.address: account(tls_registry)}


@pytest.mark.parametrize(
    "password",
    ["a\nb\r\nc", "a\"b'c`d\\e$f", "pässwörd漢字🎉", " a:b ", "x" * 100_000],
    ids=["line ends", "quotes", "not ASCII", "colon and blanks", "100 kB"],
)
def test_unusual_passwords_arrive_at_registry_and_secret(login, world, htpasswd_registry, password):
    username = f"user-{world.namespace}"
    htpasswd_registry.add_account(username, password[:72])  # bcrypt looks no further
    login(htpasswd_registry, "-n", world.namespace, username=username, password=password)
    assert world.logins() == {htpasswd_registry.address: (username, password)}


def test_environment_variables_stand_for_flags(regcred, world, htpasswd_registry):
    done = regcred(
        "login",
        htpasswd_registry.address,
        env={
            "REGCRED_NAMESPACE": world.namespace,
            "REGCRED_USERNAME": htpasswd_registry.username,
            "REGCRED_PASSWORD": htpasswd_registry.password,
            "REGCRED_NAME": "from-env",
        },
    )
    assert done.stderr == b""  # nobody else sees it there
    assert world.logins("from-env") == {htpasswd_registry.address: account(htpasswd_registry)}


class TestTerminal:
    def test_asks_for_what_is_missing_and_shows_no_password(
        self, world, kubeconfig, htpasswd_registry
    ):
        args = ("login", htpasswd_registry.address, "-n", world.namespace)
        with Terminal(*args, env={"KUBECONFIG": str(kubeconfig)}) as terminal:
            terminal.expect("Username: ")
            terminal.type("puller\n")
            terminal.expect("Password: ")
            terminal.type(f"{htpasswd_registry.password}\n")
            assert terminal.finish() == 0, terminal.seen
        assert htpasswd_registry.password not in terminal.seen
        assert "\x1b[32mCreated" in terminal.seen
        assert world.logins() == {htpasswd_registry.address: account(htpasswd_registry)}

    def test_no_color(self, world, kubeconfig, htpasswd_registry):
        args = ("login", htpasswd_registry.address, "-n", world.namespace, "-u", "puller")
        env = {"KUBECONFIG": str(kubeconfig), "NO_COLOR": "1"}
        with Terminal(*args, env=env) as terminal:
            terminal.expect("Password: ")
            terminal.type("wrong\n")
            assert terminal.finish() == 1
        assert "error: " in terminal.seen
        assert "\x1b" not in terminal.seen

    def test_ctrl_c_at_the_question(self, world, kubeconfig, htpasswd_registry):
        args = ("login", htpasswd_registry.address, "-n", world.namespace)
        with Terminal(*args, env={"KUBECONFIG": str(kubeconfig)}) as terminal:
            terminal.expect("Username: ")
            assert terminal.press_until_end("\x03") == 130
        assert "Traceback" not in terminal.seen
        assert world.secret() is None


class TestRights:
    def test_the_documented_rights_suffice(self, login, regcred, world, htpasswd_registry):
        env = {"KUBECONFIG": str(world.user(RIGHTS))}
        before = {key for key, _ in world.snapshot().items()}
        assert login(htpasswd_registry, "-n", world.namespace, env=env).stderr == b""
        assert world.attached() == ["regcred"]
        login(htpasswd_registry, "-n", world.namespace, env=env)
        done = regcred("logout", htpasswd_registry.address, "-n", world.namespace, env=env)
        assert done.stderr == b""
        assert set(world.snapshot()) == before
        assert world.attached() == []

    @pytest.mark.parametrize(
        ("resource", "verb"),
        [
            ("secrets", "get"),
            ("secrets", "create"),
            ("serviceaccounts", "get"),
            ("serviceaccounts", "patch"),
        ],
    )
    def test_a_missing_right_is_named(self, login, world, htpasswd_registry, resource, verb):
        rights = RIGHTS | {resource: tuple(v for v in RIGHTS[resource] if v != verb)}
        env, before = {"KUBECONFIG": str(world.user(rights))}, world.snapshot()
        done = login(htpasswd_registry, "-n", world.namespace, env=env, check=1)
        assert f'cannot {verb} resource "{resource}"' in done.stderr.decode()
        assert f"hint: check with: kubectl auth can-i {verb} {resource}" in done.stderr.decode()
        assert world.snapshot() == before

    def test_without_seeing_pods_it_works_and_warns(self, login, world, htpasswd_registry):
        env = {"KUBECONFIG": str(world.user(RIGHTS | {"pods": ()}))}
        done = login(htpasswd_registry, "-n", world.namespace, env=env)
        assert b"warning: cannot see which Pods still wait" in done.stderr
        assert world.attached() == ["regcred"]

    def test_nobody(self, login, world, cluster, htpasswd_registry):
        before = world.snapshot()
        env = {"KUBECONFIG": str(cluster.users.stranger)}
        done = login(htpasswd_registry, "-n", world.namespace, env=env, check=1)
        assert b"hint: check with: kubectl auth can-i" in done.stderr
        assert world.snapshot() == before


def helper(folder, name, script):
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


class TestDockerConfig:
    def test_helper_gives_the_login(self, regcred, world, htpasswd_registry, tmp_path):
        user, password = account(htpasswd_registry)
        answer = json.dumps({"ServerURL": "x", "Username": user, "Secret": password})
        (tmp_path / "answer").write_text(answer)
        seen = tmp_path / "seen"
        env = helper(
            tmp_path,
            "test",
            f"tr '\\0' ' ' < /proc/$$/cmdline > {seen}; cat {tmp_path}/answer",
        )
        (tmp_path / "config.json").write_text(
            json.dumps({"credHelpers": {htpasswd_registry.address: "test"}})
        )
        args = ("-n", world.namespace, "--from-docker-config", str(tmp_path))
        regcred("login", htpasswd_registry.address, *args, env=env)
        assert world.logins() == {htpasswd_registry.address: (user, password)}
        assert password not in seen.read_text()

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            ("echo locked >&2; exit 3", "failed with exit code 3: locked"),
            ("echo marker-rubbish", "did not print JSON"),
            ("exec sleep 600", "did not answer within"),
        ],
        ids=["fails", "rubbish", "hangs"],
    )
    def test_helper_in_trouble(self, regcred, world, tmp_path, script, said):
        env, before = helper(tmp_path, "test", script), world.snapshot()
        (tmp_path / "config.json").write_text('{"credsStore": "test"}')
        args = ("-n", world.namespace, "--from-docker-config", str(tmp_path), "--timeout", "1")
        done = regcred("login", "a.example.com", *args, env=env, check=1)
        assert said in done.stderr.decode()
        assert b"marker-rubbish" not in done.stderr
        assert world.snapshot() == before
