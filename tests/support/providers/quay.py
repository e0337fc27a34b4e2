"""Quay: robot accounts of organizations, their own tokens, and robot federation.

https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/robot
https://docs.projectquay.io/manage_quay.html#setting-robot-federation
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from tests.support.providers import oidc

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LIFETIME = timedelta(hours=1)


@dataclass
class Robot:
    """A robot account.

    Args:
        token: its own, which never ends.
        issuer: whom its federation trusts; empty for none.
        subject: who may be the robot.
        audience: that tokens need; empty for any, as older versions have it.
    """

    token: str
    issuer: str = ""
    subject: str = ""
    audience: str = ""


class Quay:
    """A registry with robots.

    Args:
        now: the time of day.

    Attributes:
        robots: full name → what it is.
        scopes: OAuth access token → its scopes.
        app: to serve.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._key = oidc.a_key("quay")
        self.robots: dict[str, Robot] = {}
        self.scopes: dict[str, set[str]] = {}
        self.app = web.Application()
        self.app.router.add_get("/api/v1/organization/{org}/robots/{robot}", self._robot)
        self.app.router.add_get("/oauth2/federation/robot/token", self._federated)

    def add(self, robot: str) -> Robot:
        """Make a robot account."""
        self.robots[robot] = Robot(secrets.token_hex(32).upper())
        return self.robots[robot]

    def accepts(self, username: str, password: str) -> bool:
        """Whether its registry lets a robot in."""
        robot = self.robots.get(username)
        if robot is None or robot.token == password:
            return robot is not None
        try:
            claims = oidc.verify(password, self._key.public_key())
        except oidc.BadToken:
            return False
        return bool(claims["sub"] == username and claims["exp"] > self._now().timestamp())

    async def _robot(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.scopes:
            return _api_error(401, "invalid_token", "Requires authentication")
        org, short = request.match_info["org"], request.match_info["robot"]
        if "org:admin" not in self.scopes[token] or not any(
            name.startswith(f"{org}+") for name in self.robots
        ):
            return _api_error(403, "insufficient_scope", "Unauthorized")
        robot = self.robots.get(f"{org}+{short}")
        if robot is None:
            message = f"Could not find robot with username: {org}+{short}"
            return web.json_response({"message": message}, status=400)
        return web.json_response(
            {
                "name": f"{org}+{short}",
                "created": "Fri, 10 May 2024 17:46:02 -0000",
                "last_accessed": None,
                "description": "",
                "token": robot.token,
                "unstructured_metadata": {},
            }
        )

    async def _federated(self, request: web.Request) -> web.Response:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return web.json_response({"error": "Invalid basic auth format"}, status=401)
        name, _, token = base64.b64decode(encoded).decode().partition(":")
        if "+" not in name:
            return web.json_response({"error": "Invalid robot"}, status=401)
        if refused := await self._refused(name, token):
            return web.json_response({"message": refused}, status=400)
        now = int(self._now().timestamp())
        ends = now + int(LIFETIME.total_seconds())
        claims = {"iss": "quay", "aud": "quay", "sub": name, "nbf": now, "iat": now, "exp": ends}
        return web.json_response({"token": oidc.sign(claims, self._key)})

    async def _refused(self, name: str, token: str) -> str:
        """Why a token is not taken; empty where it is."""
        robot = self.robots.get(name)
        if robot is None:
            return f"Could not find robot with username: {name}"
        if not robot.issuer:
            return "Robot does not have federated login configured"
        try:
            said: dict[str, Any] = oidc.payload(token)
        except oidc.BadToken:
            return "Token does not contain issuer"
        if said.get("iss") != robot.issuer:
            return f"issuer {said.get('iss')} not configured for this robot"
        audience = robot.audience or said["aud"][0]
        try:
            claims = await oidc.federated(token, robot.issuer, audience, self._now())
        except (oidc.BadToken, aiohttp.ClientError) as error:
            return f"Invalid token: {error}"
        return "" if claims["sub"] == robot.subject else "Token does not match robot"


def _api_error(status: int, kind: str, detail: str) -> web.Response:
    body = {
        "detail": detail,
        "error_message": detail,
        "error_type": kind,
        "title": kind,
        "type": f"https://quay.io/api/v1/error/{kind}",
        "status": status,
    }
    return web.json_response(body, status=status)
