"""``regcred check``: real registries, a real API server, and what may not be read there."""

import base64
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.waiting import await_condition
from tests.support.platforms import push_platforms
from tests.support.terminal import Terminal

JSON = "kubernetes.io/dockerconfigjson"


def images(done):
    return json.loads(done.stdout)["images"]


def verdicts(done):
    return {(each.get("object", ""), each["image"]): each["reason"] for each in images(done)}


def config(registry, password=None):
    entry = {"username": registry.username, "password": password or registry.password}
    return json.dumps({"auths": {registry.address: entry}})


def secret(name, registry, **metadata):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, **metadata},
        "type": JSON,
        "stringData": {".dockerconfigjson": config(registry)},
    }


def pod(name, image, *secrets, **spec):
    spec["containers"] = [{"name": "app", "image": image}]
    if secrets:
        spec["imagePullSecrets"] = [{"name": each} for each in secrets]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def controlled(kind, name, image, **fields):
    """A workload; ``replicas: 0``, so that nothing runs."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod("", image)["spec"]}
    spec = {"selector": {"matchLabels": labels}, "template": template, **fields}
    api = "apps/v1"
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
        spec, api = {"template": template, "suspend": True}, "batch/v1"
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": spec}}
        del spec["jobTemplate"]["spec"]["suspend"]
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}


def stream(*objects):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()


@pytest.fixture
def check(regcred, world):
    """Check in the test's namespace."""

    def run(*args, **options):
        return regcred("check", "-n", world.namespace, "-o", "json", *args, **options)

    return run


@pytest.fixture
def docker_config(tmp_path, htpasswd_registry):
    path = tmp_path / "config.json"
    path.write_text(config(htpasswd_registry))
    return str(path)


class Peer:
    """A registry that has every image, and remembers who asked for what."""

    def __init__(self, status=200, headers=()):
        self.requests = []
        peer = self
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "a", "digest": f"sha256:{'0' * 64}", "size": 1},
                "layers": [],
            }
        ).encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                sent = self.headers.get("Authorization")
                peer.requests.append((self.command, self.path, sent))
                code = status if sent else 401
                self.send_response(code)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                self.send_header("Content-Length", str(len(body)))
                for header in headers:
                    self.send_header(*header)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.username, self.password = "me", "hush"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def peer():
    made = Peer()
    yield made
    made.close()


def test_stream_goes_before_the_cluster(check, world, htpasswd_registry):
    image = htpasswd_registry.image
    world.create("secrets", "a", type="Opaque", stringData={"x": "y"})
    world.with_list("builder", "gone")
    objects = [
        pod("own", image, "a"),
        pod("account", image, serviceAccountName="builder"),
        secret("a", htpasswd_registry),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "builder"},
            "imagePullSecrets": [{"name": "a"}],
        },
    ]
    assert set(verdicts(check("-f", "-", stdin=stream(*objects))).values()) == {"Ok"}
    alone = check("-f", "-", stdin=stream(*objects[:2]), check=1)
    assert verdicts(alone) == {
        ("pod/own", image): "WrongSecretType",
        ("pod/account", image): "SecretMissing",
    }


def test_a_serviceaccount_without_a_list_keeps_its_own(check, world, htpasswd_registry):
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}}
    brings = secret("a", htpasswd_registry)
    user = pod("p", htpasswd_registry.image, serviceAccountName="builder")

    def said(*flags, listed=account):
        done = check("-f", "-", *flags, stdin=stream(user, brings, listed), check=None)
        return images(done)[0]["reason"]

    assert said() == said("--no-cluster") == "NoCredential"
    world.with_list("builder", "a")
    assert said() == "Ok"
    assert said(listed=account | {"imagePullSecrets": []}) == "NoCredential"


