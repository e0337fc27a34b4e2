"""What a failed request means for the person who made it, and what mends it.

The API server says what it refused (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/);
why, and which command helps, can often be seen from here: an expired client certificate, a
missing right, a namespace that is not there.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred.core.errors import ClusterUnreachable
from regcred.kube import grants, tls

if TYPE_CHECKING:
    from regcred.kube.auth import Proof
    from regcred.kube.config import ClusterConfig

_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')


def unreachable(error: BaseException, config: ClusterConfig, timeout: float) -> ClusterUnreachable:
    """No answer came.

    Args:
        error: what the socket, the resolver or TLS said.
        config: the cluster.
        timeout: seconds that a request was given.

    Returns:
        The exception to raise; it names the server and where its address comes from.
    """
    if isinstance(error, ssl.SSLError):
        return tls.failure(error, config)
    through = " through its proxy" if config.proxy_url else ""
    return ClusterUnreachable(
        f"cannot reach the API server {config.server}{through}: {reason(error, timeout)}",
        hint=f"the address is that of {config.source}; kubectl cluster-info tries the same",
    )


def reason(error: BaseException, timeout: float) -> str:
    """Why nothing answered, in words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # asyncio puts other words into error.strerror
    return "the connection broke"


def hint(
    status: int, answer: dict[str, Any], config: ClusterConfig, proof: Proof, now: float
) -> str:
    """What helps against a failure answer; empty where nothing is known to.

    Args:
        status: the HTTP status.
        answer: the decoded ``Status``; ``{}`` when there was none.
        config: the cluster.
        proof: what the request carried.
        now: seconds since the epoch.
    """
    said = str(answer.get("message") or "")
    if status == 401:
        return _why_unauthorized(config, proof, datetime.fromtimestamp(now, UTC))
    if status == 403 and (denied := grants.denied(said)):
        if denied.user == "system:anonymous" and config.auth.is_anonymous:
            return f"{config.source} holds no credential"
        return grants.of_one(denied)
    if status == 403 and any(
        cause.get("reason") == "NamespaceTerminating"
        for cause in (answer.get("details") or {}).get("causes") or ()
    ):
        return "wait until it is gone: kubectl wait --for=delete namespace/NAME; then make it anew"
    if status == 404 and (match := _NO_NAMESPACE.search(said)):
        return no_namespace(match[1])
    if status == 400 and not answer and config.server.startswith("http://"):
        return "the server may want https:// in the kubeconfig"
    return ""


def no_namespace(name: str) -> str:
    """What helps where something is to come into a namespace that is not there."""
    return f"see kubectl get namespaces; kubectl create namespace {shlex.quote(name)} makes it"


def _why_unauthorized(config: ClusterConfig, proof: Proof, now: datetime) -> str:
    auth, again = config.auth, f"get a new credential for {config.source}"
    if not proof.authorization and not proof.certificate:
        if config.server.startswith("http://"):
            return "no credential is sent over plain HTTP; use https:// in the kubeconfig"
        return f"{config.source} holds no credential"
    whose = f"of {auth.whose}" if auth.whose else "in use"
    if proof.certificate and (said := _certificate_trouble(proof.certificate, now)):
        return f"the client certificate {whose} {said}; {again}"
    if proof.authorization.startswith("Bearer "):
        expired = _jwt_expiry(proof.authorization)
        if expired and expired <= now:
            return f"the token {whose} expired on {expired:%Y-%m-%d %H:%M} UTC; {again}"
        if auth.exec:
            return f"the API server rejects the token that {auth.exec.command} gave; log in there"
        return f"the API server rejects the token {whose}; {again}"
    if proof.authorization:
        return f"the API server rejects the username and password {whose}"
    return f"the API server rejects the client certificate {whose}; {again}"


def _certificate_trouble(pem: bytes, now: datetime) -> str:
    from cryptography import x509  # 20 ms, and only needed after a failure

    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return ""
    if now > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _jwt_expiry(authorization: str) -> datetime | None:
    """``exp`` of a JSON Web Token (RFC 7519); None for any other token."""
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
