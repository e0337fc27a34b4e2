"""A proxy before a real API server that does harm on demand.

It speaks plain HTTP to its clients, goes to the API server over TLS as the kubeconfig's user, and
runs in a thread of its own, so that any test (and a process that it starts) can use it::

    with FaultyProxy(kubeconfig) as proxy:
        proxy.on(watches("secrets"), Truncate(at=5000), times=1)
        ...  # a client with proxy.config, or a process with proxy.kubeconfig(tmp_path)

A fault is for requests that a matcher likes, `times` times; the first that fits counts. What no
fault is for goes through untouched, watches line by line. `tests.support.faults` has both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from regcred.core.credential import Password
from regcred.kube import tls
from regcred.kube.config import TLS, Auth, ClusterConfig, load
from tests.support.faults import (
    Answer,
    Close,
    Cut,
    Delay,
    Drop,
    Fault,
    Inject,
    Lose,
    Matcher,
    Rewrite,
    Seen,
    Silence,
    Truncate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: aiohttp takes what we do on purpose for our mistakes.
_SILENT = logging.getLogger("tests.faultyproxy")
_SILENT.disabled = True
_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "content-encoding", "transfer-encoding", "host", "te"}
)


@dataclass
class _Rule:
    match: Matcher
    fault: Fault
    left: int | None


class FaultyProxy:
    """A context manager; see the module.

    Args:
        kubeconfig: of the API server, and as whom to go there.
        as_client: hand on the client's own ``Authorization`` in place of the kubeconfig's user.
    """

    def __init__(self, kubeconfig: Path, *, as_client: bool = False) -> None:
        self._upstream = load(kubeconfig=str(kubeconfig), env={})
        if as_client:
            self._upstream = replace(self._upstream, auth=Auth())
        self._as_client = as_client
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._happened = threading.Condition(self._lock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._events: list[threading.Event] = []
        self.seen: list[Seen] = []
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        for event in self._events:
            event.set()
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def config(self) -> ClusterConfig:
        """For a client in this process; anonymous, since the proxy says who it is."""
        return replace(
            self._upstream, server=f"http://127.0.0.1:{self.port}", tls=TLS(), auth=Auth()
        )

    def kubeconfig(self, folder: Path) -> Path:
        """For another process."""
        cluster = {"name": "faulty", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "faulty", "context": {"cluster": "faulty", "user": ""}}
        path = folder / f"faulty-{self.port}.yaml"
        path.write_text(
            yaml.safe_dump(
                {"clusters": [cluster], "contexts": [context], "current-context": "faulty"}
            )
        )
        return path

    def on(self, match: Matcher, fault: Fault, *, times: int | None = 1) -> None:
        """Do harm to requests; earlier rules come first.

        Args:
            match: to which.
            fault: what.
            times: how often; None for always.
        """
        with self._lock:
            self._rules.append(_Rule(match, fault, times))

    def pending(self) -> list[Fault]:
        """Faults that have not struck as often as they were to."""
        with self._lock:
            return [rule.fault for rule in self._rules if rule.left]

    def event(self) -> threading.Event:
        """One for `Delay`, which is set at the latest when the proxy ends."""
        self._events.append(threading.Event())
        return self._events[-1]

    def clear(self) -> None:
        """No more faults. What is silent stays so."""
        with self._lock:
            self._rules.clear()

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def stop_listening(self) -> None:
        """Refuse connections, and reset those that are there."""
        self._do(self._site.stop())
        self.cut()

    def listen(self) -> None:
        """Take connections again, on the same port."""
        self._do(self._listen())

    def count(self, match: Matcher) -> int:
        """How many requests came that a matcher likes."""
        with self._lock:
            return sum(match(seen) for seen in self.seen)

    def wait(self, match: Matcher, *, count: int = 1, timeout: float = 60.0) -> list[Seen]:
        """The requests that a matcher likes, as soon as there are so many (blocks the caller)."""
        with self._happened:
            if not self._happened.wait_for(
                lambda: sum(match(seen) for seen in self.seen) >= count, timeout
            ):
                raise AssertionError(f"not {count} such requests within {timeout:g} s")
            return [seen for seen in self.seen if match(seen)]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        auth = self._upstream.auth
        trust = tls.context(self._upstream, auth.certificate, auth.key or Password(""))
        headers = {}
        if auth.token:
            headers["Authorization"] = f"Bearer {auth.token.reveal()}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust),
            headers=headers,
            auto_decompress=True,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        self._server = web.Server(
            self._serve, access_log=None, logger=_SILENT, handler_cancellation=True
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.0)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()
        self.port = self._runner.addresses[-1][1]

    async def _stop(self) -> None:
        # First, so that none of what it has in hand is closed with a good-bye: TLS takes its time
        # for that, and the loop ends.
        connector = self._session.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        await connector.close(abort_ssl=True)
        self._abort_all()
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._session.close()
        for _ in range(10):
            await asyncio.sleep(0)

    def _abort_all(self) -> None:
        for connection in self._server.connections:
            transport = connection.transport
            if isinstance(transport, asyncio.Transport):
                transport.abort()

    def _faults(self, seen: Seen) -> list[Fault]:
        """What is to be done to a request: the first rule that fits of each kind."""
        with self._happened:
            self.seen.append(seen)
            found: dict[type, Fault] = {}
            for rule in self._rules:
                if rule.left != 0 and type(rule.fault) not in found and rule.match(seen):
                    found[type(rule.fault)] = rule.fault
                    rule.left = None if rule.left is None else rule.left - 1
            self._happened.notify_all()
        return list(found.values())

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            await request.read(),
        )
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        try:
            return await self._answer(request, seen, self._faults(seen), transport)
        except (ConnectionError, aiohttp.ClientError):
            transport.abort()
            raise
        finally:
            with self._happened:
                seen.over.set()
                self._happened.notify_all()

    async def _answer(
        self,
        request: web.BaseRequest,
        seen: Seen,
        faults: list[Fault],
        transport: asyncio.Transport,
    ) -> web.StreamResponse:
        query: dict[str, str | None] = dict(seen.query)
        for fault in faults:
            if isinstance(fault, Delay):
                await asyncio.sleep(fault.seconds)
                if fault.until is not None:
                    await asyncio.to_thread(fault.until.wait, 300)
            elif isinstance(fault, Rewrite):
                query |= fault.query
            elif isinstance(fault, Answer):
                return web.Response(
                    status=fault.status,
                    body=fault.content(),
                    headers={"Content-Type": fault.content_type} | dict(fault.headers),
                )
            elif isinstance(fault, Cut) and not fault.after:
                transport.abort()
                raise ConnectionResetError
        url = URL(f"{self._upstream.server}{request.raw_path.partition('?')[0]}", encoded=True)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        if not self._as_client:
            headers.pop("Authorization", None)
        headers["Accept-Encoding"] = "identity"
        async with self._session.request(
            request.method,
            url.with_query({k: v for k, v in query.items() if v is not None}),
            data=seen.body or None,
            headers=headers,
        ) as upstream:
            with _cut_short(upstream):
                answer = web.StreamResponse(
                    status=upstream.status,
                    headers={
                        k: v for k, v in upstream.headers.items() if k.lower() not in _HOP_BY_HOP
                    },
                )
                if any(isinstance(fault, Cut) for fault in faults):
                    # The whole answer, or the first event: the end of a watch is minutes away.
                    await (upstream.content.readany() if seen.is_watch else upstream.read())
                    transport.abort()
                    raise ConnectionResetError
                await answer.prepare(request)
                with contextlib.suppress(_Over):
                    await _Body(answer, seen, faults, transport).copy(upstream)
                await answer.write_eof()
                return answer


@contextlib.contextmanager
def _cut_short(upstream: aiohttp.ClientResponse) -> Iterator[None]:
    """Have no good-bye where the block does not come to its end: that may outlive the loop."""
    connection = upstream.connection
    transport = connection.transport if connection is not None else None
    try:
        yield
    except BaseException:
        if isinstance(transport, asyncio.Transport):
            transport.abort()
        raise


class _Over(Exception):
    """A watch is to end properly here."""


class _Body:
    """Copies a body, and does what faults say."""

    def __init__(
        self,
        answer: web.StreamResponse,
        seen: Seen,
        faults: list[Fault],
        transport: asyncio.Transport,
    ) -> None:
        self._answer, self._seen, self._faults = answer, seen, faults
        self._transport = transport
        self._written = 0
        self._liked = 0
        self._listed = "sendInitialEvents" not in seen.query

    async def copy(self, upstream: aiohttp.ClientResponse) -> None:
        if not self._seen.is_watch or upstream.status >= 400:
            async for piece in upstream.content.iter_any():
                await self._write(piece)
            return
        n, rest = 0, b""
        async for piece in upstream.content.iter_any():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                await self._pass_on(n, line)
                n += 1
        await self._write(rest)

    async def _pass_on(self, n: int, line: bytes) -> None:
        for fault in self._faults:
            if isinstance(fault, Silence) and n >= fault.after:
                await asyncio.get_running_loop().create_future()
            if isinstance(fault, Close) and n == fault.n:
                raise _Over
            if isinstance(fault, Inject) and n == fault.n:
                await self._write(fault.line + b"\n")
            if isinstance(fault, Drop) and fault.like(json.loads(line)):
                self._liked += 1
                if self._liked == fault.n + 1:
                    return
            if (
                isinstance(fault, Lose)
                and (self._listed or fault.listed)
                and fault.like(json.loads(line))
            ):
                return
        self._listed = self._listed or b"k8s.io/initial-events-end" in line
        await self._write(line + b"\n")
        self._seen.lines.append(line)

    async def _write(self, piece: bytes) -> None:
        for fault in self._faults:
            if isinstance(fault, Truncate) and self._written + len(piece) >= fault.at:
                await self._answer.write(piece[: fault.at - self._written])
                self._transport.close()  # what was written arrives, the end of the body does not
                raise ConnectionResetError
        self._written += len(piece)
        if piece:
            await self._answer.write(piece)
