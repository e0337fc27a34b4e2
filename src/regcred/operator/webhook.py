"""The admission webhook, for API servers that have no admission policies of their own.

Every replica answers, from what it watches and never by a request. It adds and never refuses; what
it cannot decide it says so, and then the webhook's failure policy decides: by ``Ignore`` the object
is let in as it is, and the operator puts the ServiceAccount right a moment later.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self

from aiohttp.web_response import Response

from regcred.core import fields
from regcred.core.errors import InvalidInput, RegcredError
from regcred.core.operator import admission
from regcred.kube.resources import SELFSUBJECTREVIEWS
from regcred.operator import oplog
from regcred.operator.bodies import Bodies
from regcred.operator.bounded import Bounded, Bounds, response
from regcred.operator.identity import Identity
from regcred.operator.seldom import Seldom
from regcred.operator.web import CannotListen, joined, listening, parsed, why

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from aiohttp.web_request import BaseRequest

    from regcred.kube.client import Client
    from regcred.operator.world import World

    #: Told the resource, what became of it, and how many seconds that took.
    Reviewed = Callable[[str, str, float], None]

#: As much as etcd takes of one object, https://etcd.io/docs/v3.6/dev-guide/limit/. Only when a
#: ServiceAccount is updated there are two in a review; what is large in these are annotations, of
#: which an API server takes 256 KiB.
_LARGEST = 3 << 19
#: Most reviews are a tenth of that: as many as there are connections are nothing to worry about.
_SMALL = 128 << 10
#: Of what has come of larger ones, together: fifty of 160 KiB at a time, or five of the largest.
_MOST = 8 << 20
#: An API server waits 2 s by default. It asks by HTTP/1.1, so each connection has one review at a
#: time, and keeps 25 that are idle, for 90 s: it is to be the one that ends them.
_BOUNDS = Bounds(connections=128, seconds=3.0, idle=120.0)
_RETRY_SECONDS = 2.0
_FLAG = "--webhook-address"
_STOP_SECONDS = 2.0
#: A namespace may be newer than our view of it by so much.
_PATIENCE = 0.5


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What can be set.

    Args:
        address: ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` for all addresses.
        service: the Service, in the operator's namespace, by which it is called.
        configuration: the MutatingWebhookConfiguration that is told which certificate to trust;
            empty for none.
        folder: where ``tls.crt`` and ``tls.key`` are; None to make a certificate.
    """

    address: str
    service: str
    configuration: str
    folder: Path | None = None

    def names(self, namespace: str) -> list[str]:
        """What the server is called by; outside a cluster also by the address it listens on."""
        host = parsed(self.address, _FLAG)[0]
        service = f"{self.service}.{namespace}.svc"
        return [service, f"{service}.cluster.local", *([host] if host else [])]


