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
from typing import TYPE_CHECKING, Self

from regcred.core.errors import RegcredError, UsageError
from regcred.operator import oplog
from regcred.operator.bounded import Bounded, Bounds, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import Response

    from regcred.operator.facts import Snapshot
    from regcred.operator.metrics import Metrics

_SECONDS = 10.0
_CONNECTIONS = 64
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
        self._server: Bounded | None = None
        self.address = ""
        """Where it listens, as ``HOST:PORT``; empty where it does not."""

    async def __aenter__(self) -> Self:
        if self._where is None:
            return self
        host, port = self._where
        self._server = Bounded(self._answer, Bounds(_CONNECTIONS, _SECONDS))
        loop = asyncio.get_running_loop()
        try:
            sock = await listening(host, port)
            self._listener = await loop.create_server(self._server, sock=sock)
        except (OSError, UnicodeError) as error:
            said = why(error)
            raise CannotListen(
                f"cannot listen on {joined(host, port)}: {said}",
                hint="choose another with --metrics-address, or none with --metrics-address none",
            ) from None
        self.address = joined(*self._listener.sockets[0].getsockname()[:2])
        oplog.say("info", "Listening", f"serving metrics on {self.address}", address=self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None and self._server is not None:
            self._listener.close()
            await self._server.stop(_STOP_SECONDS)

    async def _answer(self, request: BaseRequest) -> Response:
        page = self._pages.get(request.path)
        if page is None or request.method not in {"GET", "HEAD"}:
            return response(404, "not found\n")
        return page(request)

    def _healthz(self, _: BaseRequest) -> Response:
        return response(200, "ok\n")

    def _readyz(self, _: BaseRequest) -> Response:
        now = self._snapshot()
        if now.synced and not now.waiting_for:
            return response(200, "ok\n")
        waiting = ", ".join(now.waiting_for)
        return response(503, f"waiting for {waiting or 'the first list'}\n")

    def _metrics_page(self, request: BaseRequest) -> Response:
        kind, body = self._metrics.page(request.headers.get("Accept", ""))
        headers = {"Content-Type": kind}
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return response(200, body, headers)


def parsed(address: str, flag: str = "--metrics-address") -> tuple[str, int]:
    """Host and port of an address; the host is empty for all of them.

    Args:
        address: as it is given.
        flag: by which.

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
            f"{flag}: {address!r} is no address to listen on",
            hint=f"{flag} HOST:PORT, :PORT for all addresses, or [IPv6]:PORT",
        )
    return inner, int(port)


async def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; an empty host is all addresses."""
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


def why(error: OSError | UnicodeError) -> str:
    """The reason alone: what Python says repeats the address, in its own way."""
    if isinstance(error, UnicodeError):
        return "no such address"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or "no such address"
    return os.strerror(error.errno)


def joined(host: str, port: int) -> str:
    """``HOST:PORT``, the reverse of `parsed`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
