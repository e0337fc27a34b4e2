"""docs/how-to/kustomize.md as it stands, and regcred-krm under the real kustomize (and kpt)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster import SILENT
from cluster.binaries import ensure_programs
from cluster.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "how-to" / "kustomize.md"
SETTINGS = ("REGCRED_", "KUBE", "KUSTOMIZE_", "XDG_")
WEB = """\
# The web server.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # as in DNS
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: "web"
      # One is enough.
      containers:
      - name: web
        image: ghcr.io/me/web:1
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
imagePullSecrets:
- name: old # from before
"""
NEEDS_KPT = pytest.mark.skipif(not shutil.which("kpt"), reason="kpt is in no package registry")


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found


def block(language, words):
    """The one block on the page that has these words."""
    (found,) = [block for block in blocks(language) if words in block]
    return found


@pytest.fixture(scope="session")
def kustomize_program():
    """In the version of cluster/go/kustomize/go.mod; built before the first test."""
    return ensure_programs(("kustomize",), SILENT)["kustomize"]


@pytest.fixture
def shell(kustomize_program, cluster, namespace, tmp_path):
    """Runs commands where the page's files are in the folder ``deploy``."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "web.yaml").write_text(WEB)
    (folder / "regcred.yaml").write_text(block("yaml", "kind: RegcredInject"))
    (folder / "kustomization.yaml").write_text(
        "resources: [web.yaml]\n" + block("yaml", "transformers:")
    )
    tools = [Path(sys.executable), cluster.kubectl_path, kustomize_program]
    env = {name: is_ for name, is_ in os.environ.items() if not name.startswith(SETTINGS)} | {
        "PATH": os.pathsep.join([*(str(tool.parent) for tool in tools), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "kube-cache"),
        "KUBERC": "off",
    }

    def run(command, *, check=True, **more):
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command.replace("team-a", namespace)],
            cwd=tmp_path,
            env=env | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said = f"{command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, said
        return done

    run.folder = folder
    return run


BUILD = "kustomize build --enable-alpha-plugins --enable-exec deploy"


def settings(shell, **spec):
    """Change the page's RegcredInject."""
    file = shell.folder / "regcred.yaml"
    config = yaml.safe_load(file.read_text())
    config["spec"] |= spec
    file.write_text(yaml.safe_dump(config))


def objects(text):
    return {item["kind"]: item for item in yaml.safe_load_all(text)}


def pull_secrets(found):
    spec = found["spec"]["template"]["spec"] if "spec" in found else found
    return [entry["name"] for entry in spec.get("imagePullSecrets", [])]


