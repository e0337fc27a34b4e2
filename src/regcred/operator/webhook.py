"""The admission webhook, for API servers that have no admission policies of their own.

Every replica answers, from what it watches and never by a request. It adds and never refuses: what
cannot be decided is let in as it is, and the operator puts the ServiceAccount right a moment later.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, Self

from aiohttp.web_response import Response
from aiohttp.web_server import Server

from regcred.core import admission, fields
from regcred.core.errors import InvalidInput, RegcredError
from regcred.kube.resources import WEBHOOKS
from regcred.operator import certificates, oplog
from regcred.operator.seldom import Seldom
from regcred.operator.web import CannotListen, joined, listening, parsed, why

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aiohttp.web_request import BaseRequest

    from regcred.kube.client import Client
    from regcred.operator.certificates import Certificate
    from regcred.operator.world import World

#: The API server takes objects of 3 MiB, and wraps them up.
_LARGEST = 8 << 20
#: A namespace may be newer than our view of it by so much.
_PATIENCE = 0.5
_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 2.0
#: An API server uses what stands in the configuration about a second later.
_SPREAD_SECONDS = 5.0


class Webhook:
    """A server of ``/mutate`` by TLS; an async context manager that listens within.

    Args:
        address: as for `regcred.operator.web.Web`.
        world: what is watched.
        names: of the Service, as the API server calls it.
        owner: this replica.
        configuration: the name of the MutatingWebhookConfiguration to be known to; empty where
            somebody else (cert-manager) sees to that.
        folder: where ``tls.crt`` and ``tls.key`` are; None to make a certificate.
    """

    def __init__(
        self,
        address: str,
        world: World,
        *,
        names: Sequence[str],
        owner: str,
        configuration: str = "",
        folder: Path | None = None,
    ) -> None:
        self._where, self._world = parsed(address), world
        self._names, self._owner = names, owner
        self._configuration, self._folder = configuration, folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._certificate: Certificate | None = None
        self._server = Server(self._answer, access_log=None, client_max_size=_LARGEST)
        self._listener: asyncio.Server | None = None
        self._trouble = Seldom("WebhookTrouble")
        self.address = ""
        """Where it listens."""
        self.is_known = False
        """Whether the API server has been told whom to trust."""

    async def __aenter__(self) -> Self:
        self._load()
        host, port = self._where
        try:
            sock = await listening(host, port)
            self._listener = await asyncio.get_running_loop().create_server(
                self._server, sock=sock, ssl=self._context
            )
        except (OSError, UnicodeError) as error:
            raise CannotListen(
                f"cannot listen on {joined(host, port)}: {why(error)}",
                hint="choose another with --webhook-address",
            ) from None
        self.address = joined(*self._listener.sockets[0].getsockname()[:2])
        oplog.say("info", "WebhookListening", f"on {self.address}", address=self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._server.shutdown(1.0)

    async def run(self, client: Client) -> NoReturn:
        """Keep the certificate fresh, and the API server told of it, until cancelled."""
        while True:
            pause = _LOOK_SECONDS
            try:
                await self._keep(client)
            except RegcredError as error:
                self._trouble.say(error)
                pause = _RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _keep(self, client: Client) -> None:
        if self._folder is not None:
            self._load()
            self.is_known = True
            return
        now = datetime.now(UTC)
        serving = self._certificate
        if serving is None or serving.renew <= now:
            # Known first, shown after: whoever calls in between meets the one that they know.
            serving = certificates.make(self._names, self._owner, now)
            await self._publish(client, serving, now)
            await asyncio.sleep(_SPREAD_SECONDS)
            certificates.load(self._context, serving.pem, serving.key)
            self._certificate = serving
            oplog.say("info", "CertificateRenewed", "of the webhook")
        await self._publish(client, serving, now)
        self.is_known = True

    def _load(self) -> None:
        """Have a certificate to show.

        Raises:
            RegcredError: the files are none.
        """
        if self._folder is None:
            made = certificates.make(self._names, self._owner, datetime.now(UTC))
            certificates.load(self._context, made.pem, made.key)
            self._certificate = made
            return
        try:
            pem = (self._folder / "tls.crt").read_bytes()
            key = (self._folder / "tls.key").read_bytes()
            certificates.load(self._context, pem, key)
        except (OSError, ssl.SSLError) as error:
            said = getattr(error, "strerror", None) or "it is no certificate with its key"
            raise RegcredError(
                f"cannot use tls.crt and tls.key in {self._folder}: {said}",
                hint="cert-manager writes them: kubectl get certificate -A",
            ) from None

    async def _publish(self, client: Client, certificate: Certificate, now: datetime) -> None:
        """Put our certificate into the bundle of each webhook of our configuration."""
        if not self._configuration:
            return
        found = await client.get(WEBHOOKS, self._configuration)
        patch: list[dict[str, Any]] = []
        for i, webhook in enumerate(fields.entries(found.get("webhooks"))):
            there = fields.text(fields.mapping(webhook.get("clientConfig")).get("caBundle"))
            bundle = b""
            with contextlib.suppress(ValueError):
                bundle = base64.b64decode(there)
            wanted = certificates.merged(bundle, certificate.pem, now)
            if wanted != bundle:
                value = base64.b64encode(wanted).decode()
                path = f"/webhooks/{i}/clientConfig/caBundle"
                patch.append({"op": "add", "path": path, "value": value})
        if patch:
            version = found["metadata"]["resourceVersion"]
            guard = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
            await client.json_patch(WEBHOOKS, self._configuration, None, [guard, *patch])
            said = "the API server is told which certificate to trust"
            oplog.say("info", "CertificatePublished", said)

    async def _answer(self, request: BaseRequest) -> Response:
        if request.path != "/mutate" or request.method != "POST":
            return Response(status=404, text="not found\n")
        try:
            question = admission.read(await request.read())
        except InvalidInput as error:
            return Response(status=400, text=f"{error.message}\n")
        patch = await self._decide(question) if question.resource else []
        return Response(
            body=admission.answer(question, patch), headers={"Content-Type": "application/json"}
        )

    async def _decide(self, question: admission.Question) -> list[dict[str, Any]]:
        found = [seen.object for seen in self._world.pullcredentials.view.values()]
        labels = self._world.labels_if_known(question.namespace)
        if labels is None and admission.needs_labels(found):
            labels = await self._world.labels_soon(question.namespace, _PATIENCE)
            if labels is None:
                return []  # By its labels it may be meant or not: the operator will know.
        return admission.decide(question, found, labels or {}, self._world.secret)
