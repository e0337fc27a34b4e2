"""GitHub's API for Apps: installations, and tokens of theirs.

https://docs.github.com/en/rest/apps/apps
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.support.providers.oidc import BadToken, encode, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LIFETIME = timedelta(hours=1)
_DOCS = "https://docs.github.com/rest"
_MOST = 600
_PAGE = 30


@dataclass
class Installation:
    """An App on an account.

    Args:
        login: of the account; empty for an enterprise, which has none.
        permissions: that the account has accepted.
        repositories: names of those that it may see.
        suspended: whether its owner has stopped it.
    """

    login: str
    permissions: dict[str, str] = field(default_factory=lambda: {"packages": "read"})
    repositories: tuple[str, ...] = ("app", "web")
    suspended: bool = False

    @property
    def account(self) -> dict[str, str]:
        """As the API shows it."""
        return {"login": self.login} if self.login else {"slug": "acme-corp", "name": "Acme"}


@dataclass(frozen=True)
class Issued:
    """What a token is good for."""

    installation: int
    permissions: dict[str, str]
    repositories: tuple[str, ...]
    expires: datetime


class GitHub:
    """One App, at github.com, or with a `prefix` at a GitHub Enterprise Server.

    Args:
        app_id: its ID.
        key: the public one.
        now: the time of day.
        prefix: of the paths.

    Attributes:
        client_id: its other ID.
        installations: ID → what it is.
        issued: token → what it is good for.
        app: to serve.
    """

    def __init__(
        self, app_id: int, key: RSAPublicKey, now: Callable[[], datetime], prefix: str = ""
    ) -> None:
        self._app_id, self._key, self._now = app_id, key, now
        self.client_id = ""
        self.installations: dict[int, Installation] = {}
        self.issued: dict[str, Issued] = {}
        self.app = web.Application()
        self.app.router.add_get(f"{prefix}/app/installations", self._list)
        self.app.router.add_post(
            prefix + r"/app/installations/{id:\d+}/access_tokens", self._create
        )

    def accepts(self, username: str, password: str) -> bool:
        """Whether its registry lets somebody in who may read packages."""
        issued = self.issued.get(password)
        return (
            bool(username)
            and issued is not None
            and issued.expires > self._now()
            and "packages" in issued.permissions
        )

    async def _list(self, request: web.Request) -> web.Response:
        self._signed_in(request)
        size, page = (int(request.query.get(k, d)) for k, d in (("per_page", _PAGE), ("page", 1)))
        found = [
            {"id": number, "app_id": self._app_id, "account": each.account}
            for number, each in self.installations.items()
        ]
        return web.json_response(found[(page - 1) * size : page * size])

    async def _create(self, request: web.Request) -> web.Response:
        self._signed_in(request)
        number = int(request.match_info["id"])
        found = self.installations.get(number)
        if found is None:
            raise refused(404, "Not Found")
        if found.suspended:
            raise refused(403, "This installation has been suspended")
        asked = json.loads(await request.read() or b"{}")
        permissions = asked.get("permissions", found.permissions)
        if any(
            found.permissions.get(name) not in (how, "write") for name, how in permissions.items()
        ):
            raise refused(422, "The permissions requested are not granted to this installation.")
        repositories = tuple(asked.get("repositories", found.repositories))
        if not set(repositories) <= set(found.repositories):
            raise refused(
                422,
                "There is at least one repository that does not exist or is not accessible to the "
                "parent installation.",
            )
        expires = (self._now() + LIFETIME).replace(microsecond=0)
        token = f"ghs_{self._app_id}_eyJ{secrets.token_hex(8)}.{encode(secrets.token_bytes(90))}.x"
        self.issued[token] = Issued(number, permissions, repositories, expires)
        return web.json_response(
            {
                "token": token,
                "expires_at": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
                "permissions": permissions | {"metadata": "read"},
                "repository_selection": "selected" if "repositories" in asked else "all",
            },
            status=201,
        )

    def _signed_in(self, request: web.Request) -> None:
        """Check the App's JSON Web Token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not request.headers.get("User-Agent"):
            raise refused(401, "A JSON web token could not be decoded")
        try:
            claims = verify(token, self._key)
        except BadToken:
            raise refused(401, "A JSON web token could not be decoded") from None
        now = self._now().timestamp()
        begins, ends = claims.get("iat"), claims.get("exp")
        if not isinstance(begins, int) or begins > now:
            raise refused(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the "
                "assertion was issued",
            )
        if not isinstance(ends, int) or ends <= now:
            raise refused(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future "
                "time at which the assertion expires",
            )
        if ends > now + _MOST:
            raise refused(401, "'Expiration time' claim ('exp') is too far in the future")
        if str(claims.get("iss")) not in {str(self._app_id), self.client_id}:
            raise refused(404, "Integration not found")


def refused(status: int, message: str, **headers: str) -> web.HTTPException:
    """An answer as GitHub gives it."""
    kinds: dict[int, Any] = {
        401: web.HTTPUnauthorized,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
        422: web.HTTPUnprocessableEntity,
    }
    body = web.json_response(
        {"message": message, "documentation_url": _DOCS, "status": str(status)}
    ).text
    made: web.HTTPException = kinds[status](
        text=body, content_type="application/json", headers=headers
    )
    return made
