"""Microsoft Entra ID's token endpoint, and the metadata service of a machine in Azure.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/certificate-credentials
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.providers import oidc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from cryptography import x509

REGISTRIES = "https://containerregistry.azure.net"
LIFETIME = timedelta(hours=1)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """The answer is no.

    Args:
        code: of Entra.
        words: for a person.
        error: of OAuth.
        status: of HTTP.
    """

    def __init__(
        self, code: int, words: str, error: str = "invalid_request", status: int = 400
    ) -> None:
        super().__init__(words)
        self.code, self.words, self.error, self.status = code, words, error, status


@dataclass
class Application:
    """One that is registered in a tenant.

    Args:
        secrets: client secret → when it ends; None for never.
        certificates: any of which may sign for it.
        federations: (issuer, subject, audience) of tokens that do.
        disabled: whether it may do nothing.
    """

    secrets: dict[str, datetime | None] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)
    federations: list[tuple[str, str, str]] = field(default_factory=list)
    disabled: bool = False


class Entra:
    """One tenant, and the metadata service of a machine of its.

    Args:
        tenant: its ID.
        now: the time of day.

    Attributes:
        applications: client ID → what it is.
        identities: client IDs of the managed identities of the machine; the first is used where
            none is named.
        app: to serve as any of the login hosts.
        metadata: to serve as the metadata service.
    """

    def __init__(self, tenant: str, now: Callable[[], datetime]) -> None:
        self.tenant, self._now = tenant, now
        self._key = oidc.a_key("entra")
        self.applications: dict[str, Application] = {}
        self.identities: list[str] = []
        self.app = web.Application()
        self.app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        self.metadata = web.Application()
        self.metadata.router.add_get("/metadata/identity/oauth2/token", self._metadata)

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of an access token for registries.

        Raises:
            BadToken: it is none of this tenant's, or not for registries, or over.
        """
        claims = oidc.verify(token, self._key.public_key())
        if claims["aud"] != REGISTRIES or claims["exp"] <= self._now().timestamp():
            raise oidc.BadToken("it is not for registries, or over")
        return claims

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        try:
            client = await self._client(request, form)
            if form.get("scope") != f"{REGISTRIES}/.default":
                raise Refused(500011, "The resource principal was not found in the tenant")
        except Refused as refused:
            return web.json_response(_error(refused), status=refused.status)
        seconds = int(LIFETIME.total_seconds())
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": seconds - 1,
                "ext_expires_in": seconds - 1,
                "access_token": self._sign(client),
            }
        )

    async def _client(self, request: web.Request, form: Mapping[str, str]) -> str:
        """Who asks.

        Raises:
            Refused: nobody may ask like this.
        """
        tenant, client = request.match_info["tenant"], form.get("client_id", "")
        if tenant != self.tenant:
            raise Refused(90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            raise Refused(70003, "The app requested an unsupported grant type")
        found = self.applications.get(client)
        if found is None:
            raise Refused(
                700016,
                f"Application with identifier '{client}' was not found in the directory",
                "unauthorized_client",
            )
        if "client_secret" in form:
            self._secret(found, form["client_secret"])
        elif form.get("client_assertion_type") == _ASSERTION:
            await self._assertion(found, client, form.get("client_assertion", ""), str(request.url))
        else:
            raise Refused(7000218, "'client_assertion' or 'client_secret' is needed")
        if found.disabled:
            raise Refused(7000112, f"Application '{client}' is disabled.", "unauthorized_client")
        return client

    def _secret(self, found: Application, secret: str) -> None:
        if secret not in found.secrets:
            raise Refused(7000215, "Invalid client secret provided.", "invalid_client", 401)
        ends = found.secrets[secret]
        if ends is not None and ends <= self._now():
            raise Refused(
                7000222, "The provided client secret keys are expired.", "invalid_client", 401
            )

    async def _assertion(self, found: Application, client: str, token: str, url: str) -> None:
        try:
            claims = oidc.payload(token)
            header = oidc.header(token)
        except oidc.BadToken as error:
            raise Refused(50027, f"Invalid JWT token: {error}", "invalid_client") from None
        if claims.get("iss") == client:
            return self._certificate(found, client, token, header, claims, url)
        fits = [
            audience
            for issuer, subject, audience in found.federations
            if issuer == claims.get("iss") and subject == claims.get("sub")
        ]
        if not fits:
            raise Refused(
                700213,
                "No matching federated identity record found for presented assertion subject "
                f"'{claims.get('sub')}'.",
                "invalid_client",
                401,
            )
        if fits[0] not in claims.get("aud", []):
            raise Refused(
                700212,
                "No matching federated identity record found for presented assertion audience.",
                "invalid_client",
                401,
            )
        try:
            await oidc.federated(token, str(claims["iss"]), fits[0], self._now())
        except (oidc.BadToken, aiohttp.ClientError):
            raise Refused(
                700024, "Client assertion is not within its valid time range.", "invalid_client"
            ) from None
        return None

    def _certificate(
        self,
        found: Application,
        client: str,
        token: str,
        header: Mapping[str, Any],
        claims: Mapping[str, Any],
        url: str,
    ) -> None:
        """Check what a certificate's key has signed."""
        if claims.get("sub") != client or claims.get("aud") != url or not claims.get("jti"):
            raise Refused(50027, "Invalid JWT token.", "invalid_client")
        now = self._now().timestamp()
        if not claims.get("nbf", 0) <= now + 1 or not now < claims.get("exp", 0):
            raise Refused(
                700024, "Client assertion is not within its valid time range.", "invalid_client"
            )
        shown = str(header.get("x5t#S256", "")).rstrip("=")
        for certificate in found.certificates:
            key = certificate.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256()))
            signed, _, signature = token.rpartition(".")
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            if thumbprint.decode().rstrip("=") != shown or header.get("alg") != "PS256":
                continue
            try:
                key.verify(
                    oidc.decode(signature.rstrip("=")), signed.encode(), scheme, hashes.SHA256()
                )
            except InvalidSignature:
                continue
            return
        raise Refused(
            700027,
            "The certificate used to sign the client assertion is not registered on application.",
            "invalid_client",
            401,
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata") != "true" or "api-version" not in request.query:
            said = {"error": "bad_request_102", "error_description": "Required metadata header"}
            return web.json_response(said, status=400)
        wanted = request.query.get("client_id") or (self.identities or [""])[0]
        if wanted not in self.identities or request.query.get("resource") != REGISTRIES:
            said = {"error": "invalid_request", "error_description": "Identity not found"}
            return web.json_response(said, status=400)
        ends = int((self._now() + LIFETIME).timestamp())
        return web.json_response(
            {
                "access_token": self._sign(wanted),
                "client_id": wanted,
                "expires_in": str(int(LIFETIME.total_seconds())),
                "expires_on": str(ends),
                "not_before": str(int(self._now().timestamp())),
                "resource": REGISTRIES,
                "token_type": "Bearer",
            }
        )

    def _sign(self, client: str) -> str:
        now = int(self._now().timestamp())
        claims = {
            "aud": REGISTRIES,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "appid": client,
            "tid": self.tenant,
        }
        return oidc.sign(claims, self._key)


def _error(refused: Refused) -> dict[str, Any]:
    """An answer as Entra gives it."""
    trace, correlation = secrets.token_hex(16), secrets.token_hex(16)
    return {
        "error": refused.error,
        "error_description": f"AADSTS{refused.code}: {refused.words} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: 2026-01-09 02:02:12Z",
        "error_codes": [refused.code],
        "timestamp": "2026-01-09 02:02:12Z",
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refused.code}",
    }
