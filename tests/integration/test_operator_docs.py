"""What docs/operator.md shows is run here as it stands there: on the real API server, with the
chart installed, and the operator under the rights of the chart's ServiceAccount.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from cluster.paths import CHECKOUT
from cluster.waiting import await_condition
from tests.integration.conftest import World
from tests.support.operatorprocess import OperatorProcess
from tests.support.release import CRD, Release

PAGE = CHECKOUT / "docs" / "operator.md"
API = "/apis/regcred.dev/v1alpha1/pullcredentials"
NAMESPACES = ("team-a", "team-b", "team-c", "shop", "argocd", "regcred-system")
OLD, NEW = "hush-4711-old", "hush-4711-new"
ARGOCD_SETTINGS = {
    "health.regcred.dev_PullCredential": "health.lua",
    "ignoreDifferences.ServiceAccount": "ignore-differences.yaml",
}


@dataclass(frozen=True)
class Step:
    """A command of the page.

    Args:
        heading: it stands under.
        command: as it stands there.
        output: what the page shows of it; empty for nothing.
    """

    heading: str
    command: str
    output: str = ""


@dataclass
class Page:
    """The page's commands in their order, and its files."""

    steps: list[Step] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def read_page():
    page, heading = Page(), ""
    parts = r"^#+ (?P<heading>.*)$|^```(?P<language>\w+)\n(?P<text>[\s\S]*?)^```"
    for part in re.finditer(parts, PAGE.read_text(), re.MULTILINE):
        heading, text = part["heading"] or heading, part["text"]
        if part["language"] == "sh":
            commands = re.sub(r"(\\|(?<=\|))\n +", " ", text).splitlines()
            page.steps += [Step(heading, each) for each in commands]
        elif part["language"] == "console":
            for each in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = each.partition("\n")
                page.steps.append(Step(heading, command, output))
        elif part["language"] == "yaml":
            page.files[re.match(r"# (\S+\.yaml)\n", text)[1]] = text
    return page


class Reader:
    """Somebody who types what the page says, with names of their own for what a cluster shares."""

    def __init__(self, cluster, helm_program, folder):
        self.cluster, self.folder = cluster, folder
        self.name = f"docs{secrets.token_hex(3)}"
        self.namespace = f"{self.name}-regcred-system"
        programs = folder / "bin"
        programs.mkdir()
        (programs / "kubectl").symlink_to(cluster.kubectl_path)
        (programs / "helm").symlink_to(helm_program)
        (programs / "regcred").write_text(f'#!/bin/sh\nexec {sys.executable} -m regcred "$@"\n')
        (programs / "regcred").chmod(0o755)
        for name in ("charts", "deploy", "integrations"):
            (folder / name).symlink_to(CHECKOUT / name)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("REGCRED_", "KUBE"))}
        home = ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")
        self.env = (
            kept
            | dict.fromkeys(home, str(folder))
            | {
                "KUBECONFIG": str(cluster.kubeconfig),
                "PATH": f"{programs}:{os.environ['PATH']}",
            }
        )

    def own(self, name):
        """A namespace of the page, as it is called here."""
        return f"{self.name}-{name}"

    def mine(self, text, heading=""):
        """The page's text with these names."""
        names = "|".join(map(re.escape, (*NAMESPACES, "team-*")))
        text = re.sub(rf"(?<![\w./-])({names})(?![\w-])", rf"{self.name}-\1", text)
        text = text.replace("deployment regcred", f"deployment {self.name}")
        if heading == "Outside the cluster":
            text = text.replace(self.namespace, self.own("outside"))
        return text

    def type(self, step, extra=""):
        """Run a command; what it says has to be what the page shows."""
        command = self.mine(step.command, step.heading) + extra
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = f"$ {command}\n{done.stdout}{done.stderr}"
        assert (done.returncode != 0) == step.output.startswith("Error"), said
        if step.output:
            shown = done.stdout + (done.stderr if done.returncode else "")
            assert plain(shown.replace(f"{self.name}-", "")) == plain(step.output), said
        return done


def plain(text):
    """Lines of words: what differs are ages, and how wide columns are."""
    return [re.sub(r"(?<!\S)\d+[smh](?!\S)", "AGE", line).split() for line in text.splitlines()]


