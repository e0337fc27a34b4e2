"""An HTTP server that strangers may reach: what they send costs little, and ends.

Connections are few, and each request has its time. Of too many connections the one goes that has
been idle longest. What was wrong with a request is never logged: that would be a log for strangers
to fill.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

# Not aiohttp.web, which brings an application framework of 1.5 MB with it.
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_response import Response
from aiohttp.web_server import Server

from regcred.operator import oplog

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable

    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse

_PLAIN = "text/plain; charset=utf-8"
_HEADER_BYTES = 4096
_HEADERS = 64
_LAST_SECONDS = 0.1
_HANDSHAKE_SECONDS = 5.0
_BREATH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is too much.

    Args:
        connections: at a time.
        seconds: from the first byte of a request, or the beginning of its connection, to the end
            of its answer.
        idle: seconds that a connection may wait for its next request; None where the time of the
            first is all that it has.
    """

    connections: int
    seconds: float
    idle: float | None = None


class Bounded(Server):
    """Connections that end, and not too many of them.

    Args:
        handler: answers a request.
        bounds: see `Bounds`.

    Attributes:
        stopping: set once answers are to be the last of their connections.
    """

    def __init__(
        self, handler: Callable[[BaseRequest], Awaitable[StreamResponse]], bounds: Bounds
    ) -> None:
        super().__init__(handler)
        self.stopping = False
        self._bounds = bounds
        self._open: dict[_Connection, _Open] = {}
        self._shaking: dict[asyncio.Task[None], None] = {}
        self._quiet = asyncio.Event()

    def __call__(self) -> RequestHandler:
        """Called for each connection."""
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            lingering_time=0,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
        )

    async def accept(self, sock: socket.socket, context: Callable[[], ssl.SSLContext]) -> None:
        """Serve TLS, until cancelled; asyncio's own server has no bound on handshakes.

        Args:
            sock: that listens.
            context: the one for a new connection.
        """
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        while True:
            try:
                connection, _ = await loop.sock_accept(sock)
            except OSError:  # who has left again, or no descriptor is left
                await asyncio.sleep(_BREATH_SECONDS)
                continue
            shaking = asyncio.create_task(self._shake(connection, context()))
            self._shaking[shaking] = None
            shaking.add_done_callback(lambda done: self._shaking.pop(done, None))
            if len(self._shaking) > self._bounds.connections:
                oldest = next(iter(self._shaking))
                oldest.cancel()
                self._shaking.pop(oldest)

    async def _shake(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self, connection, ssl=context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except OSError:
            connection.close()

    async def stop(self, seconds: float) -> None:
        """End all connections; requests that have begun to arrive have so long to be answered."""
        self.stopping = True
        for shaking in list(self._shaking):
            shaking.cancel()
        for connection, there in list(self._open.items()):
            if not there.busy:
                connection.close()
        self._look_quiet()
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            pass
        await self.shutdown(_LAST_SECONDS)
        for there in self._open.values():
            there.end.cancel()
            there.transport.abort()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Called by it."""
        super().connection_made(handler, transport)
        assert isinstance(handler, _Connection)  # noqa: S101 - see __call__
        if len(self._open) >= self._bounds.connections:
            idle = (each for each, there in self._open.items() if not there.busy)
            gone = self._open.pop(next(idle, None) or next(iter(self._open)))
            gone.end.cancel()
            gone.transport.abort()
        end = asyncio.get_running_loop().call_later(self._bounds.seconds, transport.abort)
        self._open[handler] = _Open(transport, end)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by it."""
        super().connection_lost(handler, exc)
        if isinstance(handler, _Connection) and handler in self._open:
            self._open.pop(handler).end.cancel()
        self._look_quiet()

    def asked(self, connection: _Connection) -> None:
        """Something has come by it."""
        there = self._open.get(connection)
        if there is not None and not there.busy:
            there.busy = True
            if there.answered:
                self._give(connection, there, self._bounds.seconds)

    def answered(self, connection: _Connection) -> None:
        """A request has been answered."""
        there = self._open.get(connection)
        if there is None:
            return
        there.busy, there.answered = False, True
        if self._bounds.idle is not None:
            self._give(connection, there, self._bounds.idle)
        if self.stopping:
            connection.close()
        self._look_quiet()

    def _give(self, connection: _Connection, there: _Open, seconds: float) -> None:
        there.end.cancel()
        there.end = asyncio.get_running_loop().call_later(seconds, there.transport.abort)
        del self._open[connection]  # The one that has been used last stands last.
        self._open[connection] = there

    def _look_quiet(self) -> None:
        if self.stopping and not any(there.busy for there in self._open.values()):
            self._quiet.set()


@dataclass(slots=True)
class _Open:
    """A connection that is open.

    Args:
        transport: its own.
        end: when its time is over.
        busy: a request has begun to arrive, and is not answered yet.
        answered: it has had an answer.
    """

    transport: asyncio.Transport
    end: asyncio.TimerHandle
    busy: bool = False
    answered: bool = False


class _Connection(RequestHandler):
    """One connection."""

    __slots__ = ("_server",)

    def __init__(self, server: Bounded, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._server = server

    def data_received(self, data: bytes) -> None:
        self._server.asked(self)
        super().data_received(data)

    async def finish_response(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        done = await super().finish_response(request, resp, start_time)
        self._server.answered(self)
        return done

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> Response:
        if status >= 500:
            oplog.say(
                "error", "InternalError", f"a page failed: {type(exc).__name__}", path=request.path
            )
        return response(status, "error\n" if status >= 500 else "bad request\n")


def response(status: int, body: str | bytes, headers: dict[str, str] | None = None) -> Response:
    """The last answer of its connection.

    Args:
        status: of HTTP.
        body: plain text, unless `headers` say otherwise.
        headers: more of them.
    """
    made = Response(
        status=status,
        body=body.encode() if isinstance(body, str) else body,
        # Without a name of ours, aiohttp tells its own and Python's, with their versions.
        headers={"Content-Type": _PLAIN, "Cache-Control": "no-store", "Server": "regcred"}
        | (headers or {}),
    )
    made.force_close()
    return made
