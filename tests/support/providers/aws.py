"""AWS: STS, ECR and ECR Public before moto's server.

moto knows users, keys, roles and policies, and answers anybody. So here stands before it what AWS
does first: it verifies signatures (by moto's own means), the age of requests and of sessions, what
policies allow, the trust policies of roles, and ServiceAccounts' tokens by the discovery of their
issuer. Tokens of moto's ECR are all the same and ended in 2015; here they are like the real ones.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
"""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import aiohttp
import boto3
from aiohttp import web
from moto.core.exceptions import (
    AccessDeniedError,
    InvalidClientTokenIdError,
    SignatureDoesNotMatchError,
)
from moto.iam.access_control import IAMRequest
from moto.iam.models import get_account_id_from, iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer
from moto.sts.models import sts_backends

from tests.support.providers.oidc import BadToken, federated, subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "123456789012"
REGIONS = ("eu-west-1", "us-east-1")
HOSTS = (
    *(f"{service}.{region}.amazonaws.com" for service in ("api.ecr", "sts") for region in REGIONS),
    "api.ecr-public.us-east-1.amazonaws.com",
    "api.ecr.cn-north-1.amazonaws.com.cn",
)
AUDIENCE = "sts.amazonaws.com"
PULLER, POWERLESS, CLOSED, FEDERATED, PARTNER = (
    f"arn:aws:iam::{ACCOUNT}:role/{name}"
    for name in ("puller", "powerless", "closed", "federated", "partner")
)
#: What the trust policy of PARTNER asks for.
EXTERNAL_ID = "regcred/42"
#: The ServiceAccount that may have the role FEDERATED.
SERVICE_ACCOUNT = "puller"
_TOO_OLD = timedelta(minutes=5)
_ALLOWED = (
    "ecr:GetAuthorizationToken",
    "ecr-public:GetAuthorizationToken",
    "sts:GetServiceBearerToken",
)
#: As moto says it → as services that speak JSON do.
_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True)
class Keys:
    """An access key of a user, or of a session."""

    id: str
    secret: str
    session: str = ""


@dataclass(frozen=True)
class Account:
    """Who there is in moto.

    Args:
        url: of moto's server.
        puller: keys of a user who may have tokens, and the role PULLER.
        nobody: keys of a user who may nothing.
    """

    url: str
    puller: Keys
    nobody: Keys


