"""A cluster of its own for operators in trouble, so that other tests of operators run meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cluster import Cluster
from tests.support.clusters import PytestProgress

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Without a node and registries: nothing is pulled here."""
    if name := os.environ.get("REGCRED_CLUSTER"):
        yield Cluster.open(name)
        return
    with Cluster(progress=PytestProgress(request.config)) as cluster:
        yield cluster
