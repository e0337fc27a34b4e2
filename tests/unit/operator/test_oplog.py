"""Lines of the operator: one each, always readable, never a secret, whatever happens to stderr."""

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regcred.core.credential import Password
from regcred.operator import oplog

CANARY = "canary-5f1c9e-password"
LEVELS = ("debug", "info", "warning", "error")


def said(form="json", level="info"):
    """A stream that is written to from now on."""
    stream = io.StringIO()
    oplog.setup(form, level, stream)
    return stream


def objects(stream):
    """The lines, read by the rules: no NaN, and nothing between objects but one line break."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    text = stream.getvalue()
    assert not text or text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_a_line_of_json():
    stream = said()
    oplog.say(
        "info", "SecretCreated", "Secret made", namespace="team-a", seconds=0.25, tries=2, all=True
    )
    (line,) = objects(stream)
    assert list(line) == [
        "time",
        "level",
        "reason",
        "message",
        "namespace",
        "seconds",
        "tries",
        "all",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "reason": "SecretCreated",
        "message": "Secret made",
        "namespace": "team-a",
        "seconds": 0.25,
        "tries": 2,
        "all": True,
    }


def test_a_line_for_people():
    stream = said("console")
    oplog.say("warning", "SecretNotOurs", "it is team-a's own", namespace="team-a", leader="a b")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d WARNING SecretNotOurs namespace=team-a leader=\"a b\""
        r" it is team-a's own\n",
        stream.getvalue(),
    )


def test_time_goes_on(monkeypatch):
    stream = said()
    for nanoseconds in (1_000_000_123_000, 1_000_999_999_999, 1_001_000_000_000):
        monkeypatch.setattr(oplog.time, "time_ns", lambda now=nanoseconds: now)
        oplog.say("info", "Tick", "")
    assert [x["time"] for x in objects(stream)] == [
        "1970-01-01T00:16:40.000123Z",
        "1970-01-01T00:16:40.999999Z",
        "1970-01-01T00:16:41.000000Z",
    ]


@pytest.mark.parametrize("least", LEVELS)
@pytest.mark.parametrize("form", ["json", "console"])
def test_what_is_less_important_is_not_said(form, least):
    stream = said(form, least)
    for level in LEVELS:
        oplog.say(level, f"At{level}", "")
        logging.getLogger(oplog.LOGGER).log(oplog._RANKS[level], "By%s", level)
    wanted = LEVELS[LEVELS.index(least) :]
    for word in ("At", "By"):
        assert tuple(re.findall(rf"{word}(\w+)", stream.getvalue())) == wanted


def test_libraries_are_no_louder_than_the_operator():
    stream = said(level="error")
    logging.getLogger("a.library").warning("chatter")
    assert stream.getvalue() == ""


def test_nothing_is_said_before_setup(capfd):
    oplog.say("error", "Early", "")
    assert capfd.readouterr() == ("", "")


def test_a_second_setup_replaces_the_first():
    first, second = said(), said()
    logging.getLogger("a.library").warning("once")
    oplog.say("info", "Once", "")
    assert (len(objects(first)), len(objects(second))) == (0, 2)


HOSTILE = st.text(
    st.characters() | st.sampled_from('\n\r\x1b\x85\u2028\u202e\ud800\udfff\0\x9b"\\')
)


@example(message="\ud800", name="\n\x1b[2J", number=float("nan"))
@given(message=HOSTILE, name=HOSTILE, number=st.floats())
@pytest.mark.parametrize("form", ["json", "console"])
def test_whatever_is_in_it_is_one_line(form, message, name, number):
    stream = said(form)
    oplog.say("info", "Hostile", message, namespace=name, seconds=number)
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    if form == "json":
        (line,) = objects(stream)
        for wanted, got in ((message, line["message"]), (name, line["namespace"])):
            # What is no character cannot be told, and everything else comes out as it was.
            got.encode()
            if wanted.encode("utf-16", "surrogatepass").decode("utf-16", "ignore") == wanted:
                assert got == wanted


@pytest.mark.parametrize("form", ["json", "console"])
def test_passwords_are_hidden(form):
    stream = said(form, "debug")
    oplog.say("error", "Odd", "", password=Password(CANARY), held={"in": [Password(CANARY)]})
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("a.library").exception("it failed\nwith %s", CANARY)
    text = stream.getvalue()
    assert CANARY not in text
    assert text.count("Password('********')") == 2
    assert "ValueError" in text


def test_a_failure_in_a_library_is_one_line_without_traceback():
    stream = said()
    try:
        raise KeyError("gone")
    except KeyError:
        logging.getLogger("a.library").exception("that was %s\nand more", "bad")
    (line,) = objects(stream)
    assert line.pop("time")
    at = line.pop("at")
    assert re.fullmatch(r"test_oplog\.py:\d+ test_a_failure_in_a_library_\w+", at)
    assert line == {
        "level": "error",
        "reason": "Library",
        "message": "that was bad",
        "logger": "a.library",
        "error": "KeyError",
    }


def test_frames_are_there_to_debug():
    stream = said(level="debug")

    def inner():
        raise KeyError("gone")

    try:
        inner()
    except KeyError:
        logging.getLogger("a.library").exception("bad")
    (line,) = objects(stream)
    assert re.fullmatch(r"test_oplog\.py:\d+ inner < test_oplog\.py:\d+ test_\w+", line["frames"])


async def test_a_task_that_nobody_awaited_tells_its_error_but_not_its_text():
    stream = said()
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task failed", "exception": ValueError(CANARY)}
    )
    (line,) = objects(stream)
    assert (line["message"], line["error"]) == ("Task failed", "ValueError")
    assert CANARY not in stream.getvalue()


def test_libraries_are_heard_when_it_matters_and_requests_to_us_never(monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's fail on bad arguments
    stream = said(level="debug")
    logging.getLogger("a.library").info("chatter")
    logging.getLogger("aiohttp.access").info("GET /healthz")
    logging.getLogger("a.library").warning("%d and %d", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("beware", RuntimeWarning, stacklevel=1)
    first, second = objects(stream)
    assert first["message"] == "%d and %d"
    assert "beware" in second["message"]


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    yield reading, stream
    os.close(reading)
    with contextlib.suppress(OSError):
        stream.close()


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe, monkeypatch):
    monkeypatch.setattr(oplog, "_PATIENCE_MS", 1)
    reading, stream = pipe
    oplog.setup("json", "info", stream)
    for number in range(2000):
        oplog.say("info", "Filling", "x" * 100, number=number)
    lost = oplog._log._lines.lost
    assert 0 < lost < 2000
    got = []

    def read():
        with os.fdopen(os.dup(reading)) as lines:
            got.extend(json.loads(line) for line in lines)

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setattr(oplog, "_PATIENCE_MS", 60_000)
    while oplog._log._lines.lost:
        oplog.say("info", "Again", "")
        lost = oplog._log._lines.lost or lost
    oplog.say("info", "Last", "")
    stream.close()
    reader.join()
    numbers = [x["number"] for x in got if x["reason"] == "Filling"]
    assert numbers == list(range(len(numbers)))
    assert [x["reason"] for x in got[len(numbers) :]] == ["Again", "LogLinesLost", "Last"]
    assert got[-2]["lines"] == lost >= 2000 - len(numbers)


def test_a_line_that_was_torn_does_not_tear_the_next(pipe, monkeypatch):
    monkeypatch.setattr(oplog, "_PATIENCE_MS", 1)
    reading, stream = pipe
    oplog.setup("json", "info", stream)
    oplog.say("info", "Long", "x" * 1_000_000)
    with os.fdopen(os.dup(reading), "rb") as raw:
        head = raw.read1()
        while b"\n" not in head:
            oplog.say("info", "Next", "")
            head += raw.read1()
    torn, _, rest = head.partition(b"\n")
    assert torn.endswith(b"xxx")
    assert json.loads(rest.splitlines()[0])["reason"] == "Next"


def test_a_long_line_arrives_whole(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        oplog.setup("json", "info", stream)
        oplog.say("info", "Long", "x" * 1_000_000)
    assert len(json.loads((tmp_path / "log").read_text())["message"]) == 1_000_000


@pytest.mark.parametrize("end", ["reader gone", "closed", "disk full", "none"])
def test_no_end_of_stderr_ends_the_operator(end, pipe, monkeypatch):
    reading, stream = pipe
    if end == "disk full":
        stream = Path("/dev/full").open("w")  # noqa: SIM115 - closed below
    if end == "none":
        monkeypatch.setattr("sys.stderr", None)
        stream = None
    oplog.setup("json", "info", stream)
    if end == "closed":
        stream.close()
    if end == "reader gone":
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, reading)
        os.close(null)
    for _ in range(3):
        oplog.say("error", "Unheard", "")
        logging.getLogger("a.library").error("unheard")
    assert oplog._log._lines.lost == (0 if end == "none" else 6)
    if end == "disk full":
        stream.close()