def test_a_secret_that_the_deploy_brings(check, world, htpasswd_registry, tmp_path):
    file = tmp_path / "secret.yaml"
    for namespace in ({}, {"namespace": world.namespace}):
        file.write_text(json.dumps(secret("a", htpasswd_registry, **namespace)))
        gate = ("-f", "-", "--assume-secret", str(file))
        (found,) = images(check(*gate, stdin=stream(pod("p", htpasswd_registry.image, "a"))))
        assert (found["verdict"], found["source"]) == ("ok", f"Secret {world.namespace}/a")
        assert found["username"] == "puller"
        assert found["digest"].startswith("sha256:")
    file.write_text("kind: ConfigMap\napiVersion: v1\n")
    done = check(*gate, stdin=stream(), check=2)
    assert b"--assume-secret: there is no Secret in" in done.stderr


def test_what_may_not_be_read_is_unknown(check, world, htpasswd_registry):
    image = htpasswd_registry.image
    manifest = stream(pod("own", image, "a"), pod("account", image))
    env = {"KUBECONFIG": str(world.user({"serviceaccounts": ("get",)}))}
    world.create("secrets", "a", type="Opaque", stringData={"x": "y"})
    done = check("-f", "-", stdin=manifest, env=env, check=1)
    own, account = images(done)
    assert (own["verdict"], own["reason"]) == ("unknown", "Unknown")
    assert f"secret/a in {world.namespace} (no right to read it)" in own["message"]
    assert account["reason"] == "NoCredential"
    assert b"nodes may not be listed: images are looked for as linux/amd64" in done.stderr

    env = {"KUBECONFIG": str(world.user({"secrets": ("get",)}))}
    own, account = images(check("-f", "-", stdin=manifest, env=env, check=1))
    assert own["reason"] == "WrongSecretType"
    assert account["verdict"] == "unknown"
    assert "serviceaccount/default" in account["message"]


def test_without_a_cluster(regcred, htpasswd_registry, tmp_path):
    manifest = stream(pod("p", htpasswd_registry.image, "a"))
    for flags, env in ((("--no-cluster",), {}), ((), {"KUBECONFIG": os.devnull})):
        done = regcred("check", "-f", "-", "-o", "json", *flags, stdin=manifest, env=env, check=1)
        (found,) = images(done)
        assert (found["verdict"], "namespace" in found) == ("unknown", False)
    with_secret = stream(pod("p", htpasswd_registry.image, "a"), secret("a", htpasswd_registry))
    regcred("check", "-f", "-", "--no-cluster", stdin=with_secret)


def test_a_cluster_that_does_not_answer(regcred, htpasswd_registry, docker_config, tmp_path):
    broken = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": ""}}
    broken.write_text(
        json.dumps({"clusters": [cluster], "contexts": [context], "current-context": "c"})
    )
    env = {"KUBECONFIG": str(broken)}
    manifest = stream(pod("p", htpasswd_registry.image, "a"))
    done = regcred("check", "-f", "-", stdin=manifest, env=env, check=3)
    assert b"what only the cluster knows is unknown" in done.stderr
    assert done.stdout.startswith(b"Unknown  ")
    regcred("check", "-n", "default", env=env, check=3)
    # Then only the nodes' platform is missing, and there is a default.
    gate = ("check", htpasswd_registry.image, "--docker-config", docker_config)
    assert b"what only the cluster knows is unknown" in regcred(*gate, env=env).stderr
    assert regcred(*gate, "--platform", "linux/amd64", env=env).stderr == b"1 image: 1 ok\n"


