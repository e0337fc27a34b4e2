"""Whom the webhook shows itself as, and that the API server knows it.

The certificate is made here, renewed, and written into the ``caBundle`` of one
MutatingWebhookConfiguration, beside those of the other replicas; or it is somebody else's
(cert-manager's) affair, and read from a folder again when it has changed. Then nobody but the
operator sees that it was not renewed in time, so it says so.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.core import fields, jsonpatch
from regcred.core.errors import InvalidInput, RegcredError
from regcred.kube import guarded
from regcred.kube.resources import WEBHOOKS
from regcred.operator import certificates, oplog
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regcred.kube.client import Client
    from regcred.operator.certificates import Certificate

_LOOK_SECONDS = 30.0
_RETRY_SECONDS = 2.0
#: An API server uses what stands in the configuration within that.
_SPREAD_SECONDS = 2.0
#: Of the lifetime of somebody else's: by then it should have been renewed. cert-manager does that
#: when a third is left, https://cert-manager.io/docs/usage/certificate/#issuance-triggers.
_LATE = 0.1
_TIME = "%Y-%m-%d %H:%M UTC"
_WRITER = "cert-manager writes them: kubectl get certificate -A"


class Identity:
    """A certificate that is shown.

    Args:
        names: of the server, as the API server calls it.
        owner: this replica, unlike any other.
        configuration: the name of the MutatingWebhookConfiguration to be known to; empty for none.
        folder: where ``tls.crt`` and ``tls.key`` are; None to make a certificate.

    Attributes:
        context: for a new connection.
        expires: when the certificate does.

    Raises:
        RegcredError: what is in the folder is no certificate.
    """

    def __init__(
        self, names: Sequence[str], owner: str, *, configuration: str, folder: Path | None
    ) -> None:
        self._names, self._owner = names, owner
        self._configuration, self._folder = configuration, folder
        self._read = b""
        self._trouble = Seldom("WebhookTrouble")
        self._late: datetime | None = None
        self._is_told = False
        self._serving: Certificate | None = None
        if folder is None:
            self._show(certificates.make(names, owner, datetime.now(UTC)))
        else:
            self._load(folder)

    @property
    def is_known(self) -> bool:
        """Whether the API server has been told whom to trust, and may do so still."""
        return self._is_told and datetime.now(UTC) < self.expires

    async def run(self, client: Client) -> NoReturn:
        """Keep it fresh and known, until cancelled."""
        while True:
            pause = _LOOK_SECONDS
            try:
                await self.keep(client, datetime.now(UTC))
            except RegcredError as error:
                self._trouble.say(error)
                pause = _RETRY_SECONDS
            await asyncio.sleep(pause)

    async def keep(self, client: Client, now: datetime) -> None:
        """Look once whether something is to be done, and do it.

        Raises:
            RegcredError: it cannot be done now.
        """
        if self._folder is not None:
            self._load(self._folder)
            self._look_at_its_end(self._folder, now)
            self._is_told = True
        else:
            await self._keep_own(client, now)

    async def _keep_own(self, client: Client, now: datetime) -> None:
        assert self._serving is not None  # noqa: S101 - see __init__
        if self._serving.expires <= now:
            # As after the sleep of a machine: nobody takes it, so there is nothing to wait for.
            self._is_told = False
            self._renew(certificates.make(self._names, self._owner, now))
        if self._serving.renew > now:
            await self._publish(client, [self._serving], now)
            return
        # Known first, shown after: whoever calls in between meets the one that they know.
        coming = certificates.make(self._names, self._owner, now)
        await self._publish(client, [self._serving, coming], now)
        self._renew(coming)

    def _renew(self, certificate: Certificate) -> None:
        self._show(certificate)
        oplog.say("info", "CertificateRenewed", "of the webhook")

    def _show(self, certificate: Certificate) -> None:
        self.context = certificates.context(certificate.pem, certificate.key)
        self.expires = certificate.expires
        self._serving = certificate

    def _load(self, folder: Path) -> None:
        try:
            pem, key = ((folder / name).read_bytes() for name in ("tls.crt", "tls.key"))
            if pem + key == self._read:
                return
            context, good = certificates.context(pem, key), certificates.validity(pem)
        except (ssl.SSLError, ValueError):
            raise _unusable(folder, "they are no certificate with its key") from None
        except OSError as error:
            raise _unusable(folder, error.strerror) from None
        if self._read:
            oplog.say("info", "CertificateRenewed", "of the webhook, by the files")
        self.context, self._read = context, pem + key
        self._begins, self.expires = good

    def _look_at_its_end(self, folder: Path, now: datetime) -> None:
        """Say that nobody has renewed the certificate in time.

        Raises:
            RegcredError: it has expired.
        """
        if self.expires <= now:
            raise RegcredError(
                f"tls.crt in {folder} expired at {self.expires:{_TIME}}, and the API server takes "
                "no answer of the webhook",
                hint=_WRITER,
            )
        late = self.expires - now < (self.expires - self._begins) * _LATE
        if late and self._late != self.expires:
            self._late = self.expires
            said = f"tls.crt in {folder} expires at {self.expires:{_TIME}}, and is not renewed"
            oplog.say("warning", "WebhookTrouble", f"{said}; {_WRITER}")

    async def _publish(self, client: Client, own: list[Certificate], now: datetime) -> None:
        """Have certificates in the bundle of each webhook of our configuration."""
        assert self._serving is not None  # noqa: S101 - see __init__
        attempt = 0
        while self._configuration:
            found = await client.get(WEBHOOKS, self._configuration)
            bundles = [_bundle(webhook) for webhook in fields.entries(found.get("webhooks"))]
            # As it is seen, whatever comes of the patch; who sees nothing knows nothing new.
            self._is_told = all(certificates.holds(each, self._serving.pem) for each in bundles)
            patch = _additions(bundles, [each.pem for each in own], now)
            if not patch:
                return
            changes = [*jsonpatch.guard(found), *patch]
            if await guarded.patch(client, WEBHOOKS, found, changes, dry_run=False) is not None:
                said = "the API server is told which certificate to trust"
                oplog.say("info", "CertificatePublished", said)
                await asyncio.sleep(_SPREAD_SECONDS)
                break
            await guarded.pause(attempt)  # Another replica was faster.
            attempt += 1
        self._is_told = True


def _unusable(folder: Path, why: str | None) -> InvalidInput:
    return InvalidInput(f"cannot use tls.crt and tls.key in {folder}: {why}", hint=_WRITER)


def _bundle(webhook: dict[str, Any]) -> bytes:
    there = fields.text(fields.mapping(webhook.get("clientConfig")).get("caBundle"))
    try:
        return base64.b64decode(there)
    except ValueError:
        return b""


def _additions(bundles: list[bytes], own: list[bytes], now: datetime) -> jsonpatch.Patch:
    patch: jsonpatch.Patch = []
    for i, bundle in enumerate(bundles):
        wanted = certificates.merged(bundle, own, now)
        if wanted != bundle:
            value = base64.b64encode(wanted).decode()
            path = jsonpatch.pointer("webhooks", str(i), "clientConfig", "caBundle")
            patch.append({"op": "add", "path": path, "value": value})
    return patch