class Walk:
    """The page from its first command to its last.

    Args:
        reader: who types.
        helm_program: of the release whose ServiceAccount the operator is.
    """

    def __init__(self, reader, helm_program):
        self.reader, self.cluster = reader, reader.cluster
        self.release = Release(
            reader.cluster, helm_program, reader.name, reader.namespace, reader.folder
        )
        self.operator = None
        self.argocd_settings = 0

    def take(self, step):
        """Run a command, with what it needs to be true here, and what has to be true after it."""
        command, run = step.command, self.reader.type
        if command.startswith("helm install"):
            run(step, f" --set crds.install=false,fullnameOverride={self.reader.name}")
            self.start()
        elif command.startswith("kubectl apply -k"):
            # test_chart applies it, under other names.
            run(Step(step.heading, command.replace("apply -k", "kustomize")))
        elif command.startswith("kubectl delete secret harbor-login"):
            self.passwords(NEW)
            run(step)
            self.passwords(NEW)
        elif command.startswith("kubectl scale"):
            self.see_log()
            self.serve_again()
            run(step)
            self.operator.stop()
        elif command.startswith("regcred operator --uninstall"):
            done = run(step)
            assert ("pullcredential/harbor" in done.stdout, done.stderr) == (True, "")
            assert self.pullcredential()["metadata"].get("finalizers") is None
            for name in ("team-a", "team-b", "team-c"):
                world = World(self.cluster, self.reader.own(name))
                assert (world.secret(), world.attached()) == (None, [])
        elif command.startswith("regcred operator"):
            self.look_at(step)
        else:
            run(step)
        if "argocd-cm" in command:
            self.see_settings()

    def start(self):
        kubeconfig = self.cluster.users.with_token(self.release.token())
        where = ("--namespace", self.reader.namespace)
        self.operator = OperatorProcess(kubeconfig, *where).__enter__()
        self.operator.wait_for("Leading")

    def look_at(self, step):
        """A command that goes on until it is interrupted."""
        command = self.reader.mine(step.command, step.heading).split()
        with subprocess.Popen(command, env=self.reader.env, stderr=subprocess.PIPE) as process:
            try:
                lines = iter(process.stderr.readline, b"")
                assert any(b" INFO Leading " in line for line in lines)
                process.send_signal(signal.SIGINT)
                assert process.wait(10) == 0
            finally:
                process.kill()

    def serve_again(self):
        """Something that there is to take away."""
        self.reader.type(Step("", "kubectl apply -f harbor.yaml"))
        ready = "kubectl wait --for=condition=Ready pullcredential/harbor --timeout=60s"
        self.reader.type(Step("", ready))

    def passwords(self, wanted):
        for name in ("team-a", "team-b", "team-c"):
            await_condition(
                f"{name} has the login", lambda name=name: self.login(name) == wanted, timeout=60
            )

    def login(self, namespace):
        """The password that its Secret has for the registry; None for no Secret."""
        logins = World(self.cluster, self.reader.own(namespace)).logins()
        return logins.get("harbor.example.com", (None, None))[1]

    def pullcredential(self):
        status, content = self.cluster.api.request("GET", f"{API}/harbor")
        assert status == 200, content
        return json.loads(content)

    def see_log(self):
        """The line that the page shows is one that the operator says."""
        (shown,) = (json.loads(each) for each in re.findall(r"```json\n(.*)\n", PAGE.read_text()))
        namespace = self.reader.own(shown["namespace"])
        (line,) = self.operator.said("SecretCreated", namespace=namespace)
        assert line == shown | {"time": line["time"], "namespace": namespace}
        told = self.operator.said("SecretNotOurs", namespace=self.reader.own("shop"))
        assert [line["level"] for line in told] == ["warning"]
        said = self.operator.stderr
        assert not [each for each in (OLD, NEW) if each in said]

    def see_settings(self):
        """Each command for Argo CD adds one key, and leaves the others."""
        data = World(self.cluster, self.reader.own("argocd")).get("configmaps", "argocd-cm")["data"]
        settings = {
            f"resource.customizations.{key}": (CHECKOUT / "integrations/argocd" / file).read_text()
            for key, file in ARGOCD_SETTINGS.items()
        }
        assert self.argocd_settings < len(data) - 1
        self.argocd_settings = len(data) - 1
        assert {"url": "https://argocd.example.com"}.items() <= data.items()
        assert data.items() <= {"url": "https://argocd.example.com", **settings}.items()


@pytest.fixture
def reader(cluster, helm_program, tmp_path):
    reader = Reader(cluster, helm_program, tmp_path)
    (tmp_path / "password.txt").write_text(OLD)
    (tmp_path / "new-password.txt").write_text(NEW)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(CRD), "--timeout=30s")
    for name in ("team-a", "team-b", "argocd"):
        cluster.create_namespace(reader.own(name))
    settings = {"url": "https://argocd.example.com"}
    World(cluster, reader.own("argocd")).create("configmaps", "argocd-cm", data=settings)
    yield reader
    release = '{"metadata": {"finalizers": null}}'  # no operator is left that could
    cluster.kubectl("patch", "pcred", "harbor", "--type=merge", "-p", release, check=False)
    cluster.api.request("DELETE", f"{API}/harbor")
    for name in (*NAMESPACES, "outside"):
        cluster.api.delete_namespace(reader.own(name))


def test_the_page_does_what_it_says(reader, helm_program):
    page = read_page()
    assert len(page.steps) > 30
    for name, text in page.files.items():
        (reader.folder / name).write_text(reader.mine(text))
    walk = Walk(reader, helm_program)
    try:
        for step in page.steps:
            walk.take(step)
    finally:
        if walk.operator is not None:
            walk.operator.kill()


def test_uninstall_does_not_wait_for_what_does_not_come(regcred, kubeconfig, tmp_path):
    """Another leader it waits for; a cluster that is not there is an error.

    In a namespace that is not there nobody leads.
    """
    uninstall = ("operator", "--uninstall")
    done = regcred(*uninstall, "--namespace=no-such-namespace")
    assert b"nothing of the operator's to take away" in done.stdout
    assert b"waiting" not in done.stderr
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(re.sub(r"(https://127.0.0.1):\d+", r"\1:1", kubeconfig.read_text()))
    done = regcred(*uninstall, f"--kubeconfig={elsewhere}", check=3)
    assert b"nothing listens there" in done.stderr
