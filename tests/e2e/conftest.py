"""What e2e tests need beyond `tests/conftest.py`: a node that pulls."""

import pytest

from cluster import Cluster


@pytest.fixture(scope="session")
def node_cluster(cluster: Cluster) -> Cluster:
    """The cluster of this run, which has a node: Pods on it name `cluster.node.NODE`."""
    if not cluster.has_node:
        pytest.fail("the cluster has no node: python -m cluster up --node", pytrace=False)
    return cluster
