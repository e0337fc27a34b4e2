import pytest

from regcred.core.errors import (
    APIError,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    RegcredError,
    UnusableSecret,
    api_error,
)
from regcred.core.operator.nsfailure import describe

# What a 1.37 API server answers; the last two from the sources that the module names.
QUOTA = (
    'secrets "regcred" is forbidden: exceeded quota: few, requested: count/secrets=1, '
    "used: count/secrets=3, limited: count/secrets=3"
)
POLICY = (
    "secrets \"regcred\" is forbidden: ValidatingAdmissionPolicy 'no' with binding 'no' "
    "denied request: not here"
)
WEBHOOK = 'admission webhook "policy.example.com" denied the request: not here'
NO_WEBHOOK = (
    'Internal error occurred: failed calling webhook "policy.example.com": failed to call '
    "webhook: connection refused"
)


def answer(status: int, message: str, reason: str = "") -> APIError:
    return api_error(status, {"message": message, "reason": reason}, doing="create secrets/x")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer(403, QUOTA, "Forbidden"), "QuotaExceeded"),
        (answer(422, POLICY, "Invalid"), "AdmissionRefused"),
        (answer(403, WEBHOOK), "AdmissionRefused"),
        (answer(500, NO_WEBHOOK, "InternalError"), "AdmissionFailing"),
        (answer(500, "etcdserver: mvcc: database space exceeded"), "DatabaseFull"),
        (answer(403, "no right"), "Forbidden"),
        (answer(409, "the object has been modified", "Conflict"), "Contended"),
        (Conflict("x"), "Contended"),
        (answer(429, "too many requests"), "APIServerBusy"),
        (answer(503, "not ready"), "APIServerFailing"),
        (answer(422, "it is too long", "Invalid"), "Invalid"),
        (answer(413, "request is too large", "RequestEntityTooLarge"), "RequestEntityTooLarge"),
        (answer(418, "teapot"), "WriteFailed"),
        (answer(418, "teapot", "not a word"), "WriteFailed"),
        (ClusterUnreachable("cannot reach it"), "APIServerUnreachable"),
        (UnusableSecret("with the logins that stay it is too large"), "SecretTooLarge"),
        (RegcredError("who knows"), "WriteFailed"),
    ],
)
def test_the_word_for_it(error: RegcredError, expected: str) -> None:
    failure = describe(error, "team-a")
    assert (failure.namespace, failure.reason) == ("team-a", expected)
    assert failure.message == error.message


def test_no_command_that_grants_more_than_the_operator_is_to_have() -> None:
    error = Forbidden("cannot watch secrets", hint="kubectl create clusterrole …", status=403)
    assert describe(error, "a").message.startswith("cannot watch secrets; the chart")
    error = Forbidden("denied by a policy", status=403)
    assert describe(error, "a").message == "denied by a policy"


def test_the_hint_is_told_too() -> None:
    assert describe(RegcredError("no", hint="do this"), "a").message == "no; do this"
