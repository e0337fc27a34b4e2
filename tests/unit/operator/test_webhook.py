"""The webhook, asked by real connections: of an API server, and of those who mean harm."""

import asyncio
import base64
import json
import ssl
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regcred.core.errors import InvalidInput, RegcredError, UsageError
from regcred.core.operator import admission
from regcred.operator import bounded, certificates, webhook
from regcred.operator.bodies import Bodies
from regcred.operator.bounded import Bounded, Bounds
from regcred.operator.identity import Identity
from regcred.operator.web import CannotListen, parsed
from regcred.operator.webhook import Webhook, WebhookSettings
from tests.support import reviews
from tests.support.filledworld import FilledWorld, spec

SERVICE, OWN = "regcred-webhook.ops.svc", "system:serviceaccount:ops:regcred"
JSON = ("Content-Type: application/json",)


class Served:
    """A webhook that serves, and its world."""

    def __init__(self, world):
        self.world = world
        self.counted = Counter()
        chosen = WebhookSettings("127.0.0.1:0", "regcred-webhook", "")
        self.webhook = Webhook(chosen, "ops", world, self._count)
        self.webhook.user = OWN

    def _count(self, resource, outcome, seconds):
        assert seconds >= 0
        self.counted[resource, outcome] += 1

    async def connected(self, name=SERVICE):
        pem = self.webhook._identity._serving.pem
        tls = ssl.create_default_context(cadata=pem.decode())
        host, port = parsed(self.webhook.address)
        return await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)

    async def answered(self, request):
        """Status, headers and body of the answer on a connection of its own."""
        reader, writer = await self.connected()
        try:
            writer.write(request)
            return await answer(reader)
        finally:
            writer.close()

    async def reviewed(self, **fields):
        """The response to a review; None where there is none, since it is not decided."""
        status, _, body = await self.answered(post(json.dumps(review(**fields)).encode()))
        return json.loads(body)["response"] if status == 200 else None


@asynccontextmanager
async def serving(specs=(), namespaces=None, *, synced=True):
    world = FilledWorld()
    if synced:
        world.fill({"shop": {}} if namespaces is None else namespaces, specs)
    served = Served(world)
    async with served.webhook:
        yield served


async def until(holds):
    """Let the server go on until a condition holds."""
    while not holds():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["Content-Length"]))
    return int(status.split()[1]), headers, body