class _Refusal(Exception):
    """What AWS answers: a code, a message, and a status."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


@contextmanager
def moto() -> Iterator[Account]:
    """moto's server, with users and roles in it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    try:
        moto_api_backend.reset()  # what it knows is the process's, not the server's
        iam = boto3.client(
            "iam",
            endpoint_url=url,
            region_name=REGIONS[0],
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        puller = _user(iam, "puller", *_ALLOWED, "sts:AssumeRole")
        nobody = _user(iam, "nobody")
        _role(iam, PULLER, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/puller"}, *_ALLOWED)
        _role(iam, POWERLESS, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/puller"})
        _role(iam, CLOSED, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/somebody"}, *_ALLOWED)
        _role(iam, FEDERATED, {"Federated": "oidc"}, *_ALLOWED)
        _role(iam, PARTNER, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/puller"}, *_ALLOWED)
        yield Account(url, puller, nobody)
    finally:
        server.stop()


def _user(iam: Any, name: str, *actions: str) -> Keys:
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_policy(*actions))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _role(iam: Any, arn: str, principal: dict[str, str], *actions: str) -> None:
    name = arn.rpartition("/")[2]
    action = "sts:AssumeRoleWithWebIdentity" if "Federated" in principal else "sts:AssumeRole"
    trust = {"Effect": "Allow", "Principal": principal, "Action": action}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_policy(*actions))


def _policy(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Aws:
    """All services under one application, to be served under `HOSTS`.

    Args:
        account: see `moto`.
        now: the time of day.
        issuer: whose ServiceAccounts' tokens are taken for roles; empty for nobody's.

    Attributes:
        app: to serve.
        lifetime: of the tokens for registries.
        tokens: those that were given, as they are used as passwords → when they end.
        answer: changes an answer of ECR before it is sent; for tests of odd ones.
    """

    def __init__(self, account: Account, now: Callable[[], datetime], issuer: str = "") -> None:
        self._account, self._now, self._issuer = account, now, issuer
        self.lifetime = timedelta(hours=12)
        self.tokens: dict[str, datetime] = {}
        self.answer: Callable[[dict[str, Any]], Any] = lambda found: found
        self.app = web.Application()
        self.app.router.add_post("/", self._any)

    def session(self, role: str = PULLER, *, lasts: timedelta = timedelta(hours=1)) -> Keys:
        """Keys of a session of a role, as a platform gives them to its Pods."""
        made = self._assume(role, "platform", lasts)
        return Keys(made.access_key_id, made.secret_access_key, made.session_token)

    async def _any(self, request: web.Request) -> web.Response:
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            return await self._sts(request)
        action = target.rpartition(".")[2]
        try:
            if action != "GetAuthorizationToken":
                raise _Refusal("UnknownOperationException", "", 404)
            await self._allowed(request, action, "*")
            found = await self._tokens(request)
        except _Refusal as error:
            code = _JSON_CODES.get(error.code, error.code)
            body = {"__type": code, "message": error.message}
            return _json(body, 400 if code != error.code else error.status)
        return _json(self.answer(found))

    async def _tokens(self, request: web.Request) -> dict[str, Any]:
        if request.headers["X-Amz-Target"].startswith("SpencerFrontendService"):
            await self._allowed(request, "GetAuthorizationToken", "*", "sts:GetServiceBearerToken")
            return {"authorizationData": self._token()}
        found = json.loads((await self._forward(request))[1])
        endpoint = {"proxyEndpoint": found["authorizationData"][0]["proxyEndpoint"]}
        return {"authorizationData": [self._token() | endpoint]}

    def _token(self) -> dict[str, Any]:
        ends = self._now() + self.lifetime
        inside = {
            "payload": secrets.token_urlsafe(48),
            "datakey": secrets.token_urlsafe(24),
            "version": "2",
            "type": "DATA_KEY",
            "expiration": int(ends.timestamp()),
        }
        password = base64.b64encode(json.dumps(inside).encode()).decode()
        self.tokens[password] = ends
        token = base64.b64encode(f"AWS:{password}".encode()).decode()
        return {"authorizationToken": token, "expiresAt": ends.timestamp()}

    async def _sts(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        try:
            if form.get("Action") == "AssumeRoleWithWebIdentity":
                await self._trusted(form)
                made = self._assume(form["RoleArn"], form["RoleSessionName"], timedelta(hours=1))
                return _assumed(made)
            if form.get("Action") != "AssumeRole":
                raise _Refusal("InvalidAction", "Could not find operation", 400)
            self._require(form["RoleArn"], "AssumeRole")
            # moto looks at no conditions.
            if form["RoleArn"] == PARTNER and form.get("ExternalId") != EXTERNAL_ID:
                raise _Refusal(
                    "AccessDenied", f"Not authorized to perform sts:AssumeRole on {PARTNER}"
                )
            await self._allowed(request, "AssumeRole", form["RoleArn"])
        except _Refusal as error:
            return _xml_error(error)
        status, body = await self._forward(request)
        return web.Response(status=status, body=body, content_type="text/xml")

    async def _trusted(self, form: dict[str, str]) -> None:
        """Verify a ServiceAccount's token, and that the role may be had with it."""
        try:
            claims = await federated(form["WebIdentityToken"], self._issuer, AUDIENCE, self._now())
        except BadToken as error:
            if "expired" in str(error):
                raise _Refusal("ExpiredTokenException", f"Token expired: {error}", 400) from None
            raise _Refusal("InvalidIdentityToken", str(error), 400) from None
        self._require(form["RoleArn"], "AssumeRoleWithWebIdentity")
        if form["RoleArn"] != FEDERATED or claims["sub"] != subject(SERVICE_ACCOUNT):
            raise _Refusal(
                "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"
            )

    def _require(self, role: str, action: str) -> None:
        roles = iam_backends[ACCOUNT]["aws"].get_roles()
        if role not in [each.arn for each in roles]:
            raise _Refusal("AccessDenied", f"Not authorized to perform sts:{action} on {role}")

    def _assume(self, role: str, name: str, lasts: timedelta) -> Any:
        backend = sts_backends[ACCOUNT]["aws"]
        given = {"region_name": REGIONS[0], "role_session_name": name, "role_arn": role}
        made = backend.assume_role(policy="", duration=3600, external_id="", **given)
        made.expiration = (self._now() + lasts).replace(tzinfo=None)
        return made

    async def _allowed(
        self, request: web.Request, action: str, resource: str, other: str = ""
    ) -> None:
        """Verify who asks, and that policies allow it; `other` is an action that needs no call."""
        signature = request.headers.get("Authorization", "")
        if not signature:
            raise _Refusal("MissingAuthenticationToken", "Missing Authentication Token")
        sent = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        if abs(sent.replace(tzinfo=UTC) - self._now()) > _TOO_OLD:
            raise _Refusal("SignatureDoesNotMatch", "Signature expired: it is now later")
        key = signature.partition("Credential=")[2].partition("/")[0]
        self._alive(key)
        try:
            asked = IAMRequest(
                account_id=get_account_id_from(key),
                method=request.method,
                path=request.path_qs,
                data={},
                body=await request.read(),
                headers=request.headers,  # type: ignore[arg-type]
                action=action,
            )
            asked.check_signature()
            if other:
                asked._action = other
            asked.check_action_permitted(resource)
        except (
            AccessDeniedError,
            InvalidClientTokenIdError,
            SignatureDoesNotMatchError,
        ) as error:
            raise _Refusal(error.error_type, str(error.message)) from None

    def _alive(self, key: str) -> None:
        session = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(key)
        if session and session.expiration.replace(tzinfo=UTC) <= self._now():
            raise _Refusal(
                "ExpiredTokenException", "The security token included in the request is expired"
            )

    async def _forward(self, request: web.Request) -> tuple[int, bytes]:
        """What moto answers."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self._account.url, headers=request.headers, data=await request.read()
            ) as answer,
        ):
            return answer.status, await answer.read()


def _json(body: Any, status: int = 200) -> web.Response:
    text = json.dumps(body)
    return web.Response(status=status, text=text, content_type="application/x-amz-json-1.1")


def _assumed(made: Any) -> web.Response:
    root = ElementTree.Element("AssumeRoleWithWebIdentityResponse", xmlns=_STS)
    keys = ElementTree.SubElement(
        ElementTree.SubElement(root, "AssumeRoleWithWebIdentityResult"), "Credentials"
    )
    for name, value in (
        ("AccessKeyId", made.access_key_id),
        ("SecretAccessKey", made.secret_access_key),
        ("SessionToken", made.session_token),
        ("Expiration", f"{made.expiration:%Y-%m-%dT%H:%M:%SZ}"),
    ):
        ElementTree.SubElement(keys, name).text = value
    return web.Response(body=ElementTree.tostring(root), content_type="text/xml")


def _xml_error(refusal: _Refusal) -> web.Response:
    root = ElementTree.Element("ErrorResponse", xmlns=_STS)
    error = ElementTree.SubElement(root, "Error")
    for name, value in (
        ("Type", "Sender"),
        ("Code", refusal.code),
        ("Message", refusal.message),
    ):
        ElementTree.SubElement(error, name).text = value
    body = ElementTree.tostring(root)
    return web.Response(status=refusal.status, body=body, content_type="text/xml")
