"""``regcred secret`` in a cluster: what is created, updated, left alone, refused."""

import json
import os

import pytest

LOGIN = ("--docker-server=a.example.com", "--docker-username=a", "--password-stdin")


@pytest.fixture
def secret(regcred, world):
    def run(*args, **options):
        return regcred("secret", "pull", "-n", world.namespace, *args, **options)

    return run


def test_created_updated_in_place_and_then_left_alone(secret, world):
    assert secret(*LOGIN, stdin=b"one").stdout == b"secret/pull created\n"
    uid = world.secret("pull")["metadata"]["uid"]
    assert secret(*LOGIN, stdin=b"two").stdout == b"secret/pull configured\n"
    assert world.secret("pull")["metadata"]["uid"] == uid
    assert world.logins("pull") == {"a.example.com": ("a", "two")}
    before = world.snapshot()
    assert secret(*LOGIN, stdin=b"two").stdout == b"secret/pull unchanged\n"
    assert world.snapshot() == before


def test_server_dry_run_leaves_nothing(secret, world):
    done = secret(*LOGIN, "--dry-run=server", stdin=b"one")
    assert done.stdout == b"secret/pull created (server dry run)\n"
    assert world.secret("pull") is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "Opaque"}, "is of type Opaque"),
        (
            {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}},
            "is of type kubernetes.io/dockercfg",
        ),
        ({"immutable": True}, "is immutable"),
        *(
            (
                {
                    "metadata": {
                        "labels": {"app.kubernetes.io/managed-by": "regcred"},
                        "annotations": {"regcred.dev/kept-by": keeper},
                    }
                },
                f"is kept by regcred {keeper}",
            )
            for keeper in ("login", "operator")
        ),
    ],
    ids=["another type", "legacy", "immutable", "of a login", "of the operator"],
)
def test_what_is_not_ours_is_left_alone(secret, world, fields, said):
    world.pull_secret("pull", **fields)
    before = world.snapshot()
    done = secret(*LOGIN, stdin=b"one", check=1)
    assert f"Secret {world.namespace}/pull {said}" in done.stderr.decode()
    assert b"hint:" in done.stderr
    assert world.snapshot() == before


def test_docker_config_with_helper_and_file(secret, world, tmp_path):
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        '#!/bin/sh\nread server\n[ "$server" = b.example.com ] || exit 1\n'
        'echo \'{"Username": "b", "Secret": "from helper"}\'\n'
    )
    helper.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path)}
    config = {
        "auths": {"a.example.com": {"auth": "YTpi"}, "c.example.com": {"auth": "Yzpk"}},
        "credHelpers": {"b.example.com": "test"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    chosen = ("--registry", "a.example.com", "--registry", "b.example.com")
    secret("--from-docker-config", *chosen, env=env)
    assert world.logins("pull") == {
        "a.example.com": ("a", "b"),
        "b.example.com": ("b", "from helper"),
    }
    secret("--from-docker-config", env=env)
    assert sorted(world.logins("pull")) == ["a.example.com", "b.example.com", "c.example.com"]


def test_credentials_store(secret, world, tmp_path):
    helper = tmp_path / "docker-credential-store"
    helper.write_text(
        '#!/bin/sh\nif [ "$1" = list ]; then echo \'{"a.example.com": "a"}\'; exit; fi\n'
        'echo \'{"Username": "a", "Secret": "stored"}\'\n'
    )
    helper.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path)}
    (tmp_path / "config.json").write_text('{"credsStore": "store"}')
    secret("--from-docker-config", env=env)
    assert world.logins("pull") == {"a.example.com": ("a", "stored")}


def test_environment_variables_stand_for_flags(regcred, world):
    env = {
        "REGCRED_NAMESPACE": world.namespace,
        "REGCRED_DOCKER_SERVER": "a.example.com",
        "REGCRED_DOCKER_USERNAME": "a",
        "REGCRED_DOCKER_PASSWORD": "b",
    }
    regcred("secret", "pull", env=env)
    assert world.logins("pull") == {"a.example.com": ("a", "b")}