def post(body, *headers, path="/mutate", method="POST"):
    head = [f"{method} {path} HTTP/1.1", "Host: x", *JSON, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


def pod(**fields):
    return {"metadata": {"name": "x"}, "spec": {"serviceAccountName": "default", **fields}}


def review(resource="pods", namespace="shop", obj=None, **more):
    return reviews.review(resource, namespace, pod() if obj is None else obj, **more)


def patch_of(response):
    assert response["allowed"] is True
    assert response["uid"] == "1-2"
    return json.loads(base64.b64decode(response["patch"])) if "patch" in response else []


async def ended(reader):
    """Wait until the server ends a connection without an answer."""
    try:
        return await reader.read() == b""
    except (ConnectionResetError, ssl.SSLError):
        return True


# What it answers


async def test_a_pod_that_is_meant():
    async with serving([spec()]) as served:
        entry = {"name": "regcred"}
        assert patch_of(await served.reviewed()) == [
            {"op": "add", "path": "/spec/imagePullSecrets", "value": [entry]}
        ]
        there = pod(imagePullSecrets=[{"name": "theirs"}])
        assert patch_of(await served.reviewed(obj=there)) == [
            {"op": "add", "path": "/spec/imagePullSecrets/-", "value": entry}
        ]
        assert served.counted == {("pods", "patched"): 2}


async def test_what_is_not_meant_is_let_in_as_it_is():
    async with serving([spec(attach="None"), spec(namespaces={"exclude": ["*"]})]) as served:
        response = await served.reviewed()
        assert response == {"uid": "1-2", "allowed": True}
        other = await served.reviewed(resource="nodes")
        assert other == {"uid": "1-2", "allowed": True}
        assert served.counted == {("pods", "allowed"): 1, ("other", "allowed"): 1}


async def test_a_service_account_gets_the_mark():
    account = {"metadata": {"name": "default"}}
    async with serving([spec()]) as served:
        entry, mark = patch_of(await served.reviewed(resource="serviceaccounts", obj=account))
        assert entry["value"] == [{"name": "regcred"}]
        assert mark["value"] == {"regcred.dev/attached-by-operator": "regcred"}


async def test_what_the_operator_writes_on_a_service_account_stays():
    account = {"metadata": {"name": "default"}}
    asked = {"resource": "serviceaccounts", "obj": account, "userInfo": {"username": OWN}}
    async with serving([spec()]) as served:
        assert patch_of(await served.reviewed(**asked)) == []
        assert patch_of(await served.reviewed(**asked | {"userInfo": {"username": "x"}}))
        served.webhook.user = None
        assert await served.reviewed(**asked) is None


async def test_nothing_is_decided_before_all_is_in_view():
    async with serving(synced=False) as served:
        assert await served.reviewed() is None
        assert served.counted == {("pods", "undecided"): 1}
        served.world.fill({"shop": {}}, [spec()])
        assert patch_of(await served.reviewed())


async def test_a_namespace_that_comes_into_view_while_its_first_object_is_reviewed(monkeypatch):
    monkeypatch.setattr(webhook, "_PATIENCE", 30.0)
    wanted = spec(namespaces={"matchLabels": {"team": "a"}})
    async with serving([wanted], {}) as served:
        asked = [asyncio.create_task(served.reviewed(namespace=n)) for n in ("one", "one", "two")]
        await until(lambda: sum(len(each) for each in served.world._expected.values()) == 3)
        served.world.add_namespace("one", team="a")
        served.world.add_namespace("two", team="b")
        assert [bool(patch_of(await each)) for each in asked] == [True, True, False]
        assert served.world._expected == {}


async def test_a_namespace_that_does_not_come_into_view_is_not_decided_about(monkeypatch):
    monkeypatch.setattr(webhook, "_PATIENCE", 0.01)
    wanted = spec(namespaces={"matchLabels": {"team": "a"}})
    async with serving([wanted], {}) as served:
        assert await served.reviewed() is None
        assert served.world._expected == {}


async def test_labels_are_not_waited_for_where_they_do_not_matter(monkeypatch):
    monkeypatch.setattr(webhook, "_PATIENCE", 1000.0)
    labelled = {"matchLabels": {"team": "a"}}
    async with serving([spec(namespaces=labelled), spec()], {}) as served:
        assert patch_of(await served.reviewed())
    elsewhere = spec(namespaces=labelled | {"include": ["other"]})
    async with serving([elsewhere, spec(serviceAccounts={"include": ["x"]})], {}) as served:
        assert patch_of(await served.reviewed()) == []


async def test_a_connection_carries_many_reviews():
    async with serving([spec()]) as served:
        reader, writer = await served.connected()
        for n in range(20):
            writer.write(post(json.dumps(review(uid=f"{n}")).encode()))
            status, headers, body = await answer(reader)
            assert (status, headers["Server"]) == (200, "regcred")
            assert json.loads(body)["response"]["uid"] == f"{n}"
            assert "aiohttp" not in str(headers)
        writer.close()


# What is sent by strangers


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(b"{}", path="/"), 404),
        (post(b"", method="GET"), 404),
        (post(b"", path="/metrics"), 404),
        (post(b"canary"), 400),
        (post(b"{}"), 400),
        (post(b"[" * 100_000), 400),
        (post(b'{"a":' + b"9" * 5000 + b"}"), 400),
        (post(b"\xff\xfe"), 400),
        (post(json.dumps(review() | {"apiVersion": "admission.k8s.io/v1beta1"}).encode()), 400),
        (post(json.dumps(review(uid="")).encode()), 400),
        (post(b'{"a":[' + b"{}," * 200_000 + b"{}]}"), 400),
        (post(json.dumps(review(obj={})).encode()), 400),
        (post(json.dumps(review(obj=pod(imagePullSecrets=["canary"]))).encode()), 400),
        (b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /mutate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: canary\r\n\r\n", 400),
        (b"canary\r\n\r\n", 400),
        (post(b"\x1f\x8b\x08\x00canary", "Content-Encoding: gzip"), 400),
    ],
)
async def test_what_is_no_review(request_, status, log):
    async with serving([spec()]) as served:
        before = len(log())
        got, headers, body = await served.answered(request_)
        assert got == status
        assert b"canary" not in body
        assert headers["Server"] == "regcred"
        assert patch_of(await served.reviewed())
        assert len(log()) == before


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
    ),
    max_leaves=8,
)
SPOTS = [
    (),
    ("apiVersion",),
    ("request",),
    *(("request", key) for key in ("uid", "resource", "operation", "namespace", "object")),
    ("request", "userInfo"),
    ("request", "userInfo", "username"),
    ("request", "subResource"),
    *(("request", "resource", key) for key in ("group", "resource")),
    *(("request", "object", key) for key in ("metadata", "spec", "imagePullSecrets")),
    *(("request", "object", "metadata", key) for key in ("name", "annotations")),
    *(("request", "object", "spec", key) for key in ("serviceAccountName", "imagePullSecrets")),
]


