"""What AWS gives to its own machines: EKS Pod Identity's agent, and an instance's metadata.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.providers.aws import ACCOUNT

if TYPE_CHECKING:
    from tests.support.providers.aws import Aws


class PodIdentity:
    """EKS Pod Identity's agent: keys for a Pod that shows the token from its file.

    Args:
        aws: whose keys.
        token: that it takes.

    Attributes:
        app: to serve; the path is ``/v1/credentials``.
    """

    def __init__(self, aws: Aws, token: str) -> None:
        self._aws, self._token = aws, token
        self.app = web.Application()
        self.app.router.add_get("/v1/credentials", self._get)

    async def _get(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._token:
            return web.Response(status=400, text="[token]: Service account token is not valid")
        keys = self._aws.session()
        ends = datetime.now(UTC) + timedelta(hours=6)
        found = {
            "AccessKeyId": keys.id,
            "SecretAccessKey": keys.secret,
            "Token": keys.session,
            "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            "AccountId": ACCOUNT,
        }
        return web.json_response(found)


class InstanceMetadata:
    """The metadata of an EC2 instance that has a role, by IMDSv2 alone.

    Args:
        aws: whose keys.

    Attributes:
        app: to serve.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws, self._token = aws, secrets.token_urlsafe(40)
        self.app = web.Application()
        self.app.router.add_put("/latest/api/token", self._begin)
        path = "/latest/meta-data/iam/security-credentials/"
        self.app.router.add_get(path, self._role)
        self.app.router.add_get(f"{path}node", self._keys)

    async def _begin(self, request: web.Request) -> web.Response:
        assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        return web.Response(text=self._token)

    async def _role(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.Response(text="node")

    async def _keys(self, request: web.Request) -> web.Response:
        self._require(request)
        keys = self._aws.session()
        ends = datetime.now(UTC) + timedelta(hours=6)
        found = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.id,
            "SecretAccessKey": keys.secret,
            "Token": keys.session,
            "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        }
        return web.json_response(found)

    def _require(self, request: web.Request) -> None:
        if request.headers.get("X-aws-ec2-metadata-token") != self._token:
            raise web.HTTPUnauthorized
