"""One request to the API server and its answer, over aiohttp.

What client-go's transports do around HTTP: credentials that are renewed, impersonation, the
proxy, ``Retry-After`` honoured with a bound, and every way to fail told apart. Nothing of aiohttp
leaves this module.
"""

from __future__ import annotations

import asyncio
import json
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from regcred.core.errors import APIError, ClusterUnreachable, api_error
from regcred.core.operator.apicall import verb_and_resource
from regcred.kube import failures, sending, tls
from regcred.kube.auth import Authenticator, Proof
from regcred.kube.linestream import Limits, LineStream, drop

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from regcred.kube.config import ClusterConfig

JSON = "application/json"
#: ``(verb, resource, status, seconds)`` of an answer.
OnAnswer = Callable[[str, str, int, float], None]
_Tell = Callable[[int, float], None]

#: More than the 64 writers of a bulk command, and few enough for any API server.
_CONNECTIONS = 128
_CONNECT_SECONDS = 10.0
#: Two records of TLS. asyncio takes 256 KiB, and keeps them for each connection: 16 MB for 64.
_TLS_BUFFER_BYTES = 32 << 10
#: client-go's bound for a server that says ``Retry-After``.
_RETRIES_ASKED_FOR = 10
_LONGEST_PAUSE_SECONDS = 60.0
#: Pauses before a read that met a failing server is tried again.
_READ_PAUSES_SECONDS = (0.2, 0.8)
#: More than any Status has.
_STATUS_BYTES = 1 << 20


