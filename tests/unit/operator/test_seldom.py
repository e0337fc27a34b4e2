import io
import json

import pytest

from regcred.core.errors import ClusterUnreachable
from regcred.operator import oplog
from regcred.operator.seldom import Seldom


@pytest.fixture
def lines():
    """What is said, parsed."""
    stream = io.StringIO()
    oplog.setup("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_once_a_minute_and_how_often_since(lines):
    times = iter((0.0, 1.0, 59.9, 60.0, 130.0))
    seldom = Seldom("NotWritten", clock=lambda: next(times))
    for _ in range(5):
        seldom.say(ClusterUnreachable("nobody answers", hint="wait"), pullCredential="ghcr")
    assert [line["message"] for line in lines()] == [
        "nobody answers; wait",
        "nobody answers; wait (2 more since the last line)",
        "nobody answers; wait",
    ]
    assert all(line["pullCredential"] == "ghcr" for line in lines())
    assert {(line["level"], line["reason"]) for line in lines()} == {("warning", "NotWritten")}


def test_what_an_error_of_others_says_is_not_told(lines):
    Seldom("NotWritten").say(ValueError("hush-4711-hush"))
    Seldom("NotWritten").say(ClusterUnreachable("nobody answers"))
    Seldom("NotWritten").say("too many")
    said = ["ValueError", "nobody answers", "too many"]
    assert [line["message"] for line in lines()] == said
