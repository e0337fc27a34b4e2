"""Would these images pull? One run of probes: shared connections and tokens, bounded in all.

A probe asks for the manifest as a pull would, and pulls no layer. Drives
`regcred.core.registry.pullflow`. Mirrors of ``certs.d`` are never asked.
"""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from regcred.core import backoff
from regcred.core.errors import (
    InvalidRegistry,
    RegcredError,
    RegistryBusy,
    RegistryProtocolError,
    RegistryUnreachable,
)
from regcred.core.logins.registrykey import is_loopback
from regcred.core.problem import Reason
from regcred.core.registry import pullflow
from regcred.core.registry.hostsconfig import HostConfig
from regcred.core.registry.pullflow import Renewal
from regcred.registry import trust
from regcred.registry.exchange import PlainHTTP, exchange, open_session
from regcred.registry.site import Door, Site

if TYPE_CHECKING:
    import ssl
    from collections.abc import Container, Mapping
    from types import TracebackType

    from regcred.core.credential import Credential
    from regcred.core.logins.image import ImageReference
    from regcred.core.registry.access import Grant
    from regcred.core.registry.answer import Answer
    from regcred.core.registry.httpmessage import Request, Response
    from regcred.core.registry.platform import Platform

#: Where Docker Hub's registry is.
_HUB = "registry-1.docker.io"
#: Hints for who has written the name of a host.
_ABOUT_NAMES = ("check the registry's name", "check the port")
#: How many registries' worth of probes run at a time: what bounds the memory.
_REGISTRIES = 4


