"""One request to the API server and its answer, over aiohttp.

What client-go's transports do around HTTP: credentials that are renewed, impersonation, the
proxy, ``Retry-After`` honoured with a bound, and every way to fail told apart. Nothing of aiohttp
leaves this module.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from regcred.core.errors import APIError, ClusterUnreachable, api_error
from regcred.kube import failures, tls
from regcred.kube.auth import Authenticator, Proof

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from regcred.kube.config import ClusterConfig

JSON = "application/json"

#: More than the 64 writers of a bulk command, and few enough for any API server.
_CONNECTIONS = 128
_CONNECT_SECONDS = 10.0
#: client-go's bound for a server that says ``Retry-After``.
_RETRIES_ASKED_FOR = 10
_LONGEST_PAUSE_SECONDS = 60.0
#: Pauses before a read that met a failing server is tried again.
_READ_PAUSES_SECONDS = (0.2, 0.8)
#: What a header's name may hold of the key of an ``as-user-extra``, besides letters and digits.
_TOKEN_CHARACTERS = "!#$&'*+-.^_`|~"  # noqa: S105


class Transport:
    """A pool of connections to one API server.

    Args:
        config: from `regcred.kube.config.load`.
        user_agent: the ``User-Agent`` header.
        timeout: seconds that one try of a request may take, connecting included.
    """

    def __init__(self, config: ClusterConfig, *, user_agent: str, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._connect_timeout = min(_CONNECT_SECONDS, timeout)
        self._headers = _headers(config, user_agent)
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
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
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
        parameters = urlencode([item for item in query.items() if item[1]])
        url = URL(
            f"{self._config.server}{path}{'?' if parameters else ''}{parameters}", encoded=True
        )
        headers = {"Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body, separators=(",", ":")).encode()
        tries, renewed = 0, False
        while True:
            now = time.time()
            proof = await self._authenticator.current(now)
            if proof.authorization:
                headers["Authorization"] = proof.authorization
            status, received, raw = await self._send(method, url, headers, data, proof)
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
        return answer, api_error(
            status,
            answer,
            doing=doing,
            hint=failures.hint(status, answer, self._config, proof, now),
            retry_after=_retry_after(received),
        )

    async def _send(
        self,
        method: str,
        url: URL,
        headers: dict[str, str],
        data: bytes | None,
        proof: Proof,
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            raise RuntimeError("the client is used outside its 'async with'")
        # Outside the try: what goes wrong here is no failure of the server.
        trust = self._context(proof) if url.scheme == "https" else True
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=data,
                ssl=trust,
                **self._options,
            ) as response:
                return response.status, response.headers, await response.read()
        except aiohttp.ClientHttpProxyError as error:
            raise ClusterUnreachable(
                f"the proxy on the way to {self._config.server} answers HTTP {error.status}",
                hint="it wants user and password in the proxy's URL" if error.status == 407 else "",
            ) from None
        except aiohttp.ClientProxyConnectionError as error:
            raise ClusterUnreachable(
                f"cannot reach the proxy on the way to {self._config.server}:"
                f" {failures.reason(error.os_error, self._connect_timeout)}"
            ) from None
        except aiohttp.ConnectionTimeoutError as error:
            raise failures.unreachable(error, self._config, self._connect_timeout) from None
        except (aiohttp.ClientError, OSError) as error:
            raise failures.unreachable(_cause(error), self._config, self._timeout) from None

    def _context(self, proof: Proof) -> ssl.SSLContext:
        """TLS settings for a proof; a new one, and so new connections, for a new certificate."""
        if self._trust is None or self._trust[0].certificate != proof.certificate:
            self._trust = (proof, tls.context(self._config, proof.certificate, proof.key))
        return self._trust[1]

    def _decode(self, status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The JSON object in an answer; ``{}`` for a failure that brings no Status."""
        kind = headers.get("Content-Type", "").partition(";")[0].strip()
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


def _headers(config: ClusterConfig, user_agent: str) -> list[tuple[str, str]]:
    """What every request carries."""
    headers = [("User-Agent", user_agent)]
    if config.disable_compression:
        headers.append(("Accept-Encoding", "identity"))
    if config.impersonation:
        who = config.impersonation
        headers.append(("Impersonate-User", who.user))
        if who.uid:
            headers.append(("Impersonate-Uid", who.uid))
        headers += [("Impersonate-Group", group) for group in who.groups]
        headers += [
            (f"Impersonate-Extra-{quote(key, safe=_TOKEN_CHARACTERS)}", value)
            for key, values in who.extra.items()
            for value in values
        ]
    return headers


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
