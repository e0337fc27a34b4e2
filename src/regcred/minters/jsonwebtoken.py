"""JSON Web Tokens: signed to show who asks, and read to tell a person what is in them.

What others signed is not verified: whoever a token is for does that.

Specification: https://www.rfc-editor.org/rfc/rfc7519
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class NoKey(ValueError):
    """The text is no RSA private key. Callers translate it."""


def load_key(pem: str) -> RSAPrivateKey:
    """An RSA private key without a passphrase.

    Raises:
        NoKey: it is none, and why.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise NoKey("it is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise NoKey("it is no private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey):
        raise NoKey("it is no RSA key")
    return key


def sign(claims: Mapping[str, Any], key: RSAPrivateKey) -> Password:
    """A token with these claims, signed by RS256."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    text = ".".join(_encode(json.dumps(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return Password(f"{text}.{_encode(key.sign(text.encode(), PKCS1v15(), SHA256()))}")


def is_token(token: Password) -> bool:
    """Whether it is what a token of any kind is: some ASCII in one line."""
    text = token.reveal()
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def claims(token: Password) -> Mapping[str, Any]:
    """What a token says, unverified; empty where it is none."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_for_cluster(audience: str, claims: Mapping[str, Any] | None = None) -> bool:
    """Whether a token of a ServiceAccount for this audience lets its holder into the cluster.

    An API server takes tokens for its issuer unless ``--api-audiences`` says otherwise, and as a
    rule for the names of its Service.

    Args:
        audience: that is asked for.
        claims: of the token that was made; they name the issuer.
    """
    host = audience.partition("://")[2] or audience
    host = re.split("[:/]", host, maxsplit=1)[0].lower()
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    is_service = host in names or host.startswith("kubernetes.default.svc.")
    return is_service or audience == (claims or {}).get("iss")


def _encode(part: str | bytes) -> str:
    data = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
