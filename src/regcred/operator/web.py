"""The operator's pages: is it alive, is it ready, and its metrics.

Anybody who reaches the port may ask, so nothing that is asked costs much or stays: a connection
carries one answer and ends after ten seconds, whatever it sends or reads, and of too many the
oldest goes. What was wrong with a request is never logged: that would be a log for strangers to
fill.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from typing import TYPE_CHECKING, Any, Self

# Not aiohttp.web, which brings an application framework of 1.5 MB with it.
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_response import Response
from aiohttp.web_server import Server

from regcred.core.errors import RegcredError, UsageError
from regcred.operator import oplog

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.web_request import BaseRequest

    from regcred.operator.facts import Snapshot
    from regcred.operator.metrics import Metrics

_PLAIN = "text/plain; charset=utf-8"
_SECONDS = 10.0
_CONNECTIONS = 64
_HEADER_BYTES = 4096
_HEADERS = 64
_STOP_SECONDS = 0.5


class CannotListen(RegcredError):
    """The port is taken, or not ours to take."""


class Web:
    """A server of the three pages; an async context manager that listens within.

    Args:
        address: ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` for all addresses; port 0 is any
            that is free; empty for no server.
        metrics: the page of metrics.
        snapshot: how the operator is now.

    Raises:
        UsageError: the address cannot be meant like this.
        CannotListen: from entering it.
    """

    def __init__(self, address: str, metrics: Metrics, snapshot: Callable[[], Snapshot]) -> None:
        self._where = parsed(address) if address else None
        self._metrics = metrics
        self._snapshot = snapshot
        self._pages = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics_page,
        }
        self._listener: asyncio.Server | None = None
        self._server: _Bounded | None = None
        self.address = ""
        """Where it listens, as ``HOST:PORT``; empty where it does not."""

    async def __aenter__(self) -> Self:
        if self._where is None:
            return self
        host, port = self._where
        self._server = _Bounded(
            self._answer,
            access_log=None,
            lingering_time=0,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
        )
        loop = asyncio.get_running_loop()
        try:
            listening = await _listening(host, port)
            self._listener = await loop.create_server(self._server, sock=listening)
        except (OSError, UnicodeError) as error:
            why = _why(error)
            raise CannotListen(
                f"cannot listen on {_joined(host, port)}: {why}",
                hint="choose another with --metrics-address, or none with --metrics-address none",
            ) from None
        self.address = _joined(*self._listener.sockets[0].getsockname()[:2])
        oplog.say("info", "Listening", f"serving metrics on {self.address}", address=self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None and self._server is not None:
            self._listener.close()
            await self._server.stop()

    async def _answer(self, request: BaseRequest) -> Response:
        page = self._pages.get(request.path)
        if page is None or request.method not in {"GET", "HEAD"}:
            return _response(404, "not found\n")
        return page(request)

    def _healthz(self, _: BaseRequest) -> Response:
        return _response(200, "ok\n")

    def _readyz(self, _: BaseRequest) -> Response:
        now = self._snapshot()
        if now.synced:
            return _response(200, "ok\n")
        waiting = ", ".join(now.waiting_for)
        return _response(503, f"waiting for {waiting or 'the first list'}\n")

    def _metrics_page(self, request: BaseRequest) -> Response:
        kind, body = self._metrics.page(request.headers.get("Accept", ""))
        headers = {"Content-Type": kind}
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return _response(200, body, headers)


class _Connection(RequestHandler):
    """One connection."""

    __slots__ = ()

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
        return _response(status, "error\n" if status >= 500 else "bad request\n")


class _Bounded(Server):
    """Connections that end, and not too many of them."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._settings = settings
        self._ends: dict[RequestHandler, tuple[asyncio.Transport, asyncio.TimerHandle]] = {}

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._settings)

    async def stop(self) -> None:
        """End all connections; what is being answered has a moment to arrive."""
        self.pre_shutdown()
        await self.shutdown(_STOP_SECONDS)
        for transport, end in self._ends.values():
            end.cancel()
            transport.abort()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._ends) >= _CONNECTIONS:
            oldest, end = self._ends.pop(next(iter(self._ends)))
            end.cancel()
            oldest.abort()
        end = asyncio.get_running_loop().call_later(_SECONDS, transport.abort)
        self._ends[handler] = transport, end

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if handler in self._ends:
            self._ends.pop(handler)[1].cancel()


def parsed(address: str) -> tuple[str, int]:
    """Host and port of an address; the host is empty for all of them.

    Raises:
        UsageError: it is none.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    inner = host[1:-1] if bracketed else host
    if (
        not colon
        or not (port.isascii() and port.isdigit() and int(port) < 65536)
        or bracketed != (":" in inner)
        or not inner.isprintable()
        or any(c in " /[]@" for c in inner)
    ):
        raise UsageError(
            f"{address!r} is no address to listen on",
            hint="HOST:PORT, :PORT for all addresses, [IPv6]:PORT, or none",
        )
    return inner, int(port)


async def _listening(host: str, port: int) -> socket.socket:
    if not host:
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=_CONNECTIONS, dualstack_ipv6=True
            )
        except (OSError, ValueError):
            host = "0.0.0.0"  # noqa: S104 - asked for, on a machine without IPv6
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, where = found[0]
    return socket.create_server(where, family=family, backlog=_CONNECTIONS)


def _why(error: OSError | UnicodeError) -> str:
    """The reason alone: what Python says repeats the address, in its own way."""
    if isinstance(error, UnicodeError):
        return "no such address"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or "no such address"
    return os.strerror(error.errno)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _response(status: int, body: str | bytes, headers: dict[str, str] | None = None) -> Response:
    response = Response(
        status=status,
        body=body.encode() if isinstance(body, str) else body,
        # Without a name of ours, aiohttp tells its own and Python's, with their versions.
        headers={"Content-Type": _PLAIN, "Cache-Control": "no-store", "Server": "regcred"}
        | (headers or {}),
    )
    response.force_close()
    return response
