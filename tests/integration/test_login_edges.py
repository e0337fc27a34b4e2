"""Logins and logouts beside others, and where only part of it can be done."""

import asyncio
import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.cli import run_regcred
from tests.support.rights import await_right

ROLE = ("--verb=get,list,create,patch,delete", "--resource=secrets,serviceaccounts,pods")


def get(kubectl, namespace, what):
    return json.loads(kubectl("get", what, "-n", namespace, "-o", "json").stdout)


def login(registry, *namespaces):
    where = [word for namespace in namespaces for word in ("-n", namespace)]
    return ("login", registry, "-u", "me", "-p", "hush", "--skip-verify", *where)


def waiting_deployment(kubectl, namespace, image):
    """A Deployment whose Pod was made before the login; no node takes it."""
    name = ("create", "deployment", "web", f"--image={image}", "-n", namespace)
    kubectl(*name)
    kubectl("wait", "--for=create", "pod", "-l", "app=web", "-n", namespace, "--timeout=30s")


@pytest.fixture
def second_namespace(cluster, namespace):
    name = f"{namespace}-2"
    cluster.create_namespace(name)
    yield name
    cluster.api.delete_namespace(name)


def test_a_restart_that_fails_stops_no_login(
    cluster, kubectl, namespace, second_namespace, tmp_path
):
    both = (namespace, second_namespace)
    for where in both:
        kubectl("create", "role", "r", *ROLE, "-n", where)
        bind = ("create", "rolebinding", "r", "--role=r", "--user=system:serviceaccount:x:y")
        kubectl(*bind, f"--serviceaccount={namespace}:default", "-n", where)
        kubectl(
            "create",
            "role",
            "apps",
            "--verb=get",
            "--resource=deployments,replicasets",
            "-n",
            where,
        )
        bind = ("create", "rolebinding", "apps", "--role=apps")
        kubectl(*bind, f"--serviceaccount={namespace}:default", "-n", where)
        waiting_deployment(kubectl, where, "asia.gcr.io/p/app:1")
    token = kubectl("create", "token", "default", "-n", namespace).stdout.decode()
    kubeconfig = cluster.users.with_token(token)
    env = {"KUBECONFIG": str(kubeconfig)}
    for where in both:
        await_right(kubectl, kubeconfig, "get", "deployments", where)

    done = run_regcred(*login("asia.gcr.io", *both), "--restart", env=env, check=1)
    assert done.stdout.count(b"Failed    deployment/web") == 2
    assert b'cannot patch resource "deployments"' in done.stdout
    for where in both:
        assert get(kubectl, where, "secret/regcred")
        assert get(kubectl, where, "serviceaccount/default")["imagePullSecrets"]


def test_a_pod_that_was_made_a_moment_too_early_is_named(regcred, kubectl, namespace):
    waiting_deployment(kubectl, namespace, "asia.gcr.io/p/app:1")
    done = regcred(*login("asia.gcr.io", namespace))
    assert b"Stuck     deployment/web" in done.stdout
    done = regcred(*login("asia.gcr.io", namespace), "--restart")
    assert b"Restarted deployment/web" in done.stdout
    template = get(kubectl, namespace, "deployment/web")["spec"]["template"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]


def test_what_is_restarted_already_is_not_again(regcred, kubectl, namespace):
    """Until a new Pod runs the old one is there, and waits."""
    waiting_deployment(kubectl, namespace, "asia.gcr.io/p/app:1")
    regcred(*login("asia.gcr.io", namespace), "--restart")
    before = get(kubectl, namespace, "deployment/web")["spec"]
    done = regcred(*login("asia.gcr.io", namespace), "--restart")
    assert b"Restarted" not in done.stdout
    assert b"Waiting   deployment/web" in done.stdout
    assert f"kubectl rollout status deployment/web -n {namespace}".encode() in done.stderr
    assert get(kubectl, namespace, "deployment/web")["spec"] == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "none restarted, cannot see which Pods still wait"),
        ({"pods": ("list",)}, 'cannot get resource "replicasets"'),
    ],
    ids=["the Pods", "what makes them"],
)
def test_a_restart_without_the_right_to_see_has_failed(more, said, kubectl, namespace, world):
    waiting_deployment(kubectl, namespace, "asia.gcr.io/p/app:1")
    rights = {"secrets": ("get", "create"), "serviceaccounts": ("get", "patch")} | more
    env = {"KUBECONFIG": str(world.user(rights))}
    done = run_regcred(*login("asia.gcr.io", namespace), "--restart", env=env, check=1)
    assert b"Created   secret/regcred" in done.stdout
    (failed,) = [line for line in done.stdout.decode().splitlines() if line.startswith("Failed ")]
    assert said in failed
    assert b"whoever may grant it: kubectl create role" in done.stderr


def test_a_dry_run_restarts_nothing(regcred, kubectl, namespace):
    waiting_deployment(kubectl, namespace, "asia.gcr.io/p/app:1")
    before = get(kubectl, namespace, "deployment/web")["spec"]
    for how in ("client", "server"):
        done = regcred(*login("asia.gcr.io", namespace), "--restart", f"--dry-run={how}")
        assert b"Restarted deployment/web" in done.stdout
    assert get(kubectl, namespace, "deployment/web")["spec"] == before