def test_what_runs_each_once(check, world, cluster, htpasswd_registry):
    image = htpasswd_registry.image
    kinds = ("Deployment", "StatefulSet", "ReplicaSet", "Job", "CronJob")
    for kind in kinds:
        zero = {"replicas": 1 if kind in ("Deployment", "ReplicaSet") else 0}
        made = controlled(kind, kind.lower(), image, **({} if "Job" in kind else zero))
        where = ("create", "-n", world.namespace, "-f", "-")
        cluster.kubectl(*where, stdin=json.dumps(made).encode())
    cluster.kubectl(*where, stdin=json.dumps(pod("alone", image)).encode())
    cluster.kubectl(
        "wait", "-n", world.namespace, "deployment/deployment", "--timeout=60s",
        "--for=jsonpath={.status.unavailableReplicas}=1",
    )  # fmt: skip
    done = check(check=1)
    expected = {f"{kind.lower()}/{kind.lower()}" for kind in kinds} | {"pod/alone"}
    assert {name for name, _ in verdicts(done)} == expected
    assert len(images(done)) == len(expected)
    everywhere = json.loads(cluster_wide(check, world).stdout)["images"]
    mine = [each["object"] for each in everywhere if each["namespace"] == world.namespace]
    assert sorted(mine) == sorted(expected)


def cluster_wide(check, world):
    from tests.support.cli import run_regcred

    env = {"KUBECONFIG": str(world.cluster.kubeconfig)}
    return run_regcred("check", "-A", "-o", "json", "--timeout", "5", env=env, check=None)


def test_kinds_that_may_not_be_listed_are_named(check, world, htpasswd_registry):
    rights = {"pods": ("list",), "serviceaccounts": ("get",), "secrets": ("get",)}
    env = {"KUBECONFIG": str(world.user(rights))}
    done = check(env=env, check=1)
    (unread,) = json.loads(done.stdout)["unread"]
    kinds = "deployments, statefulsets, daemonsets, cronjobs, jobs, replicasets and"
    assert unread["source"] == f"{kinds} replicationcontrollers in {world.namespace!r}"
    assert unread["reason"] == "Unknown"
    said = check("-o", "table", env=env, check=1).stderr.decode()
    assert said.count("nothing is known of") == 1
    assert said.count("kubectl create role ") == 1
    grant = unread["hint"].partition("whoever may grant it: ")[2]
    for command in grant.split(" && "):
        world.cluster.kubectl(*shlex.split(command)[1:])

    def all_are_listed():
        return check(env=env, check=None).returncode == 0

    await_condition("the rights are known to the API server", all_are_listed, timeout=30)
    env = {"KUBECONFIG": str(world.user({"secrets": ("get",)}))}
    assert b"cannot list deployments, " in check(env=env, check=1).stderr


def test_an_empty_namespace(check, world):
    done = check()
    assert json.loads(done.stdout)["images"] == []
    assert b"nothing is in there that pulls an image" in done.stderr


def test_a_namespace_that_does_not_exist(regcred, world, htpasswd_registry):
    said = b"namespace test-typo does not exist"
    done = regcred("check", "-n", "test-typo", check=1)
    assert said in done.stderr
    done = regcred("check", "-n", "test-typo", "-n", world.namespace, "-o", "json", check=1)
    (unread,) = json.loads(done.stdout)["unread"]
    assert unread["source"] == "namespace test-typo"
    done = regcred("check", "-n", "test-typo", htpasswd_registry.image, check=1)
    assert done.stderr.startswith(b"error: " + said)
    # Who may not read namespaces finds nothing there, as in one that is empty.
    env = {"KUBECONFIG": str(world.user({"serviceaccounts": ("get",)}))}
    regcred("check", "-n", world.namespace, htpasswd_registry.image, env=env, check=1)


def test_empty_input_is_no_green_light(regcred):
    for nothing in (b"", b"---\n# nothing\n"):
        done = regcred("check", "-f", "-", "-o", "junit", stdin=nothing, check=2)
        assert b"standard input is empty" in done.stderr
        assert done.stdout == b""


