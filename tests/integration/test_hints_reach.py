"""Commands that a run names are typed as they stand: they act on the cluster that it was given.

The kubeconfig's current context is another cluster, where nothing answers.
"""

import json
import os
import shlex

import pytest
import yaml

from regcred.core.reach import Reach
from tests.integration.test_check_verb import controlled, stream
from tests.integration.test_why_verb import Stage
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal
from tests.support.typedlines import shell_in

#: A name that a shell would take apart.
CONTEXT = "prod (eu)"


@pytest.fixture
def two(kubeconfig, tmp_path):
    """A kubeconfig with two contexts, of which the current one answers nobody."""
    folder = tmp_path / "my files"
    folder.mkdir()
    config = yaml.safe_load(kubeconfig.read_text())
    context = config["contexts"][0]["context"]
    config["clusters"].append({"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}})
    config["contexts"] = [
        {"name": CONTEXT, "context": context},
        {"name": "here", "context": {"cluster": "gone", "user": context["user"]}},
    ]
    config["current-context"] = "here"
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def flags(two):
    return f"--kubeconfig {shlex.quote(str(two))} --context {shlex.quote(CONTEXT)}"


@pytest.fixture
def run(two):
    def run(verb, *args, **options):
        given = "--kubeconfig", str(two), "--context", CONTEXT
        return run_regcred(verb, *given, *args, **{"check": 1} | options)

    return run


@pytest.fixture
def shell(cluster, tmp_path, htpasswd_registry):
    """Type a line in a shell that knows of no cluster; kubectl writes into its home."""
    typed, registry = shell_in(tmp_path / "bin", cluster), htpasswd_registry
    login = {"REGCRED_USERNAME": registry.username, "REGCRED_PASSWORD": registry.password}

    def shell(line):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        return typed(line, env | {"HOME": str(tmp_path), **login})

    return shell


@pytest.fixture
def stage(world, htpasswd_registry):
    return Stage(world, htpasswd_registry)


def indented(text, head):
    """The lines below a head."""
    lines = iter(text.splitlines())
    assert any(line.strip() == head for line in lines), text
    found = []
    for line in lines:
        if not line.startswith("    "):
            break
        found.append(line.strip())
    return found


def test_what_why_says_mends_it(run, shell, stage, world):
    stage.workload("deployments", "web")
    said = run("why", "-n", world.namespace).stdout.decode()
    (command,) = indented(said, "mend it:")
    shell(command)
    login = stage.registry.username, stage.registry.password
    assert world.logins() == {stage.registry.address: login}
    assert world.attached() == ["regcred"]
    assert "restartedAt" in json.dumps(stage.get("deployments", "web")["spec"]["template"])


def test_a_pipe(run, shell, stage, world):
    """Of whose commands the one in the middle asks no cluster."""
    stage.login()
    stage.attach("pull")
    stage.pod("alone", "other")
    before = stage.get("pods", "alone")
    document = json.loads(run("why", "-n", world.namespace, "-o", "json").stdout)
    commands = [each for cause in document["pods"][0]["causes"] for each in cause["commands"]]
    (pipe,) = (command for command in commands if "--local" in command)
    shell(pipe)
    after = stage.get("pods", "alone")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert {"name": "pull"} in after["spec"]["imagePullSecrets"]


def test_a_hint_of_check(run, shell, stage, world, cluster):
    made = controlled("Deployment", "web", stage.image, replicas=0)
    cluster.kubectl("create", "-n", world.namespace, "-f", "-", stdin=stream(made))
    done = run("check", "-n", world.namespace, "-o", "json")
    (image,) = json.loads(done.stdout)["images"]
    shell(image["hint"])
    run("check", "-n", world.namespace, check=0)


@pytest.mark.parametrize(
    "args",
    [
        ["why"],
        ["why", "-o", "json"],
        ["why", "-o", "yaml"],
        ["why", "--fix", "--dry-run=client"],
        ["why", "--fix", "--dry-run=client", "-o", "json"],
        ["why", "pod/nosuch"],
        ["check"],
        ["check", "-o", "json"],
        ["check", "-o", "junit"],
        ["check", "-o", "github"],
        ["attach", "pull", "--serviceaccount", "nosuch", "--timeout=0"],
        ["detach", "pull", "--serviceaccount", "nosuch"],
        ["secret", "opaque", "--docker-server=a.example", "--docker-username=a"],
    ],
    ids=" ".join,
)
def test_whatever_is_said(run, stage, world, two, flags, args):
    """Each command in it, in each form, has the flags."""
    stage.config("pull", {"a.example": {"username": "a", "password": "b"}})
    world.create("secrets", "opaque", type="Opaque", data={})
    stage.workload("deployments", "web")
    stage.pod("alone", "pull")
    env = {"REGCRED_DOCKER_PASSWORD": "b"} if args[0] == "secret" else {}
    done = run(*args, "-n", world.namespace, check=None, env=env)
    said = done.stdout.decode() + done.stderr.decode()
    for before, after in (("&quot;", '"'), ("&amp;", "&"), ("%0A", "\n"), ('\\"', '"')):
        said = said.replace(before, after)
    said = " ".join(said.split())  # long lines of YAML are broken
    for no_command in ('name="regcred check"', "was not made by regcred login"):
        said = said.replace(no_command, "")
    assert flags in said
    assert Reach(str(two), CONTEXT).in_text(said) == said, "one without"


def test_the_question_of_fix_shows_what_is_meant(stage, world, two, flags):
    stage.login()
    stage.workload("deployments", "web")
    stage.attach("pull")
    given = "--kubeconfig", str(two), "--context", CONTEXT
    with Terminal("why", "--fix", "-n", world.namespace, *given, env={"COLUMNS": "80"}) as terminal:
        terminal.expect("[y/N]")
        assert f"kubectl {flags} rollout restart" in terminal.seen
        terminal.type("y\n")
        assert terminal.finish() == 0
    assert "restartedAt" in json.dumps(stage.get("deployments", "web")["spec"]["template"])


def test_an_error_that_ends_the_verb(run, shell, flags):
    done = run("status", "-n", "nosuch-4711")
    assert f"hint: kubectl {flags} get namespaces\n" in done.stderr.decode()
    shell(done.stderr.decode().partition("hint: ")[2])


def test_a_context_that_the_file_does_not_have(two):
    done = run_regcred("why", "--kubeconfig", str(two), check=3)
    file = f"--kubeconfig {shlex.quote(str(two))}"
    assert f"kubectl {file} cluster-info" in done.stderr.decode()


def test_without_flags_nothing_is_added(regcred, stage, world):
    stage.workload("deployments", "web")
    done = regcred("why", "-n", world.namespace, check=1)
    (command,) = indented(done.stdout.decode(), "mend it:")
    assert command == f"regcred login {stage.registry.address} -n {world.namespace} --restart"
