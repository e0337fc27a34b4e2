"""The hints of ``regcred check``, run as they stand: after them the verdict is ``ok``."""

import base64
import json
import os
import shlex

import pytest

from cluster.waiting import await_condition
from tests.integration.test_check_verb import JSON, config, controlled, images, pod, secret, stream
from tests.support.typedlines import shell_in


@pytest.fixture
def shell(cluster, world, tmp_path):
    """Run a line as a person would, who types the password when asked."""
    typed = shell_in(tmp_path / "bin", cluster)

    def run(line, registry):
        login = {"REGCRED_USERNAME": registry.username, "REGCRED_PASSWORD": registry.password}
        return typed(line, os.environ | {"KUBECONFIG": str(cluster.kubeconfig), **login})

    return run


@pytest.fixture
def check(regcred, world):
    def run(*args, check=None, **options):
        place = () if "-n" in args else ("-n", world.namespace)
        return regcred("check", *place, "-o", "json", *args, check=check, **options)

    return run


def command(found):
    """The hint without what it says besides."""
    return found["hint"].partition("; ")[0].partition(", or ")[0]


def apply(cluster, world, *objects):
    cluster.kubectl("create", "-n", world.namespace, "-f", "-", stdin=stream(*objects))


def workload(name, image, *secrets, account="default"):
    made = controlled("Deployment", name, image, replicas=0)
    spec = made["spec"]["template"]["spec"]
    spec["serviceAccountName"] = account
    if secrets:
        spec["imagePullSecrets"] = [{"name": each} for each in secrets]
    return made


def other_registry(name):
    return secret(name, type("R", (), {"username": "a", "password": "b", "address": "x.example"}))


def broken(name):
    data = json.dumps({"auths": {"quay.io": {"auth": "no base64!"}}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": JSON,
        "stringData": {".dockerconfigjson": data},
    }


OPAQUE = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}, "type": "Opaque"}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (other_registry("own"), "NoMatchingRegistry"),
        (broken("own"), "SecretMalformed"),
        (OPAQUE | {"stringData": {"a": "b"}}, "WrongSecretType"),
        (None, "SecretMissing"),
    ],
)
def test_what_runs_with_a_list_of_its_own(
    check, shell, cluster, world, htpasswd_registry, made, reason
):
    objects = [workload("web", htpasswd_registry.image, "own"), *([made] if made else [])]
    apply(cluster, world, *objects)
    (found,) = images(check(check=1))
    assert found["reason"] == reason
    shell(command(found), htpasswd_registry)
    assert images(check(check=0))[0]["verdict"] == "ok"


@pytest.mark.parametrize("listed", [(), ("gone",)])
def test_another_serviceaccount(check, shell, cluster, world, htpasswd_registry, listed):
    world.with_list("app2", *listed)
    apply(cluster, world, workload("web", htpasswd_registry.image, account="app2"))
    (found,) = images(check(check=1))
    asked = htpasswd_registry.image, "--serviceaccount", "app2"
    (image,) = images(check(*asked, check=1))
    assert command(image) == command(found)
    shell(command(found), htpasswd_registry)
    check(check=0)
    check(*asked, check=0)


def test_pods_that_were_made_before_the_login(check, shell, cluster, world, htpasswd_registry):
    registry = htpasswd_registry
    made = workload("web", registry.image)
    made["spec"] |= {"replicas": 1, "strategy": {"type": "Recreate"}}  # nothing gets ready
    apply(cluster, world, made, pod("alone", registry.image))
    path = f"/api/v1/namespaces/{world.namespace}/pods"

    def pods():
        return json.loads(cluster.api.request("GET", path)[1])["items"]

    await_condition("the Pods are there", lambda: len(pods()) == 2, timeout=60)
    refused = {"state": {"waiting": {"reason": "ImagePullBackOff"}}, "ready": False}
    status = {"name": "app", "image": "", "imageID": "", "restartCount": 0, **refused}
    for each in pods():
        body = {"status": {"phase": "Pending", "containerStatuses": [status]}}
        cluster.kubectl(
            "patch", "pod", each["metadata"]["name"], "-n", world.namespace, "--type=merge",
            "--subresource=status", "-p", json.dumps(body),
        )  # fmt: skip
    found = {each["object"]: each for each in images(check(check=1))}
    web = f"regcred login {registry.address} -n {world.namespace}"
    assert found["deployment/web"]["hint"] == f"{web} --restart"
    shell(web, registry)
    found = {each["object"]: each for each in images(check(check=1))}
    (warning,) = found["deployment/web"]["warnings"]
    assert warning["reason"] == "PodOlderThanAttachment"
    shell(warning["hint"], registry)
    shell(command(found["pod/alone"]), registry)

    def all_is_well():
        return [each.get("warnings") for each in images(check())] == [None, None]

    await_condition("the Pods are made anew", all_is_well, timeout=60)
    check(check=0)


