"""A registry of Azure Container Registry, as far as logging in goes.

https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.providers import oidc

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.support.providers.entra import Entra

USERNAME = "00000000-0000-0000-0000-000000000000"
LIFETIME = timedelta(hours=3)


class Registry:
    """A registry.

    Args:
        name: its login server.
        entra: of whose tenant it is.
        now: the time of day.

    Attributes:
        pullers: client IDs with the role AcrPull.
        firewall: whether it lets nobody through.
        app: to serve.
    """

    def __init__(self, name: str, entra: Entra, now: Callable[[], datetime]) -> None:
        self.name, self._entra, self._now = name, entra, now
        self._key = oidc.a_key("acr")
        self.pullers: set[str] = set()
        self.firewall = False
        self.app = web.Application()
        self.app.router.add_post("/oauth2/exchange", self._exchange)

    def accepts(self, username: str, password: str) -> bool:
        """Whether it lets somebody in with a refresh token."""
        try:
            claims = oidc.verify(password, self._key.public_key())
        except oidc.BadToken:
            return False
        return bool(
            username == USERNAME
            and claims["aud"] == self.name
            and claims["exp"] > self._now().timestamp()
        )

    async def _exchange(self, request: web.Request) -> web.Response:
        if self.firewall:
            said = "client with IP '192.0.2.1' is not allowed access. Refer "
            return _error(403, "DENIED", f"{said}https://aka.ms/acr/firewall to grant access.")
        form = await request.post()
        if form.get("grant_type") != "access_token" or form.get("service") != self.name:
            return _error(400, "UNSUPPORTED", "The request is not valid.")
        try:
            claims = self._entra.verified(str(form.get("access_token", "")))
        except oidc.BadToken:
            return _unauthorized()
        if form.get("tenant", claims["tid"]) != claims["tid"]:
            return _unauthorized()
        if claims["appid"] not in self.pullers:
            return _unauthorized()
        now = int(self._now().timestamp())
        refresh = {
            "jti": secrets.token_hex(16),
            "sub": claims["appid"],
            "nbf": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "iat": now,
            "iss": "Azure Container Registry",
            "aud": self.name,
            "version": "1.0",
            "grant_type": "refresh_token",
            "tenant": claims["tid"],
            "permissions": {"actions": ["read"], "notActions": []},
            "roles": [],
        }
        return web.json_response({"refresh_token": oidc.sign(refresh, self._key)})


def _unauthorized() -> web.Response:
    said = "authentication required, visit https://aka.ms/acr/authorization for more information."
    return _error(401, "UNAUTHORIZED", said)


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)
