import pytest

from cluster import SILENT, ClusterError, binaries, tiers
from tests.support.notrun import not_run


@pytest.fixture
def kubernetes(monkeypatch, tmp_path):
    """The source of Kubernetes, on a machine where nothing of it is."""
    monkeypatch.setenv("REGCRED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return binaries.sources()[0]


def program(path, says):
    """A program that says its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("kubelet", "Kubernetes v1.37.2", "1.37.2"),
        ("kubectl", "Client Version: v1.37.2", "1.37.2"),
        ("kubectl", "Client Version: v1.32.4-dispatcher", "1.32.4-dispatcher"),
        ("etcd", "etcd Version: 3.7.3", "3.7.3"),
        ("helm", "helm v4.3.1", "4.3.1"),
        ("kustomize", "version: v5.8.1", "5.8.1"),
        ("etcd", "something else", ""),
    ],
)
def test_version_of(tmp_path, name, says, version):
    assert binaries.version_of(program(tmp_path / name, says)) == version


def test_version_of_what_does_not_run(tmp_path):
    (tmp_path / "etcd").touch()
    assert binaries.version_of(tmp_path / "etcd") == ""


def test_find_nothing(kubernetes):
    assert binaries.find("kubelet", kubernetes) is None


def test_find_takes_the_right_version_only_first_assets_then_path_then_cache(
    kubernetes, monkeypatch, tmp_path
):
    right = f"Kubernetes v{kubernetes.module.version}"
    cached = program(kubernetes.folder / "kubelet", right)
    on_path = program(tmp_path / "path" / "kubelet", "Kubernetes v1.0.0")
    asset = program(tmp_path / "assets" / "kubelet", "Kubernetes v1.0.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    assert binaries.find("kubelet", kubernetes) == cached
    program(on_path, right)
    assert binaries.find("kubelet", kubernetes) == on_path
    program(asset, right)
    assert binaries.find("kubelet", kubernetes) == asset


def test_sources_name_their_programs_as_their_packages():
    kubernetes, etcd, helm, kustomize, gitops = binaries.sources()
    assert set(kubernetes.programs) == {
        "kube-apiserver",
        "kube-controller-manager",
        "kubectl",
        "kubelet",
    }
    assert etcd.programs == ("etcd",)
    assert helm.programs == ("helm",)
    assert kustomize.programs == ("kustomize",)
    assert gitops.programs == ("gitops",)
    for source in binaries.sources():
        assert len(source.programs) == len(source.module.packages)


def test_older_control_planes_are_those_of_go_mod(monkeypatch):
    monkeypatch.delenv("REGCRED_KUBERNETES", raising=False)
    newest = binaries.sources()[0]
    assert binaries.chosen() == binaries.chosen(newest.minor) == newest
    assert newest.minor not in binaries.older()
    for minor, source in binaries.older().items():
        assert binaries.chosen(minor) == source
        assert source.module.version.startswith(f"{minor}.")
        assert set(source.programs) == {"kube-apiserver", "kube-controller-manager"}
        assert f"gitVersion=v{source.module.version}" in source.ldflags
        monkeypatch.setenv("REGCRED_KUBERNETES", minor)
        assert binaries.chosen() == source


def test_older_control_plane_that_nobody_pinned():
    with pytest.raises(ClusterError, match=r"no control plane of Kubernetes 1\.2: there is 1\."):
        binaries.chosen("1.2")


def test_the_rest_stays_the_newest(kubernetes, monkeypatch):
    minor, source = next(iter(binaries.older().items()))
    for each in (source, kubernetes):
        for name in each.programs:
            program(each.folder / name, f"Kubernetes v{each.module.version}")
    found = binaries.ensure_programs(("kube-apiserver", "kubectl"), SILENT, kubernetes=minor)
    assert found["kube-apiserver"] == source.folder / "kube-apiserver"
    assert found["kubectl"] == kubernetes.folder / "kubectl"


def test_no_node_with_an_older_control_plane():
    if lack := tiers.machine_lacks(node=True):
        not_run(lack)
    minor, newest = next(iter(binaries.older())), binaries.sources()[0].minor
    assert tiers.machine_lacks(node=False, kubernetes=minor) == ""
    said = tiers.machine_lacks(node=True, kubernetes=minor)
    assert said == f"kubelet {newest} does not go with an API server {minor}"
