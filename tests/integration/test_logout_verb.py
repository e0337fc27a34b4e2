"""``regcred logout`` undoes a login exactly."""

import json

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
    """Whatever its type: login has nothing in there."""
    world.pull_secret("regcred")
    world.create("secrets", "other", type="Opaque", stringData={"a": "b"})
    before = world.snapshot()
    for more in ([], ["--name", "other"], ["--dry-run=client"]):
        done = regcred("logout", "--all", "-n", world.namespace, *more)
        assert b"not logged in to any registry; this Secret is not regcred login's" in done.stdout
        assert done.stderr == b""
    assert world.snapshot() == before


def test_an_adopted_one_is_handed_back_and_a_second_run_says_so(
    regcred, login, world, htpasswd_registry
):
    world.pull_secret("regcred", metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}})

    def state():
        return spec(world.secret()) | {"data": world.logins()}, world.attached()

    before = state()
    login(htpasswd_registry, "--adopt")
    rows = json.loads(regcred("status", "-n", world.namespace, "-o", "json").stdout)["rows"]
    keepers = {row["registry"]: row["managedBy"] for row in rows if row["secret"] == "regcred"}
    assert keepers.pop(htpasswd_registry.address) == "login"
    assert set(keepers.values()) == {"Helm"}
    regcred("logout", "--all", "-n", world.namespace)
    assert state() == before
    again = regcred("logout", htpasswd_registry.address, "-n", world.namespace)
    assert f"not logged in to {htpasswd_registry.address}".encode() in again.stdout
    assert again.stdout.startswith(b"Unchanged")
    assert state() == before


def test_a_label_that_somebody_overwrote_is_no_logout(regcred, login, world, htpasswd_registry):
    """The password is still there, so it is not said that all is well."""
    login(htpasswd_registry)
    secret = world.secret()
    secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    world.put("secrets", secret)
    before = world.snapshot()
    said = regcred("logout", htpasswd_registry.address, "-n", world.namespace, check=1).stderr
    assert world.snapshot() == before
    label = f"kubectl label secret regcred -n {world.namespace} --overwrite "
    assert f"{label}app.kubernetes.io/managed-by=regcred" in said.decode()
    secret = world.secret()
    secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "regcred"
    world.put("secrets", secret)
    regcred("logout", htpasswd_registry.address, "-n", world.namespace)
    assert (world.secret(), world.attached()) == (None, [])


def test_an_entry_of_somebody_else_is_left_and_named(regcred, login, world, htpasswd_registry):
    account = world.get("serviceaccounts", "default")
    world.put("serviceaccounts", account | {"imagePullSecrets": [{"name": "regcred"}]})
    world.with_list("app", "regcred", "other")
    world.with_list("builder")
    login(htpasswd_registry, "--serviceaccount", "default,app,builder")
    done = regcred("logout", "--all", "-n", world.namespace)
    lines = done.stdout.decode().splitlines()
    assert [line.split(" in ")[0] for line in lines] == [
        "Detached  serviceaccount/builder",
        "Deleted   secret/regcred",
        "Left      serviceaccount/app",
        "Left      serviceaccount/default",
    ]
    hints = [line for line in done.stderr.decode().splitlines() if line.startswith("hint: ")]
    assert len(hints) == 2
    regcred(*hints[0].removeprefix("hint: regcred ").split())
    assert world.attached("app") == ["other"]
    assert world.attached() == ["regcred"]


def test_the_operators_is_refused_with_the_way_out(regcred, world):
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "regcred"},
        "annotations": {
            "regcred.dev/kept-by": "operator",
            "regcred.dev/pullcredentials": "harbor=a.example.com",
        },
    }
    world.pull_secret("regcred", metadata=marks)
    before = world.snapshot()
    said = regcred("logout", "--all", "-n", world.namespace, check=1).stderr.decode()
    assert "is kept by the regcred operator" in said
    assert f"kubectl edit pullcredential harbor: exclude {world.namespace}" in said
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