def test_a_list_that_cuts_off(check, shell, cluster, world, htpasswd_registry, tmp_path):
    world.with_list("builder", "theirs")
    own = secret("own", htpasswd_registry)
    apply(cluster, world, workload("web", htpasswd_registry.image, "own", account="builder"), own)
    (warning,) = images(check(check=0))[0]["warnings"]
    assert warning["reason"] == "CutsOffServiceAccount"
    shell(warning["hint"], htpasswd_registry)
    assert [each["reason"] for each in images(check(check=0))[0]["warnings"]] == ["SecretMissing"]
    file = tmp_path / "web app.json"
    file.write_text(json.dumps(workload("web", htpasswd_registry.image, "own", account="builder")))
    (warning,) = images(check("-f", str(file), check=0))[0]["warnings"]
    shell(warning["hint"], htpasswd_registry)
    assert "theirs" in file.read_text()


def test_a_serviceaccount_that_is_missing(check, shell, world, htpasswd_registry):
    asked = htpasswd_registry.image, "--serviceaccount", "nobody"
    (found,) = images(check(*asked, check=1))
    assert found["verdict"] == "unknown"
    shell(command(found), htpasswd_registry)
    assert images(check(*asked, check=1))[0]["reason"] == "NoCredential"


def test_a_right_that_is_missing(check, shell, cluster, world, htpasswd_registry):
    env = {"KUBECONFIG": str(world.user({"serviceaccounts": ("get",)}))}
    apply(cluster, world, secret("own", htpasswd_registry))
    manifest = stream(pod("p", htpasswd_registry.image, "own"))
    (found,) = images(check("-f", "-", stdin=manifest, env=env, check=1))
    for line in found["hint"].partition("whoever may grant it: ")[2].split(" && "):
        shell(line, htpasswd_registry)

    def may():
        return check("-f", "-", stdin=manifest, env=env).returncode == 0

    await_condition("the rights are known to the API server", may, timeout=30)


def test_a_secret_in_a_file(check, shell, htpasswd_registry, tmp_path):
    file = tmp_path / "bad.json"
    bad = secret("bad", htpasswd_registry, namespace="team-a")
    bad["stringData"] = {".dockerconfigjson": config(htpasswd_registry, "wrong")}
    file.write_text(json.dumps(bad))
    asked = htpasswd_registry.image, "--secret-file", str(file)
    (found,) = images(check(*asked, check=1))
    line = found["hint"].partition(" prints ")[0].rpartition("; ")[2]
    assert "-n team-a" in line
    line = line.replace("USER", htpasswd_registry.username)
    word = shlex.quote(htpasswd_registry.password)
    made = shell(f"unset REGCRED_PASSWORD; printf %s {word} | {line}", htpasswd_registry)
    file.write_bytes(made.stdout)
    check(*asked, check=0)


def test_a_broken_secret_that_login_meets(regcred, world, htpasswd_registry, shell):
    entry = {"auth": base64.b64encode(b"x").decode()}
    data = {".dockerconfigjson": json.dumps({"auths": {"quay.io": entry}})}
    world.create("secrets", "badb64", type=JSON, stringData=data)
    args = ("login", htpasswd_registry.address, "-n", world.namespace, "--name", "badb64")
    login = ("-u", htpasswd_registry.username, "--password-stdin")
    done = regcred(*args, *login, "--adopt", stdin=htpasswd_registry.password.encode(), check=1)
    hint = done.stderr.decode().partition("hint: ")[2].strip()
    assert hint.startswith("kubectl delete secret badb64 -n ")
    shell(hint.partition("; ")[0], htpasswd_registry)
    assert world.logins("badb64")[htpasswd_registry.address][0] == htpasswd_registry.username