class Webhook:
    """A server of ``/mutate`` by TLS; an async context manager that listens within.

    Args:
        settings: see `WebhookSettings`.
        namespace: the operator's own.
        world: what is watched.
        reviewed: told of each answer.

    Raises:
        UsageError: the address cannot be meant like this.
        CannotListen: from entering it.
        RegcredError: from entering it: the certificate cannot be read.
    """

    def __init__(
        self, settings: WebhookSettings, namespace: str, world: World, reviewed: Reviewed
    ) -> None:
        self._settings, self._world, self._reviewed = settings, world, reviewed
        self._where = parsed(settings.address, _FLAG)
        self._names = settings.names(namespace)
        self._server = Bounded(self._answer, _BOUNDS)
        self._socket: socket.socket | None = None
        self._identity: Identity | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._bodies = Bodies(_MOST)
        self.user: str | None = None
        """The operator's own, whose ServiceAccounts are let in as they are; None: not known yet."""
        self.address = ""
        """Where it listens."""

    @property
    def is_known(self) -> bool:
        """Whether the API server has been told whom to trust, and all is there for an answer."""
        identity = self._identity
        return self.user is not None and identity is not None and identity.is_known

    @property
    def expires(self) -> datetime | None:
        """When the certificate that it shows does; None before there is one."""
        return self._identity.expires if self._identity else None

    async def __aenter__(self) -> Self:
        host, port = self._where
        try:
            self._socket = await listening(host, port)
        except (OSError, UnicodeError) as error:
            raise CannotListen(
                f"cannot listen on {joined(host, port)}: {why(error)}",
                hint="choose another with --webhook-address",
            ) from None
        self.address = joined(*self._socket.getsockname()[:2])
        # In a cluster the Pod's name; elsewhere no two listen on one address.
        owner = f"{socket.gethostname()} {self.address}"
        settings = self._settings
        try:
            self._identity = Identity(
                self._names, owner, configuration=settings.configuration, folder=settings.folder
            )
        except BaseException:
            self._socket.close()
            raise
        identity = self._identity
        accepting = self._server.accept(self._socket, lambda: identity.context)
        self._accepting = asyncio.create_task(accepting)
        oplog.say("info", "WebhookListening", f"reviewing on {self.address}", address=self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._accepting is None or self._socket is None:
            return
        self._accepting.cancel()
        with suppress(asyncio.CancelledError):
            await self._accepting
        self._socket.close()
        await self._server.stop(_STOP_SECONDS)

    async def run(self, client: Client) -> NoReturn:
        """Keep the certificate fresh, and the API server told of it, until cancelled.

        Args:
            client: without a fence: a standby answers as well.
        """
        assert self._identity is not None  # noqa: S101 - within
        trouble = Seldom("WebhookTrouble")
        while self.user is None:
            try:
                self.user = await _own_user(client)
            except RegcredError as error:
                trouble.say(error)
                await asyncio.sleep(_RETRY_SECONDS)
        await self._identity.run(client)

    async def _answer(self, request: BaseRequest) -> Response:
        if request.path != "/mutate" or request.method != "POST":
            return response(404, "not found\n")
        begun = time.perf_counter()
        size = request.content_length
        if size is None:
            return self._refuse(411, "no length\n", "other", "bad", begun)
        if size > _LARGEST:
            return self._refuse(413, "too large\n", "other", "bad", begun)
        try:
            question = await self._question(request, size)
        except InvalidInput as error:
            return self._refuse(400, f"{error.message}\n", "other", "bad", begun)
        except Exception:  # noqa: BLE001 - aiohttp's, and the connection's: who sends it has left
            return self._refuse(400, "bad request\n", "other", "bad", begun)
        resource = question.resource or "other"
        patch = await self._decide(question)
        if patch is None:
            return self._refuse(503, "not in view yet\n", resource, "undecided", begun)
        headers = {"Content-Type": "application/json", "Server": "regcred"}
        answer = Response(body=admission.answer(question, patch), headers=headers)
        if self._server.stopping:
            answer.force_close()
        seconds = time.perf_counter() - begun
        self._reviewed(resource, "patched" if patch else "allowed", seconds)
        return answer

    async def _question(self, request: BaseRequest, size: int) -> admission.Question:
        read = partial(admission.read, secret=self._world.secret)
        if size <= _SMALL:
            return read(await request.content.read())
        return await self._bodies.read(request, read)

    def _refuse(
        self, status: int, said: str, resource: str, outcome: str, begun: float
    ) -> Response:
        self._reviewed(resource, outcome, time.perf_counter() - begun)
        return response(status, said)

    async def _decide(self, question: admission.Question) -> list[dict[str, object]] | None:
        """The patch; None where it is not known whether the object is meant."""
        world = self._world
        if self.user is None or not (
            world.namespaces.is_synced and world.pullcredentials.is_synced
        ):
            return None
        labels = world.labels_if_known(question.namespace)
        patch = self._patch(question, labels, self.user)
        if patch is None:
            labels = await world.labels_soon(question.namespace, _PATIENCE)
            patch = self._patch(question, labels, self.user)
        return patch

    def _patch(
        self, question: admission.Question, labels: dict[str, str] | None, own: str
    ) -> list[dict[str, object]] | None:
        there = (seen.object for seen in self._world.pullcredentials.view.values())
        return admission.decide(question, there, labels, own)


async def _own_user(client: Client) -> str:
    """What the API server calls us; everybody may ask.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review

    Raises:
        RegcredError: it does not say.
    """
    reviews = SELFSUBJECTREVIEWS
    body = {"apiVersion": reviews.api_version, "kind": reviews.kind}
    doing = "ask what the operator's user is called"
    told = await client.request("POST", reviews.path(), body=body, doing=doing)
    user = fields.mapping(fields.mapping(told.get("status")).get("userInfo"))
    return fields.text(user.get("username"))
