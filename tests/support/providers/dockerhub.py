"""Docker Hub: its token service, and the image that tells how many pulls are left.

https://docs.docker.com/docker-hub/usage/pulls/#view-pull-rate-and-limit
https://docs.docker.com/security/access-tokens/
https://distribution.github.io/distribution/spec/auth/token/

One application for both names, ``auth.docker.io`` and ``registry-1.docker.io``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.providers.oidc import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

HOSTS = ("auth.docker.io", "registry-1.docker.io")
_IMAGE = "ratelimitpreview/test"
_SECONDS = 300
_WINDOW = 21_600


@dataclass
class Account:
    """A person or an organization.

    Args:
        tokens: its access tokens → when each ends; None for never.
        limit: pulls in six hours; None where there is no limit.
        remaining: of them.
    """

    tokens: dict[str, datetime | None] = field(default_factory=dict)
    limit: int | None = None
    remaining: int = 0


@dataclass
class DockerHub:
    """Docker Hub.

    Args:
        now: the time of day.
        accounts: name → whose.
    """

    now: Callable[[], datetime]
    accounts: dict[str, Account] = field(default_factory=dict)

    def app(self) -> web.Application:
        """To be served under both names."""
        app = web.Application()
        app.router.add_get("/token", self._token)
        app.router.add_get("/v2/{name:.+}/manifests/{tag}", self._manifest)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        assert request.host == HOSTS[0]
        scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, given = base64.b64decode(pair, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return web.json_response({"details": "invalid authorization"}, status=400)
        account = self.accounts.get(name)
        if scheme != "Basic" or account is None or given not in account.tokens:
            return web.json_response({"details": "incorrect username or password"}, status=401)
        ends = account.tokens[given]
        if ends is not None and ends <= self.now():
            return web.json_response({"details": "personal access token is expired"}, status=401)
        if request.query.get("service") != "registry.docker.io":
            return web.json_response({"details": "unknown service"}, status=400)
        scope = request.query.get("scope", "")
        now = int(self.now().timestamp())
        claims = {"sub": name, "exp": now + _SECONDS, "iat": now, "scope": scope}
        parts = [{"alg": "none"}, claims]
        token = ".".join([*(encode(json.dumps(part).encode()) for part in parts), "signature"])
        issued = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = {"token": token, "access_token": token}
        return web.json_response(shown | {"expires_in": _SECONDS, "issued_at": issued})

    async def _manifest(self, request: web.Request) -> web.Response:
        assert request.host == HOSTS[1]
        name = request.match_info["name"]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = json.loads(decode(token.split(".")[1])) if scheme == "Bearer" else {}
        if (
            claims.get("scope") != f"repository:{name}:pull"
            or claims["exp"] <= self.now().timestamp()
            or name != _IMAGE
        ):
            realm = f'Bearer realm="https://{HOSTS[0]}/token",service="registry.docker.io"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})
        account = self.accounts[claims["sub"]]
        if account.limit is None:
            return web.json_response({})
        if request.method != "HEAD":  # which is a pull
            account.remaining -= 1
        headers = {
            "ratelimit-limit": f"{account.limit};w={_WINDOW}",
            "ratelimit-remaining": f"{account.remaining};w={_WINDOW}",
            "docker-ratelimit-source": "192.0.2.1",
        }
        return web.json_response({}, headers=headers)
