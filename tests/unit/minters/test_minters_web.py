"""Requests of minters, to servers that answer as none should."""

import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from aiohttp import web

from regcred.core.credential import Password
from regcred.core.operator.source import SourceReason as Reason
from regcred.minters.web import Web
from tests.support.providers.desk import failure

SECRET = "s3cret-of-a-proxy"


@pytest.fixture
def served(start):
    return start(web.Application())


@contextmanager
def listening(said):
    """Whoever connects is told this; with nothing to say the connection stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def answer():
            connection, _ = server.accept()
            held.append(connection)
            if said:
                connection.recv(65536)
                connection.sendall(said)
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join(60)
            for connection in held:
                connection.close()


async def refused(url, reason, *, env=None, trust=None, seconds=60.0):
    async with Web(env or {}, trust=trust) as asking:
        error = await failure(asking.ask("GET", url, seconds=seconds), hides=[SECRET])
    assert error.reason == reason
    return error


async def test_an_answer_without_end(served):
    served.instead(200, b"x" * (1024 * 1024 + 1))
    error = await refused(served.url, Reason.UNREACHABLE)
    assert "larger than any should be" in error.message


async def test_an_answer_that_does_not_come():
    with listening(b"") as url:
        error = await refused(url, Reason.UNREACHABLE, seconds=0.2)
    assert error.message.endswith("no answer within 0.2 s")


async def test_an_answer_that_is_no_http():
    with listening(b"220 mail.example.com ESMTP\r\n") as url:
        error = await refused(url, Reason.UNREACHABLE)
    assert error.message.endswith("its answer is not HTTP")


async def test_a_certificate_that_nobody_trusts(start):
    served = start(web.Application(), "localhost")
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    error = await refused(f"https://localhost:{served.port}/", Reason.UNREACHABLE, trust=nobody)
    assert "its certificate is not trusted" in error.message


async def test_a_proxy_that_cannot_be_gone_through():
    env = {"HTTPS_PROXY": f"socks5://me:{SECRET}@proxy.example.com:1080"}
    error = await refused("https://quay.io/", Reason.NOT_CONFIGURED, env=env)
    assert "HTTPS_PROXY is a SOCKS proxy" in error.message
    assert error.hint


async def test_a_proxy_is_asked_but_where_it_must_not_be(start, dns):
    async def anything(_request):
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", anything)
    proxy, there = start(app), start(web.Application())
    dns["metadata.example.com"] = there.port
    async with Web({"HTTP_PROXY": proxy.url}) as asking:
        await asking.ask("GET", "http://metadata.example.com/")
        await asking.ask("GET", "http://metadata.example.com/", direct=True)
    assert (len(proxy.requests), len(there.requests)) == (1, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_not_followed(served, status):
    away = f"HTTP/1.1 {status} Moved\r\nLocation: {served.url}/x\r\nContent-Length: 0\r\n\r\n"
    with listening(away.encode()) as url:
        async with Web({}) as asking:
            asked = asking.ask("POST", url, authorization=Password(SECRET), form={"key": SECRET})
            error = await failure(asked, hides=[SECRET])
    assert error.reason == Reason.NOT_CONFIGURED
    assert "no secret is sent where nobody said" in error.message
    assert not served.requests