@given(
    st.sampled_from(["pods", "serviceaccounts"]),
    st.lists(st.tuples(st.sampled_from(SPOTS), VALUES), min_size=1, max_size=3),
)
@settings(suppress_health_check=list(HealthCheck))
def test_any_json_is_answered_or_refused(resource, changes):
    obj = {"metadata": {"name": "x", "annotations": {}}, "spec": {}, "imagePullSecrets": []}
    sent = review(resource, obj=obj)
    for path, value in changes:
        sent = put(sent, path, value)
    try:
        question = admission.read(json.dumps(sent).encode(), "regcred")
    except InvalidInput:
        return
    world = FilledWorld()
    world.fill({}, [spec(serviceAccounts={"include": ["*"]})])
    there = [seen.object for seen in world.pullcredentials.view.values()]
    for labels in (None, {}):
        patch = admission.decide(question, there, labels, OWN)
        told = json.loads(admission.answer(question, patch or []))
        assert told["response"]["uid"] == question.uid


def put(obj, path, value):
    if not path:
        return value
    first, *rest = path
    return {**obj, first: put(obj.get(first), rest, value)} if isinstance(obj, dict) else obj


def begun(size):
    """The head of a review of so many bytes."""
    return f"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def bodies(served):
    """How much there is of each large body, the one that began first first."""
    return [len(each.content) for each in served.webhook._bodies._there]


def large(size, **fields):
    body = json.dumps(review(**fields)).encode()
    return post(body + b" " * (size - len(body)))


async def test_what_is_only_announced_keeps_nobody_out():
    async with serving([spec()]) as served:
        silent = [await served.connected() for _ in range(10)]
        for _, writer in silent:
            writer.write(begun(webhook._LARGEST))
        await until(lambda: len(bodies(served)) == 10)
        assert patch_of(await served.reviewed())
        status, _, body = await served.answered(large(webhook._LARGEST))
        assert (status, bodies(served)) == (200, [0] * 10)
        assert patch_of(json.loads(body)["response"])
        for _, writer in silent:
            writer.close()


async def test_of_too_many_large_bodies_the_one_goes_that_began_first(monkeypatch):
    monkeypatch.setattr(webhook, "_SMALL", 100)
    monkeypatch.setattr(webhook, "_MOST", 2500)
    async with serving([spec()]) as served:
        slow = [await served.connected() for _ in range(3)]
        for n, (_, writer) in enumerate(slow):
            writer.write(begun(2000) + b" " * 1000)
            await until(
                lambda n=n: bodies(served)[-1:] == [1000] and len(bodies(served)) == min(n + 1, 2)
            )
        assert await ended(slow[0][0])
        status, _, body = await served.answered(large(2000))
        assert status == 200
        assert patch_of(json.loads(body)["response"])
        for reader, _ in slow[1:]:
            assert await ended(reader)
        assert bodies(served) == []
        for _, writer in slow:
            writer.close()


async def test_small_ones_are_answered_whatever_large_ones_there_are(monkeypatch):
    monkeypatch.setattr(webhook, "_MOST", 1)
    async with serving([spec()]) as served:
        small, more = large(webhook._SMALL), large(webhook._SMALL + 1)
        assert (await served.answered(small))[0] == 200
        reader, writer = await served.connected()
        writer.write(more)
        assert await ended(reader)
        writer.close()


class Arriving:
    """A request whose body comes in pieces, and whose connection has ended since."""

    transport = None

    def __init__(self, *pieces):
        self.content = self
        self._pieces = iter((*pieces, b""))

    async def readany(self):
        return next(self._pieces)


async def test_between_two_large_bodies_others_have_their_turn():
    seen, loop = [], asyncio.get_running_loop()

    def use(body):
        seen.append(bytes(body))
        loop.call_soon(seen.append, "others")

    held = Bodies(1000)
    await asyncio.gather(*(held.read(Arriving(b"a", b"b"), use) for _ in range(3)))
    assert seen == [b"ab", "others"] * 3


