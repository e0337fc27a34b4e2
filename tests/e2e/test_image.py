"""regcred's own image on the real node: as nobody in particular, and with nothing to write to."""

import json
import re
from urllib.parse import urlsplit

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cluster import sbom
from regcred import __version__
from tests.support.cli import run_regcred
from tests.support.dist import uv
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

WHAT_IS_THERE = """
import importlib.metadata, json, pathlib, re
packages = {
    path.name: re.search("^Version: (.*)$", path.read_text(), re.M)[1]
    for path in pathlib.Path("/var/lib/dpkg/status.d").iterdir()
}
release = pathlib.Path("/usr/lib/os-release").read_text()
named = dict(re.findall('^(ID|VERSION_ID)="?([^"\\n]*)', release, re.M))
notes = [each.metadata for each in importlib.metadata.distributions()]
folders = [path for path in pathlib.Path("/").glob("**/*.dist-info") if path.is_dir()]
print(json.dumps({
    "debian": packages,
    "python": {each["Name"]: each["Version"] for each in notes},
    "folders": len(folders),
    "system": "{ID} {VERSION_ID}".format(**named),
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


def test_sbom_is_what_a_pod_finds_and_the_lock_file_names(in_a_pod, operator_layout):
    described = sbom.bom(operator_layout, "regcred", __version__)
    refused = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(described))
    assert refused is None, refused
    listed = {"deb": {}, "pypi": {}}
    (system,) = [one for one in described["components"] if one["type"] == "operating-system"]
    for component in described["components"]:
        if component is system:
            continue
        kind = component["purl"].removeprefix("pkg:").partition("/")[0]
        listed[kind][component["name"]] = component["version"]

    there = json.loads(in_a_pod("there", "-c", WHAT_IS_THERE, command=("python",)))
    assert listed["deb"] == there["debian"]
    assert f"{system['name']} {system['version']}" == there["system"]
    python = {re.sub("[-_.]+", "-", name).lower(): is_ for name, is_ in there["python"].items()}
    assert listed["pypi"] == python
    assert len(python) == there["folders"]

    export = ("--no-dev", "--all-extras", "--no-emit-project", "--no-hashes", "--no-annotate")
    locked = dict(re.findall(r"^([^\s;=]+)==([^\s;]+)", uv("export", "--frozen", *export), re.M))
    assert python == {"regcred": __version__} | {
        name: locked[name] for name in python.keys() & locked
    }
