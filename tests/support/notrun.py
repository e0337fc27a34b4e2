"""Tests that cannot run here for want of something outside: named, never silent.

Like a tier that cannot run (``tests/conftest.py``): with ``CI=true`` a failure, else one line
``NOT RUN: …`` at the end.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

_NAME = f"{__name__}.summary"


class _Summary:
    """Says at the end what did not run, and why."""

    def __init__(self) -> None:
        self.reasons: set[str] = set()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        said = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
        for reason in sorted(self.reasons):
            count = sum(line.endswith(reason) for line in said)
            terminalreporter.write_line(f"NOT RUN: {count} tests: {reason}", yellow=True)


def not_run(config: pytest.Config, reason: str) -> NoReturn:
    """End this test, which cannot run here.

    Args:
        config: of the run.
        reason: in one line; tests with the same one are counted together.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and this test cannot run: {reason}", pytrace=False)
    summary = config.pluginmanager.get_plugin(_NAME)
    if summary is None:
        summary = _Summary()
        config.pluginmanager.register(summary, _NAME)
    summary.reasons.add(reason)
    pytest.skip(reason)
