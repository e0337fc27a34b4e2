"""What the fixtures on top of `cluster` are made of."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cluster import Cluster
from cluster.progress import Progress, Task

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One without a node, for a module whose operators take long beside those of others.

    ``cluster = own_cluster`` in the module has it in place of the shared one.
    """
    with Cluster(progress=PytestProgress(request.config)) as cluster:
        yield cluster


class PytestProgress(Progress):
    """Progress that is seen although pytest captures what tests print.

    Args:
        config: of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(sys.__stderr__)
        self._capture = config.pluginmanager.getplugin("capturemanager")

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Task]:
        with self._capture.global_and_fixture_disabled(), super().task(title, total) as task:
            yield task
