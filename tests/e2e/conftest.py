"""What e2e tests need beyond `tests/conftest.py`: a node that pulls, and an operator on it."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from cluster import SILENT
from cluster.binaries import find, sources
from cluster.operatorimage import NAME, image_layout
from tests.support.installed import Installed, free_port, values
from tests.support.pods import create, login_secret
from tests.support.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cluster import Cluster
    from cluster.registries import Registry

_PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"


@pytest.fixture(scope="session")
def node_cluster(cluster: Cluster) -> Cluster:
    """The cluster of this run, which has a node: Pods on it name `cluster.node.NODE`."""
    if not cluster.has_node:
        pytest.fail("the cluster has no node: python -m cluster up --node", pytrace=False)
    return cluster


@pytest.fixture(scope="session")
def operator_layout() -> dict[str, bytes]:
    """The files of regcred's own image."""
    return image_layout(SILENT)


@pytest.fixture(scope="session")
def operator_image(node_cluster: Cluster, operator_layout: dict[str, bytes]) -> str:
    """The reference of regcred's own image, in the registry ``htpasswd``."""
    return node_cluster.registries["htpasswd"].push_layout(operator_layout, NAME)


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with no named cluster in it yet; what is built it has from the real one.

    Under a path that is short enough for containerd's socket.
    """
    folder = tmp_path_factory.mktemp("t")
    for source in sources()[:2]:
        programs = folder / source.folder.name
        programs.mkdir()
        for name in source.programs:
            if program := find(name, source):
                (programs / name).symlink_to(program)
    return folder


@pytest.fixture
def installed(
    request: pytest.FixtureRequest,
    node_cluster: Cluster,
    helm_program: Path,
    operator_image: str,
    tmp_path: Path,
) -> Iterator[Installed]:
    """The chart, its own image, and a pull Secret for that; no Pods yet.

    An indirect parameter is more values of the chart.
    """
    name = f"op-{secrets.token_hex(4)}"
    release = Release(node_cluster, helm_program, name, f"{name}-system", tmp_path)
    ports = [free_port(), free_port()]
    more = getattr(request, "param", {})
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values(node_cluster, operator_image, name, ports) | more))
    try:
        release.install("--values", str(file))
        # hostNetwork is what "restricted" refuses.
        lifted = "pod-security.kubernetes.io/enforce-"
        node_cluster.kubectl("label", "namespace", release.namespace, lifted)
        registry = node_cluster.registries["htpasswd"]
        create(node_cluster, release.namespace, login_secret("image", registry))
        yield Installed(node_cluster, release, ports)
    finally:
        release.uninstall()


@pytest.fixture
def pullcredential(
    installed: Installed, token_registry: Registry
) -> Iterator[Callable[[], dict[str, Any] | None]]:
    """A PullCredential for namespaces whose label ``regcred-test`` is the release; reads it."""
    name = installed.release.name
    manifest = {
        "apiVersion": "regcred.dev/v1alpha1",
        "kind": "PullCredential",
        "metadata": {"name": name},
        "spec": {
            "registries": [token_registry.address],
            "source": {"basic": {"secretRef": {"name": "login"}}},
            "namespaces": {"matchLabels": {"regcred-test": name}},
            "serviceAccounts": {"include": ["default", "app"]},
        },
    }
    api = installed.cluster.api

    def read() -> dict[str, Any] | None:
        status, content = api.request("GET", f"{_PULLCREDENTIALS}/{name}")
        return json.loads(content) if status == 200 else None

    installed.put_source(token_registry)
    installed.apply(manifest)
    yield read
    api.request("DELETE", f"{_PULLCREDENTIALS}/{name}")
    while (left := read()) is not None:
        left["metadata"].pop("finalizers", None)
        api.request("PUT", f"{_PULLCREDENTIALS}/{name}", left)
