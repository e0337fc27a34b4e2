"""One request to a registry and its answer, over aiohttp; nothing of aiohttp leaves this module.

What the flows must be able to rely on is kept here: redirects are handed to them and never
followed, bodies are limited, no cookie and no ``~/.netrc`` adds a login that nobody asked for, and
a name that a registry leads to may not resolve to an address that it must not lead to.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from regcred.core.errors import InvalidInput, RegistryProtocolError, RegistryUnreachable
from regcred.core.logins.registrykey import is_loopback
from regcred.core.registry import proxy
from regcred.core.registry.httpmessage import Request, Response
from regcred.core.registry.peers import is_off_limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

#: No token and no error is larger.
MAX_BODY = 1024 * 1024
#: How long to wait for a connection, in seconds; the rest of a request is the caller's to bound.
_CONNECT_SECONDS = 10.0

# What OpenSSL says when it meets plain HTTP; the second since 3.2.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_UNKNOWN_CA = (
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get local issuer certificate",
)


class PlainHTTP(RegistryUnreachable):
    """What answers on the https port of `host` does not speak TLS."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} speaks plain HTTP, not https")
        self.host = host


def open_session(
    hostname: str, context: ssl.SSLContext | None, env: Mapping[str, str]
) -> aiohttp.ClientSession:
    """Make a pool of connections to one registry, and to where it leads.

    Args:
        hostname: of the registry, without port.
        context: what to trust; None for the system's store.
        env: the environment, for the proxy variables.
    """
    resolver = _Resolver(hostname, proxy.hosts(env))
    connector = aiohttp.TCPConnector(ssl=context or True, resolver=resolver)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        auto_decompress=False,
        headers={"User-Agent": "regcred", "Accept-Encoding": "identity"},
    )


async def exchange(
    session: aiohttp.ClientSession, request: Request, env: Mapping[str, str]
) -> Response:
    """Make one request of the flow.

    Raises:
        RegistryUnreachable: no answer.
        RegistryProtocolError: an answer that is not HTTP.
        InvalidInput: the proxy cannot be used.
    """
    headers = {}
    if request.authorization is not None:
        headers["Authorization"] = request.authorization.reveal()
    if request.accept:
        headers["Accept"] = request.accept
    if request.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=headers,
            data=request.form,
            allow_redirects=False,
            proxy=_proxy(request.url, env),
        ) as answer:
            keep = request.keep if 200 <= answer.status < 300 else 0
            body = await _read(answer, keep or MAX_BODY)
            decoded = None if keep or body is None else _json(body)
            is_page = answer.content_type == "text/html" or (
                not keep and body != b"" and decoded is None
            )
            return Response(
                status=answer.status,
                challenges=answer.headers.getall("WWW-Authenticate", []),
                location=answer.headers.get("Location", ""),
                is_foreign=is_page and "Docker-Distribution-API-Version" not in answer.headers,
                json=decoded,
                content_type=_content_type(answer),
                digest=answer.headers.get("Docker-Content-Digest", ""),
                length=answer.content_length,
                retry_after=answer.headers.get("Retry-After", ""),
                body=body if keep else b"",
            )
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(request.url, error) from None


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The body; None where it is larger than `limit`, and then its rest is not read."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            answer.close()
            return None
    return bytes(body)


def _json(body: bytes) -> Any:
    """The body, decoded; None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _content_type(answer: aiohttp.ClientResponse) -> str:
    """What the body is said to be; aiohttp would make something up where it is not said."""
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _unreachable(
    url: str, error: aiohttp.ClientError | OSError
) -> RegistryUnreachable | RegistryProtocolError:
    """What went wrong on the way to `url`, in plain words."""
    parts = urlsplit(url)
    host = parts.netloc
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _bad_certificate(host, error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            reason = getattr(error.os_error, "reason", "") or "the handshake fails"
            if reason in _NOT_TLS:
                return PlainHTTP(host)
            return RegistryUnreachable(
                f"no TLS connection with {host}: {reason}",
                hint=f"does it speak plain HTTP? then --plain-http {host}",
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return RegistryUnreachable(
                f"the proxy for {host} does not let us through",
                hint="see HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
            )
        case aiohttp.ClientConnectorDNSError() if error.host != parts.hostname:
            return RegistryUnreachable(
                f"the proxy for {host} is not found", hint="see HTTPS_PROXY and HTTP_PROXY"
            )
        case aiohttp.ClientConnectorDNSError():
            return RegistryUnreachable(
                f"no such host: {parts.hostname}", hint="check the registry's name"
            )
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return RegistryUnreachable(
                f"{host} refuses the connection: nothing listens there", hint="check the port"
            )
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return RegistryUnreachable(
                f"{host} hangs up in the middle",
                hint="try again; a proxy, or what stands before the registry, may have ended it",
            )
        case aiohttp.InvalidURL():
            return RegistryUnreachable(
                f"{host} cannot be asked: it is neither a name nor an address as they are written",
                hint="check the registry's name",
            )
        case aiohttp.ClientResponseError():
            hint = "does it speak TLS? then leave out --plain-http"
            return RegistryProtocolError(
                f"{host} answers with something that is not HTTP",
                hint=hint if parts.scheme == "http" else "check host and port",
            )
    cause = getattr(error, "strerror", None) or "no connection comes about"
    return RegistryUnreachable(
        f"{host} cannot be reached: {cause}",
        hint="see whether the network and HTTPS_PROXY lead there, and try again",
    )


def _bad_certificate(host: str, error: Exception) -> RegistryUnreachable:
    why = getattr(error, "verify_message", "") or "it is not valid"
    hint = "check the registry's name; whoever runs it has to put its certificate right"
    if why in _UNKNOWN_CA:
        hint = "--ca-file FILE trusts the CA that signed it"
    return RegistryUnreachable(f"{host} shows a certificate that is not trusted: {why}", hint=hint)


def _proxy(url: str, env: Mapping[str, str]) -> str | None:
    """The proxy for `url`. aiohttp's own ``trust_env`` would read logins from ``~/.netrc`` too."""
    try:
        return proxy.from_environment(url, env) or None
    except proxy.BadProxy as error:
        raise InvalidInput(str(error), hint=error.hint) from None


class _Resolver(AbstractResolver):
    """DNS that does not resolve the names that a registry leads to to addresses off limits.

    Those of this machine are off limits too, as where they are written out
    (`regcred.core.registry.pullflow`), unless the registry is on it.

    Args:
        registry: the name of the registry, which may be anywhere.
        proxies: those of the proxies, which may too.
    """

    def __init__(self, registry: str, proxies: frozenset[str]) -> None:
        self._registry = registry
        self._proxies = proxies
        self._is_here = is_loopback(registry)
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.resolve(host, port, family)
        except UnicodeError:
            raise OSError("no name that DNS could know") from None
        addresses = [each["host"] for each in found]
        if host == self._registry:
            # A registry of this machine may have any name.
            self._is_here = self._is_here or all(map(is_loopback, addresses))
        elif host not in self._proxies and not all(map(self._may_lead_to, addresses)):
            raise RegistryProtocolError(
                f"{self._registry} leads to {host}, an address that no registry may lead to",
                hint="is this the registry itself, and not a proxy in front of it?",
            )
        return found

    def _may_lead_to(self, address: str) -> bool:
        return not is_off_limits(address) and (self._is_here or not is_loopback(address))

    async def close(self) -> None:
        """There is nothing to close."""
