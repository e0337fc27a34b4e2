import json

import pytest

from regcred.core.errors import APIError, Gone, ServerError, StreamBroken
from regcred.core.operator.watchevent import read, read_page


def line(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode()


def obj(**metadata: object) -> dict:
    return {"metadata": {"name": "a", "resourceVersion": "7"} | metadata}


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_changes(kind):
    event = read(line(kind, obj()), doing="watch")
    assert (event.type, event.object, event.version) == (kind, obj(), "7")
    assert not event.ends_list


@pytest.mark.parametrize(
    ("annotations", "ends"),
    [(None, False), ({}, False), ({"k8s.io/initial-events-end": "true"}, True)],
)
def test_bookmarks(annotations, ends):
    said = {"metadata": {"resourceVersion": "9", "annotations": annotations}}
    event = read(line("BOOKMARK", said), doing="watch")
    assert (event.type, event.version, event.ends_list) == ("BOOKMARK", "9", ends)


@pytest.mark.parametrize(
    ("status", "error", "retry_after"),
    [
        ({"code": 410, "reason": "Expired"}, Gone, None),
        ({"code": 504, "details": {"retryAfterSeconds": 1}}, ServerError, 1.0),
        ({"code": 500, "details": {"retryAfterSeconds": "x"}}, ServerError, None),
        ({}, APIError, None),
    ],
)
def test_errors(status, error, retry_after):
    with pytest.raises(error) as caught:
        read(line("ERROR", status), doing="watch things")
    assert caught.value.message.startswith("cannot watch things: ")
    assert caught.value.retry_after == retry_after


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b"7",
        b"{}",
        b"\xff",
        line("ADDED", None),
        line("ADDED", "x"),
        line("ADDED", {"metadata": []}),
        line("ADDED", {"metadata": "x"}),
        line("ADDED", {"metadata": {"annotations": "x"}}),
        line("ADDED", {}),
        line("ADDED", obj(name="")),
        line("ADDED", obj(name=7)),
        line("ADDED", obj(resourceVersion=7)),
        line("BOOKMARK", {"metadata": {}}),
        line("ERROR", {"code": "x"}),
        line("ERROR", {"code": float("inf")}),
        line("ERROR", {"details": ["x"]}),
        line("ERROR", {"details": {"retryAfterSeconds": 10**400}}),
        line("NEWS", obj()),
        json.dumps({"type": ["ADDED"], "object": obj()}).encode(),
    ],
)
def test_rubbish(rubbish):
    with pytest.raises(StreamBroken) as caught:
        read(rubbish, doing="watch")
    assert caught.value.kind == "garbage"


@pytest.mark.parametrize("items", [None, []])
def test_an_empty_page(items):
    assert read_page({"metadata": {"resourceVersion": "7"}, "items": items}, doing="x") == ([], "7")


def test_a_page():
    page = {"metadata": {"resourceVersion": "7"}, "items": [obj()]}
    assert read_page(page, doing="x") == ([obj()], "7")


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"metadata": {}},
        {"metadata": {"resourceVersion": 7}},
        {"metadata": {"resourceVersion": "7"}, "items": "x"},
        {"metadata": {"resourceVersion": "7"}, "items": ["x"]},
        {"metadata": {"resourceVersion": "7"}, "items": [{}]},
        {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {}}]},
    ],
)
def test_no_page(page):
    with pytest.raises(StreamBroken):
        read_page(page, doing="x")
