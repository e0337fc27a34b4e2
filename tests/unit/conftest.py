"""What the unit tests share."""

import logging
import sys

import pytest


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
