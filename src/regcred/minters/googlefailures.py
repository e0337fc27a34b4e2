"""What Google's refusals stand for.

Three kinds of servers speak in three ways: OAuth's (``error``, ``error_description``), the API's
(``error.status``, ``error.message``, ``error.details``), and the metadata server's (plain text).

https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes
https://datatracker.ietf.org/doc/html/rfc8693#section-2.2.2
https://cloud.google.com/apis/design/errors
https://cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.errors import MintFailed
from regcred.core.operator.source import SourceReason
from regcred.minters.web import refused

if TYPE_CHECKING:
    from regcred.minters.web import Answer

_WHAT = "access token"
_OAUTH = {
    "invalid_grant": SourceReason.BAD_CREDENTIALS,
    "invalid_client": SourceReason.BAD_CREDENTIALS,
    "deleted_client": SourceReason.BAD_CREDENTIALS,
    "disabled_client": SourceReason.BAD_CREDENTIALS,
    "unauthorized_client": SourceReason.NO_PERMISSION,
    "access_denied": SourceReason.NO_PERMISSION,
    "admin_policy_enforced": SourceReason.NO_PERMISSION,
    "org_internal": SourceReason.NO_PERMISSION,
    "invalid_request": SourceReason.NOT_CONFIGURED,
    "invalid_scope": SourceReason.NOT_CONFIGURED,
    "invalid_target": SourceReason.NOT_CONFIGURED,
    "temporarily_unavailable": SourceReason.UNREACHABLE,
    "server_error": SourceReason.UNREACHABLE,
    "internal_failure": SourceReason.UNREACHABLE,
}
_STS = "/v1/token"
_CLOCK = "reasonable timeframe"
_CHECK_CLOCK = "see whether the clock here is right"
_ISSUER = "see issuer and audiences of the pool's provider, and that Google can reach the issuer"
_KEYS = "see whether the key is still there: gcloud iam service-accounts keys list"
_CREATOR = (
    "roles/iam.serviceAccountTokenCreator on the service account, or for federation "
    "roles/iam.workloadIdentityUser, has iam.serviceAccounts.getAccessToken"
)
_API = "gcloud services enable iamcredentials.googleapis.com"
_SCOPES = "the node needs the scope cloud-platform to impersonate; GKE's workload identity has it"
_LINK = (
    "let the Kubernetes ServiceAccount be the service account: gcloud iam service-accounts "
    "add-iam-policy-binding ACCOUNT --role=roles/iam.workloadIdentityUser "
    "--member='serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]'"
)
_NO_ACCOUNT = "give the instance a service account, or give secretRef or identity"
_HINTS = {
    "invalid_grant": _KEYS,
    "invalid_client": _KEYS,
    "unauthorized_client": "see the attribute condition of the pool's provider",
    "invalid_target": "see whether pool and provider are there and enabled: gcloud iam "
    "workload-identity-pools providers describe",
    "invalid_request": "see audience: the provider's full name, with the project's number",
}


def unknown(host: str) -> MintFailed:
    """An answer that the documentation does not know."""
    return MintFailed(
        SourceReason.MINT_FAILED,
        f"what {host} answers is no {_WHAT} as its documentation has it",
        hint="does something else answer at that address? see HTTPS_PROXY, and try again",
    )


def of_token(answer: Answer) -> MintFailed:
    """A refusal of a token endpoint, of STS or of the IAM Credentials API."""
    found = answer.json.get("error") if isinstance(answer.json, dict) else None
    return _of_api(answer, found) if isinstance(found, dict) else _of_oauth(answer, found)


def of_metadata(answer: Answer) -> MintFailed:
    """A refusal of the metadata server."""
    hint = {403: _LINK, 404: _NO_ACCOUNT}.get(answer.status, "")
    return refused(answer, _WHAT, hint=hint)


def _of_oauth(answer: Answer, error: Any) -> MintFailed:
    code = error if isinstance(error, str) else ""
    said = answer.text("error_description")
    hint = _CHECK_CLOCK if _CLOCK in said else _HINTS.get(code, "")
    if code == "invalid_grant" and answer.url.endswith(_STS):
        hint = _ISSUER
    failure = refused(answer, _WHAT, said=_joined(code, said), hint=hint)
    if answer.status < 500 and answer.status != 429:
        failure.reason = _OAUTH.get(code, failure.reason)
    return failure


def _of_api(answer: Answer, error: dict[str, Any]) -> MintFailed:
    reasons = _reasons(error)
    status = answer.text("error", "status")
    message = answer.text("error", "message")
    failure = refused(answer, _WHAT, said=_joined(status, message))
    if "SERVICE_DISABLED" in reasons:
        failure.reason, failure.hint = SourceReason.NOT_CONFIGURED, _API
    elif "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in reasons:
        failure.hint = _SCOPES
    elif answer.status == 403:
        failure.hint = _CREATOR
    elif answer.status == 404:
        failure.hint = (
            "see whether there is such a service account: gcloud iam service-accounts list"
        )
    return failure


def _joined(code: str, message: str) -> str:
    return ": ".join(each for each in (code, message.rstrip(". ")) if each)


def _reasons(error: dict[str, Any]) -> frozenset[str]:
    """What google.rpc.ErrorInfo among the details says."""
    details = error.get("details")
    found = details if isinstance(details, list) else []
    said = [each.get("reason") for each in found if isinstance(each, dict)]
    return frozenset(each for each in said if isinstance(each, str))
