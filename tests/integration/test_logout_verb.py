"""``regcred logout`` undoes a login exactly."""

import pytest

from tests.integration.conftest import RIGHTS


@pytest.fixture
def login(regcred, world):
    def run(registry, *args):
        return regcred(
            "login",
            registry.address,
            *("-n", world.namespace, "-u", "puller", "--password-stdin"),
            *args,
            stdin=registry.password.encode(),
        )

    return run


def spec(serviceaccount):
    """All but what every write changes."""
    metadata = {
        k: v
        for k, v in serviceaccount["metadata"].items()
        if k not in ("resourceVersion", "managedFields")
    }
    return {**serviceaccount, "metadata": metadata}


def test_all_is_as_before(regcred, login, world, htpasswd_registry):
    world.with_list("app", "other")
    before = [spec(world.get("serviceaccounts", name)) for name in ("default", "app")]
    login(htpasswd_registry, "--serviceaccount", "default,app")
    done = regcred("logout", htpasswd_registry.address, "-n", world.namespace)
    assert sorted(line.split()[0] for line in done.stdout.decode().splitlines()) == [
        "Deleted",
        "Detached",
        "Detached",
    ]
    assert world.secret() is None
    after = [spec(world.get("serviceaccounts", name)) for name in ("default", "app")]
    assert after == before


def test_one_of_two_then_all(regcred, login, world, htpasswd_registry, token_registry):
    login(htpasswd_registry)
    login(token_registry)
    regcred("logout", htpasswd_registry.address, "-n", world.namespace)
    assert list(world.logins()) == [token_registry.address]
    assert world.attached() == ["regcred"]
    again = regcred("logout", htpasswd_registry.address, "-n", world.namespace)
    assert b"not logged in to" in again.stdout
    before = world.snapshot()
    regcred("logout", "--all", "-n", world.namespace, "--dry-run=server")
    assert world.snapshot() == before
    regcred("logout", "--all", "-n", world.namespace)
    assert world.secret() is None
    assert world.attached() == []
    assert b"not logged in" in regcred("logout", "--all", "-n", world.namespace).stdout


def test_an_interrupted_one_is_finished(regcred, login, world, htpasswd_registry):
    login(htpasswd_registry)
    regcred("detach", "regcred", "-n", world.namespace)
    regcred("logout", "--all", "-n", world.namespace)
    assert world.secret() is None


def test_a_secret_that_is_not_a_logins(regcred, world):
    world.pull_secret("regcred")
    before = world.snapshot()
    done = regcred("logout", "--all", "-n", world.namespace, check=1)
    assert b"was not made by regcred login" in done.stderr
    assert b"hint: --name" in done.stderr
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("resource", "verb"), [("secrets", "delete"), ("serviceaccounts", "patch")]
)
def test_a_missing_right_leaves_nothing_half_done(
    regcred, login, world, htpasswd_registry, resource, verb
):
    login(htpasswd_registry)
    rights = RIGHTS | {resource: tuple(v for v in RIGHTS[resource] if v != verb)}
    env, before = {"KUBECONFIG": str(world.user(rights))}, world.snapshot()
    done = regcred("logout", "--all", "-n", world.namespace, env=env, check=1)
    assert f'cannot {verb} resource "{resource}"' in done.stderr.decode()
    assert world.snapshot() == before


def test_a_missing_namespace_leaves_the_other_logged_in(regcred, login, world, htpasswd_registry):
    login(htpasswd_registry)
    before = world.snapshot()
    done = regcred("logout", "--all", "-n", f"{world.namespace},nowhere", check=1)
    assert b"namespace nowhere does not exist" in done.stderr
    assert world.snapshot() == before
