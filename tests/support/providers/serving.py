"""An aiohttp application on loopback, in a thread of its own, and what tests do to it.

In a thread, so that it answers whoever asks: a minter in the test's loop, an SDK that blocks its
thread, another process. What it remembers, tests read as it is.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from cluster.pki import KeyPair

HERE = "127.0.0.1"
_SECONDS = 30.0
_watching: list[list[Served]] = []


class Clock:
    """The time of day, which a test may move. Call it for now, with a zone."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, by: timedelta) -> None:
        """Let time pass; a negative span is a clock that was set back."""
        self._ahead += by


@dataclass(frozen=True)
class Seen:
    """A request that came in.

    Args:
        method: of HTTP.
        path: with the query.
        headers: names in lower case.
        body: as it was sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass
class Served:
    """A running application.

    Args:
        scheme: of its URL.
        port: of loopback.
        requests: all that came in, oldest first.
        answers: the bodies of all that went out.
    """

    scheme: str = "http"
    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    _instead: dict[str, Callable[[], web.Response] | None] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """With the port."""
        return f"{HERE}:{self.port}"

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"{self.scheme}://{self.host}"

    def instead(
        self,
        status: int,
        body: Any = "",
        *,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """From now on answer with this, whatever the application would.

        Args:
            status: of HTTP.
            body: a text or bytes are sent as HTML, all else as JSON.
            path: of the requests that get it: how that begins.
            headers: more of them, or others.
        """
        if not isinstance(body, str | bytes):
            sent, kind = json.dumps(body).encode(), "application/json"
        else:
            sent, kind = body.encode() if isinstance(body, str) else body, "text/html"
        others = {"Content-Type": kind} | dict(headers or {})
        self._instead[path] = lambda: web.Response(status=status, body=sent, headers=others)

    def hang_up(self, *, path: str = "/") -> None:
        """From now on close the connection in place of an answer."""
        self._instead[path] = None

    def heal(self) -> None:
        """Answer as the application does again."""
        self._instead.clear()

    @web.middleware
    async def watch(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Remember a request, and answer it as told, or let the application do it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.requests.append(Seen(request.method, request.path_qs, headers, body))
        for path, answer in self._instead.items():
            if request.path.startswith(path):
                if answer is None:
                    assert request.transport is not None
                    request.transport.abort()
                    return web.Response()
                return self._noted(answer())
        return self._noted(await handler(request))

    def _noted(self, answer: web.StreamResponse) -> web.StreamResponse:
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            self.answers.append(answer.body)
        return answer


@contextmanager
def serve(app: web.Application, pair: KeyPair | None = None) -> Iterator[Served]:
    """Run an application until the block ends.

    Args:
        app: not started yet.
        pair: to speak TLS with; see `cluster.pki.Authority.server`.
    """
    tls = None
    if pair is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pair.certificate, pair.key)
    served = Served("https" if tls else "http")
    for each in _watching:
        each.append(served)
    app.middlewares.insert(0, served.watch)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_SECONDS)

    async def start() -> web.AppRunner:
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await runner.setup()
        await web.TCPSite(runner, HERE, 0, ssl_context=tls).start()
        served.port = runner.addresses[0][1]
        return runner

    async def stop(runner: web.AppRunner) -> None:
        # Who keeps a connection for later does not say good-bye by TLS, and would be waited for.
        for each in runner.server.connections if runner.server else ():
            if each.transport is not None:
                each.transport.abort()
        await runner.cleanup()
        for _ in range(10):  # what was aborted is told so in the rounds after that
            await asyncio.sleep(0)

    try:
        runner = run(start())
        try:
            yield served
        finally:
            run(stop(runner))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


@contextmanager
def watched() -> Iterator[list[Served]]:
    """All applications that are served from now on, until the block ends."""
    found: list[Served] = []
    _watching.append(found)
    try:
        yield found
    finally:
        _watching[:] = [each for each in _watching if each is not found]


@contextmanager
def nobody() -> Iterator[str]:
    """HOST:PORT at which nothing listens, and nothing will."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        yield f"{HERE}:{taken.getsockname()[1]}"


@contextmanager
def names() -> Iterator[dict[str, int]]:
    """DNS for this process: a name → the port of loopback where it is, whichever is asked for.

    SDKs and aiohttp use it alike. A name that is not in it does not exist, so that nothing leaves
    this machine.
    """
    known: dict[str, int] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in known:
            return real(HERE, known[name], *args, **named)
        if name is None or name == "localhost" or name.startswith(("127.", "::1")):
            return real(host, port, *args, **named)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    socket.getaddrinfo = look_up
    try:
        yield known
    finally:
        socket.getaddrinfo = real
