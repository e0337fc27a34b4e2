"""docs/reference/support.md names the versions that the tests run on."""

import re
import tomllib

import yaml

from cluster.binaries import older, sources
from cluster.gomod import FOLDER, required
from cluster.paths import CHECKOUT
from tools.pythons import supported

PAGE = (CHECKOUT / "docs" / "reference" / "support.md").read_text()
TABLE = PAGE.partition("<!-- versions:begin -->")[2].partition("<!-- versions:end -->")[0]


def versions(what):
    return re.findall(rf"^\| {what} \| (.*?) \|", TABLE, re.M)


def test_pythons():
    assert versions("Python") == [", ".join(supported())]


def test_kubernetes():
    built = [sources()[0], *older().values()]
    assert versions("Kubernetes") == [source.module.version for source in built]
    assert all(f"On {minor} the tests" in PAGE for minor in older())


def test_other_programs():
    _, _, helm, kustomize, _ = sources()
    assert versions("Helm") == [helm.module.version]
    assert versions("kustomize") == [kustomize.module.version]
    gitops = (FOLDER / "gitops" / "go.mod").read_text()
    assert versions("Argo CD") == [required(gitops, "github.com/argoproj/argo-cd/v3")]
    assert versions("Flux") == [
        f"its library `ssa` {required(gitops, 'github.com/fluxcd/pkg/ssa')}"
    ]


def test_least_kubernetes_is_the_chart_s():
    chart = yaml.safe_load((CHECKOUT / "charts" / "regcred" / "Chart.yaml").read_text())
    least = re.fullmatch(r">=(1\.\d+)\.0-0", chart["kubeVersion"])[1]
    assert f"| {least} | the least that the chart takes" in PAGE


def test_commands_are_tasks():
    makefile = (CHECKOUT / "Makefile").read_text()
    named = set(re.findall(r"`make ([a-z-]+)`", PAGE))
    assert {"test", "test-all", "test-pythons", "test-older", "dist", "sbom"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):.* ## ", makefile, re.M))


def test_classifiers_are_read_from_the_project():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={supported()[0]}"
