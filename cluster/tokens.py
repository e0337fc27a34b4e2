"""What a registry's token is: scopes asked for, scopes granted, and the signed token itself.

https://distribution.github.io/distribution/spec/auth/scope/
https://distribution.github.io/distribution/spec/auth/jwt/
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

# resourcescope := resourcetype ":" resourcename ":" action ("," action)*; a hostname with a port
# may stand before the name, so the name may hold one colon.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_SCOPE = re.compile(
    r"(?P<type>[a-z0-9]+(?:\([a-z0-9]+\))?)"
    rf":(?P<name>(?:[A-Za-z0-9.-]+:[0-9]+/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r":(?P<actions>(?:[a-z]+|\*)(?:,(?:[a-z]+|\*))*)?"
)


@dataclass(frozen=True)
class Scope:
    """Actions on one resource.

    Args:
        type: ``repository`` or ``registry``, perhaps with a class in brackets.
        name: of the resource.
        actions: ``pull``, ``push``, ``delete``, ``*``; may be empty.
    """

    type: str
    name: str
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(self.actions)}"


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """The scopes of a request: one a parameter, or several in one with spaces between.

    Raises:
        ValueError: one is none by the grammar.
    """
    scopes = []
    for text in (word for joined in texts for word in joined.split(" ") if word):
        if not (found := _SCOPE.fullmatch(text)):
            raise ValueError(f"malformed scope {text[:200]!r}")
        actions = tuple(found["actions"].split(",")) if found["actions"] else ()
        scopes.append(Scope(found["type"], found["name"], actions))
    return scopes


def grant(asked: Iterable[Scope], rights: Mapping[str, Iterable[str]]) -> list[Scope]:
    """What of the scopes asked for somebody gets; a scope with nothing left is left out.

    Args:
        asked: as in the request.
        rights: glob of repository names -> actions allowed there.
    """
    got = []
    for scope in asked:
        allowed = {
            action
            for pattern, actions in rights.items()
            if scope.type == "repository" and fnmatchcase(scope.name, pattern)
            for action in actions
        }
        if left := tuple(action for action in scope.actions if action in allowed):
            got.append(Scope(scope.type, scope.name, left))
    return got


class Signer:
    """Signs tokens as docker-registry verifies them: ES256, with the certificate in ``x5c``.

    Args:
        key: PEM file of a P-256 key.
        certificate: PEM file; the registry's ``rootcertbundle`` holds the CA that signed it.
    """

    def __init__(self, key: Path, certificate: Path) -> None:
        loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
        self._key = cast("ec.EllipticCurvePrivateKey", loaded)
        der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(
            serialization.Encoding.DER
        )
        self._header = {
            "typ": "JWT",
            "alg": "ES256",
            "x5c": [base64.b64encode(der).decode()],
        }

    def token(
        self,
        *,
        issuer: str,
        subject: str,
        audience: str,
        access: Iterable[Scope],
        now: datetime,
        seconds: int,
        serial: str,
    ) -> str:
        """A signed token (RFC 7519, compact).

        Args:
            issuer: as configured in the registry.
            subject: the account's name, empty for nobody in particular.
            audience: the registry's ``service``.
            access: what the bearer may do.
            now: when it is issued.
            seconds: how long it is good for.
            serial: unique among all tokens.
        """
        issued = int(now.timestamp())
        claims = {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": issued,
            "nbf": issued,
            "exp": issued + seconds,
            "jti": serial,
            "access": [
                {"type": scope.type, "name": scope.name, "actions": list(scope.actions)}
                for scope in access
            ],
        }
        signed = f"{_json(self._header)}.{_json(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64url(r.to_bytes(32) + s.to_bytes(32))}"


def _json(value: Any) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