@pytest.mark.parametrize("content", ["", "# nothing\n---\n", "a: 1", "kind: List\nitems: []"])
def test_files_without_an_object_are_no_green_light(regcred, cluster, tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_text(content)
    (tmp_path / "b.yaml").write_text("# nothing either\n")
    done = regcred("check", "-f", str(file), "--no-cluster", check=2)
    assert f"nothing is there to check: no object is in {file}".encode() in done.stderr
    said = regcred("check", "-f", str(tmp_path), "--no-cluster", check=2).stderr
    assert f"no object is in {file}, {tmp_path}/b.yaml".encode() in said
    assert cluster.kubectl("apply", "--dry-run=client", "-f", str(file), check=False).returncode
    # A chart may well be without Pods.
    (tmp_path / "b.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    said = regcred("check", "-f", str(tmp_path), "--no-cluster").stderr
    assert b"nothing is in there that pulls an image" in said


def test_kinds_that_nobody_knows_are_named(regcred):
    spec = pod("", "gcr.io/p/app:1")["spec"]
    made = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    objects = stream(made | {"spec": {"pods": spec}}, made | {"spec": {"pods": spec}})
    done = regcred("check", "-f", "-", "--no-cluster", stdin=objects)
    assert b"<stdin>:1: Widget.example.com/w and 1 more: not checked" in done.stderr
    path = "Widget=.spec.template"
    done = regcred("check", "-f", "-", "--no-cluster", "--path", path, stdin=objects)
    assert f"no object in the input has an image where --path {path} says".encode() in done.stderr
    path = "Widget.example.com=.spec.pods"
    offline = ("--no-cluster", "--platform", "linux/amd64", "--timeout", "0.1", "-o", "json")
    done = regcred("check", "-f", "-", *offline, "--path", path, stdin=objects, check=None)
    assert len(images(done)) == 2
    assert b"Widget" not in done.stderr


def test_assumed_secrets_do_not_change_a_list(check, world, htpasswd_registry, tmp_path):
    world.with_list("builder", "theirs")
    file = tmp_path / "own.json"
    file.write_text(json.dumps(secret("own", htpasswd_registry)))
    flags = ("--serviceaccount", "builder", "--assume-secret", str(file))
    done = check(htpasswd_registry.image, *flags, check=1)
    assert images(done)[0]["reason"] == "SecretMissing"
    assert b"names Secret own" in done.stderr
    assert b"hint: they name theirs" in done.stderr
    file.write_text(json.dumps(secret("theirs", htpasswd_registry)))
    done = check(htpasswd_registry.image, *flags)
    assert b"names Secret" not in done.stderr


def test_a_name_that_is_mistyped(check, cluster, world, htpasswd_registry):
    """The one that was meant is named, where Secrets may be listed; those of other kinds never."""
    world.pull_secret("regcred")
    world.create("secrets", "regcerds", stringData={"a": "b"})
    mistyped = pod("a", htpasswd_registry.image, "regcerd")
    manifest = stream(mistyped)
    (found,) = images(check("-f", "-", stdin=manifest, check=1))
    assert found["reason"] == "SecretMissing"
    meant = "secret/regcred is there: name that in place of regcerd; or regcred login "
    assert found["hint"].startswith(meant)
    env = {"KUBECONFIG": str(world.user({"secrets": ("get",), "serviceaccounts": ("get",)}))}
    done = check("-f", "-", stdin=manifest, env=env, check=1)
    assert images(done)[0]["hint"].startswith("regcred login ")
    assert b"secrets" not in done.stderr
    both = stream(mistyped, secret("regcerds", htpasswd_registry))
    (found,) = images(check("-f", "-", stdin=both, env=env, check=1))
    assert found["hint"].startswith("secret/regcerds is there: "), "the deploy brings it"


def test_images_that_nobody_logs_in_for(regcred, htpasswd_registry):
    done = regcred("check", htpasswd_registry.image, "--no-cluster", "-o", "json", check=1)
    (found,) = images(done)
    assert found["reason"] == "NoCredential"
    assert "no login is given" in found["message"]
    assert found["hint"].startswith("--docker-config takes the logins of this machine")


def test_images_with_the_login_of_a_serviceaccount(check, world, htpasswd_registry):
    image = htpasswd_registry.image
    assert verdicts(check(image, check=1)) == {("", image): "NoCredential"}
    world.create(
        "secrets", "a", type=JSON, stringData={".dockerconfigjson": config(htpasswd_registry)}
    )
    world.with_list("builder", "a")
    assert verdicts(check(image, "--serviceaccount", "builder")) == {("", image): "Ok"}


def test_logins_of_this_machine(
    regcred, htpasswd_registry, token_registry, docker_config, tmp_path
):
    image = htpasswd_registry.image
    regcred("check", image, "--docker-config", docker_config)
    regcred("check", image, "--docker-config", env={"DOCKER_CONFIG": str(tmp_path)})
    manifest = stream(pod("p", image, "gone"))
    regcred("check", "-f", "-", "--docker-config", docker_config, stdin=manifest)
    done = regcred("check", token_registry.image, "--docker-config", docker_config, check=1)
    assert f"hint: docker login {token_registry.address}".encode() in done.stdout


def test_identity_tokens_of_this_machine(regcred, token_registry, identity_token, tmp_path):
    image, path = token_registry.image, tmp_path / "config.json"
    helper = tmp_path / "docker-credential-mine"
    answer = json.dumps({"Username": "<token>", "Secret": identity_token})
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    name_only = base64.b64encode(b"puller:").decode()
    entry = {"auth": name_only, "identitytoken": identity_token}
    for config in (
        {"auths": {token_registry.address: entry}},
        {"auths": {token_registry.address: {}}, "credsStore": "mine"},
    ):
        path.write_text(json.dumps(config))
        args = ("check", image, "--docker-config", str(path), "-o", "json")
        done = regcred(*args, env=env)
        (found,) = images(done)
        assert found["message"].startswith("an identity token, ")
        assert "IdentityToken" in {each["reason"] for each in found["warnings"]}
        assert identity_token.encode() not in done.stdout + done.stderr
    # What kubelet would find in that file, and in a Secret made of it, is another matter.
    path.write_text(json.dumps({"auths": {token_registry.address: {"identitytoken": "x"}}}))
    done = regcred("check", "--offline", image, "--docker-config", str(path))
    assert b"it has only identitytoken, which kubelet ignores" in done.stdout
    assert f"hint: docker login {token_registry.address}\n".encode() in done.stdout


def test_credential_helpers_are_run(regcred, htpasswd_registry, tmp_path):
    registry = htpasswd_registry
    answer = {"Username": registry.username, "Secret": registry.password}
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{json.dumps(answer)}'\n")
    helper.chmod(0o755)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {registry.address: {}}, "credsStore": "mine"}))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = regcred("check", registry.image, "--docker-config", str(path), env=env)
    assert b"user puller" in done.stdout
    helper.write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    done = regcred("check", registry.image, "--docker-config", str(path), env=env, check=1)
    assert b"broken" in done.stderr


