"""Bad input: an exit code, what is wrong and with what, a hint; and nothing half done.

No secret is said either, neither a password nor what a key or a config holds.
"""

import json
import socket
import sys
from datetime import timedelta

import pytest
import yaml

MARKER = "marker-hush-4711"

FILES = {
    "truncated.json": '{"type": "service_account", "private_key": "' + MARKER,
    "person.json": json.dumps({"type": "authorized_user", "client_secret": MARKER}),
    "broken.json": json.dumps(
        {"auths": {"good.example.com": {"auth": "YTpi"}, "bad.example.com": {"auth": MARKER + "!"}}}
    ),
    "token.json": json.dumps({"auths": {"bad.example.com": {"identitytoken": MARKER}}}),
}
FLAGS = ("-u", "me", "--password-stdin", "--skip-verify")

#: (arguments, exit code, what stderr names, in the words of the hint)
CASES = {
    "key that is truncated": (
        ("login", "gcr.io", "--gcp-key", "truncated.json"),
        2,
        "truncated.json is not a service account key: it is not complete JSON",
    ),
    "key that is a directory": (("login", "gcr.io", "--gcp-key", "."), 2, ". is a directory"),
    "key that is not there": (
        ("login", "gcr.io", "--gcp-key", "none.json"),
        2,
        "cannot read the service account key none.json: No such file",
    ),
    "key of a person": (
        ("secret", "pull", "--docker-server=gcr.io", "--gcp-key", "person.json"),
        2,
        "person.json is not a service account key but a person's login",
    ),
    "docker config with a broken entry": (
        ("secret", "pull", "--from-docker-config", "broken.json"),
        2,
        "broken.json: entry 'bad.example.com': auth is not standard base64",
    ),
    "file with a broken entry": (
        ("secret", "pull", "--from-file", "broken.json"),
        2,
        "broken.json: entry 'bad.example.com'",
    ),
    "docker config with a token only": (
        ("login", "bad.example.com", "--skip-verify", "--from-docker-config", "token.json"),
        1,
        "identitytoken",
    ),
    "registry not in the docker config": (
        ("login", "other.example.com", "--from-docker-config", "token.json"),
        1,
        "no login for 'other.example.com'",
    ),
    "username with a colon": (
        ("login", "a.example.com", "-u", "a:b", *FLAGS[2:]),
        2,
        "the username 'a:b' holds a colon",
    ),
    "server without a dot": (("login", "harbor", *FLAGS), 2, "image harbor/"),
    "server with a glob in its path": (("login", "a.example.com/*", *FLAGS), 2, "a.example.com/*"),
    "server with a tag": (("login", "a.example.com/x:1", *FLAGS), 2, "tag and digest"),
    "server that is no host": (("login", "a b", *FLAGS), 2, "'a b' is not a registry"),
    "unknown registry host": (
        ("login", "nosuch.invalid", "-u", "me", "--password-stdin"),
        3,
        "no such host: nosuch.invalid",
    ),
    "namespace that does not exist": (
        ("login", "a.example.com", "-n", "nowhere", *FLAGS),
        1,
        "namespace nowhere does not exist",
    ),
    "secret in a namespace that does not exist": (
        ("secret", "pull", "-n", "nowhere", "--docker-username=a", "--password-stdin"),
        1,
        'namespaces "nowhere" not found',
    ),
    "no terminal to ask on": (("login", "a.example.com"), 2, "there is no terminal to ask on"),
    "no registry": (("login",), 2, "no REGISTRY is given"),
    "no registry to log out of": (("logout",), 2, "neither REGISTRY nor --all is given"),
    "a registry and all": (("logout", "--all", "gcr.io"), 2, "exclude each other"),
    "empty namespace": (("attach", "pull", "-n", ""), 2, "a name is empty"),
    "two sources": (
        ("login", "gcr.io", "--gcp-key", "person.json", "-u", "me"),
        2,
        "exclude each other",
    ),
    "two scopes": (("attach", "pull", "-A", "-n", "x"), 2, "exclude each other"),
    "nobody matches": (
        ("attach", "pull", "--serviceaccount", "zz*"),
        1,
        "no ServiceAccount matches zz*",
    ),
    "no selector of labels": (
        ("attach", "pull", "--selector", "a in"),
        2,
        "--selector 'a in' is no selector of labels: unable to parse requirement",
    ),
    "missing context": (("attach", "pull", "--context", "none"), 2, "context 'none'"),
    "missing kubeconfig": (("attach", "pull", "--kubeconfig", "none"), 2, "none does not exist"),
}


