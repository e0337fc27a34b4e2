"""An HTTP server that strangers may reach: what they send costs little, and ends.

Connections are few, and each request has its time. Of too many connections one goes that has not
been answered yet, whatever it sends: one that has is kept by somebody who is going to ask again.
What was wrong with a request is never logged: that would be a log for strangers to fill.
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
#: A newcomer is not ended for another before: a crowd of honest ones would do nothing but shake
#: hands.
_CHANCE_SECONDS = 0.25
#: Nor is one that is known, after its last answer or the first byte of a request: no answer takes
#: that long, and an API server that has more to ask does so at once.
_REST_SECONDS = 1.0
#: One in so many connections may be a newcomer, however many are known.
_NEWCOMERS = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is too much.

    Args:
        connections: at a time, those that shake hands among them. By TLS each takes 0.3 MiB, since
            asyncio has a buffer of that size for each.
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
        # Who came first stands first.
        self._new: dict[_Connection, _Place] = {}
        # Answered by 200, and kept; who was answered last stands last.
        self._known: dict[_Connection, _Place] = {}
        self._quiet = asyncio.Event()

    def __call__(self) -> _Connection:
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
            while self._is_full() and not self._make_room():
                try:  # Whoever comes meanwhile waits in the backlog.
                    await asyncio.sleep(_BREATH_SECONDS)
                except asyncio.CancelledError:
                    connection.close()
                    raise
            handler = self()
            shaking = asyncio.create_task(self._shake(connection, context(), handler))
            self._new[handler] = _Place(shaking.cancel, loop.time())
            await asyncio.sleep(0)  # It begins, and knows to close what it has been given.

    async def _shake(
        self, connection: socket.socket, context: ssl.SSLContext, handler: _Connection
    ) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: handler,
                connection,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except OSError:
            connection.close()
            self._new.pop(handler, None)

    async def stop(self, seconds: float) -> None:
        """End all connections; requests that have begun to arrive have so long to be answered."""
        self.stopping = True
        for connection, there in self._all():
            if there.timer is None:
                self._end(connection)
            elif not there.busy:
                connection.close()
        self._look_quiet()
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            pass
        await self.shutdown(_LAST_SECONDS)
        for connection, _ in self._all():
            self._end(connection)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Called by it."""
        super().connection_made(handler, transport)
        assert isinstance(handler, _Connection)  # noqa: S101 - see __call__
        if handler not in self._new:  # as it comes without TLS
            if self._is_full():
                self._end(next(iter(self._new)))
            self._new[handler] = _Place(transport.abort)
        there = self._new[handler]
        there.abort = transport.abort
        self._give(there, self._bounds.seconds)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by it."""
        super().connection_lost(handler, exc)
        if isinstance(handler, _Connection) and self._place(handler) is not None:
            self._end(handler)
        self._look_quiet()

    def asked(self, connection: _Connection) -> None:
        """Something has come by it."""
        there = self._place(connection)
        if there is not None and not there.busy:
            there.busy = True
            if connection in self._known:
                self._give(there, self._bounds.seconds)

    def answered(self, connection: _Connection, status: int) -> None:
        """A request has been answered."""
        there = self._place(connection)
        if there is None:
            return
        there.busy = False
        if status == 200 and self._bounds.idle is not None:
            self._new.pop(connection, None)
            self._known.pop(connection, None)
            self._known[connection] = there
            self._give(there, self._bounds.idle)
        if self.stopping:
            connection.close()
        self._look_quiet()

    def _place(self, connection: _Connection) -> _Place | None:
        return self._new.get(connection) or self._known.get(connection)

    def _all(self) -> list[tuple[_Connection, _Place]]:
        return [*self._new.items(), *self._known.items()]

    def _is_full(self) -> bool:
        return len(self._new) + len(self._known) >= self._bounds.connections

    def _make_room(self) -> bool:
        """End the one that will be missed least; False where all are to be left for a while."""
        crowded = len(self._new) * _NEWCOMERS >= self._bounds.connections
        those, seconds = (self._new, _CHANCE_SECONDS) if crowded else (self._known, _REST_SECONDS)
        before = asyncio.get_running_loop().time() - seconds
        found = next((each for each, there in those.items() if there.since <= before), None)
        if found is not None:
            self._end(found)
        return found is not None

    def _end(self, connection: _Connection) -> None:
        there = self._new.pop(connection, None) or self._known.pop(connection)
        if there.timer is not None:
            there.timer.cancel()
        there.abort()

    def _give(self, there: _Place, seconds: float) -> None:
        if there.timer is not None:
            there.timer.cancel()
        loop = asyncio.get_running_loop()
        there.since, there.timer = loop.time(), loop.call_later(seconds, there.abort)

    def _look_quiet(self) -> None:
        if self.stopping and not any(there.busy for _, there in self._all()):
            self._quiet.set()


@dataclass(slots=True)
class _Place:
    """What a connection has here.

    Args:
        abort: ends it at once.
        since: when it came, had shaken hands, was answered, or began to ask again; the loop's time.
        timer: ends it when its time is over; None while hands are shaken.
        busy: a request has begun to arrive, and is not answered yet.
    """

    abort: Callable[[], object]
    since: float = 0.0
    timer: asyncio.TimerHandle | None = None
    busy: bool = False


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
        self._server.answered(self, resp.status)
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
