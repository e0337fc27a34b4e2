"""Questions to AWS by its SDK, and what its errors stand for.

The SDK puts bodies of answers into its exceptions, so nothing of them is shown but the code, and
the words of a refusal of IAM, which name who may not do what.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.web import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_CODES = {
    SourceReason.BAD_CREDENTIALS: (
        "AuthFailure ExpiredToken ExpiredTokenException IDPRejectedClaim IncompleteSignature "
        "InvalidClientTokenId InvalidIdentityToken InvalidSignatureException MissingAuthentication"
        "Token MissingAuthenticationTokenException RequestExpired SignatureDoesNotMatch "
        "UnrecognizedClientException"
    ),
    SourceReason.NO_PERMISSION: (
        "AccessDenied AccessDeniedException NotAuthorized OptInRequired UnauthorizedOperation"
    ),
    SourceReason.NOT_CONFIGURED: (
        "InvalidAction InvalidParameterException MalformedPolicyDocument PackedPolicyTooLarge "
        "RegionDisabledException UnknownOperationException UnsupportedCommandException "
        "ValidationError ValidationException"
    ),
    SourceReason.THROTTLED: (
        "RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown "
        "ThrottleException Throttling ThrottlingException TooManyRequestsException"
    ),
    SourceReason.UNREACHABLE: (
        "IDPCommunicationError InternalFailure InternalServerError RequestTimeout "
        "RequestTimeoutException ServerException ServiceUnavailable ServiceUnavailableException"
    ),
}
_REASONS = {code: reason for reason, codes in _CODES.items() for code in codes.split()}
_CLOCK = frozenset({"RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch"})

_ECR = "allow ecr:GetAuthorizationToken on * (AmazonEC2ContainerRegistryPullOnly has it)"
_PUBLIC = (
    "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken "
    "(AmazonElasticContainerRegistryPublicReadOnly has both)"
)
_ASSUME = (
    "allow sts:AssumeRole on it, and name who asks as Principal in the role's trust policy; "
    f"{setting('externalId')} is what that may want besides"
)
_FEDERATE = (
    "let the role's trust policy allow sts:AssumeRoleWithWebIdentity to the cluster's OIDC "
    "provider for system:serviceaccount:NAMESPACE:NAME"
)
_NOBODY = (
    f"give secretRef, or identity and {setting('roleArn')}, or give the operator's ServiceAccount "
    "a role (IRSA: annotate it with eks.amazonaws.com/role-arn; EKS Pod Identity: aws eks "
    "create-pod-identity-association)"
)
_AGENT = "see what it says: kubectl logs -n kube-system daemonset/eks-pod-identity-agent"
_CHECK_CLOCK = "see whether the clock here is right, and whether the secret key belongs to its id"
_NEW_KEYS = "see whether they are still active: aws iam list-access-keys"
_PROVIDER = "make the cluster's issuer an OIDC provider of the account, with this audience"
_STATUS = re.compile(r"non 200 response (4\d\d)")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Args:
        service: as the SDK calls it.
        region: where.
        action: as AWS calls it.
        role: that is to be assumed, or asks.
        host: who is asked.
    """

    service: str
    region: str
    action: str = ""
    role: str = ""
    host: str = "AWS"

    @property
    def wanted(self) -> str:
        """What for."""
        if self.service == "sts":
            return f"session of {self.role}"
        return f"authorization token ({self.region})" + (f" to {self.role}" if self.role else "")


def host(client: Any) -> str:
    """Whom a client of the SDK asks."""
    url: str = client.meta.endpoint_url
    return urlsplit(url).netloc