def test_secrets_in_files(regcred, htpasswd_registry, tmp_path):
    files = []
    for name, password in (("a", "wrong"), ("b", None)):
        made = secret(name, htpasswd_registry)
        made["stringData"] = {".dockerconfigjson": config(htpasswd_registry, password)}
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(made))
    flags = [flag for file in files for flag in ("--secret-file", str(file))]
    done = regcred("check", htpasswd_registry.image, *flags, "-o", "json")
    (found,) = images(done)
    assert found["source"] == "Secret b"
    offline = regcred("check", "--offline", htpasswd_registry.image, *flags, "-o", "json")
    (found,) = json.loads(offline.stdout)["images"]
    assert found["candidates"] == [
        {"registry": htpasswd_registry.address, "username": "puller", "source": f"Secret {name}"}
        for name in ("a", "b")
    ]
    assert found["problems"] == []
    assert htpasswd_registry.password.encode() not in done.stdout + offline.stdout


def test_platforms(regcred, htpasswd_registry, docker_config, tmp_path):
    image = push_platforms(htpasswd_registry, "team/two:1", ["arm64", "s390x"], tmp_path / "i")
    gate = ("check", image, "--docker-config", docker_config, "-o", "json")
    (found,) = images(regcred(*gate, "--platform", "linux/arm64"))
    assert found["platforms"] == ["linux/arm64"]
    (found,) = images(regcred(*gate, "--platform", "linux/arm64,linux/s390x"))
    assert found["platforms"] == ["linux/arm64", "linux/s390x"]
    (found,) = images(regcred(*gate, "--platform", "linux/arm64,linux/riscv64", check=1))
    assert found["reason"] == "PlatformMissing"
    assert "linux/s390x" in found["message"]
    (found,) = images(regcred(*gate, check=1))
    assert found["reason"] == "PlatformMissing"
    manifest = stream(pod("p", image, nodeSelector={"kubernetes.io/arch": "arm64"}))
    flags = ("-f", "-", "--docker-config", docker_config)
    regcred("check", *flags, stdin=manifest)


