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

from regcred.core.errors import ClusterUnreachable, Forbidden
from regcred.kube import tls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regcred.kube.auth import Proof
    from regcred.kube.config import ClusterConfig

_DENIED = re.compile(
    r'(?:\S+ "(?P<name>[^"]+)" is forbidden: )?'
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')
_NAMED_VERBS = ("get", "update", "patch", "delete")
#: Objects that one message names.
_NAMED = 10
_SERVICE_ACCOUNT = "system:serviceaccount:"


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
    if status == 403 and (match := _DENIED.search(said)):
        return _missing_right(match.groupdict(default=""), config)
    if status == 403 and any(
        cause.get("reason") == "NamespaceTerminating"
        for cause in (answer.get("details") or {}).get("causes") or ()
    ):
        return "wait until it is gone: kubectl wait --for=delete namespace/NAME; then make it anew"
    if status == 404 and (match := _NO_NAMESPACE.search(said)):
        return f"kubectl create namespace {shlex.quote(match[1])}"
    if status == 400 and not answer and config.server.startswith("http://"):
        return "the server may want https:// in the kubeconfig"
    return ""


def together(errors: Mapping[str, Forbidden]) -> Forbidden:
    """One error for several objects of one kind and namespace that may not be had.

    Their hints would each make a role of the same name.

    Args:
        errors: by the objects' names.
    """
    (first, error), *others = sorted(errors.items())
    if not others:
        return error
    names = ", ".join(sorted(errors)[:_NAMED])
    more = f" and {len(errors) - _NAMED:,} more" if len(errors) > _NAMED else ""
    message = error.message.replace(f'"{first}" is forbidden: ', "is forbidden: ", 1)
    only = f" --resource-name={shlex.quote(first)}"
    every = "".join(f" --resource-name={shlex.quote(name)}" for name in sorted(errors))
    return Forbidden(
        message.replace(f"/{first} ", f"/{names}{more} ", 1),
        hint=error.hint.replace(only, every),
        status=error.status,
        reason=error.reason,
        causes=error.causes,
    )


def of_kinds(errors: Sequence[Forbidden]) -> Forbidden | None:
    """One error for several kinds of objects that may not be listed, each for the same person.

    Args:
        errors: one for each kind, in one namespace.

    Returns:
        The error, whose message goes on after the names of the kinds; None where the answers do
        not tell that it is the same person, since then no one Role does.
    """
    matches = [_DENIED.search(error.message) for error in errors]
    denied = [match.groupdict(default="") for match in matches if match]
    common = {(each["user"], each["verb"], each["namespace"]) for each in denied}
    if len(denied) != len(errors) or len(common) != 1:
        return None
    first = errors[0]
    ((user, verb, namespace),) = common
    hint = first.hint
    if "kubectl create" in hint:
        check = "kubectl auth can-i --list"
        check += f" -n {shlex.quote(namespace)}" if namespace else ""
        grant = _grant(user, verb, [_resource(each) for each in denied], namespace, "workloads")
        hint = f"check with: {check}; whoever may grant it: {grant}"
    return Forbidden(
        f"user {user!r} has no right to {verb} them",
        hint=hint,
        status=first.status,
        reason=first.reason,
        causes=first.causes,
    )


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


def _missing_right(denied: dict[str, str], config: ClusterConfig) -> str:
    """How to check a right, and how somebody who may can grant it."""
    user, verb, namespace = denied["user"], denied["verb"], denied["namespace"]
    if user == "system:anonymous" and config.auth.is_anonymous:
        return f"{config.source} holds no credential"
    plain, _, subresource = denied["resource"].partition("/")
    resource = _resource(denied).partition("/")[0]
    if verb == "impersonate":
        return f"may you? kubectl auth can-i impersonate {shlex.quote(resource)}"
    within = f" -n {shlex.quote(namespace)}" if namespace else ""
    sub = f" --subresource={subresource}" if subresource else ""
    # No more than was asked for: a right to read one Secret is not one to read them all.
    # RBAC can name the object only where the request does.
    only = denied["name"] if verb in _NAMED_VERBS else ""
    which = f"/{shlex.quote(only)}" if only else ""
    check = f"kubectl auth can-i {verb} {resource}{which}{sub}{within or ' -A'}"
    grant = _grant(user, verb, [_resource(denied)], namespace, plain, only)
    return f"check with: {check}; whoever may grant it: {grant}"


def _resource(denied: dict[str, str]) -> str:
    """What a right is for, as kubectl takes it: ``deployments.apps``, ``pods/log``."""
    plain, slash, subresource = denied["resource"].partition("/")
    resource = f"{plain}.{denied['group']}" if denied["group"] else plain
    return f"{resource}{slash}{subresource}"


def _grant(
    user: str, verb: str, resources: Sequence[str], namespace: str, what: str, only: str = ""
) -> str:
    """The command that grants a right.

    Args:
        user: who gets it.
        verb: to do what.
        resources: to which kinds of objects.
        namespace: where; empty for everywhere.
        what: all of them in one word.
        only: the name of the one object that it is for; empty for all.
    """
    if user.startswith(_SERVICE_ACCOUNT):
        subject = f"--serviceaccount={user.removeprefix(_SERVICE_ACCOUNT)}"
    else:
        subject = f"--user={shlex.quote(user)}"
    within = f" -n {shlex.quote(namespace)}" if namespace else ""
    role, name = ("role" if namespace else "clusterrole"), f"regcred-{verb}-{what}"
    which = f" --resource-name={shlex.quote(only)}" if only else ""
    return (
        f"kubectl create {role} {name} --verb={verb} --resource={','.join(resources)}{which}"
        f"{within} && kubectl create {role}binding {name} --{role}={name} {subject}{within}"
    )
