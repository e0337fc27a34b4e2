"""Targets for what the API server passes on of others: watches, specs, Pods, Events, reviews."""

from __future__ import annotations

import base64
import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

from regcred.core.diagnosis import podevents
from regcred.core.errors import APIError, InvalidInput, StreamBroken, api_error
from regcred.core.fields import mapping, text
from regcred.core.formats import redact
from regcred.core.formats.lines import Lines
from regcred.core.logins import hush
from regcred.core.operator import admission, leaderelection, select, watchevent
from regcred.core.operator.pullcredential import parse
from regcred.core.pods import event, podstate, pullredact, pulltext
from tests.fuzz.target import CANARY, MOST_SAID, Refused, hidden_in, refusing, target, text_of
from tests.support.filledworld import FilledWorld, spec

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_LINE = 512
"""Bytes: lines of both kinds come up, such as are taken and such as are too long."""


def _object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`: what the API server passes on is at least that."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused from None
    if not isinstance(found, dict):
        raise Refused
    return found


@target(
    "watch",
    words='"type": "ADDED" "ERROR" "BOOKMARK" "object":{ "metadata": "resourceVersion":"1" '
    '"name": "code":410 "details":{"retryAfterSeconds":1} "causes":[1] "status": \\n 1e999',
    pumped=(("", '{"a":', ""), ("", "{}\n", ""), ("", "[", "")),
)
def watch(data: bytes) -> None:
    """A watch says the same in whatever pieces it comes, and no line without end is kept."""

    def lines(*sizes: int) -> list[bytes] | str:
        reader, found, at = Lines(_LINE), [], 0
        try:
            for size in sizes:
                found += reader.feed(data[at : at + size])
                at += size
            found += reader.feed(data[at:])
        except StreamBroken as error:
            return error.kind
        return found

    whole = lines()
    parts = data.split(b"\n")
    assert whole == (parts[:-1] if max(map(len, parts)) <= _LINE else "too-long")
    assert whole == lines(1, 2, 3, 5, 8) == lines(*[1] * len(data))
    for line in whole if isinstance(whole, list) else []:
        with refusing(APIError, StreamBroken):
            said = watchevent.read(line, doing="watch pods")
        assert said.version
        assert said.type in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


@target("api-error", words='"kind":"Status" "message": "reason": "details":{ "causes":[{ null [] 1')
def an_api_error(data: bytes) -> None:
    """Any failure that an API server, or a proxy before it, tells is an error with its kind."""
    body = _object(data)
    for status in (400, 401, 403, 404, 409, 410, 422, 429, 500, 418):
        error = api_error(status, body, doing="get x")
        assert error.status == status
        assert error.message.startswith("cannot get x: ")
        assert all(isinstance(cause, str) for cause in error.causes)


_NAMESPACES: tuple[tuple[str, dict[str, str]], ...] = (
    ("team-a", {"a": "b", "k": "v"}),
    ("team-x-1", {"k": "w"}),
    ("kube-system", {}),
)


def _selects(obj: dict[str, Any], name: str, labels: dict[str, str]) -> bool:
    """What the words of a spec that is understood say, read plainly."""
    selector = obj["spec"].get("namespaces") or {}

    def named(globs: list[str]) -> bool:
        # One star for many: the expression has little to try.
        patterns = [re.sub(r"(?:\\\*)+", ".*", re.escape(glob)) for glob in globs]
        return any(re.fullmatch(pattern, name, re.DOTALL) for pattern in patterns)

    def held(rule: dict[str, Any]) -> bool:
        value, values = labels.get(rule["key"]), rule.get("values") or []
        return {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[rule["operator"]]

    return (
        not mapping(obj.get("metadata")).get("deletionTimestamp")
        and named(selector.get("include") or ["*"])
        and not named(selector.get("exclude") or [])
        and (selector.get("matchLabels") or {}).items() <= labels.items()
        and all(map(held, selector.get("matchExpressions") or []))
    )


@target(
    "pullcredential",
    words='"registries":["*.pkg.dev"] "source":{ "basic": "secretRef":{"name": "namespaces":{ '
    '"include":["*"] "matchLabels": "matchExpressions":[{"operator":"In" "attach":"Pod" '
    '"serviceAccounts": "exec": "url": "status": "deletionTimestamp": "finalizers":',
    pumped=(
        ('{"spec":{"registries":["a"', ',"a"', "]}}"),
        ('{"spec":{"registries":["', "*.", 'a"]}}'),
        ('{"spec":{"namespaces":{"include":["', "a-", '!"]}}}'),
    ),
)
def pullcredential(data: bytes) -> None:
    """A PullCredential is understood, or says in bounded words why not; both never fail."""
    obj = _object(data)
    found = parse(obj)
    assert (found.spec is None) != (found.problem is None)
    if found.problem:
        assert len(found.problem.message) <= MOST_SAID
        assert found.problem.problems
    else:
        assert found.spec
        assert found.spec.registries
    for name, labels in _NAMESPACES:
        selected = select.namespace(found, name, labels)
        assert selected == (found.problem is None and _selects(obj, name, labels))
        assert select.namespace_by_name(found, name) in (None, selected)


@target(
    "pod",
    words='"status":{ "containerStatuses":[{ "state":{"waiting":{ "reason":"ErrImagePull" '
    '"message": "spec":{ "containers":[{"name": "image": "ownerReferences": "annotations":',
)
def pod(data: bytes) -> None:
    """Any status of a Pod is read, whatever its containers and its runtime say."""
    obj = _object(data)
    before = copy.deepcopy(obj)
    found = podstate.read(obj)
    assert obj == before
    metadata, status = (mapping(obj.get(part)) for part in ("metadata", "status"))
    begins = status.get("phase") == "Pending" or not text(status.get("phase"))
    deleted = bool(metadata.get("deletionTimestamp"))
    assert podstate.is_starting(obj) == (found is None and begins and not deleted)
    assert podstate.is_starting(obj | {"metadata": {}, "status": {"phase": "Pending"}})
    ending = metadata | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert not podstate.is_starting(obj | {"metadata": ending})
    for ended in ("Succeeded", "Failed"):
        assert not podstate.is_starting(obj | {"status": status | {"phase": ended}})
    if found is None:
        return
    assert found.failures
    for failure in found.failures:
        said = pulltext.parse(failure.message)
        assert len(said.text) <= pullredact.MOST
        tried = podevents.tries([obj], failure, _NOW, found)
        assert tried.count >= 0


@target(
    "event",
    words='"reason":"Failed" "message": "involvedObject":{ "series":{"count": "lastTimestamp": '
    '"2026-01-01T00:00:00Z" "eventTime": "count":-1 "regarding": "note": true 1e400',
)
def an_event(data: bytes) -> None:
    """An Event of either shape has times in order and a count, or is passed over."""
    found = event.read(_object(data))
    if found:
        assert found.first <= found.last
        assert found.count >= 1


@target(
    "pull-error",
    words='Failed to pull image " ": rpc error: code = Unknown desc = Get https://me:hunter2@ '
    '?token=hunter2& Bearer password= : 401 Unauthorized eyJ ghp_ sha256: [ ] \\" \x1b[31m \x1b]0;',
    pumped=(
        ("", 'image "a/b" ', ""),
        ("", "password: ", ""),
        ("", '"', ""),
        ("", "\\", '"'),
        ("", "https://a@", ""),
        ("", "://", ""),
        ("", ": [", ""),
        ("", "a:", "@"),
        ("", "<key>", ""),
        ("", 'invalid port "', ""),
        ("token=", "'", ""),
        ("", "eyJ", ""),
        ("", "A1", ""),
        ("", "a-", ""),
        ("x509: ", "code = Unknown desc = ", ""),
        ("permission ", "x ", ""),
    ),
)
def pull_error(data: bytes) -> None:
    """What a runtime says of a pull is shown in one printable line of bounded length."""
    text = text_of(data)
    for shown in (pulltext.parse(text).text, pullredact.show(text)):
        assert len(shown) <= pullredact.MOST
        assert shown.isprintable()
        assert "\x1b" not in shown
    known = pulltext.parse(text, hide=[CANARY])
    assert CANARY not in known.text
    assert CANARY not in known.host


@target(
    "said",
    words='password= Bearer hunter2 "token":" eyJ \x1b[2J \r \x07 authorization:',
    pumped=(("", "password=", ""), ("", "a1", ""), ("", "\x1b[", ""), ("", "basic ", "")),
)
def said(data: bytes) -> None:
    """What others said is one printable line without the secrets that are known."""
    line = redact.one_line(text_of(data), hide=[CANARY])
    assert len(line) <= 200
    assert line.isprintable()
    assert CANARY not in line
    document = {"auths": {"r": {"password": CANARY + "-and-more"}}}
    held = {".dockerconfigjson": base64.b64encode(json.dumps(document).encode()).decode()}
    assert CANARY + "-and-more" not in hush.hush(text_of(data), held)


@target(
    "lease", words='"spec":{ "holderIdentity": "leaseDurationSeconds": 99999999999 -1 "metadata"'
)
def lease(data: bytes) -> None:
    """A Lease, whoever wrote it, keeps nobody out for longer than it says, and none fails."""
    timing = leaderelection.Timing()
    seen = leaderelection.observe(None, _object(data), 100.0)
    again = leaderelection.observe(seen, _object(data), 200.0)
    assert again.since == seen.since
    decided = leaderelection.decide(seen, "me", timing, now=100.0, time="now")
    assert isinstance(decided, leaderelection.Create | leaderelection.Update | leaderelection.Wait)


_WORLD = FilledWorld()
_WORLD.fill({}, [spec(serviceAccounts={"include": ["*"]})])
_THERE = [seen.object for seen in _WORLD.pullcredentials.view.values()]


@target(
    "admission-review",
    words='"request":{ "uid":"1" "object":{ "resource":{"resource":"pods"} "imagePullSecrets":[{ '
    '"name":"regcred"}] "operation":"UPDATE" "namespace": "spec": "annotations":{} null',
    pumped=(('{"request":{"object":{"a":[{}', ",{}", "]}}}"), ("", "[", ""), ("", '{"a":', "")),
)
def admission_review(data: bytes) -> None:
    """A review is refused, or answered with a patch that adds our entry and mark, and no more."""
    with refusing(InvalidInput, secret=hidden_in(data)):
        asked = admission.read(data, "regcred")
    for labels in (None, {}):
        patch = admission.decide(asked, _THERE, labels, "system:serviceaccount:ops:regcred")
        told = json.loads(admission.answer(asked, patch or []))
        assert told["response"]["uid"] == asked.uid
        assert told["response"]["allowed"] is True
        for change in patch or []:
            assert change["op"] == "add"
            assert "regcred" in json.dumps(change["value"])
            assert change["path"].startswith(
                ("/imagePullSecrets", "/spec/imagePullSecrets", "/metadata/annotations")
            )