def test_tls(regcred, tls_registry, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config(tls_registry))
    gate = ("check", tls_registry.image, "--docker-config", str(path))
    done = regcred(*gate, check=3)
    assert done.stdout.startswith(b"Unreachable  ")
    regcred(*gate, "--ca-file", str(tls_registry.ca_file))
    # What can be read only once, as <(kubectl get configmap …) is.
    regcred(*gate, "--ca-file", "/dev/stdin", stdin=tls_registry.ca_file.read_bytes())
    done = regcred(*gate, "--ca-file", str(path), check=2)
    assert b"holds no certificate" in done.stderr


def test_tls_as_a_node_has_it(regcred, tls_registry, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(config(tls_registry))
    host = tmp_path / "certs.d" / tls_registry.address
    host.mkdir(parents=True)
    entry = f'[host."https://{tls_registry.address}"]\nca = "{tls_registry.ca_file}"\n'
    (host / "hosts.toml").write_text(f'server = "https://{tls_registry.address}"\n{entry}')
    gate = ("check", tls_registry.image, "--docker-config", str(path), "--certs-dir")
    done = regcred(*gate, str(host.parent), "--plain-http", "other:80")
    assert b"not asked: the mirrors" not in done.stderr
    assert b"warning: --plain-http: no image is of other:80" in done.stderr
    done = regcred(*gate, str(host), check=2)
    assert b"is the folder of one host" in done.stderr
    assert f"hint: --certs-dir {host.parent}\n".encode() in done.stderr


def test_each_question_is_asked_once(check, world, peer):
    image = f"{peer.address}/team/app:1"
    config_json = json.dumps({"auths": {peer.address: {"username": "me", "password": "hush"}}})
    for name in ("a", "b"):
        world.create("secrets", name, type=JSON, stringData={".dockerconfigjson": config_json})
    pods = [pod(f"p{number}", image, "ab"[number % 2]) for number in range(20)]
    never = pod("never", f"{peer.address}/team/never:1", "a")
    never["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    done = check("-f", "-", stdin=stream(*pods, never))
    assert len(images(done)) == 21
    assert not any("never" in path for _, path, _ in peer.requests)
    with_login = [method for method, path, sent in peer.requests if sent and "manifests" in path]
    assert len(with_login) == len(set(with_login)) <= 2
    basic = base64.b64encode(b"me:hush").decode()
    assert {sent for _, _, sent in peer.requests if sent} == {f"Basic {basic}"}
    assert b"hush" not in done.stdout + done.stderr


def test_a_registry_that_takes_no_more(check):
    peer = Peer(status=429, headers=[("Retry-After", "3600")])
    try:
        image = f"{peer.address}/team/app:1"
        manifest = stream(pod("p", image, "a"), secret("a", peer))
        (found,) = images(check("-f", "-", "--timeout", "3", stdin=manifest, check=1))
        assert found["reason"] == "RateLimited"
    finally:
        peer.close()


def test_secrets_that_spoil_whoever_names_them(regcred):
    broken = {"auths": {"quay.io": {"auth": "no base64!"}}}
    spoilt = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a"},
        "type": JSON,
        "stringData": {".dockerconfigjson": json.dumps(broken)},
    }
    done = regcred("check", "-f", "-", "--no-cluster", stdin=stream(spoilt))
    assert b"warning: Secret a: entry 'quay.io': auth is not" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "nothing is given to check"),
        (["x", "-f", "-"], "images and manifests exclude each other"),
        (["-A", "-n", "x"], "-A is what runs in every namespace"),
        (["x", "-n", "a,b"], "give one namespace"),
        (["--docker-config", "x"], "'x' was taken for the FILE of --docker-config"),
        (["x", "--docker-config", "y", "--secret-file", "z"], "exclude each other"),
        (["-f", "-", "--secret-file", "z"], "--secret-file is for images"),
        (["--offline", "x"], "--offline needs images, and the logins"),
        (["--offline", "x", "--docker-config", "/nonexistent"], "cannot read the docker config"),
        (["--offline", "x", "--docker-config", "y", "-o", "junit"], "--offline gives no verdicts"),
        (["x", "--docker-config", "/nonexistent"], "cannot read the docker config"),
        (["-f", "/nonexistent"], "cannot read /nonexistent"),
        (["x", "--platform", "amd64"], "'amd64' is no platform"),
        (["x", "--concurrency", "0"], "--concurrency"),
        ([""], "an IMAGE is empty"),
        (["-n", "x", "--no-cluster"], "--no-cluster leaves nothing to look at"),
        (["-A", "--no-cluster"], "--no-cluster leaves nothing to look at"),
        (["-f", "-", "--serviceaccount", "x"], "--serviceaccount is for images"),
        (["-n", "x", "--path", "A=.b"], "--path is for manifests"),
        (["x", "-R"], "--recursive is for manifests"),
        (["-n", "x", "--assume-secret", "y"], "--assume-secret is for what is not deployed yet"),
        (["--docker-config", "x"], "put --docker-config at the end"),
    ],
)
def test_wrong_usage(regcred, args, said):
    done = regcred("check", *args, check=2)
    assert said in done.stderr.decode()
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"kind: Pod\nkind: Pod", "<stdin>:2:1: the key 'kind' stands twice"),
        (b"a: [", "<stdin>:1:5: "),
        (b"{a: {{ .x }}}", "helm template … | regcred check -f -"),
        (b"kind: Secret\napiVersion: v1\ndata: {a: '?'}", "is not base64"),
        (
            b"kind: Pod\napiVersion: v1\nspec: {imagePullSecrets: x, containers: [{image: a}]}",
            "<stdin>:1:1: imagePullSecrets of pod/* is no list of names",
        ),
        (b"kind: Pod\napiVersion: v1\nspec: {containers: x}", "containers of pod/* is no list"),
        (b"kind: Pod\napiVersion: v1\nspec: {containers: [1]}", "has an entry that is no mapping"),
        (b"kind: Pod\napiVersion: v1\nspec: {initContainers: {a: b}}", "initContainers of pod/*"),
        (b"kind: Pod\napiVersion: v1\nspec: {containers: [{image: 7}]}", "is no string"),
        (b"kind: List\nitems: x", "<stdin>:2:8: items of the List is no list"),
        (b"helm is not there", "<stdin>:1:1: this is text, and no object"),
    ],
)
def test_manifests_that_cannot_be_read(regcred, manifest, said):
    done = regcred("check", "-f", "-", "--no-cluster", stdin=manifest, check=2)
    assert said in done.stderr.decode()


