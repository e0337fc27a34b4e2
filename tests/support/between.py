"""What may stand between a client and the API server: a proxy, a gateway in trouble."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


class ConnectProxy:
    """An HTTP proxy that knows CONNECT only.

    Args:
        login: ``user:password`` to ask for; empty for a proxy that lets everybody through.
    """

    def __init__(self, login: str = "") -> None:
        self._expected = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self.targets: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[ConnectProxy]:
        """Listen on a free port of 127.0.0.1, until the block ends.

        Args:
            tls: for a proxy that is itself spoken to over TLS.
        """
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        _, target, *_ = head.split(" ", 2)
        if self._expected and f"Proxy-Authorization: {self._expected}\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        self.targets.append(target)
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


class Gateway:
    """A plain HTTP front of the real API server, which can be told to answer by itself.

    Args:
        server: URL of the API server.
        tls: as whom to go there.
    """

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self.troubles: list[web.Response] = []
        self.requests: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Gateway]:
        """Listen on a free port of 127.0.0.1, until the block ends."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls)
            ) as self._session:
                yield self
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path}")
        if self.troubles:
            return self.troubles.pop(0)
        async with self._session.request(
            request.method,
            f"{self._server}{request.raw_path}",
            data=await request.read(),
            headers={"Content-Type": request.headers.get("Content-Type", "")},
        ) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers.get("Content-Type", "")},
            )
