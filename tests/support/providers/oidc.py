"""JSON Web Tokens by RS256, and a cluster that issues them to ServiceAccounts, with discovery.

https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection
https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import base64
import functools
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from regcred.core.credential import Password

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

NAMESPACE = "regcred-system"
LIFETIME = timedelta(minutes=10)
_DISCOVERY = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"


class BadToken(Exception):
    """A JSON Web Token that is not accepted; says why."""


@functools.cache
def a_key(name: str) -> rsa.RSAPrivateKey:
    """A key of 2048 bits, the same for the same name in this process: making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encode(data: bytes) -> str:
    """Base64 as JSON Web Tokens have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The other way round."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(claims: Any, key: rsa.RSAPrivateKey, **header: Any) -> str:
    """A token with these claims."""
    parts = [{"alg": "RS256", "typ": "JWT"} | header, claims]
    text = ".".join(encode(json.dumps(part).encode()) for part in parts)
    return f"{text}.{encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def header(token: str) -> dict[str, Any]:
    """The header of a token, of which nothing is verified.

    Raises:
        BadToken: it is none.
    """
    try:
        found = json.loads(decode(token.split(".")[0]))
    except ValueError:
        raise BadToken("it is no JSON Web Token") from None
    if not isinstance(found, dict):
        raise BadToken("it is no JSON Web Token")
    return found


def payload(token: str) -> dict[str, Any]:
    """The claims of a token, of which nothing is verified.

    Raises:
        BadToken: it is none.
    """
    return header(token.partition(".")[2])


def verify(token: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
    """The claims of a token; who uses them looks at them.

    Raises:
        BadToken: `key` did not sign it, or it is none.
    """
    if header(token).get("alg") != "RS256":
        raise BadToken("it is not signed by RS256")
    signed, _, signature = token.rpartition(".")
    try:
        key.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(decode(signed.partition(".")[2]))
    except (InvalidSignature, ValueError):
        raise BadToken("its signature is not valid") from None
    assert isinstance(claims, dict)
    return claims


class Issuer:
    """Issues ServiceAccounts' tokens; an `Identities` for a Desk, and an application to serve.

    Args:
        now: the time of day.

    Attributes:
        url: the issuer's name and address; set it to where `app` is served.
        app: discovery and keys.
        tokens: all that were issued, for tests that look for them.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._key = a_key("issuer")
        self.url = ""
        self.tokens: list[str] = []
        self.app = web.Application()
        self.app.router.add_get(_DISCOVERY, self._discovery)
        self.app.router.add_get(_KEYS, self._keys)

    async def __call__(self, account: str, audience: str) -> Password:
        return Password(self.token(account, audience))

    def token(self, account: str, audience: str, *, lifetime: timedelta = LIFETIME) -> str:
        """A token as TokenRequest gives it; `lifetime` may be negative."""
        now = int(self._now().timestamp())
        claims = {
            "aud": [audience],
            "exp": now + int(lifetime.total_seconds()),
            "iat": now,
            "iss": self.url,
            "kubernetes.io": {"namespace": NAMESPACE, "serviceaccount": {"name": account}},
            "nbf": now,
            "sub": subject(account),
        }
        token = sign(claims, self._key, kid="test")
        self.tokens.append(token)
        return token

    async def _discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "jwks_uri": self.url + _KEYS,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        public = self._key.public_key().public_numbers()
        numbers = {"n": _encoded(public.n), "e": _encoded(public.e)}
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test"} | numbers
        return web.json_response({"keys": [key]})


def subject(account: str) -> str:
    """What a ServiceAccount of the operator's namespace is called in ``sub``."""
    return f"system:serviceaccount:{NAMESPACE}:{account}"


async def federated(token: str, issuer: str, audience: str, now: datetime) -> dict[str, Any]:
    """The claims of a ServiceAccount's token, as a provider that trusts `issuer` verifies it.

    Raises:
        BadToken: it is not accepted.
    """
    async with aiohttp.ClientSession() as session:
        async with session.get(issuer + _DISCOVERY) as answer:
            discovery = await answer.json()
        async with session.get(discovery["jwks_uri"]) as answer:
            keys = {each["kid"]: each for each in (await answer.json())["keys"]}
    key = keys.get(header(token).get("kid"))
    if key is None:
        raise BadToken("its key is unknown")
    n, e = (int.from_bytes(decode(key[name])) for name in "ne")
    claims = verify(token, rsa.RSAPublicNumbers(e, n).public_key())
    if claims.get("iss") != issuer or discovery["issuer"] != issuer:
        raise BadToken("its issuer is another")
    if audience not in claims.get("aud", []):
        raise BadToken("its audience is another")
    if not claims.get("nbf", 0) <= now.timestamp() + 1 or not now.timestamp() < claims["exp"]:
        raise BadToken("it is expired, or not valid yet")
    return claims


def _encoded(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))
