"""Is this login right? Drives `regcred.core.registry.tokenflow` for one credential."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regcred.core.errors import RegistryUnreachable
from regcred.core.logins.registrykey import endpoint_host, is_loopback, parse_registry
from regcred.core.registry import tokenflow
from regcred.registry import trust
from regcred.registry.exchange import PlainHTTP, exchange, open_session

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from regcred.core.credential import Credential


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


async def verify(
    credential: Credential,
    *,
    plain_http: bool = False,
    ca_file: str | None = None,
    trusted: ssl.SSLContext | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - for all requests together, and named in the error
    env: Mapping[str, str] | None = None,
) -> Verified:
    """Log in at the registry's ``/v2/``, as a pull would begin.

    A registry on this machine may speak plain HTTP: it is tried where https finds no TLS.

    Args:
        credential: whom to log in where.
        plain_http: speak plain HTTP with it.
        ca_file: PEM file of certificates to trust besides the system's.
        trusted: what `trust.context` has made of it already.
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
    context = trusted or trust.context(ca_file)
    env = os.environ if env is None else env
    try:
        async with asyncio.timeout(timeout):
            try:
                scheme = "http" if plain_http else "https"
                outcome = await _log_in(f"{scheme}://{host}", credential, context, env)
            except PlainHTTP as error:
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
    async with open_session(urlsplit(registry).hostname or "", context, env) as session:
        request = next(flow)
        while True:
            response = await exchange(session, request, env)
            try:
                request = flow.send(response)
            except StopIteration as done:
                outcome: tokenflow.Outcome = done.value
                return outcome
