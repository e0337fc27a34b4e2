"""docs/how-to/helm.md as it stands: Helm's plugin and post-renderer, Pods on a real kubelet."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.node import NODE
from cluster.paths import CHECKOUT
from tests.support.pods import await_refused

PAGE = CHECKOUT / "docs" / "how-to" / "helm.md"
CHART = CHECKOUT / "tests" / "support" / "chart"
SETTINGS = ("REGCRED_", "KUBE", "HELM_", "XDG_")


def block(words):
    """The one block of commands on the page that has these words."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if words in block]
    return found


@pytest.fixture
def shell(node_cluster, namespace, token_registry, helm_program, tmp_path):
    """Runs commands of the page where its chart and its password are, as somebody new to Helm."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    (chart / "values.yaml").write_text(json.dumps({"image": token_registry.image, "node": NODE}))
    (tmp_path / "password.txt").write_text(token_registry.password)
    (tmp_path / "integrations").symlink_to(CHECKOUT / "integrations")
    tools = [Path(sys.executable), node_cluster.kubectl_path, helm_program]
    env = {name: is_ for name, is_ in os.environ.items() if not name.startswith(SETTINGS)} | {
        "PATH": os.pathsep.join([*(str(tool.parent) for tool in tools), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "KUBECONFIG": str(node_cluster.kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "kube-cache"),
        "KUBERC": "off",
    }
    ours = {"registry.example.com": token_registry.address, "team-a": namespace}

    def run(command, *, check=True):
        for theirs, is_ in ours.items():
            command = command.replace(theirs, is_)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        said = f"{command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, said
        return done

    run(block("regcred secret"))
    run(block("helm plugin install"))
    return run


@pytest.fixture
def pull_secrets(node_cluster, namespace):
    """The names in the Pod template of an object."""

    def names(what):
        found = node_cluster.kubectl("get", what, "-n", namespace, "-o", "json").stdout
        spec = json.loads(found)["spec"]["template"]["spec"]
        return [entry["name"] for entry in spec.get("imagePullSecrets", [])]

    return names


def await_available(cluster, namespace):
    """Wait until the Deployment's newest Pod runs."""
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")


def test_chart_alone_is_refused_by_the_registry(shell, node_cluster, namespace):
    shell("helm template web ./chart -n team-a | kubectl apply -n team-a -f -")
    await_refused(node_cluster, namespace, 2)


def test_template(shell, node_cluster, namespace, pull_secrets):
    shell(block("helm template web ./chart -n team-a --no-hooks"))
    assert pull_secrets("deployment/web") == ["regcred"]
    await_available(node_cluster, namespace)


def test_install_upgrade_and_rollback(shell, node_cluster, namespace, pull_secrets):
    shell(block("helm install web"))  # which waits for its hook
    assert pull_secrets("job/web-setup") == ["regcred"]
    assert pull_secrets("deployment/web") == ["regcred"]
    await_available(node_cluster, namespace)

    shell(block("helm upgrade web"))
    assert pull_secrets("deployment/web") == ["regcred"]

    shell("helm upgrade web ./chart -n team-a")
    assert pull_secrets("deployment/web") == []

    shell("helm rollback web 2 -n team-a")
    assert pull_secrets("deployment/web") == ["regcred"]
    await_available(node_cluster, namespace)


def test_refusal_of_the_post_renderer_installs_nothing(shell, node_cluster, namespace):
    install = "helm install web ./chart -n team-a --post-renderer regcred-post-renderer"
    done = shell(f"{install} --post-renderer-args --no-such-flag", check=False)
    assert done.returncode != 0
    listed = node_cluster.kubectl("get", "deployments,jobs", "-n", namespace, "-o", "name")
    assert listed.stdout == b""


def test_by_hand_one_sees_what_regcred_says(shell):
    by_hand = block("regcred inject")
    assert shell(by_hand).stdout == ""
    done = shell(by_hand.replace("--secret=regcred", "--no-such-flag"), check=False)
    assert done.returncode == 2
    assert "--no-such-flag" in done.stderr
