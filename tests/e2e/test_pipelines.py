"""The pipelines that docs show, on a real cluster and a private registry: what is right is deployed
and runs, and what is wrong does not get past the gate.

`tests.support.pipelines` says what of a CI is not real here.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from cluster.node import NODE
from cluster.paths import CHECKOUT
from regcred import __version__
from tests.support.pages import Reader, read_page
from tests.support.pipelines import Machine, github, gitlab, jenkins
from tests.support.rights import await_right

PAGES = CHECKOUT / "docs" / "how-to"
REGISTRY = "registry.example.com"
CHANGE, MAIN, FORK = "change", "main", "fork"


@dataclass
class Project:
    """A repository with a pipeline, its secrets in the CI's store, and where it deploys to.

    Args:
        reader: with names of the pages turned into those of the test.
        registry: the one of the pages.
        machine: which runs the jobs.
        kubeconfigs: ``gate`` and ``deployer`` → path.
    """

    reader: Reader
    registry: Any
    machine: Machine
    kubeconfigs: dict[str, Any] = field(default_factory=dict)

    @property
    def namespace(self):
        return self.reader.own("shop")

    @property
    def secrets(self):
        """What must be seen nowhere."""
        tokens = [
            re.search(r"token: (\S+)", path.read_text())[1] for path in self.kubeconfigs.values()
        ]
        return [self.registry.password, *tokens]

    def commit(self, image):
        """The manifest, with an image."""
        labels = {"app": "web"}
        pod = {"nodeName": NODE, "hostNetwork": True, "terminationGracePeriodSeconds": 1}
        container = {"name": "web", "image": image, "imagePullPolicy": "Always"}
        spec = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod | {"containers": [container]}},
        }
        manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
        (self.machine.work / "deploy").mkdir(exist_ok=True)
        text = yaml.safe_dump(manifest | {"spec": spec}, sort_keys=False)
        (self.machine.work / "deploy" / "web.yaml").write_text(text)

    def deployed(self):
        """The image that the cluster runs by now; empty for none."""
        path = "{.spec.template.spec.containers[0].image}"
        asked = ("get", "deployment", "web", "-n", self.namespace, "-o", f"jsonpath={path}")
        done = self.reader.cluster.kubectl(*asked, "--ignore-not-found")
        return done.stdout.decode()

    def theirs(self, text):
        return self.reader.theirs(text.replace(self.registry.address, REGISTRY))


@pytest.fixture
def project(node_cluster, token_registry, tmp_path):
    """The rights and the kubeconfigs come as docs/how-to/ci-rights.md has them made."""
    reader = Reader(node_cluster, tmp_path, namespaces=("shop",))
    namespace = reader.own("shop")
    node_cluster.create_namespace(namespace)
    page = read_page(PAGES / "ci-rights.md")
    for name, text in page.files.items():
        (tmp_path / name).write_text(reader.mine(text))
    for step in page.steps:
        reader.type(step)
    (tmp_path / "machine").mkdir()
    machine = Machine(node_cluster, tmp_path / "machine")
    files = {name: tmp_path / f"{name}.kubeconfig" for name in ("gate", "deployer")}
    for name, verb in (("gate", "get"), ("deployer", "patch")):
        assert files[name].stat().st_mode & 0o077 == 0
        await_right(node_cluster.kubectl, files[name], verb, "secrets/regcred", namespace)
    yield Project(reader, token_registry, machine, files)
    node_cluster.api.delete_namespace(namespace)


def on_github(project, text, what):
    event = {
        CHANGE: {"github.event_name": "pull_request", HEAD: "acme/shop"},
        FORK: {"github.event_name": "pull_request", HEAD: "stranger/shop"},
        MAIN: {"github.event_name": "push"},
    }[what] | {"github.repository": "acme/shop"}
    texts = {name: path.read_text() for name, path in project.kubeconfigs.items()}
    login = {
        "REGISTRY_USER": project.registry.username,
        "REGISTRY_PASSWORD": project.registry.password,
    }
    secrets = {"KUBECONFIG_GATE": texts["gate"], "KUBECONFIG_DEPLOYER": texts["deployer"]} | login
    return github(text, project.machine, event, {} if what == FORK else secrets)


HEAD = "github.event.pull_request.head.repo.full_name"


def on_gitlab(project, text, what):
    merge_request = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_PROJECT_ID": "7"}
    source = "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"
    known = {
        CHANGE: merge_request | {source: "7"},
        FORK: merge_request | {source: "8"},
        MAIN: {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"},
    }[what] | {"CI_DEFAULT_BRANCH": "main"}
    own = {"KUBECONFIG_GATE": str(project.kubeconfigs["gate"])}
    if what == MAIN:  # the others are protected
        own |= {
            "KUBECONFIG_DEPLOYER": str(project.kubeconfigs["deployer"]),
            "REGISTRY_USER": project.registry.username,
            "REGISTRY_PASSWORD": project.registry.password,
        }
    return gitlab(text, project.machine, known | own)


def on_jenkins(project, text, what):
    env = {
        CHANGE: {"BRANCH_NAME": "PR-7", "CHANGE_ID": "7"},
        FORK: {"BRANCH_NAME": "PR-8", "CHANGE_ID": "8", "CHANGE_FORK": "stranger"},
        MAIN: {"BRANCH_NAME": "main"},
    }[what]
    credentials = {f"kubeconfig-{name}": str(path) for name, path in project.kubeconfigs.items()}
    credentials["registry"] = (project.registry.username, project.registry.password)
    return jenkins(text, project.machine, env, credentials)


@dataclass
class Page:
    """A page, its pipeline, and what it shows of a gate that fails.

    Args:
        name: of the page's file.
        file: the pipeline's.
        run: it, for what.
    """

    name: str
    file: str
    run: Any

    def pipeline(self, project):
        text = read_page(PAGES / self.name).files[self.file]
        return project.reader.mine(text).replace(REGISTRY, project.registry.address)

    def shown(self):
        (text,) = re.findall(
            r"^```(?:text|xml)\n([\s\S]*?)^```", (PAGES / self.name).read_text(), re.M
        )
        return text


GITHUB = Page("github-actions.md", ".github/workflows/deploy.yml", on_github)
GITLAB = Page("gitlab-ci.md", ".gitlab-ci.yml", on_gitlab)
JENKINS = Page("jenkins.md", "Jenkinsfile", on_jenkins)
every_page = pytest.mark.parametrize("page", [GITHUB, GITLAB, JENKINS], ids=lambda page: page.name)


def said_by_gate(page, project, done):
    if page is GITHUB:
        return "".join(f"{line}\n" for line in done.said.splitlines() if line.startswith("::error"))
    return (project.machine.work / "check.xml").read_text()


@every_page
def test_a_pipeline_deploys_what_is_right_and_nothing_else(page, project):
    text = page.pipeline(project)
    machine, registry = project.machine, project.registry
    everything = []

    def run(what):
        done = page.run(project, text, what)
        everything.append(done.said + done.summary)
        return done

    project.commit(registry.image)
    done = run(MAIN)
    assert done.code == 0, done.said
    assert project.deployed() == registry.image
    assert "successfully rolled out" in done.said  # by kubelet, which has pulled it
    assert run(CHANGE).code == 0

    project.commit(f"{registry.address}/team/app:1.0.1")
    for what in (CHANGE, MAIN):
        done = run(what)
        assert done.code == 1, done.said
        assert project.theirs(said_by_gate(page, project, done)) == page.shown()
    assert ("NotFound" in done.summary) == (page is GITHUB)
    assert project.deployed() == registry.image

    before = len(machine.argv)
    assert run(FORK).code in (None, 0)
    assert len(machine.argv) == before  # no cluster and no registry was asked

    project.commit("127.0.0.1:1/team/app:1")
    before = len(machine.argv)
    assert run(MAIN).code == 3
    checks = [line for line in machine.argv[before:] if line.startswith("check -f deploy/ ")]
    tries = [line for line in checks if " -o " in line]
    assert len(tries) == 3
    assert project.deployed() == registry.image

    assert machine.installed <= {f"regcred=={__version__}"}
    seen = "\n".join([*machine.argv, *everything])
    assert not any(each in seen for each in project.secrets)  # which pytest must not print


@every_page
def test_the_gate_is_closed_where_nobody_has_logged_in(page, project):
    """A change is checked with what the namespace has, not with what the pipeline could."""
    project.commit(project.registry.image)
    done = page.run(project, page.pipeline(project), CHANGE)
    assert done.code == 1
    assert "NoCredential" in said_by_gate(page, project, done)
    assert not project.deployed()


def test_the_gate_may_write_nothing(project):
    """Of the two kubeconfigs that of pull requests can only read."""
    kubectl, where = project.reader.cluster.kubectl, ("-n", project.namespace)
    for verb, resource, name in (
        ("create", "secrets", ""),
        ("patch", "serviceaccounts", "default"),
        ("get", "secrets", "gate-token"),
        ("list", "secrets", ""),
        ("create", "deployments.apps", ""),
    ):
        asked = f"{resource}/{name}".rstrip("/")
        kubeconfig = f"--kubeconfig={project.kubeconfigs['gate']}"
        done = kubectl("auth", "can-i", verb, asked, *where, kubeconfig, check=False)
        assert done.stdout.strip() == b"no", (verb, asked)