async def test_of_a_body_that_was_too_slow_nothing_is_left():
    held = Bodies(3)
    await held._turn.acquire()
    slow = asyncio.create_task(held.read(Arriving(b"abc"), bytes))
    await until(lambda: [each.content for each in held._there] == [b"abc"])
    fast = asyncio.create_task(held.read(Arriving(b"def"), bytes))
    await until(lambda: [each.content for each in held._there] == [b"def"])
    held._turn.release()
    assert (await slow, await fast) == (b"", b"def")


async def test_who_leaves_is_not_talked_about(log):
    async with serving([spec()]) as served:
        before = len(log())
        for sent in (b"", b"POST /mut", post(b"x" * 100)[:-50]):
            _, writer = await served.connected()
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
            await until(lambda: not open_in(served))
        assert patch_of(await served.reviewed())
        assert len(log()) == before


@pytest.mark.parametrize("sent", [b"", b"POST /mutate", post(b"x" * 100)[:-50]])
async def test_who_asks_nothing_is_sent_away(sent, monkeypatch):
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(16, 0.1, 1000.0))
    async with serving() as served:
        reader, writer = await served.connected()
        writer.write(sent)
        assert await ended(reader)
        writer.close()


async def test_who_asks_a_second_time_has_that_long_again(monkeypatch):
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(16, 0.2, 1000.0))
    async with serving([spec()]) as served:
        reader, writer = await served.connected()
        writer.write(post(json.dumps(review()).encode()))
        assert (await answer(reader))[0] == 200
        writer.write(b"POST /mutate")
        assert await ended(reader)
        writer.close()


async def test_an_idle_connection_ends(monkeypatch):
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(16, 1000.0, 0.1))
    async with serving([spec()]) as served:
        reader, writer = await served.connected()
        writer.write(post(json.dumps(review()).encode()))
        assert (await answer(reader))[0] == 200
        assert await ended(reader)
        writer.close()


def open_in(served):
    """How many connections have a place."""
    server = served.webhook._server
    return len(server._new) + len(server._known)


async def known(served):
    """A connection on which a review has been answered."""
    reader, writer = await served.connected()
    await asks_again((reader, writer))
    return reader, writer


async def asks_again(connection):
    reader, writer = connection
    writer.write(post(json.dumps(review()).encode()))
    assert (await answer(reader))[0] == 200


@pytest.fixture
def hurried(monkeypatch):
    """Nobody is spared for a while."""
    monkeypatch.setattr(bounded, "_CHANCE_SECONDS", 0.0)
    monkeypatch.setattr(bounded, "_REST_SECONDS", 0.0)


@pytest.fixture
def looks(monkeypatch):
    """Whether there was room, each time that the server looked for some."""
    seen, make_room = [], Bounded._make_room

    def look(server):
        seen.append(make_room(server))
        return seen[-1]

    monkeypatch.setattr(Bounded, "_make_room", look)
    return seen


async def mute(served):
    host, port = parsed(served.webhook.address)
    return await asyncio.open_connection(host, port)


async def asking(served):
    """A connection with half a request."""
    reader, writer = await served.connected()
    writer.write(post(b"x" * 100)[:-50])
    return reader, writer


@pytest.mark.parametrize("come", [mute, Served.connected, asking])
async def test_strangers_end_each_other_and_nobody_who_is_known(come, monkeypatch, hurried, log):
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(8, 1000.0, 1000.0))
    async with serving([spec()]) as served:
        before = len(log())
        kept = [await known(served) for _ in range(4)]
        strangers = []
        for _ in range(20):
            strangers.append(await come(served))
            await until(lambda: open_in(served) <= 8)
        assert patch_of(await served.reviewed())
        for reader, _ in strangers[:15]:
            assert await ended(reader)
        for each in kept:
            await asks_again(each)
        assert open_in(served) <= 8
        assert len(log()) == before
        for _, writer in (*kept, *strangers):
            writer.close()


async def test_of_those_who_are_known_some_give_way_to_newcomers(monkeypatch, hurried):
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(8, 1000.0, 1000.0))
    async with serving([spec()]) as served:
        kept = [await known(served) for _ in range(8)]
        await asks_again(kept[0])
        new = [await served.connected() for _ in range(3)]
        for reader, _ in kept[1:3]:  # who asked longest ago
            assert await ended(reader)
        assert await ended(new[0][0])
        for each in (kept[0], *kept[3:]):
            await asks_again(each)
        for _, writer in (*kept, *new):
            writer.close()


