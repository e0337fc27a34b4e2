"""Every error that regcred raises on purpose.

The tree::

    RegcredError                    exit code 1: the answer is no
    ├── UsageError                  exit code 2: the command cannot be meant like this
    ├── InvalidInput                exit code 2: a file or value is not what it must be
    │   ├── InvalidImage            not an image reference
    │   ├── InvalidRegistry         a registry key that no image could ever match
    │   ├── InvalidDockerConfig     a docker config that kubelet could not use
    │   │   ├── UndecodableDockerConfig     kubelet fails every lookup that meets it
    │   │   └── UselessDockerConfig         kubelet gets no login out of it
    │   ├── InvalidKubeconfig       a kubeconfig that cannot be read or merged
    │   ├── InvalidManifest         a manifest that cannot be read, or not changed
    │   └── InvalidPullCredential   its spec cannot be meant like this
    ├── MintFailed                  a provider gave no credential
    │   └── Misconfigured           exit code 2: it could not be asked, as the source is set
    ├── CredentialHelperFailed      a docker-credential-* helper or exec plugin failed
    ├── NoLogin                     docker has no login for it that kubelet could use
    ├── NotOurs                     the object belongs to somebody else
    ├── UnusableSecret              what a Secret of the cluster holds is broken, or leaves no room
    ├── Unreachable                 exit code 3: cluster or registry not reachable
    │   ├── ClusterUnreachable
    │   │   └── StreamBroken        a watch that began well ends in the wrong way
    │   └── RegistryUnreachable
    ├── RegistryRefused             the registry answered, and the answer is no
    │   ├── BadCredentials          it does not know this username and password
    │   ├── RegistryDenied          it knows the login, and that may not pull this
    │   ├── RegistryBusy            it takes no more requests for now
    │   ├── RegistryFailing         it has failed itself
    │   └── RegistryProtocolError   it does not speak the Distribution protocol
    ├── TimedOut                    something awaited did not come in the time given
    ├── NotLeader                   another replica may be at work: nothing is written
    └── APIError                    the Kubernetes API server answered with a failure Status
        ├── BadRequest      400
        ├── Unauthorized    401     exit code 3: the cluster does not let us in
        ├── Forbidden       403
        │   └── NamespaceTerminating    403 with cause NamespaceTerminating
        ├── NotFound        404
        ├── MethodNotAllowed 405
        ├── AlreadyExists   409 with reason AlreadyExists
        ├── Conflict        409 with reason Conflict
        ├── Gone            410
        ├── Invalid         422
        ├── TooManyRequests 429
        └── ServerError     5xx

Rules for a message: what happened, on which object, why. The ``hint`` is the command or the
step that mends it. Neither ever holds a password, a token or a raw response body.
"""

from __future__ import annotations

from typing import Any, ClassVar


class RegcredError(Exception):
    """Base of all errors that a person may meet.

    Args:
        message: what happened, on which object, and why; one sentence, no full stop at its end.
        hint: what to do about it, preferably a command; empty when there is nothing to say.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RegcredError):
    """The command line (or a setting) cannot be meant as it stands."""

    exit_code = 2


class InvalidInput(RegcredError):
    """A file or a value that was handed over is not there, or not what it has to be.

    What objects of the cluster hold is nobody's wrong usage: where that ends a run, it ends it with
    an error of another class.
    """

    exit_code = 2


class InvalidImage(InvalidInput):
    """Not an image reference by the grammar of distribution/reference."""


class InvalidRegistry(InvalidInput):
    """A registry key that kubelet could never match with an image."""


class InvalidDockerConfig(InvalidInput):
    """A docker config that kubelet could not use; the message names the entry."""


class UndecodableDockerConfig(InvalidDockerConfig):
    """kubelet cannot decode it, and then finds no credentials at all for the Pod.

    Attributes:
        registry: the key of the entry that does not decode; None where it is the whole document.
    """

    registry: str | None = None


class UselessDockerConfig(InvalidDockerConfig):
    """kubelet decodes it, but an entry (or all of it) holds no login that could be used."""


class InvalidKubeconfig(InvalidInput):
    """A kubeconfig that cannot be read, or names something that it does not define."""


class InvalidManifest(InvalidInput):
    """A manifest that is no YAML or JSON, or in which no right insertion can be made.

    Args:
        message: starts with ``FILE:LINE:COLUMN:``.
        hint: as in `RegcredError`.
        problem: the message without the place.
        at: offset of the place in the document, in characters.
    """

    def __init__(self, message: str, *, hint: str = "", problem: str = "", at: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.problem = problem or message
        self.at = at


class InvalidPullCredential(InvalidInput):
    """The spec of a PullCredential says what cannot be.

    Args:
        message: names the object, the first field that is wrong, and why.
        hint: as in `RegcredError`.
        problems: (field, why) of each; the words are those of the CRD's own rules.
    """

    def __init__(
        self, message: str, *, hint: str = "", problems: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class CredentialHelperFailed(RegcredError):
    """A ``docker-credential-*`` helper or a kubeconfig exec plugin failed or printed rubbish."""


class MintFailed(RegcredError):
    """A provider gave no credential, or could not be asked for one.

    Args:
        reason: the word for it (`regcred.core.operator.source.SourceReason`).
        message: as for `RegcredError`; what the provider says about it, without any secret.
        hint: as for `RegcredError`; it may name settings by `regcred.core.setting.setting`.
        retry_after: seconds that the provider asks to be left alone for; None where it does not.
    """

    def __init__(
        self, reason: str, message: str, *, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.marked_hint = hint
        self.reason = reason
        self.retry_after = retry_after

    @property
    def hint(self) -> str:
        """As it is to somebody who writes a PullCredential."""
        from regcred.core.setting import as_fields  # which --help has no use for

        return as_fields(self.marked_hint)

    @hint.setter
    def hint(self, hint: str) -> None:
        self.marked_hint = hint


class Misconfigured(MintFailed):
    """What a source is told, a setting or a file, cannot be meant; the provider was not asked."""

    exit_code = 2


class NoLogin(RegcredError):
    """docker's own configuration has no login for a registry, or none that kubelet could use."""


