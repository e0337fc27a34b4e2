"""Tests that cannot run here for want of something outside: named, never silent.

Like a tier that cannot run (``tests/conftest.py``): with ``CI=true`` a failure, else one line
``NOT RUN: …`` at the end, with pytest-xdist too: the reason is in the test's report.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import NoReturn

import pytest

_MARK = "cannot run here: "


def not_run(reason: str) -> NoReturn:
    """End this test, which cannot run here.

    Args:
        reason: in one line; tests with the same one are counted together.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and this test cannot run: {reason}", pytrace=False)
    pytest.skip(_MARK + reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them, and count them."""
    said = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    reasons = Counter(each.partition(_MARK)[2] for each in said if _MARK in each)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests: {reason}", yellow=True)
