"""Google: OAuth's token endpoint, STS, the IAM Credentials API, and a metadata server.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.providers.oidc import BadToken, federated, header, subject, verify

if TYPE_CHECKING:
    from collections.abc import Callable

OAUTH, STS, IAM = "oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com"
HOSTS = (OAUTH, STS, IAM)
PROVIDER = "projects/123456789/locations/global/workloadIdentityPools/clusters/providers/production"
#: The ServiceAccount that the provider's attribute condition lets in.
SERVICE_ACCOUNT = "puller"
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_IAM_SCOPES = {PLATFORM, "https://www.googleapis.com/auth/iam"}
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_JWT = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
_SKEW = timedelta(minutes=5)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Granted:
    """What an access token is good for."""

    principal: str
    scopes: frozenset[str]
    ends: datetime


@dataclass
class Account:
    """A service account.

    Args:
        email: its name.
        creators: the principals that may have tokens of it.
        keys: those that it has, by id.
    """

    email: str
    creators: set[str] = field(default_factory=set)
    keys: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)

    def key_file(self, token_uri: str = f"https://{OAUTH}/token") -> dict[str, str]:
        """A new key, as the console and gcloud write it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = secrets.token_hex(20)
        self.keys[name] = key.public_key()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": self.email.partition("@")[2].partition(".")[0],
            "private_key_id": name,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": "103456789012345678901",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }


class _Refusal(Exception):
    """What is answered in place of a token."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def oauth_error(code: str, description: str, status: int = 400) -> _Refusal:
    """As RFC 6749 has it."""
    return _Refusal(status, {"error": code, "error_description": description})


def api_error(code: int, status: str, message: str, reason: str = "") -> _Refusal:
    """As Google's APIs have it; `reason` is that of google.rpc.ErrorInfo."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return _Refusal(code, {"error": error})


