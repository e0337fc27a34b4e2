"""Why a namespace cannot be given what it should have, in one word and one sentence.

What the API server refuses it says in its Status, and some of what operators meet most often has
no reason of its own there: a quota that is used up, an admission webhook or policy that says no,
a database that is full. The words come from its source: apiserver's pkg/admission/plugin/
resourcequota/controller.go, pkg/admission/plugin/webhook/errors/statuserror.go and
pkg/admission/plugin/policy/validating/dispatcher.go, and etcd's api/v3rpc/rpctypes/error.go.
"""

from __future__ import annotations

from regcred.core.errors import (
    APIError,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    RegcredError,
    ServerError,
    TooManyRequests,
    UnusableSecret,
)
from regcred.core.operator.pcstatus import Failure

_RIGHTS = (
    "the chart of this version has the rights that it needs: helm upgrade, or of a checkout "
    "kubectl apply -k deploy (deploy/webhook before Kubernetes 1.36)"
)
#: What stands in a message, and the word for it; the first that fits.
_WORDS = (
    ("exceeded quota", "QuotaExceeded"),
    ("database space exceeded", "DatabaseFull"),
    ("admission webhook", "AdmissionRefused"),
    ("failed calling webhook", "AdmissionFailing"),
    ("ValidatingAdmissionPolicy", "AdmissionRefused"),
    ("MutatingAdmissionPolicy", "AdmissionRefused"),
)


def describe(error: RegcredError, namespace: str) -> Failure:
    """The failure that goes into the status of a PullCredential.

    Args:
        error: what kept a write, or the reading before it, from being done.
        namespace: where.
    """
    return Failure(namespace, _reason(error), told(error))


def told(error: RegcredError) -> str:
    """What is wrong and what mends it, as the operator says it.

    For a right that is missing the hint is not what a person would be told: that may grant more
    than an operator is to have, such as all Secrets of a cluster.
    """
    hint = _RIGHTS if isinstance(error, Forbidden) and error.hint else error.hint
    return f"{error.message}; {hint}" if hint else error.message


def _reason(error: RegcredError) -> str:
    if isinstance(error, APIError):
        for words, reason in _WORDS:
            if words in error.message:
                return reason
    match error:
        case Conflict():
            return "Contended"
        case TooManyRequests():
            return "APIServerBusy"
        case ServerError():
            return "APIServerFailing"
        case Forbidden():
            return "Forbidden"
        case ClusterUnreachable():
            return "APIServerUnreachable"
        case UnusableSecret():
            return "SecretTooLarge"
        case APIError(reason=reason) if reason.isalnum():
            return reason
    return "WriteFailed"
