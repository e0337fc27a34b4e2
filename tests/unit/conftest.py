"""What the unit tests share."""

import logging
import os
import sys

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair, not a test's. Few of them, so that
# `make check` stays short; in CI too, where each run draws others.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)
# `make soak`: as many as find what one in a thousand shows.
settings.register_profile("soak", deadline=None, max_examples=5000)
in_ci = os.environ.get("CI") == "true"
settings.load_profile(os.environ.get("REGCRED_EXAMPLES") or ("thorough" if in_ci else "quick"))


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """The operator's log changes `logging` for the whole process, and keeps a file descriptor."""
    root = logging.getLogger()
    level = root.level
    yield
    if oplog := sys.modules.get("regcred.operator.oplog"):
        for handler in [each for each in root.handlers if isinstance(each, oplog._FromLibraries)]:
            root.removeHandler(handler)
            root.setLevel(level)
            logging.captureWarnings(capture=False)
        oplog._log = oplog._Log()