class NotOurs(RegcredError):
    """The object is there and belongs to somebody else: regcred leaves it alone."""


class UnusableSecret(RegcredError):
    """A Secret of the cluster holds what is broken, or so much that nothing more goes in."""


class Unreachable(RegcredError):
    """Nothing answered."""

    exit_code = 3


class ClusterUnreachable(Unreachable):
    """The Kubernetes API server did not answer (DNS, TCP, TLS or time-out)."""


class StreamBroken(ClusterUnreachable):
    """A watch that the API server had begun to answer ends in the wrong way.

    Args:
        message: as in `RegcredError`.
        kind: one word, for metrics: ``silent``, ``truncated``, ``garbage``, ``too-long`` or
            ``stale``.
        hint: as in `RegcredError`.
    """

    def __init__(self, message: str, *, kind: str = "truncated", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class RegistryUnreachable(Unreachable):
    """The registry or its token service did not answer (DNS, TCP, TLS or time-out)."""


class RegistryRefused(RegcredError):
    """The registry answered, and the answer is no."""


class BadCredentials(RegistryRefused):
    """The registry does not accept this username and password."""


class RegistryDenied(RegistryRefused):
    """The registry accepts the login, and that may not pull what was asked for."""


class RegistryBusy(RegistryRefused):
    """The registry or its token service takes no more requests for now (429)."""


class RegistryFailing(RegistryRefused):
    """The registry or its token service has failed, or what stands before it (5xx)."""


class RegistryProtocolError(RegistryRefused):
    """What answers there does not speak the Distribution protocol, or not safely."""


class TimedOut(RegcredError):
    """Something that was awaited did not come within the time given."""


class NotLeader(RegcredError):
    """This process does not hold the lease, or not surely: a write is not sent."""


class APIError(RegcredError):
    """A ``Status`` of kind Failure from the Kubernetes API server.

    Args:
        message: our sentence, which names verb and object.
        hint: as in `RegcredError`.
        status: HTTP status code.
        reason: ``Status.reason``, a CamelCase word such as ``NotFound``; may be empty.
        causes: ``Status.details.causes[].reason``.
        retry_after: seconds from the ``Retry-After`` header, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        reason: str = "",
        causes: tuple[str, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after


class BadRequest(APIError):
    """400: the request could not be understood."""


class Unauthorized(APIError):
    """401: the API server does not know us."""

    exit_code = 3


class Forbidden(APIError):
    """403: the API server knows us, and we may not."""


class NamespaceTerminating(Forbidden):
    """403 with cause NamespaceTerminating: the namespace is going away and takes nothing new."""


class NotFound(APIError):
    """404: no such object, namespace or resource."""


class MethodNotAllowed(APIError):
    """405: the server cannot do this with the resource."""


class AlreadyExists(APIError):
    """409, reason AlreadyExists: an object of that name is there."""


class Conflict(APIError):
    """409, reason Conflict: somebody else wrote in between."""


class Gone(APIError):
    """410: the resourceVersion or continue token has expired."""


class Invalid(APIError):
    """422: the object, or the patch on it, is not valid."""


class TooManyRequests(APIError):
    """429: the API server asks us to slow down."""


class ServerError(APIError):
    """5xx: the API server failed."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(
    status: int,
    body: dict[str, Any],
    *,
    doing: str,
    hint: str = "",
    retry_after: float | None = None,
) -> APIError:
    """The exception that fits a failure answer of the API server.

    Args:
        status: HTTP status code, 400 or above.
        body: the decoded ``Status`` object; ``{}`` when the body was none.
        doing: verb and object, e.g. ``"create secrets/regcred in namespace team-a"``.
        hint: what to do about it; for 403 and 401 a default is made where it is empty.
        retry_after: seconds, from the ``Retry-After`` header.

    Returns:
        An instance of the subclass of `APIError` that fits, not raised.
    """
    reason = str(body.get("reason") or "")
    details = body.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    known = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    causes = tuple(str(cause.get("reason") or "") for cause in known)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    if status == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    if status == 403 and "NamespaceTerminating" in causes:
        kind = NamespaceTerminating
    said = str(body.get("message") or "") or f"HTTP {status}"
    return kind(
        f"cannot {doing}: {said}",
        hint=hint,
        status=status,
        reason=reason,
        causes=causes,
        retry_after=retry_after,
    )
