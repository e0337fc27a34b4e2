"""The pages, asked by real connections: of a probe, of Prometheus, and of those who mean harm."""

import asyncio
import dataclasses
import gzip
import socket

import pytest

from regcred.core.errors import UsageError
from regcred.operator import bounded, web
from regcred.operator.facts import Snapshot
from regcred.operator.metrics import Metrics
from regcred.operator.web import CannotListen, Web, parsed

READY = Snapshot(
    leading=True,
    synced=True,
    waiting_for=(),
    queue_depth=0,
    queue_age=0.0,
    concurrency=64,
    namespaces=12,
    pullcredentials=(),
    watches={},
)
NOT_YET = dataclasses.replace(READY, synced=False, waiting_for=("namespaces", "secrets"))


def serving(snapshot=READY, address="127.0.0.1:0"):
    return Web(address, Metrics(lambda: snapshot), lambda: snapshot)


async def connected(server):
    host, port = parsed(server.address)
    return await asyncio.open_connection(host, port)


async def answered(server, request):
    """Status, headers and body of the answer to raw bytes; the connection ends with it."""
    reader, writer = await connected(server)
    writer.write(request)
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def get(path, *headers, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


async def ended(reader):
    """Wait until the server ends a connection without an answer."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_alive_and_ready():
    async with serving() as server:
        for path in ("/healthz", "/readyz", "/healthz?verbose"):
            status, headers, body = await answered(server, get(path))
            assert (status, body) == (200, b"ok\n")
            assert headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_alive_and_not_ready_names_what_it_waits_for():
    async with serving(NOT_YET) as server:
        assert (await answered(server, get("/healthz")))[0] == 200
        status, _, body = await answered(server, get("/readyz"))
        assert (status, body) == (503, b"waiting for namespaces, secrets\n")


async def test_metrics():
    async with serving() as server:
        status, headers, body = await answered(server, get("/metrics"))
        assert status == 200
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert b"\nregcred_namespaces 12.0\n" in body
        accept = "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1"
        _, headers, body = await answered(
            server, get("/metrics", accept, "Accept-Encoding: gzip, br")
        )
        assert headers["Content-Encoding"] == "gzip"
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert gzip.decompress(body).endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_head_has_no_body(path):
    async with serving() as server:
        status, headers, body = await answered(server, get(path, method="HEAD"))
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "request_",
    [
        get("/"),
        get("/metrics/"),
        get("/x/../healthz"),
        get("/debug/pprof"),
        get("/healthz", "Content-Length: 2000000000", method="POST"),
        get("/healthz", method="DELETE"),
        get("*", method="OPTIONS"),
        get("/healthz", "Expect: 100-continue", "Content-Length: 5", method="PUT"),
    ],
)
async def test_nothing_else_is_there(request_):
    async with serving() as server:
        assert (await answered(server, request_))[::2] == (404, b"not found\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /healthz HTTP/9.9.9\r\n\r\n",
        get("/healthz", "Long: " + "canary" * 10_000),
        get("/" + "canary" * 10_000),
        get("/healthz", *(f"A{x}: canary" for x in range(1000))),
        get("/healthz", "Content-Length: canary"),
    ],
)
async def test_what_is_no_request_is_refused_and_not_repeated(request_, log):
    async with serving() as server:
        before = len(log())
        status, headers, body = await answered(server, request_)
        assert (status, body) == (400, b"bad request\n")
        assert "canary" not in str(headers)
        assert (await answered(server, get("/healthz")))[0] == 200
        assert len(log()) == before


async def test_no_answer_tells_what_we_are_made_of():
    async with serving() as server:
        for request in (get("/healthz"), get("/x"), b"\0\r\n\r\n"):
            _, headers, _ = await answered(server, request)
            assert headers.pop("Server") == "regcred"
            assert "aiohttp" not in str(headers)


async def test_a_page_that_fails_is_logged_without_its_text(log):
    def fail():
        raise ValueError("canary")

    async with Web("127.0.0.1:0", Metrics(fail), fail) as server:
        for path in ("/readyz", "/metrics"):
            assert (await answered(server, get(path)))[::2] == (500, b"error\n")
        assert (await answered(server, get("/healthz")))[0] == 200
    failures = [x for x in log() if x["reason"] == "InternalError"]
    assert [x["path"] for x in failures] == ["/readyz", "/metrics"]
    assert "ValueError" in failures[0]["message"]
    assert "canary" not in str(log())


@pytest.mark.parametrize(
    "sent", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"\r\n" * 1000]
)
async def test_who_asks_nothing_is_sent_away(sent, monkeypatch):
    monkeypatch.setattr(web, "_SECONDS", 0.1)
    async with serving() as server:
        reader, writer = await connected(server)
        writer.write(sent)
        assert await ended(reader)
        writer.close()


async def test_who_asks_for_ever_is_sent_away(monkeypatch):
    monkeypatch.setattr(web, "_SECONDS", 0.1)
    async with serving() as server:
        reader, writer = await connected(server)
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        gone = asyncio.create_task(ended(reader))
        while not gone.done():
            writer.write(b"x")
            await asyncio.wait([gone], timeout=0.01)
        assert gone.result()
        writer.close()


async def test_who_does_not_read_is_sent_away(monkeypatch):
    monkeypatch.setattr(web, "_SECONDS", 0.5)
    gone, lost = asyncio.Event(), bounded.Bounded.connection_lost

    def connection_lost(*args):
        lost(*args)
        gone.set()

    monkeypatch.setattr(bounded.Bounded, "connection_lost", connection_lost)
    metrics = Metrics(lambda: READY)
    monkeypatch.setattr(metrics, "page", lambda _: ("text/plain", b"x" * 50_000_000))
    async with Web("127.0.0.1:0", metrics, lambda: READY) as server:
        with socket.create_connection(parsed(server.address)) as client:
            client.sendall(get("/metrics"))
            await gone.wait()


async def test_one_connection_one_answer():
    async with serving() as server:
        reader, writer = await connected(server)
        writer.write(get("/healthz") * 3)
        try:
            assert (await reader.read()).count(b"200 OK") == 1
        finally:
            writer.close()


async def test_idle_connections_keep_nobody_out(monkeypatch):
    monkeypatch.setattr(web, "_CONNECTIONS", 4)
    monkeypatch.setattr(web, "_SECONDS", 1000.0)
    async with serving() as server:
        idle = [await connected(server) for _ in range(10)]
        assert (await answered(server, get("/healthz")))[0] == 200
        for reader, _ in idle[:7]:
            assert await ended(reader)
        assert len(server._server._new) <= 4
        for _, writer in idle:
            writer.close()


async def test_the_end_ends_all():
    async with serving() as server:
        reader, writer = await connected(server)
        assert (await answered(server, get("/healthz")))[0] == 200
    assert await ended(reader)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await connected(server)


async def test_the_end_does_not_wait_for_who_does_not_read(monkeypatch):
    asked, metrics = asyncio.Event(), Metrics(lambda: READY)

    def page(_accept):
        asked.set()
        return "text/plain", b"x" * 50_000_000

    monkeypatch.setattr(metrics, "page", page)
    async with Web("127.0.0.1:0", metrics, lambda: READY) as server:
        client = socket.create_connection(parsed(server.address))
        client.sendall(get("/metrics"))
        await asyncio.wait_for(asked.wait(), 60)
    # Nothing is sent any more but what the kernel had taken.
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        received = len(await reader.read())
    except ConnectionResetError:
        received = 0
    assert received < 50_000_000
    writer.close()


async def test_the_address_is_told(log):
    async with serving() as server:
        (line,) = log()
        assert line["reason"] == "Listening"
        assert line["address"] == server.address
        assert not server.address.endswith(":0")


async def test_no_address_no_server(log):
    async with serving(address="") as server:
        assert server.address == ""
    assert log() == []


async def test_all_addresses():
    async with serving(address=":0") as server:
        port = parsed(server.address)[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_all_addresses_without_ipv6(monkeypatch):
    create = socket.create_server

    def create_server(address, *, family=socket.AF_INET, **settings):
        if family == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return create(address, family=family, **settings)

    monkeypatch.setattr(socket, "create_server", create_server)
    async with serving(address=":0") as server:
        assert server.address.startswith("0.0.0.0:")
        assert (await answered(server, get("/healthz")))[0] == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
async def test_ipv6():
    async with serving(address="[::1]:0") as server:
        assert server.address.startswith("[::1]:")
        assert (await answered(server, get("/healthz")))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
async def test_a_port_that_is_taken(host):
    async with serving(address=f"{host}:0") as first:
        port = parsed(first.address)[1]
        with pytest.raises(CannotListen) as caught:
            async with serving(address=f"{host}:{port}"):
                pass
        assert caught.value.message == f"cannot listen on {host}:{port}: Address already in use"
        assert "--metrics-address" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid", "a..b", "x" * 70])
async def test_an_address_that_is_not_here(host):
    with pytest.raises(CannotListen) as caught:
        async with serving(address=f"{host}:8080"):
            pass
    assert caught.value.message.startswith(f"cannot listen on {host}:8080: ")


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        (":8080", ("", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:8080", ("::1", 8080)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
    ],
)
def test_addresses(address, wanted):
    assert parsed(address) == wanted


@pytest.mark.parametrize(
    "address",
    [
        "8080",
        "localhost",
        ":",
        "localhost:",
        ":http",
        ":65536",
        ":-1",
        ":+1",
        ": 1",
        ":٣",
        "::1:8080",
        "[::1]",
        "[127.0.0.1]:80",
        "[]:80",
        "http://localhost:80",
        "a b:80",
        "a\x1b:80",
        "u@h:80",
    ],
)
def test_what_is_no_address(address):
    with pytest.raises(UsageError) as caught:
        serving(address=address)
    assert repr(address) in caught.value.message
    assert ":PORT" in caught.value.hint
