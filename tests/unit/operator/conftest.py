"""What tests of the operator's parts share."""

import io
import json

import pytest

from regcred.operator import oplog


@pytest.fixture
def log(monkeypatch):
    """What the operator says."""
    monkeypatch.setattr(oplog, "_log", oplog._Log())
    stream = io.StringIO()
    oplog._log.begin("json", "debug", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