async def test_while_all_are_to_be_left_nobody_else_is_let_in(monkeypatch, looks):
    monkeypatch.setattr(bounded, "_REST_SECONDS", 1000.0)
    monkeypatch.setattr(webhook, "_PATIENCE", 1000.0)
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(4, 1000.0, 1000.0))
    labelled = spec(namespaces={"matchLabels": {"team": "a"}})
    async with serving([labelled], {"shop": {"team": "a"}}) as served:
        kept = [await known(served) for _ in range(4)]
        for n, (_, writer) in enumerate(kept):
            writer.write(post(json.dumps(review(namespace=f"new-{n}")).encode()))
        await until(lambda: len(served.world._expected) == 4)
        waits = asyncio.create_task(served.reviewed())
        await until(lambda: False in looks)
        for n, (reader, writer) in enumerate(kept):
            served.world.add_namespace(f"new-{n}", team="a")
            assert (await answer(reader))[0] == 200
            writer.close()
        assert patch_of(await waits)


async def test_who_is_refused_is_not_known():
    async with serving([spec()]) as served:
        reader, writer = await served.connected()
        writer.write(post(b"{}"))
        assert (await answer(reader))[0] == 400
        assert not served.webhook._server._known
        kept = await known(served)
        assert len(served.webhook._server._known) == 1
        for each in (writer, kept[1]):
            each.close()


async def test_newcomers_have_their_chance(monkeypatch, looks):
    monkeypatch.setattr(bounded, "_CHANCE_SECONDS", 1000.0)
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(4, 1000.0, 1000.0))
    async with serving([spec()]) as served:
        new = [await served.connected() for _ in range(4)]
        waits = asyncio.create_task(served.reviewed())
        await until(lambda: False in looks)
        for each in new:
            await asks_again(each)
        new[0][1].close()
        assert patch_of(await waits)
        for _, writer in new:
            writer.close()


async def test_the_end_comes_while_somebody_waits(monkeypatch, looks):
    monkeypatch.setattr(bounded, "_CHANCE_SECONDS", 1000.0)
    monkeypatch.setattr(webhook, "_BOUNDS", Bounds(2, 1000.0, 1000.0))
    async with serving([spec()]) as served:
        shaking = [await mute(served) for _ in range(3)]
        await until(lambda: False in looks)
    for reader, writer in shaking:
        assert await ended(reader)
        writer.close()


async def test_who_shakes_hands_in_another_way_is_forgotten(log):
    async with serving() as served:
        before = len(log())
        reader, writer = await mute(served)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()  # an alert of TLS
        await until(lambda: not open_in(served))
        assert len(log()) == before
        writer.close()


async def test_who_does_not_shake_hands_is_sent_away(monkeypatch):
    monkeypatch.setattr(bounded, "_HANDSHAKE_SECONDS", 0.1)
    async with serving() as served:
        host, port = parsed(served.webhook.address)
        reader, writer = await asyncio.open_connection(host, port)
        assert await ended(reader)
        writer.close()


# Its life


async def test_what_has_been_asked_is_answered_at_the_end(monkeypatch):
    monkeypatch.setattr(webhook, "_PATIENCE", 30.0)
    wanted = spec(namespaces={"matchLabels": {"team": "a"}})
    async with serving([wanted], {}) as served:
        idle, idle_writer = await served.connected()
        reader, writer = await served.connected()
        writer.write(post(json.dumps(review()).encode()))
        await until(lambda: served.world._expected)
        end = asyncio.create_task(served.webhook.__aexit__())
        assert await ended(idle)
        served.world.add_namespace("shop", team="a")
        status, headers, body = await answer(reader)
        assert status == 200
        assert patch_of(json.loads(body)["response"])
        assert headers["Connection"] == "close"
        assert await ended(reader)
        await end
        with pytest.raises(ConnectionRefusedError):
            await served.connected()
        idle_writer.close()
        writer.close()


