"""Peers to talk to, names for them, and certificates."""

import asyncio
import contextlib
import socket
import ssl

import aiohttp
import pytest
from aiohttp import web

from cluster.pki import Authority
from regcred.registry import exchange
from tests.support.peers import Peer


@pytest.fixture
async def serve():
    """Start a peer: ``await serve(handler, tls=…)``."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler, tls=None):
            peer = Peer(0)

            async def remember(request):
                body = await request.read()
                peer.requests.append((request.method, request.path_qs, dict(request.headers), body))
                return await handler(request)

            app = web.Application(client_max_size=2**20)
            app.router.add_route("*", "/{path:.*}", remember)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            peer.port = runner.addresses[0][1]
            return peer

        yield start


@pytest.fixture
async def serve_bytes():
    """Start a peer that answers whatever it is sent with these bytes, and hangs up."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer):
            async def talk(reader, writer):
                await reader.read(10_000)
                writer.write(answer)
                writer.close()

            server = await asyncio.start_server(talk, "127.0.0.1", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            return Peer(server.sockets[0].getsockname()[1])

        yield start


@pytest.fixture
def names(monkeypatch):
    """DNS of the test: name → (address, port). A name that is not in it does not exist."""
    known = {}

    class Resolver(aiohttp.ThreadedResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            if host not in known:
                # Names that cannot be written fail in the real one, without a query.
                await super().resolve(host if ".." in host else "127.0.0.1", port, family)
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            address, other_port = known[host]
            found = await super().resolve(address, other_port or port, family)
            return [{**each, "hostname": host} for each in found]

    monkeypatch.setattr(exchange, "ThreadedResolver", Resolver)
    return known


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"), "ca")


@pytest.fixture(autouse=True)
def system_store(tmp_path_factory, monkeypatch):
    """Another CA in place of the system's many, which take OpenSSL long to read."""
    other = Authority(tmp_path_factory.mktemp("system"), "system")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.files.certificate))


@pytest.fixture
def tls(authority):
    """The server's side of TLS for these hosts."""

    def context(*hosts):
        pair = authority.server(hosts[0].replace("*", "any"), hosts)
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(pair.certificate, pair.key)
        return made

    return context


@pytest.fixture
def ca_file(authority):
    return str(authority.files.certificate)