@pytest.mark.parametrize("columns", ["80", "140"])
def test_on_a_terminal(docker_config, htpasswd_registry, columns):
    image = htpasswd_registry.image
    digest = f"@sha256:{'0' * 64}"
    long = f"{image}.{'long' * 20}{digest}"
    args = ("check", image, f"{image}.gone", long, "--docker-config")
    for env in ({}, {"NO_COLOR": "1"}):
        env |= {"COLUMNS": columns, "DOCKER_CONFIG": os.path.dirname(docker_config)}  # noqa: PTH120
        with Terminal(*args, env=env) as terminal:
            assert terminal.finish() == 1
            seen = terminal.seen
        assert ("\x1b[" in seen) is not bool(env.get("NO_COLOR"))
        if env.get("NO_COLOR"):
            table, _, _ = seen.partition("unknown, since")
            assert "FOR" not in table
            rows = [row for row in table.splitlines() if not row.startswith("hint: ")]
            assert any(long in row for row in rows), "it can be copied"
            whole = digest, env["DOCKER_CONFIG"]
            broken = [row for row in rows if not any(each in row for each in whole)]
            assert max(map(len, broken)) <= int(columns)
            assert "VERDICT" in table
            assert "NotFound" in table
        assert "3 images: 1 ok, 2 fail" in seen