class Transport:
    """A pool of connections to one API server.

    Args:
        config: from `regcred.kube.config.load`.
        user_agent: the ``User-Agent`` header.
        timeout: seconds that one try of a request may take, connecting included.
        fence: called right before a request is sent that may change something, each time that it
            is; raises when it must not be.
        on_answer: told of each answer, also of those after which a request is sent again, and of
            the beginning of those that go on: verb, resource, HTTP status (0 where no answer
            came) and seconds.
    """

    def __init__(
        self,
        config: ClusterConfig,
        *,
        user_agent: str,
        timeout: float,
        fence: Callable[[], None] | None = None,
        on_answer: OnAnswer | None = None,
    ) -> None:
        self._config = config
        self._on_answer = on_answer
        self._timeout = timeout
        self._connect_timeout = min(_CONNECT_SECONDS, timeout)
        self._headers = sending.headers(config, user_agent)
        self._request_class = aiohttp.ClientRequest if fence is None else sending.fenced(fence)
        self._session: aiohttp.ClientSession | None = None
        self._authenticator = Authenticator(config)
        self._trust: tuple[Proof, ssl.SSLContext] | None = None
        self._options: dict[str, Any] = {"allow_redirects": False}
        if config.proxy_url:
            self._options["proxy"] = config.proxy_url
        if config.tls.server_name:
            self._options["server_hostname"] = config.tls.server_name

    async def open(self) -> None:
        """Make the pool. Nothing is dialled yet."""
        SSLProtocol.max_size = _TLS_BUFFER_BYTES
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            request_class=self._request_class,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect_timeout),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        doing: str,
    ) -> tuple[dict[str, Any], APIError | None]:
        """Send a request, again where that is the right answer, and read what comes.

        Args:
            method: the HTTP method.
            path: the path below the server's URL, already percent-encoded.
            query: parameters; those with an empty value are left out.
            body: what to send as JSON; None for nothing.
            content_type: what the body is.
            accept: the form of JSON that is wanted.
            doing: verb and object, for messages.

        Returns:
            The decoded object, and the exception that fits when it is a failure Status.

        Raises:
            ClusterUnreachable: nothing answers, or something that is no API server.
            CredentialHelperFailed: there is no credential to send.
        """
        url = self._url(path, query)
        headers = {"Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body, separators=(",", ":")).encode()
        tell = self._teller(method, path, query)
        tries, renewed = 0, False
        while True:
            now = time.time()
            proof = await self._authenticator.current(now)
            if proof.authorization:
                headers["Authorization"] = proof.authorization
            status, received, raw = await self._send(method, url, headers, data, proof, tell)
            if status == 401 and not renewed:
                renewed = True
                if await self._authenticator.after_refusal(proof, now):
                    continue
            pause = _pause(method, status, received, tries)
            if pause is None:
                break
            tries += 1
            await asyncio.sleep(pause)
        answer = self._decode(status, received, raw)
        if status < 400:
            return answer, None
        return answer, self._error(status, received, answer, proof, doing)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        accept: str = JSON,
        limits: Limits,
        doing: str,
    ) -> AsyncIterator[LineStream]:
        """The lines of an answer that has no end of its own, read as they come.

        Nothing is tried again but once for a new credential: when is for the caller to say.

        Args:
            path: as for `exchange`.
            query: as for `exchange`.
            accept: as for `exchange`.
            limits: what counts as broken.
            doing: as for `exchange`.

        Yields:
            The lines; the connection is closed at the end of the block.

        Raises:
            APIError: the answer is a failure.
            ClusterUnreachable: as for `exchange`.
            CredentialHelperFailed: as for `exchange`.
        """
        url = self._url(path, query)
        # Compressed, events would come in lumps from some proxies.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        tell = self._teller("GET", path, query)
        now = time.time()
        proof = await self._authenticator.current(now)
        response = await self._begin(url, headers, proof, limits, tell)
        if response.status == 401:
            other = await self._after_refusal(response, proof, now)
            if other is not None:
                proof, response = other, await self._begin(url, headers, other, limits, tell)
        try:
            status, received = response.status, response.headers
            if status >= 400 or _kind(received) != JSON:
                try:
                    raw = await response.content.read(_STATUS_BYTES)
                except (aiohttp.ClientError, OSError) as error:
                    raise self._failure(error) from None
                answer = self._decode(status, received, raw if status >= 400 else b"")
                raise self._error(status, received, answer, proof, doing)
            yield LineStream(response.content, limits, doing)
        finally:
            drop(response)

    async def _after_refusal(
        self, response: aiohttp.ClientResponse, used: Proof, now: float
    ) -> Proof | None:
        """Another credential, and the refusal closed; None where there is no other."""
        try:
            other = await self._authenticator.after_refusal(used, now)
        except BaseException:
            drop(response)
            raise
        if other is not None:
            drop(response)
        return other

    async def _begin(
        self, url: URL, headers: dict[str, str], proof: Proof, limits: Limits, tell: _Tell
    ) -> aiohttp.ClientResponse:
        """An answer of which the head has come."""
        if proof.authorization:
            headers["Authorization"] = proof.authorization
        # Outside the try: what goes wrong here is no failure of the server.
        session, trust = self._usable(), self._trusted(url, proof)
        timeout = aiohttp.ClientTimeout(
            total=limits.seconds, sock_connect=self._connect_timeout, sock_read=limits.silence
        )
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                response = await session.get(
                    url, headers=headers, ssl=trust, timeout=timeout, **self._options
                )
        except (aiohttp.ClientError, OSError) as error:
            tell(0, time.monotonic() - began)
            raise self._failure(error) from None
        tell(response.status, time.monotonic() - began)
        return response

    async def _send(
        self,
        method: str,
        url: URL,
        headers: dict[str, str],
        data: bytes | None,
        proof: Proof,
        tell: _Tell,
    ) -> tuple[int, Mapping[str, str], bytes]:
        session, trust = self._usable(), self._trusted(url, proof)
        began = time.monotonic()
        try:
            async with session.request(
                method,
                url,
                headers=headers,
                data=data,
                ssl=trust,
                **self._options,
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            tell(0, time.monotonic() - began)
            raise self._failure(error) from None
        tell(response.status, time.monotonic() - began)
        return response.status, response.headers, raw

    def _teller(self, method: str, path: str, query: Mapping[str, str]) -> _Tell:
        """Tells whoever wants to know of an answer: its status, and after how many seconds."""
        if self._on_answer is None:
            return _nobody
        return partial(self._on_answer, *verb_and_resource(method, path, query))

    def _usable(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is used outside its 'async with'")
        return self._session

    def _url(self, path: str, query: Mapping[str, str]) -> URL:
        parameters = urlencode([item for item in query.items() if item[1]])
        return URL(
            f"{self._config.server}{path}{'?' if parameters else ''}{parameters}", encoded=True
        )

    def _failure(self, error: Exception) -> ClusterUnreachable:
        """No answer, in words."""
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return ClusterUnreachable(
                f"the proxy on the way to {self._config.server} answers HTTP {error.status}",
                hint="it wants user and password in the proxy's URL"
                if error.status == 407
                else "see HTTPS_PROXY and NO_PROXY, and proxy-url in the kubeconfig",
            )
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return ClusterUnreachable(
                f"cannot reach the proxy on the way to {self._config.server}:"
                f" {failures.reason(error.os_error, self._connect_timeout)}",
                hint="see HTTPS_PROXY and NO_PROXY, and proxy-url in the kubeconfig",
            )
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return failures.unreachable(error, self._config, self._connect_timeout)
        return failures.unreachable(_cause(error), self._config, self._timeout)

    def _error(
        self,
        status: int,
        headers: Mapping[str, str],
        answer: dict[str, Any],
        proof: Proof,
        doing: str,
    ) -> APIError:
        """The failure that a server has answered."""
        return api_error(
            status,
            answer,
            doing=doing,
            hint=failures.hint(status, answer, self._config, proof, time.time()),
            retry_after=_retry_after(headers),
        )

    def _trusted(self, url: URL, proof: Proof) -> ssl.SSLContext | bool:
        return self._context(proof) if url.scheme == "https" else True

    def _context(self, proof: Proof) -> ssl.SSLContext:
        """TLS settings for a proof; a new one, and so new connections, for a new certificate."""
        if self._trust is None or self._trust[0].certificate != proof.certificate:
            self._trust = (proof, tls.context(self._config, proof.certificate, proof.key))
        return self._trust[1]

    def _decode(self, status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The JSON object in an answer; ``{}`` for a failure that brings no Status."""
        kind = _kind(headers)
        answer: Any = None
        if kind == JSON:
            try:
                answer = json.loads(raw)
            except (ValueError, RecursionError):
                answer = None
        if status >= 400 and kind != "text/html":
            is_status = isinstance(answer, dict) and answer.get("kind") == "Status"
            return answer if is_status else {}
        if not isinstance(answer, dict) or not 200 <= status < 300:
            raise ClusterUnreachable(
                f"what answers at {self._config.server} is not a Kubernetes API server"
                f" (HTTP {status}, {kind or 'no content type'})",
                hint="a proxy or a login page may stand in between; the address is that of"
                f" {self._config.source}",
            )
        return answer


def _nobody(_status: int, _seconds: float) -> None:
    pass


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip()


def _cause(error: Exception) -> BaseException:
    """What aiohttp wraps: the TLS error, or the socket's or resolver's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _pause(method: str, status: int, headers: Mapping[str, str], tries: int) -> float | None:
    """Seconds to wait before the request is sent again; None to leave it at this answer."""
    if status != 429 and status < 500:
        return None
    asked = _retry_after(headers)
    if asked is not None:
        may = tries < _RETRIES_ASKED_FOR and asked <= _LONGEST_PAUSE_SECONDS
        return asked if may else None
    if method == "GET" and status >= 500 and tries < len(_READ_PAUSES_SECONDS):
        return _READ_PAUSES_SECONDS[tries]
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; the API server never sends the date form."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