class Google:
    """The three services under one application, to be served under `HOSTS`.

    Args:
        now: the time of day.
        issuer: whose ServiceAccounts' tokens the pool's provider takes.

    Attributes:
        app: to serve.
        accounts: the service accounts, by e-mail address.
        tokens: those that were given → what they are good for.
        lifetime: of tokens, where nobody asks for less.
        audience: that the provider takes in place of its own name.
    """

    def __init__(self, now: Callable[[], datetime], issuer: str = "") -> None:
        self._now, self._issuer = now, issuer
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Granted] = {}
        self.lifetime = _HOUR - timedelta(seconds=1)
        self.audience = ""
        self.app = web.Application()
        self.app.router.add_post("/token", _answering(self._jwt_bearer))
        self.app.router.add_post("/v1/token", _answering(self._exchange))
        path = "/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        self.app.router.add_post(path, _answering(self._generate))

    def account(self, name: str, *creators: str) -> Account:
        """A new service account."""
        made = Account(f"{name}@images.iam.gserviceaccount.com", set(creators))
        self.accounts[made.email] = made
        return made

    @staticmethod
    def federated(account: str) -> str:
        """What a ServiceAccount of the cluster is called in Google's policies."""
        pool = PROVIDER.partition("/providers/")[0]
        return f"principal://iam.googleapis.com/{pool}/subject/{subject(account)}"

    def grant(self, principal: str, scopes: set[str], lasts: timedelta | None = None) -> str:
        """A token, as it is."""
        token = f"ya29.c.{secrets.token_urlsafe(96)}"
        ends = self._now() + (self.lifetime if lasts is None else lasts)
        self.tokens[token] = Granted(principal, frozenset(scopes), ends)
        return token

    async def _jwt_bearer(self, request: web.Request) -> dict[str, Any]:
        form = await request.post()
        if form.get("grant_type") != _BEARER:
            raise oauth_error("unsupported_grant_type", f"Invalid grant_type: {form}")
        claims = self._asserted(str(form.get("assertion", "")))
        scopes = set(str(claims.get("scope", "")).split())
        if not scopes:
            raise oauth_error("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = self.grant(claims["iss"], scopes)
        lasts = int(self.lifetime.total_seconds())
        return {"access_token": token, "expires_in": lasts, "token_type": "Bearer"}

    def _asserted(self, token: str) -> dict[str, Any]:
        """The claims of a JWT that a service account signed."""
        try:
            kid = header(token).get("kid", "")
            found = [each for each in self.accounts.values() if kid in each.keys]
            if not found:
                raise BadToken("no such key")
            claims = verify(token, found[0].keys[kid])
        except BadToken:
            raise oauth_error("invalid_grant", "Invalid JWT Signature.") from None
        if claims.get("iss") != found[0].email:
            raise oauth_error("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") != f"https://{OAUTH}/token":
            raise oauth_error("invalid_grant", "Invalid JWT: Failed audience check.")
        now, lasts = self._now().timestamp(), claims["exp"] - claims["iat"]
        early = claims["iat"] - now > _SKEW.total_seconds()
        if early or claims["exp"] <= now or not 0 < lasts <= _HOUR.total_seconds():
            raise oauth_error(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )
        return claims

    async def _exchange(self, request: web.Request) -> dict[str, Any]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if "Authorization" in request.headers or form.get("grant_type") != _EXCHANGE:
            raise oauth_error("invalid_request", "The request is not a token exchange.")
        for name in ("subject_token", "subject_token_type", "requested_token_type", "scope"):
            if not form.get(name):
                raise oauth_error("invalid_request", f"Missing required parameter: {name}")
        if form["requested_token_type"] != _ACCESS_TOKEN or form["subject_token_type"] not in _JWT:
            raise oauth_error("invalid_request", "Unsupported token type.")
        audience = form.get("audience", "")
        if not audience.startswith("//iam.googleapis.com/projects/"):
            raise oauth_error("invalid_request", 'Invalid value for "audience".')
        if audience != f"//iam.googleapis.com/{PROVIDER}":
            raise oauth_error(
                "invalid_target",
                'The target service indicated by the "audience" parameters is invalid. This might '
                "either be because the pool or provider is disabled or deleted or because it "
                "doesn't exist.",
            )
        account = await self._subject(form["subject_token"], self.audience or f"https:{audience}")
        token = self.grant(self.federated(account), set(form["scope"].split()))
        return {
            "access_token": token,
            "issued_token_type": _ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": int(self.lifetime.total_seconds()),
        }

    async def _subject(self, token: str, audience: str) -> str:
        """The ServiceAccount whose token it is."""
        try:
            claims = await federated(token, self._issuer, audience, self._now())
        except BadToken as error:
            said = {"its audience is another": "The audience in ID Token does not match"}
            raise oauth_error("invalid_grant", said.get(str(error), str(error))) from None
        if claims["sub"] != subject(SERVICE_ACCOUNT):
            raise oauth_error(
                "unauthorized_client",
                "The given credential is rejected by the attribute condition.",
                401,
            )
        return SERVICE_ACCOUNT

    async def _generate(self, request: web.Request) -> dict[str, Any]:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        granted = self.tokens.get(token)
        if kind != "Bearer" or granted is None or granted.ends <= self._now():
            message = "Request had invalid authentication credentials."
            raise api_error(401, "UNAUTHENTICATED", message)
        if not granted.scopes & _IAM_SCOPES:
            message = "Request had insufficient authentication scopes."
            raise api_error(403, "PERMISSION_DENIED", message, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
        email = request.match_info["email"]
        account = self.accounts.get(email)
        if account is None:
            raise api_error(404, "NOT_FOUND", f"Not found; Gaia id not found for email {email}")
        if granted.principal not in account.creators:
            raise api_error(
                403,
                "PERMISSION_DENIED",
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not "
                "exist).",
                "IAM_PERMISSION_DENIED",
            )
        body = json.loads(await request.read())
        lasts = timedelta(seconds=int(body.get("lifetime", "3600s").removesuffix("s")))
        if not body.get("scope") or lasts > _HOUR:
            raise api_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        token = self.grant(email, set(body["scope"]), lasts)
        return {"accessToken": token, "expireTime": f"{self.tokens[token].ends:%Y-%m-%dT%H:%M:%SZ}"}


class Metadata:
    """A metadata server, of Compute Engine or GKE.

    Args:
        google: whose tokens it hands out.
        principal: the account of the instance, or what GKE makes of the ServiceAccount.
        scopes: of the instance.

    Attributes:
        app: to serve.
        narrows: whether it gives a token for less to who asks for that; Compute Engine's does not.
    """

    def __init__(self, google: Google, principal: str, *scopes: str) -> None:
        self.narrows = False
        self._google, self._principal, self._scopes = google, principal, set(scopes or (PLATFORM,))
        self.app = web.Application()
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        self.app.router.add_get(path, self._token)

    async def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text="Missing required header: Metadata-Flavor")
        asked = request.query.get("scopes", "")
        scopes = set(asked.split(",")) if asked and self.narrows else self._scopes
        token = self._google.grant(self._principal, scopes)
        lasts = int(self._google.lifetime.total_seconds())
        found = {"access_token": token, "expires_in": lasts, "token_type": "Bearer"}
        return web.json_response(found, headers={"Metadata-Flavor": "Google"})


def external_account(**changes: Any) -> dict[str, Any]:
    """As ``gcloud iam workload-identity-pools create-cred-config`` writes it."""
    return {
        "universe_domain": "googleapis.com",
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{PROVIDER}",
        "subject_token_type": _JWT[0],
        "token_url": f"https://{STS}/v1/token",
        "credential_source": {
            "file": "/var/run/service-account/token",
            "format": {"type": "text"},
        },
    } | changes


def impersonation_url(email: str) -> str:
    """Where a token of a service account is had."""
    return f"https://{IAM}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"


def _answering(handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except _Refusal as error:
            return web.json_response(error.body, status=error.status)

    return answer