@pytest.mark.parametrize("words", ["kustomize build", "kubectl kustomize"])
def test_what_the_page_applies_is_in_the_cluster(shell, kubectl, namespace, words):
    if "kubectl" in words:
        (shell.folder / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    shell(block("sh", words))
    read = kubectl("get", "deployment/web", "serviceaccount/web", "-n", namespace, "-o", "yaml")
    deployment, account = yaml.safe_load(read.stdout)["items"]
    assert pull_secrets(deployment) == ["regcred"]
    assert pull_secrets(account) == ["old"]


def test_kustomize_changes_nothing_else(shell):
    with_it = objects(shell(BUILD).stdout)
    del with_it["Deployment"]["spec"]["template"]["spec"]["imagePullSecrets"]
    (shell.folder / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    assert with_it == objects(shell("kustomize build deploy").stdout)


@pytest.mark.parametrize("program", ["kustomize build", "kubectl kustomize"])
def test_where_functions_may_not_run_they_are_left_out(shell, program):
    # If this fails, the page warns of what is no more.
    done = shell(f"{program} --enable-alpha-plugins deploy")
    assert pull_secrets(objects(done.stdout)["Deployment"]) == []
    assert done.stderr == ""


def test_kubectl_has_no_flag_for_it(shell):
    done = shell("kubectl kustomize --enable-alpha-plugins --enable-exec deploy", check=False)
    assert "unknown flag: --enable-exec" in done.stderr


def test_kustomize_shows_the_warning(shell):
    done = shell(BUILD)
    assert done.stderr.startswith("warning: deployment/web: its Pods no longer get old from Serv")
    assert "keepServiceAccountSecrets: true" in done.stderr


def test_the_serviceaccounts_secrets_are_kept_in_the_final_namespace(shell):
    settings(shell, keepServiceAccountSecrets=True, serviceAccounts=True)
    file = shell.folder / "kustomization.yaml"
    file.write_text(file.read_text() + "namespace: team-b\nnamePrefix: my-\n")
    done = shell(BUILD)
    found = objects(done.stdout)
    assert found["Deployment"]["metadata"]["namespace"] == "team-b"
    assert pull_secrets(found["Deployment"]) == ["old", "regcred"]
    assert pull_secrets(found["ServiceAccount"]) == ["old", "regcred"]
    assert done.stderr == ""


def test_a_pull_secret_that_kustomize_makes_is_named_as_it_makes_it(shell):
    file = shell.folder / "kustomization.yaml"
    generator = {
        "name": "regcred",
        "type": "kubernetes.io/dockerconfigjson",
        "literals": [".dockerconfigjson={}"],
    }
    file.write_text(file.read_text() + yaml.safe_dump({"secretGenerator": [generator]}))
    found = objects(shell(BUILD).stdout)
    name = found["Secret"]["metadata"]["name"]
    assert name.startswith("regcred-")
    assert pull_secrets(found["Deployment"]) == [name]


def test_settings_from_the_environment(shell):
    file = shell.folder / "regcred.yaml"
    config = yaml.safe_load(file.read_text())
    del config["spec"]
    file.write_text(yaml.safe_dump(config | {"apiVersion": "v1", "kind": "ConfigMap"}))
    done = shell(BUILD, REGCRED_SECRET="a,b", REGCRED_IMAGE="ghcr.io/me/*")
    assert pull_secrets(objects(done.stdout)["Deployment"]) == ["a", "b"]
    done = shell(BUILD, REGCRED_SECRET="a", REGCRED_IMAGE="ghcr.io/you/*")
    assert pull_secrets(objects(done.stdout)["Deployment"]) == []


def test_a_slip_ends_the_build(shell):
    settings(shell, secretz=["a"])
    done = shell(BUILD, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "error: regcredinject/regcred: spec.secretz is not known; known are sec" in done.stderr


def test_a_list_that_is_none_ends_the_build(shell):
    file = shell.folder / "web.yaml"
    file.write_text(WEB.replace("      # One", "      imagePullSecrets: old\n      # One"))
    done = shell(BUILD, check=False)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert re.search("error: deployment/web: .* is a string, not a list", done.stderr)


def with_entries(name):
    """The file WEB with the list; kustomize and kpt move new fields behind the others."""
    return WEB.replace("web:1\n", f"web:1\n      imagePullSecrets:\n      - name: {name}\n")


def test_files_keep_their_comments_and_results_name_them(shell, tmp_path):
    (shell.folder / "kustomization.yaml").unlink()
    results = tmp_path / "results"
    results.mkdir()
    shell(f"kustomize fn run deploy --enable-exec --results-dir {results}")
    assert (shell.folder / "web.yaml").read_text() == with_entries("regcred")
    (file,) = results.iterdir()
    added, lost = yaml.safe_load(file.read_text())
    where = {
        "resourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "field": {"path": "spec.template.spec.imagePullSecrets"},
        "file": {"path": "web.yaml", "index": 0},
    }
    assert added == {"message": "pull Secret regcred added", "severity": "info", **where}
    assert lost["severity"] == "warning"
    # And once more: nothing is left to do, and nothing to say.
    file.unlink()
    shell(f"kustomize fn run deploy --enable-exec --results-dir {results}")
    assert (shell.folder / "web.yaml").read_text() == with_entries("regcred")
    assert not list(results.iterdir())


@NEEDS_KPT
def test_kpt_eval(shell):
    done = shell(block("sh", "kpt fn eval"))
    assert (shell.folder / "web.yaml").read_text() == with_entries("regcred")
    assert (
        "[info] apps/v1/Deployment/web spec.template.spec.imagePullSecrets: "
        "pull Secret regcred added" in done.stderr
    )
    assert "[warning] apps/v1/Deployment/web" in done.stderr


@NEEDS_KPT
def test_kpt_render(shell):
    head = "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata:\n  name: deploy\n"
    (shell.folder / "Kptfile").write_text(head + block("yaml", "pipeline:"))
    shell("kpt fn render deploy --allow-exec")
    assert (shell.folder / "web.yaml").read_text() == with_entries("regcred")


@NEEDS_KPT
def test_kpt_shows_an_error_and_writes_nothing(shell):
    done = shell("kpt fn eval deploy --exec regcred-krm -- secretz=a", check=False)
    assert done.returncode != 0
    assert "[error] v1/ConfigMap/function-input data.secretz: data.secretz is not" in done.stderr
    assert (shell.folder / "web.yaml").read_text() == WEB


def test_the_table_of_settings_is_that_of_the_program(shell):
    lines = [line for line in PAGE.read_text().splitlines() if "`REGCRED_" in line]
    cells = [
        [re.match(r"`([\w-]+)", cell)[1] for cell in line.split(" | ")[:3]]
        for line in (line.removeprefix("| ") for line in lines)
    ]
    specs, data, variables = map(list, zip(*cells, strict=True))
    done = shell("regcred-krm", check=False)
    assert done.returncode == 2
    wrong = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  "
    for kind, part, names in (
        ("regcred.dev/v1alpha1\n  kind: RegcredInject", "spec", specs),
        ("v1\n  kind: ConfigMap", "data", data),
    ):
        config = f"{wrong}apiVersion: {kind}\n  {part}: {{x: y}}\n"
        done = shell(f"regcred-krm <<'END'\n{config}END\n", check=False)
        assert f"known are {', '.join(names)}\n" in done.stderr
    said = shell("regcred-krm --help").stdout
    assert all(variable in said for variable in variables)
