"""Ask a registry over the network: drives `regcred.core.tokenflow` with aiohttp.

What the flow must be able to rely on is kept here: redirects are handed to it and never followed,
bodies are limited, no cookie and no ``~/.netrc`` adds a login that nobody asked for, and a name
that the registry leads to may not resolve to an address that it must not lead to.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from regcred.core import httpmessage, proxy, tokenflow
from regcred.core.errors import InvalidInput, RegistryProtocolError, RegistryUnreachable
from regcred.core.peers import is_off_limits
from regcred.core.registrykey import endpoint_host, is_loopback, parse_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.credential import Credential

#: No token and no error is larger.
MAX_BODY = 1024 * 1024

# What OpenSSL says when it meets plain HTTP; the second since 3.2.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_UNKNOWN_CA = (
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get local issuer certificate",
)


@dataclass(frozen=True, slots=True)
class Verified:
    """The registry lets the credential in.

    Args:
        registry: the key that was asked about.
        host: host (with port) that was asked.
        asked: whether it asked for a login. If not, a wrong password may have gone unnoticed.
    """

    registry: str
    host: str
    asked: bool


class _PlainHTTP(RegistryUnreachable):
    """What answers on the https port of `host` does not speak TLS."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} speaks plain HTTP, not https")
        self.host = host


async def verify(
    credential: Credential,
    *,
    plain_http: bool = False,
    ca_file: str | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - for all requests together, and named in the error
    env: Mapping[str, str] | None = None,
) -> Verified:
    """Log in at the registry's ``/v2/``, as a pull would begin.

    A registry on this machine may speak plain HTTP: it is tried where https finds no TLS.

    Args:
        credential: whom to log in where.
        plain_http: speak plain HTTP with it.
        ca_file: PEM file of certificates to trust besides the system's.
        timeout: seconds for all of it.
        env: the environment, for the proxy variables; None for this process's.

    Raises:
        InvalidRegistry: the registry is none, or a pattern that names no single host.
        InvalidInput: `ca_file`, or the proxy that the environment names, cannot be used.
        RegistryUnreachable: it does not answer; the message says why.
        BadCredentials: it does not accept the credential.
        RegistryRefused: any other answer that is no yes.
    """
    host = endpoint_host(parse_registry(credential.registry))
    context = _tls(ca_file)
    env = os.environ if env is None else env
    try:
        async with asyncio.timeout(timeout):
            try:
                scheme = "http" if plain_http else "https"
                outcome = await _log_in(f"{scheme}://{host}", credential, context, env)
            except _PlainHTTP as error:
                if error.host != host:
                    raise
                if not is_loopback(host):
                    error.hint = f"if that is meant and the network is trusted: --plain-http {host}"
                    raise
                outcome = await _log_in(f"http://{host}", credential, context, env)
    except TimeoutError:
        raise RegistryUnreachable(
            f"{host} does not answer within {timeout:g} seconds",
            hint="is a firewall or a proxy in between? --timeout waits longer",
        ) from None
    return Verified(credential.registry, host, outcome.asked)


async def _log_in(
    registry: str, credential: Credential, context: ssl.SSLContext, env: Mapping[str, str]
) -> tokenflow.Outcome:
    flow = tokenflow.authenticate(registry, credential)
    connector = aiohttp.TCPConnector(
        ssl=context, resolver=_Resolver(urlsplit(registry).hostname or "")
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
        headers={"User-Agent": "regcred", "Accept-Encoding": "identity"},
    ) as session:
        request = next(flow)
        while True:
            response = await _exchange(session, request, env)
            try:
                request = flow.send(response)
            except StopIteration as done:
                outcome: tokenflow.Outcome = done.value
                return outcome


async def _exchange(
    session: aiohttp.ClientSession, request: httpmessage.Request, env: Mapping[str, str]
) -> httpmessage.Response:
    """Make one request of the flow.

    Raises:
        RegistryUnreachable: no answer.
        RegistryProtocolError: an answer that is not HTTP.
        InvalidInput: the proxy cannot be used.
    """
    headers = {}
    if request.authorization is not None:
        headers["Authorization"] = request.authorization.reveal()
    if request.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        async with session.request(
            request.method,
            request.url,
            headers=headers,
            data=request.form,
            allow_redirects=False,
            proxy=_proxy(request.url, env),
        ) as answer:
            body = await _read(answer)
            decoded = _json(body)
            is_page = answer.content_type == "text/html" or (body != b"" and decoded is None)
            return httpmessage.Response(
                status=answer.status,
                challenges=answer.headers.getall("WWW-Authenticate", []),
                location=answer.headers.get("Location", ""),
                is_foreign=is_page and "Docker-Distribution-API-Version" not in answer.headers,
                json=decoded,
            )
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(request.url, error) from None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, cut off where it is larger than anything that a registry has to say."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            answer.close()
            break
    return bytes(body)


def _json(body: bytes) -> Any:
    """The body, decoded; None where it is too large or no JSON."""
    if len(body) > MAX_BODY:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


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
                return _PlainHTTP(host)
            return RegistryUnreachable(f"no TLS connection with {host}: {reason}")
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
            return RegistryUnreachable(f"{host} hangs up in the middle")
        case aiohttp.ClientResponseError():
            hint = "does it speak TLS? then leave out --plain-http"
            return RegistryProtocolError(
                f"{host} answers with something that is not HTTP",
                hint=hint if parts.scheme == "http" else "",
            )
    cause = getattr(error, "strerror", None) or type(error).__name__
    return RegistryUnreachable(f"{host} cannot be reached: {cause}")


def _bad_certificate(host: str, error: Exception) -> RegistryUnreachable:
    why = getattr(error, "verify_message", "") or "it is not valid"
    hint = ""
    if why in _UNKNOWN_CA:
        hint = "--ca-file FILE trusts the CA that signed it"
    return RegistryUnreachable(f"{host} shows a certificate that is not trusted: {why}", hint=hint)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """The system's trust store, and `ca_file` besides."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except ssl.SSLError:
            raise InvalidInput(
                f"{ca_file} holds no certificate", hint="--ca-file takes a PEM file"
            ) from None
        except OSError as error:
            raise InvalidInput(f"cannot read the CA file {ca_file}: {error.strerror}") from None
    return context


def _proxy(url: str, env: Mapping[str, str]) -> str | None:
    """The proxy for `url`. aiohttp's own ``trust_env`` would read logins from ``~/.netrc`` too."""
    try:
        return proxy.from_environment(url, env) or None
    except proxy.BadProxy as error:
        raise InvalidInput(str(error), hint=error.hint) from None


class _Resolver(AbstractResolver):
    """DNS that does not resolve other names than the registry's to addresses off limits."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.resolve(host, port, family)
        except UnicodeError:
            raise OSError("no name that DNS could know") from None
        if host != self._registry and any(is_off_limits(each["host"]) for each in found):
            raise RegistryProtocolError(
                f"{self._registry} leads to {host}, an address that no registry may lead to"
            )
        return found

    async def close(self) -> None:
        """There is nothing to close."""
