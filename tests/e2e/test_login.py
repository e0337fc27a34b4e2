"""One login and a real kubelet pulls: the story of the demo, and what it leaves out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pods import (
    await_all_running,
    await_refused,
    await_running,
    await_waiting,
    create,
    login_secret,
    pod,
    workload,
)

KINDS = pytest.mark.parametrize("kind", ["htpasswd", "token"])


def log_in(regcred, registry, namespace, *flags):
    """Log in as somebody who may pull."""
    login = ("login", registry.address, "-u", registry.username, "--password-stdin")
    return regcred(*login, "-n", namespace, *flags, stdin=registry.password.encode())


def hints(done):
    """The commands that regcred names."""
    lines = done.stderr.decode().splitlines()
    return [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]


def type_in(cluster, command):
    """Run a command as it was printed, in a shell that finds kubectl and regcred."""
    path = [Path(sys.executable).parent, cluster.kubectl_path.parent, os.environ["PATH"]]
    env = {
        **os.environ,
        "PATH": os.pathsep.join(map(str, path)),
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBERC": "off",
        "KUBECACHEDIR": str(cluster.folder.root / "kubectl-cache"),
    }
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@KINDS
def test_new_pod_runs_after_login(node_cluster, namespace, regcred, kind):
    registry = node_cluster.registries[kind]
    create(node_cluster, namespace, pod("before", registry.image))
    await_waiting(node_cluster, namespace, "before", "ErrImagePull")

    log_in(regcred, registry, namespace)
    create(node_cluster, namespace, pod("after", registry.image))
    await_running(node_cluster, namespace, "after")
    logs = node_cluster.kubectl("logs", "after", "-n", namespace).stdout
    assert logs == b"running, from a private image\n"


@KINDS
def test_restart_brings_on_what_waits(node_cluster, namespace, regcred, kind):
    registry = node_cluster.registries[kind]
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    for made in kinds:
        create(node_cluster, namespace, workload(made, made.lower(), registry.image))
    on_delete = workload("DaemonSet", "on-delete", registry.image)
    on_delete["spec"]["updateStrategy"] = {"type": "OnDelete"}
    create(node_cluster, namespace, on_delete)
    await_refused(node_cluster, namespace, 4)

    done = log_in(regcred, registry, namespace, "--restart")
    assert hints(done) == []
    await_all_running(node_cluster, namespace, 4)


def test_secret_that_is_mended_needs_no_restart(node_cluster, namespace, regcred, token_registry):
    """A Pod that names the Secret already is retried by kubelet itself."""
    wrong = login_secret("regcred", token_registry, "outsider")
    create(node_cluster, namespace, wrong)
    regcred("attach", "regcred", "-n", namespace)
    create(node_cluster, namespace, pod("app", token_registry.image))
    await_refused(node_cluster, namespace, 1)

    done = log_in(regcred, token_registry, namespace, "--adopt")
    assert b"Waiting   pod/app" in done.stdout
    assert hints(done) == []
    await_all_running(node_cluster, namespace, 1)


def test_hints_are_commands_that_help(node_cluster, namespace, regcred, htpasswd_registry):
    image = htpasswd_registry.image
    node_cluster.kubectl("create", "serviceaccount", "builder", "-n", namespace)
    other = {"serviceAccountName": "builder"}
    own_list = {"imagePullSecrets": [{"name": "absent"}]}
    bare_of_other = pod("bare-of-builder", image)
    bare_of_other["spec"] |= other
    on_delete = workload("DaemonSet", "daemonset-own-list", image, **own_list)
    on_delete["spec"]["updateStrategy"] = {"type": "OnDelete"}
    objects = [
        pod("bare", image),
        pod("bare-own-list", image, pull_secrets=("absent",)),
        bare_of_other,
        workload("Deployment", "deployment", image),
        workload("Deployment", "paused", image),
        workload("Deployment", "paused-own-list", image, **own_list),
        workload("Deployment", "deployment-own-list", image, **own_list),
        workload("Deployment", "deployment-of-builder", image, **other),
        workload("StatefulSet", "statefulset", image),
        workload("StatefulSet", "statefulset-own-list", image, **own_list),
        workload("DaemonSet", "daemonset", image),
        on_delete,
        workload("ReplicaSet", "replicaset-own-list", image, **own_list),
        workload("Job", "job", image),
    ]
    for made in objects:
        create(node_cluster, namespace, made)
    await_refused(node_cluster, namespace, len(objects))
    for paused in ("paused", "paused-own-list"):
        node_cluster.kubectl("rollout", "pause", f"deployment/{paused}", "-n", namespace)

    commands = hints(log_in(regcred, htpasswd_registry, namespace))
    assert len(commands) == len(objects)
    for command in commands:
        type_in(node_cluster, command)
    await_all_running(node_cluster, namespace, len(objects))
    assert hints(log_in(regcred, htpasswd_registry, namespace)) == []


@pytest.mark.parametrize("before", [[], [{"name": "theirs"}, {"name": "others"}]])
def test_logout_leaves_everything_as_it_was(
    node_cluster, namespace, regcred, htpasswd_registry, token_registry, before
):
    patch = json.dumps({"imagePullSecrets": before})
    node_cluster.kubectl("patch", "serviceaccount", "default", "-n", namespace, "-p", patch)

    def world():
        kinds = "serviceaccounts,secrets,configmaps"
        listed = node_cluster.kubectl("get", kinds, "-n", namespace, "-o", "json").stdout
        found = node_cluster.kubectl("get", "namespace", namespace, "-o", "json").stdout
        objects = [*json.loads(listed)["items"], json.loads(found)]
        for obj in objects:
            obj["metadata"].pop("resourceVersion")
            obj["metadata"].pop("managedFields", None)
        return objects

    untouched = world()
    for registry in (htpasswd_registry, token_registry):
        log_in(regcred, registry, namespace)
    assert world() != untouched
    regcred("logout", htpasswd_registry.address, "-n", namespace)
    assert world() != untouched
    regcred("logout", token_registry.address, "-n", namespace)
    assert world() == untouched
