"""regcred's own image on the real node: as nobody in particular, and with nothing to write to."""

import json
from urllib.parse import urlsplit

import pytest

from regcred import __version__
from tests.support.cli import run_regcred
from tests.support.pods import create, login_secret, pod
from tests.support.rights import await_right

STATE = ".status.containerStatuses[0].state.terminated"
RESTRICTED = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}

LOOK_AROUND = """
import json, os, shutil, ssl, sys
import regcred.cli.main
PROGRAMS = ("sh", "bash", "cc", "gcc", "apt-get", "dpkg", "pip")
refused = []
for folder in sorted({*sys.path, "/", "/tmp", "/opt/regcred", "/etc", os.getcwd()}):
    try:
        with open(os.path.join(folder, "written"), "w"):
            pass
    except OSError as error:
        refused.append(folder)
    else:
        sys.exit(f"{folder} can be written to")
print(json.dumps({
    "ids": [os.getuid(), os.getgid(), os.geteuid()],
    "refused": len(refused),
    "programs": [name for name in PROGRAMS if shutil.which(name, path="/usr/bin:/bin")],
    "authorities": len(ssl.create_default_context().get_ca_certs()),
    "compiled": os.path.exists(regcred.cli.main.__cached__),
}))
"""


@pytest.fixture
def in_a_pod(node_cluster, namespace, operator_image):
    """Run the image with arguments to its end; what it printed."""
    create(node_cluster, namespace, login_secret("login", node_cluster.registries["htpasswd"]))

    def run_pod(name, *arguments, command=(), env=None):
        made = pod(name, operator_image, pull_secrets=("login",))
        made["spec"]["restartPolicy"] = "Never"
        (container,) = made["spec"]["containers"]
        container["args"] = list(arguments)
        container["securityContext"] = RESTRICTED
        container["env"] = [{"name": key, "value": value} for key, value in (env or {}).items()]
        if command:
            container["command"] = list(command)
        create(node_cluster, namespace, made)
        where = ("-n", namespace)
        ended = f"--for=jsonpath={{{STATE}.exitCode}}"
        node_cluster.kubectl("wait", f"pod/{name}", *where, ended, "--timeout=120s")
        said = node_cluster.kubectl("logs", name, *where).stdout.decode()
        code = node_cluster.kubectl("get", "pod", name, *where, f"-o=jsonpath={{{STATE}.exitCode}}")
        assert code.stdout == b"0", said
        return said

    return run_pod


def test_version(in_a_pod):
    assert __version__ in in_a_pod("version", "--version")


def test_secret_is_the_one_that_is_made_here(in_a_pod):
    arguments = [
        "secret",
        "x",
        "--dry-run=client",
        "--output=yaml",
        "--docker-server=registry.example.com",
        "--docker-username=puller",
        "--docker-password=canary",
    ]
    made = in_a_pod("secret", *arguments)
    assert made == run_regcred(*arguments).stdout.decode()
    assert "kubernetes.io/dockerconfigjson" in made


def test_runs_as_nobody_with_nothing_to_write_to(in_a_pod):
    said = in_a_pod("around", "-c", LOOK_AROUND, command=("python",))
    found = json.loads(said)
    assert found["ids"] == [65532] * 3
    assert found["refused"] >= 5
    assert found["programs"] == []
    assert found["compiled"]
    assert found["authorities"] > 100


def test_speaks_to_the_api_server_as_its_service_account(in_a_pod, node_cluster, namespace):
    """With the token that kubelet mounts, which only its own user may read."""
    account = f"--serviceaccount={namespace}:default"
    where = ("-n", namespace)
    rights = ("--verb=get,create", "--resource=secrets")
    node_cluster.kubectl("create", "role", "maker", *rights, *where)
    node_cluster.kubectl("create", "rolebinding", "maker", "--role=maker", account, *where)
    as_whom = (f"--as=system:serviceaccount:{namespace}:default",)
    await_right(node_cluster.kubectl, as_whom, "create", "secrets", namespace)
    # The node has no network of Services: the API server is where it listens.
    server = urlsplit(node_cluster.server)
    env = {"KUBERNETES_SERVICE_HOST": server.hostname, "KUBERNETES_SERVICE_PORT": str(server.port)}
    login = ("--docker-username=puller", "--docker-password=canary")
    arguments = ("secret", "made", "--dry-run=server", *login, "--namespace", namespace)
    assert in_a_pod("server", *arguments, env=env) == "secret/made created (server dry run)\n"
