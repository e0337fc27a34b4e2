"""What e2e tests need beyond `tests/conftest.py`: a node that pulls, and Helm."""

from pathlib import Path

import pytest

from cluster import SILENT, Cluster
from cluster.binaries import ensure_programs


@pytest.fixture(scope="session")
def node_cluster(cluster: Cluster) -> Cluster:
    """The cluster of this run, which has a node: Pods on it name `cluster.node.NODE`."""
    if not cluster.has_node:
        pytest.fail("the cluster has no node: python -m cluster up --node", pytrace=False)
    return cluster


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Helm, in the version of cluster/go/helm/go.mod; built before the first test."""
    return ensure_programs(("helm",), SILENT)["helm"]
