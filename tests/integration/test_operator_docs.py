"""What the how-to pages on the operator show is run here as it stands, one page after another:
on the real API server, with the chart installed, and the operator under the rights of the chart's
ServiceAccount.
"""

import json
import re
import signal
import subprocess

import pytest

from cluster.paths import CHECKOUT
from cluster.waiting import await_condition
from tests.integration.conftest import World
from tests.support.operatorprocess import OperatorProcess
from tests.support.pages import Reader, Step, read_page
from tests.support.release import CRD, Release

HOW_TO = CHECKOUT / "docs" / "how-to"
#: In the order in which one leads to the next.
PAGES = (
    "operator.md",
    "argocd.md",
    "flux.md",
    "pods-only.md",
    "hand-over.md",
    "pods-from-before.md",
    "uninstall.md",
    "outside.md",
)
REASONS = CHECKOUT / "docs" / "reference" / "reasons.md"
API = "/apis/regcred.dev/v1alpha1/pullcredentials"
NAMESPACES = ("team-a", "team-b", "team-c", "shop", "argocd", "regcred-system")
OLD, NEW = "hush-4711-old", "hush-4711-new"
ARGOCD_SETTINGS = {
    "health.regcred.dev_PullCredential": "health.lua",
    "ignoreDifferences.ServiceAccount": "ignore-differences.yaml",
}


class Operators(Reader):
    """Who reads the pages on the operator."""

    def mine(self, text, heading=""):
        """The release has a name of its own too; what runs outside has its own namespace."""
        text = super().mine(text).replace("deployment regcred", f"deployment {self.name}")
        if heading == "Run the operator outside the cluster":
            text = text.replace(self.namespace, self.own("outside"))
        return text


class Walk:
    """The pages from the first command to the last.

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
        elif command.startswith("kubectl get pcred"):
            self.await_shown(step)
        else:
            run(step)
        if "argocd-cm" in command:
            self.see_settings()

    def start(self):
        kubeconfig = self.cluster.users.with_token(self.release.token())
        where = ("--namespace", self.reader.namespace)
        self.operator = OperatorProcess(kubeconfig, *where).__enter__()
        self.operator.wait_for("Leading")

    def await_shown(self, step):
        """A status that follows what was done by a moment."""
        said = []

        def holds():
            try:
                self.reader.type(step)
            except AssertionError as error:
                said[:] = [str(error)]
                return False
            return True

        await_condition(f"{step.command} says so", holds, timeout=30, log=lambda: said[-1])

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
        """The line that the reference shows is one that the operator says."""
        (shown,) = (
            json.loads(each) for each in re.findall(r"```json\n(.*)\n", REASONS.read_text())
        )
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
    reader = Operators(
        cluster,
        tmp_path,
        namespaces=(*NAMESPACES, "team-*"),
        programs={"helm": helm_program},
    )
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


@pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")
def test_the_pages_do_what_they_say(reader, helm_program):
    pages = [read_page(HOW_TO / name) for name in PAGES]
    assert sum(len(page.steps) for page in pages) > 30
    walk = Walk(reader, helm_program)
    try:
        for page in pages:
            for name, text in page.files.items():
                (reader.folder / name).write_text(reader.mine(text))
            for step in page.steps:
                walk.take(step)
    finally:
        if walk.operator is not None:
            walk.operator.kill()
        # Its policies are for all of the cluster: who comes next would meet them.
        walk.release.helm("uninstall", walk.release.name, "--ignore-not-found")


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
