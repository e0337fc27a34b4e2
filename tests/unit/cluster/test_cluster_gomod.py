import re

import pytest

from cluster import gomod
from cluster.errors import ClusterError

TEXT = """module regcred.dev/cluster/kubernetes

go 1.26.0

require (
\tk8s.io/api v0.1.0 // indirect
\tk8s.io/kubernetes v1.37.2 // indirect
)

tool (
\tk8s.io/kubernetes/cmd/kubectl
\tk8s.io/kubernetes/cmd/kubelet
)

tool example.org/alone

replace (
\tk8s.io/api => k8s.io/api v0.37.2
\tk8s.io/client-go v1.0.0 => k8s.io/client-go v0.37.2
)
"""


def test_version_is_the_required_one():
    assert gomod.required(TEXT, "k8s.io/kubernetes") == "1.37.2"
    assert gomod.required(TEXT, "k8s.io/api") == "0.1.0"
    assert gomod.required("require example.org/a v2.0.0\n", "example.org/a") == "2.0.0"


def test_replaced_is_not_required():
    with pytest.raises(LookupError):
        gomod.required(TEXT, "k8s.io/client-go")


def test_go_directive():
    assert gomod.go_version(TEXT) == (1, 26, 0)
    with pytest.raises(LookupError):
        gomod.go_version("module x\n")


def test_tools_alone_and_in_a_block():
    assert gomod.tools(TEXT) == (
        "example.org/alone",
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes/cmd/kubelet",
    )


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("kubernetes", "k8s.io/kubernetes"),
        ("etcd", "go.etcd.io/etcd/server/v3"),
        ("helm", "helm.sh/helm/v4"),
        ("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
        ("gitops", "github.com/argoproj/argo-cd/v3"),
    ],
)
def test_own_go_mod_files(name, module):
    loaded = gomod.load(name, module)
    assert re.fullmatch(r"\d+\.\d+\.\d+", loaded.version)
    assert loaded.packages


def test_missing_module_is_named():
    with pytest.raises(ClusterError, match=r"no version of example\.org/none"):
        gomod.load("etcd", "example.org/none")