def raised() -> tuple[type[Exception], ...]:
    """What the SDK raises: its own, and what an answer of the wrong shape makes it stumble over."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    stumbled = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
    return (BotoCoreError, ClientError, ResponseParserError, OSError, *stumbled)


def ask(
    client: Any,
    question: Question,
    given: Mapping[str, str],
    hide: tuple[str, ...],
    now: Callable[[], datetime],
) -> tuple[Mapping[str, Any], Answer]:
    """Ask, once; then the client is closed.

    Returns:
        What was said, and how, without its body.

    Raises:
        MintFailed: there is no answer, or no good one.
    """
    method = client.meta.method_to_api_mapping
    call = next(name for name, action in method.items() if action == question.action)
    try:
        answer = getattr(client, call)(**given)
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
    except raised() as error:
        raise translate(error, question, hide, now()) from None
    finally:
        client.close()
    return answer, _bare(200, headers, question, now())


def unknown(question: Question, what: str) -> MintFailed:
    """An answer that the documentation does not know."""
    return MintFailed(
        SourceReason.MINT_FAILED,
        f"what {question.host} answers to {question.action} {what}",
        hint="does something else answer at that address? see HTTPS_PROXY, and try again",
    )


def translate(
    error: Exception, question: Question, hide: tuple[str, ...], now: datetime
) -> MintFailed:
    """The failure that an exception of the SDK stands for."""
    from botocore import exceptions as of_sdk

    match error:
        case of_sdk.ClientError():
            return _refused(error, question, hide, now)
        case of_sdk.NoCredentialsError() | of_sdk.PartialCredentialsError():
            return _failure(SourceReason.NOT_CONFIGURED, "there are no credentials", _NOBODY)
        case of_sdk.CredentialRetrievalError() | of_sdk.MetadataRetrievalError():
            status = _STATUS.search(str(error))
            what = "the platform gives no credentials" + (f" ({status[1]})" if status else "")
            reason = SourceReason.BAD_CREDENTIALS if status else SourceReason.UNREACHABLE
            return _failure(reason, what, _AGENT)
        case of_sdk.HTTPClientError() | of_sdk.ConnectionError():
            return _unreachable(error, question)
        case of_sdk.BotoCoreError() if not isinstance(error, of_sdk.ParamValidationError):
            what = type(error).__name__
            return _failure(SourceReason.NOT_CONFIGURED, f"the SDK cannot be used: {what}")
        case OSError() if error.filename:
            what = f"cannot read {error.filename}: {error.strerror}"
            return _failure(SourceReason.NOT_CONFIGURED, what, _NOBODY)
    if not question.action:
        return _failure(SourceReason.MINT_FAILED, "what the platform gives for credentials is none")
    return unknown(question, "is none that its documentation knows")


def _failure(reason: SourceReason, what: str, hint: str = "") -> MintFailed:
    return MintFailed(reason, f"AWS is not asked: {what}", hint=hint)


def _unreachable(error: Exception, question: Question) -> MintFailed:
    from botocore import exceptions as of_sdk

    match error:
        case of_sdk.SSLError():
            why = "its certificate is not trusted, or it does not speak TLS"
        case of_sdk.ProxyConnectionError():
            why = "the proxy does not let us through"
        case of_sdk.ConnectTimeoutError() | of_sdk.ReadTimeoutError():
            why = "no answer in time"
        case of_sdk.ConnectionClosedError():
            why = "it hangs up in the middle"
        case _:
            why = "no connection comes about"
    # It may be STS, which the SDK asks by itself for what the environment says.
    asked = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url"))).netloc or question.host
    return MintFailed(SourceReason.UNREACHABLE, f"{asked} cannot be reached: {why}")


def _refused(error: Any, question: Question, hide: tuple[str, ...], now: datetime) -> MintFailed:
    said = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    code, status = str(said.get("Code", "")), meta.get("HTTPStatusCode", 0)
    reason = _REASONS.get(code) or _by_status(status)
    # The SDK asks STS by itself for what the environment says, and fails with that.
    action = error.operation_name or question.action
    who, wanted = question.host, question.wanted
    if action != question.action:
        who, wanted = "STS", "session for what the environment says"
    words = f": {one_line(code, hide=hide)}" if code and not code.isdigit() else f" ({status})"
    if reason is SourceReason.NO_PERMISSION and isinstance(said.get("Message"), str):
        words += f": {one_line(said['Message'], hide=hide).rstrip('.')}"
    return MintFailed(
        reason,
        f"{who} gives no {wanted}{words}",
        hint=_hint(reason, code, action, question.service),
        retry_after=_bare(status, meta.get("HTTPHeaders", {}), question, now).retry_after,
    )


def _by_status(status: int) -> SourceReason:
    if status == 429:
        return SourceReason.THROTTLED
    if 300 <= status < 400:  # The SDK follows none, and this address is nobody's to change.
        return SourceReason.NOT_CONFIGURED
    return SourceReason.UNREACHABLE if status >= 500 else SourceReason.MINT_FAILED


def _hint(reason: SourceReason, code: str, action: str, service: str) -> str:
    federated = action == "AssumeRoleWithWebIdentity"
    if reason is SourceReason.BAD_CREDENTIALS:
        return _PROVIDER if federated else _CHECK_CLOCK if code in _CLOCK else _NEW_KEYS
    if reason is not SourceReason.NO_PERMISSION:
        return ""
    if action.startswith("AssumeRole"):
        return _FEDERATE if federated else _ASSUME
    return _PUBLIC if service == "ecr-public" else _ECR


def _bare(status: int, headers: Mapping[str, str], question: Question, now: datetime) -> Answer:
    return Answer(status, headers, b"", f"https://{question.host}/", now)
