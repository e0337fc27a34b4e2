"""What e2e tests need beyond `tests/conftest.py`: a node that pulls."""

import pytest

from cluster import SILENT, Cluster
from cluster.operatorimage import NAME, image_layout


@pytest.fixture(scope="session")
def node_cluster(cluster: Cluster) -> Cluster:
    """The cluster of this run, which has a node: Pods on it name `cluster.node.NODE`."""
    if not cluster.has_node:
        pytest.fail("the cluster has no node: python -m cluster up --node", pytrace=False)
    return cluster


@pytest.fixture(scope="session")
def operator_image(node_cluster: Cluster) -> str:
    """The reference of regcred's own image, in the registry ``htpasswd``."""
    return node_cluster.registries["htpasswd"].push_layout(image_layout(SILENT), NAME)