def test_a_bar_for_what_takes_long(docker_config, htpasswd_registry):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = f"127.0.0.1:{silent.getsockname()[1]}/team/app:1"
        args = ("check", htpasswd_registry.image, slow, "--docker-config", docker_config)
        with Terminal(*args, "--timeout", "2", env={"COLUMNS": "80"}) as terminal:
            terminal.expect("1/2")
            assert terminal.finish() == 3
            assert "does not answer within 2 s" in " ".join(terminal.seen.split())


def test_ctrl_c_tells_what_is_known(htpasswd_registry, docker_config):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = f"127.0.0.1:{silent.getsockname()[1]}/team/app:1"
        args = ("check", htpasswd_registry.image, slow, "--docker-config", docker_config)
        with subprocess.Popen(
            [sys.executable, "-m", "regcred", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell that started the tests in the background had it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as running:
            connection, _ = silent.accept()
            running.send_signal(signal.SIGINT)
            out, error = running.communicate(timeout=20)
            connection.close()
    assert running.returncode == 130
    assert b" of 2 images are checked" in error
    assert b"FAIL" not in out


def test_a_reader_that_goes_away(tmp_path):
    (tmp_path / "big.json").write_bytes(stream(*(pod(f"p{n}", f"a b:{n}") for n in range(3000))))
    command = f"{sys.executable} -m regcred check -f big.json --no-cluster -o json 2>&1 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"{\n141\n"


def test_a_bar_while_manifests_are_read(tmp_path):
    os.mkfifo(tmp_path / "m.yaml")
    seen = threading.Event()

    def write():
        with (tmp_path / "m.yaml").open("w") as file:
            while not seen.wait(0.05):
                file.write("kind: ConfigMap\n---\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        args = ("check", "-f", "m.yaml", "--no-cluster")
        with Terminal(*args, env={"COLUMNS": "80"}, cwd=tmp_path) as terminal:
            terminal.expect(" documents")
            seen.set()
            assert terminal.finish() == 0
    finally:
        seen.set()
        writer.join()


def test_mirrors_are_named_and_not_asked(regcred, docker_config, htpasswd_registry, tmp_path):
    folder = tmp_path / "certs.d" / htpasswd_registry.address
    folder.mkdir(parents=True)
    mirror = '[host."http://mirror.invalid"]\n  capabilities = ["pull", "resolve"]\n'
    (folder / "hosts.toml").write_text(f'server = "http://{htpasswd_registry.address}"\n{mirror}')
    gate = ("check", htpasswd_registry.image, "--docker-config", docker_config)
    done = regcred(*gate, "--certs-dir", str(folder.parent))
    assert b"not asked: the mirrors of 127.0.0.1:" in done.stderr
    assert b"http://mirror.invalid" in done.stderr