def test_logout_after_the_secret_was_deleted_by_hand(regcred, kubectl, namespace):
    before = get(kubectl, namespace, "serviceaccount/default")
    regcred(*login("asia.gcr.io", namespace))
    kubectl("delete", "secret", "regcred", "-n", namespace)
    done = regcred("logout", "--all", "-n", namespace)
    assert b"Detached  serviceaccount/default" in done.stdout
    after = get(kubectl, namespace, "serviceaccount/default")
    for obj in (before, after):
        del obj["metadata"]["resourceVersion"]
    assert after == before


def test_logout_leaves_what_somebody_else_put_into_the_secret(regcred, kubectl, namespace):
    regcred(*login("asia.gcr.io", namespace))
    kubectl("patch", "secret", "regcred", "-n", namespace, "-p", '{"stringData":{"theirs":"x"}}')
    done = regcred("logout", "--all", "-n", namespace)
    assert b"Updated   secret/regcred" in done.stdout
    left = get(kubectl, namespace, "secret/regcred")
    assert left["data"]["theirs"] == "eA=="
    assert not left["metadata"].get("annotations")
    assert "imagePullSecrets" not in get(kubectl, namespace, "serviceaccount/default")


def test_a_login_between_the_steps_of_a_logout_stays_whole(kubeconfig, kubectl, regcred, namespace):
    """The other login comes right after the ServiceAccount was detached."""
    from regcred.cli.logout import _undo
    from regcred.kube import config
    from regcred.kube.client import Client

    regcred(*login("asia.gcr.io", namespace))

    async def log_out():
        loaded = config.load(kubeconfig=str(kubeconfig), env=dict(os.environ))
        words = []
        async with Client(loaded) as client:
            async for result in _undo(client, ["asia.gcr.io"], "regcred", namespace, "none"):
                words.append(result.result)
                if result.result == "Detached":
                    await asyncio.to_thread(regcred, *login("ghcr.io", namespace))
                    # That login found the ServiceAccount detached and attached it; a slower
                    # one that had attached it before is played by taking it off once more.
                    await asyncio.to_thread(
                        regcred, "detach", "regcred", "-n", namespace, "--force"
                    )
        return words

    assert asyncio.run(log_out()) == ["Detached", "Attached", "Updated"]
    assert get(kubectl, namespace, "serviceaccount/default")["imagePullSecrets"] == [
        {"name": "regcred"}
    ]


def test_a_registry_that_asks_nobody_is_not_called_verified(regcred, namespace):
    class Open(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Docker-Distribution-API-Version", "registry/2.0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        flags = ("login", address, "-u", "me", "--password-stdin", "-n", namespace, "-o", "json")
        done = regcred(*flags, stdin=b"hush")
        server.shutdown()
    results = [r["result"] for r in json.loads(done.stdout)["results"]]
    assert results == ["NotAsked", "Created", "Attached"]


def test_one_registry_in_two_spellings_is_one(regcred, kubectl, namespace):
    flags = (
        "login",
        "ghcr.io",
        "https://GHCR.io/",
        "-u",
        "me",
        "--password-stdin",
        "--skip-verify",
    )
    regcred(*flags, "-n", namespace, stdin=b"hush")
    marks = get(kubectl, namespace, "secret/regcred")["metadata"]["annotations"]
    assert marks["regcred.dev/registries"] == "ghcr.io"
    again = regcred(*flags, "-n", namespace, stdin=b"hush")
    assert not re.search(b"Updated|Attached", again.stdout)


def test_secret_says_which_logins_it_replaces(regcred, namespace):
    flags = ("--docker-username=me", "--docker-password=hush", "-n", namespace)
    regcred("secret", "pull", "--docker-server=ghcr.io", *flags)
    done = regcred("secret", "pull", "--docker-server=quay.io", *flags)
    assert b"secret/pull configured" in done.stdout
    assert b"logins that are gone now: 'ghcr.io'" in done.stderr


@pytest.mark.parametrize("word", ["true", "false", "warn", "ignore", "strict"])
def test_validate_takes_kubectls_words(regcred, namespace, word):
    flags = ("--docker-server=ghcr.io", "--docker-username=me", "--docker-password=hush")
    regcred("secret", "pull", *flags, f"--validate={word}", "--dry-run=server", "-n", namespace)


def test_a_registry_that_the_optional_path_swallowed(regcred):
    done = run_regcred("login", "--from-docker-config", "ghcr.io", check=2)
    assert b"'ghcr.io' was taken for the PATH" in done.stderr


def test_the_password_in_a_registry_url_is_not_shown():
    flags = ("--docker-username=me", "--docker-password=x", "--dry-run=client")
    done = run_regcred(
        "secret", "pull", "--docker-server=https://me:s3cret@ghcr.io", *flags, check=None
    )
    assert b"s3cret" not in done.stdout + done.stderr


def test_a_mistyped_serviceaccount_of_an_old_namespace_is_not_waited_for(regcred):
    done = regcred(
        "attach", "regcred", "-n", "kube-system", "--serviceaccount", "bild", "--timeout=2", check=1
    )
    assert b"ServiceAccount kube-system/bild does not exist" in done.stdout