@pytest.fixture
def kubeconfig_with(kubeconfig, tmp_path):
    """The test cluster's kubeconfig with other fields in its user or cluster."""

    def make(user=None, **cluster):
        config = yaml.safe_load(kubeconfig.read_text())
        config["clusters"][0]["cluster"].update(cluster)
        if user:
            config["users"][0]["user"] = user
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return {"KUBECONFIG": str(file)}

    return make


@pytest.fixture
def refused(regcred, world, tmp_path):
    """Run what must fail: with a hint, without a secret, and with nothing changed."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)

    def run(*args, code, env=None, **options):
        before = world.snapshot()
        env = {"REGCRED_DEBUG": "", **(env or {})}
        if "-n" not in args and "-A" not in args and "--context" not in args:
            env["REGCRED_NAMESPACE"] = world.namespace
        done = regcred(*args, env=env, stdin=MARKER.encode(), cwd=tmp_path, check=code, **options)
        assert b"hint: " in done.stderr
        assert b"bug" not in done.stderr
        assert MARKER.encode() not in done.stdout + done.stderr
        assert world.snapshot() == before
        return done.stderr.decode()

    return run


@pytest.mark.parametrize(("args", "code", "said"), CASES.values(), ids=CASES)
def test_is_refused(refused, args, code, said):
    assert said in refused(*args, code=code)


def test_kubeconfig_that_is_empty(refused, tmp_path):
    (tmp_path / "empty").touch()
    assert "empty is empty" in refused("attach", "pull", "--kubeconfig", "empty", code=2)


def test_closed_port(refused, kubeconfig_with):
    with socket.socket() as bound:  # bound and not listening: nobody else gets this port
        bound.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{bound.getsockname()[1]}"
        said = refused("login", "a.example.com", *FLAGS, code=3, env=kubeconfig_with(server=server))
    assert f"cannot reach the API server {server}: nothing listens there" in said


def test_expired_client_certificate(refused, cluster):
    expired = cluster.users.with_certificate("late", valid_for=timedelta(hours=-1))
    said = refused("login", "a.example.com", *FLAGS, code=3, env={"KUBECONFIG": str(expired)})
    assert "expired on" in said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('locked')", "locked"),
        ("print('rubbish')", "is not an ExecCredential object"),
    ],
    ids=["fails", "rubbish"],
)
def test_exec_plugin_in_trouble(refused, kubeconfig_with, script, said):
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    env = kubeconfig_with(user={"exec": plugin})
    assert said in refused("login", "a.example.com", *FLAGS, code=1, env=env)


def test_children_never_see_the_password(refused, kubeconfig_with, tmp_path):
    script = (
        "import os,sys; p=os.getppid(); "
        f"open({str(tmp_path / 'seen')!r}, 'wb').write(open(f'/proc/{{p}}/cmdline','rb').read()"
        " + open('/proc/self/cmdline','rb').read() + open('/proc/self/environ','rb').read());"
        "sys.exit('no')"
    )
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    env = kubeconfig_with(user={"exec": plugin})
    # Under "env" it is a program of its own, with its own command line.
    refused("login", "a.example.com", *FLAGS, code=1, env=env, wrapper=["env"])
    seen = (tmp_path / "seen").read_bytes()
    assert b"--password-stdin" in seen
    assert MARKER.encode() not in seen


@pytest.mark.parametrize("verb", ["login", "secret", "attach"])
def test_namespace_that_is_terminating(regcred, new_world, kubectl, verb):
    place = new_world()
    place.create("configmaps", "stays", metadata={"finalizers": ["example.com/stay"]})
    kubectl("delete", "namespace", place.namespace, "--wait=false")
    kubectl("wait", "--for=delete", "sa/default", "-n", place.namespace, "--timeout=60s")
    args = {
        "login": ("a.example.com", *FLAGS),
        "secret": ("pull", "--docker-username=a", "--password-stdin"),
        "attach": ("pull",),
    }[verb]
    done = regcred(verb, *args, "-n", place.namespace, stdin=MARKER.encode(), check=1)
    said = (done.stdout + done.stderr).decode()
    assert place.namespace in said
    assert "being" in said
    assert "hint: wait until it is gone" in said
    patch = '{"metadata":{"finalizers":null}}'
    kubectl("patch", "configmap", "stays", "-n", place.namespace, "--type=merge", "-p", patch)


def test_a_login_that_works_shows_no_password_either(regcred, world, htpasswd_registry):
    args = ("-n", world.namespace, "-u", "puller", "--password-stdin", "-o", "yaml")
    password = htpasswd_registry.password.encode()
    done = regcred("login", htpasswd_registry.address, *args, stdin=password)
    assert password not in done.stdout + done.stderr