async def test_the_address_is_told_and_can_be_taken(log):
    async with serving() as served:
        (line,) = log()
        assert (line["reason"], line["address"]) == ("WebhookListening", served.webhook.address)
        taken = WebhookSettings(served.webhook.address, "regcred-webhook", "")
        with pytest.raises(CannotListen) as caught:
            async with Webhook(taken, "ops", FilledWorld(), print):
                pass
        assert "Address already in use" in caught.value.message
        assert "--webhook-address" in caught.value.hint


async def test_what_is_no_address():
    with pytest.raises(UsageError):
        Webhook(WebhookSettings("9443", "s", ""), "ops", FilledWorld(), print)


@pytest.mark.parametrize("address", [":9443", "10.0.0.7:9443", "[::1]:9443"])
def test_names(address):
    names = WebhookSettings(address, "s", "c").names("ops")
    assert names[:2] == ["s.ops.svc", "s.ops.svc.cluster.local"]
    assert names[2:] == ([] if address[0] == ":" else [parsed(address)[0]])


# Its certificate


async def test_a_certificate_that_is_old_is_replaced(log):
    now = datetime.now(UTC)
    identity = Identity([SERVICE], "a", configuration="", folder=None)
    first = identity.context
    assert not identity.is_known
    await identity.keep(None, now)
    assert identity.is_known
    assert identity.context is first
    assert log() == []
    for later in (certificates.LIFETIME * 2 / 3 + timedelta(hours=1), certificates.LIFETIME * 2):
        before = identity.context
        await identity.keep(None, now + later)
        assert identity.context is not before
    assert [line["reason"] for line in log()] == ["CertificateRenewed"] * 2


def write(folder, made):
    (folder / "tls.crt").write_bytes(made.pem)
    (folder / "tls.key").write_bytes(made.key)


async def test_files_that_nobody_renews_are_told_of(tmp_path, log):
    now = datetime.now(UTC)
    write(tmp_path, certificates.make([SERVICE], "a", now - certificates.LIFETIME * 0.85))
    identity = Identity([SERVICE], "a", configuration="", folder=tmp_path)
    assert not identity.is_known
    await identity.keep(None, now)
    assert identity.is_known
    assert log() == []
    late = now + certificates.LIFETIME * 0.06
    for _ in range(3):
        await identity.keep(None, late)
    (line,) = log()
    assert (line["level"], line["reason"]) == ("warning", "WebhookTrouble")
    for said in (f"{tmp_path} expires at", "is not renewed", "kubectl get certificate -A"):
        assert said in line["message"]
    write(tmp_path, certificates.make([SERVICE], "a", late))
    await identity.keep(None, late)
    assert [line["reason"] for line in log()[1:]] == ["CertificateRenewed"]


async def test_files_that_have_expired_are_not_good_for_anything(tmp_path):
    now = datetime.now(UTC)
    write(tmp_path, certificates.make([SERVICE], "a", now - certificates.LIFETIME))
    identity = Identity([SERVICE], "a", configuration="", folder=tmp_path)
    with pytest.raises(RegcredError) as caught:
        await identity.keep(None, now)
    assert f"{tmp_path} expired at {now:%Y-%m-%d %H:%M} UTC" in caught.value.message
    assert caught.value.hint == "cert-manager writes them: kubectl get certificate -A"
    assert not identity.is_known
    write(tmp_path, certificates.make([SERVICE], "a", now))
    await identity.keep(None, now)
    assert identity.is_known


async def test_files_are_read_again_when_they_change(tmp_path, log):
    one, two = (certificates.make([SERVICE], "a", datetime.now(UTC)) for _ in range(2))
    write(tmp_path, one)
    identity = Identity([SERVICE], "a", configuration="", folder=tmp_path)
    first = identity.context
    await identity.keep(None, datetime.now(UTC))
    assert identity.context is first
    (tmp_path / "tls.key").write_bytes(two.key)  # half of what is being written
    with pytest.raises(RegcredError) as caught:
        await identity.keep(None, datetime.now(UTC))
    assert str(tmp_path) in caught.value.message
    assert identity.context is first
    write(tmp_path, two)
    await identity.keep(None, datetime.now(UTC))
    assert identity.context is not first
    assert [line["reason"] for line in log()] == ["CertificateRenewed"]


async def test_files_that_are_not_there(tmp_path):
    chosen = WebhookSettings("127.0.0.1:0", "s", "", tmp_path / "no-such")
    with pytest.raises(RegcredError) as caught:
        async with Webhook(chosen, "ops", FilledWorld(), print):
            pass
    assert "No such file" in caught.value.message