class Prober:
    """Asks registries for images; an async context manager, for one run.

    Args:
        ca_file: PEM file of certificates to trust besides the system's.
        trusted: what `trust.as_a_node` has made of it already.
        certs_dir: a folder in the layout of containerd's ``certs.d``.
        plain_http: hosts (with port) to speak plain HTTP with.
        timeout: seconds for one probe, retries included; waiting for its turn does not count.
        concurrency: probes of one registry at a time.
        env: the environment, for the proxy variables; None for this process's.

    Raises:
        InvalidInput: `ca_file` or `certs_dir` cannot be used.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        trusted: ssl.SSLContext | None = None,
        certs_dir: str | None = None,
        plain_http: Container[str] = (),
        timeout: float = 30.0,
        concurrency: int = 8,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._trust = trusted or (trust.as_a_node(ca_file) if ca_file else trust.system_store())
        self._hosts = trust.Hosts(certs_dir) if certs_dir else None
        self._plain_http = plain_http
        self._timeout = timeout
        self._concurrency = concurrency
        self._env = os.environ if env is None else env
        self._slots = asyncio.Semaphore(_REGISTRIES * concurrency)
        self._sites: dict[str, Site] = {}
        #: Host → until when it asked to be left alone.
        self._quiet: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        for site in self._sites.values():
            await site.session.close()

    def mirrors(self, image: ImageReference) -> tuple[str, ...]:
        """The mirrors that ``certs.d`` has a node ask first; they are never asked here.

        Raises:
            InvalidInput: what is configured there cannot be used.
        """
        return self._hosts.find(image.domain, image.registry_host)[0].mirrors if self._hosts else ()

    async def probe(
        self, image: ImageReference, credential: Credential | None, platform: Platform | None
    ) -> Answer:
        """Ask for one image with one credential; start many at once, with ``asyncio.gather``.

        Args:
            image: what to ask for.
            credential: whom to log in; None for nobody. One with an empty username holds an
                identity token (``identitytoken`` of a docker config) as its password.
            platform: of the node; None to take any that an index has.

        Returns:
            What the registry says; failures are answers too, and no exceptions.

        Raises:
            InvalidInput: what `certs_dir` has for the registry cannot be used: no answer of its.
        """
        try:
            site = self._site(image)
            door = site.door(credential)
        except InvalidRegistry as error:
            return pullflow.failed(error)
        door.access.want(pullflow.scope_of(image))
        if not door.tried:
            async with door.first:
                if not door.tried:
                    try:
                        return await self._in_turn(site, door, image, platform)
                    finally:
                        door.tried = True
        return await self._in_turn(site, door, image, platform)

    def _site(self, image: ImageReference) -> Site:
        """The registry of an image."""
        if image.domain in self._sites:
            return self._sites[image.domain]
        config, context = HostConfig(), self._trust
        if self._hosts:
            config, folder = self._hosts.find(image.domain, image.registry_host)
            if config.ca or config.clients or config.skip_verify:
                context = trust.as_a_node(self._ca_file)
                trust.configure(context, config, folder)
        plain = image.domain in self._plain_http or image.registry_host in self._plain_http
        url = config.server or f"{'http' if plain else 'https'}://{image.registry_host}"
        host = url.partition("://")[2]
        site = self._sites[image.domain] = Site(
            url,
            config.api,
            image.domain if host != image.registry_host else "",
            open_session(urlsplit(url).hostname or "", context, self._env),
            self._concurrency,
            may_change=not plain and not config.server and is_loopback(host),
        )
        return site

    async def _in_turn(
        self, site: Site, door: Door, image: ImageReference, platform: Platform | None
    ) -> Answer:
        """Ask when there is room, and within the time given."""
        async with self._slots, site.slots:
            try:
                if site.failure is not None:
                    raise site.failure
                async with asyncio.timeout(self._timeout):
                    answer = await self._at_either(site, door, image, platform)
                site.succeeds()
            except TimeoutError:
                error: RegcredError = RegistryUnreachable(
                    f"{site.netloc} does not answer within {self._timeout:g} seconds",
                    hint="is a firewall or a proxy in between? --timeout waits longer",
                )
                site.fails(error)
                answer = pullflow.failed(error)
            except RegcredError as caught:
                site.fails(caught)
                answer = pullflow.failed(caught)
        return answer.without(site.secrets())

    async def _at_either(
        self, site: Site, door: Door, image: ImageReference, platform: Platform | None
    ) -> Answer:
        """Ask by https, or by plain HTTP where there is no TLS on this machine."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        asked = site.url
        try:
            return await self._ask(site, door, image, platform, deadline)
        except PlainHTTP as error:
            if error.host != site.netloc:
                raise
            if not site.may_change and site.url == asked:
                error.hint = (
                    f"if that is meant and the network is trusted: --plain-http {error.host}"
                )
                raise
            if site.may_change:
                site.speaks_plain_http()
        return await self._ask(site, door, image, platform, deadline)

    async def _ask(
        self,
        site: Site,
        door: Door,
        image: ImageReference,
        platform: Platform | None,
        deadline: float,
    ) -> Answer:
        """Drive one probe."""
        now = asyncio.get_running_loop().time()
        flow = pullflow.probe(
            image,
            door.access,
            platform,
            now,
            api=site.api,
            namespace=site.namespace,
            head=not door.knows_head,
        )
        step = next(flow)
        while True:
            reply: Response | Grant
            if isinstance(step, Renewal):
                async with door.renewing:
                    reply = await self._renew(site, door, step, deadline)
            else:
                reply = await self._exchange(site, step, deadline)
            try:
                step = flow.send(reply)
            except StopIteration as done:
                answer: Answer = done.value
                door.knows_head |= answer.reason == Reason.OK
                return answer

    async def _renew(self, site: Site, door: Door, needed: Renewal, deadline: float) -> Grant:
        """Get another login."""
        now = asyncio.get_running_loop().time()
        flow = door.access.renew(needed.scope, needed.answer, needed.refused, now)
        answer: Response | None = None
        while True:
            try:
                request = next(flow) if answer is None else flow.send(answer)
            except StopIteration as done:
                grant: Grant = done.value
                return grant
            answer = await self._exchange(site, request, deadline, "the token server that")

    async def _exchange(
        self, site: Site, request: Request, deadline: float, role: str = "where a redirect of"
    ) -> Response:
        """Make a request, again where that is the right answer and time is left.

        Args:
            site: the registry.
            request: to it, or to where it leads.
            deadline: when to give up.
            role: what another host is, for messages.
        """
        loop = asyncio.get_running_loop()
        host = urlsplit(request.url).netloc
        tries = 0
        while True:
            await self._hold(host, deadline)
            try:
                answer = await exchange(site.session, request, self._env)
            except (RegistryUnreachable, RegistryProtocolError) as error:
                if host != site.netloc and " leads to " not in error.message:
                    # Who reads this has written the registry's name, and not that one.
                    does = "names" if role.startswith("the token") else "leads"
                    error.message = f"{error.message} ({role} {site.netloc} {does})"
                    if error.hint in _ABOUT_NAMES:
                        error.hint = f"is {site.netloc} set up right? it says so to every client"
                elif host == _HUB and error.hint in _ABOUT_NAMES:
                    error.message = f"{error.message} (Docker Hub)"
                    error.hint = "is there a way to the Internet, DNS and proxy included?"
                raise
            if host == site.netloc:
                site.answers()
            wait = backoff.pause(
                answer.status,
                answer.retry_after,
                tries,
                now=datetime.now(UTC),
                chance=random.random(),  # noqa: S311 - no secret
            )
            if answer.status == 429 and wait is not None:
                self._quiet[host] = max(self._quiet.get(host, 0.0), loop.time() + wait)
            if wait is None or loop.time() + wait >= deadline:
                return answer
            tries += 1
            await asyncio.sleep(wait)

    async def _hold(self, host: str, deadline: float) -> None:
        """Leave a host alone as long as it has asked for."""
        loop = asyncio.get_running_loop()
        while (until := self._quiet.get(host, 0.0)) > (now := loop.time()):
            if until >= deadline:
                raise RegistryBusy(
                    f"{host} takes no more requests for now",
                    hint=f"try again in {until - now:.0f} seconds",
                )
            await asyncio.sleep(until - now)
