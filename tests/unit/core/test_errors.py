import inspect

import pytest

from regcred.core import errors
from regcred.core.errors import RegcredError, api_error

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RegcredError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_drawn_in_the_tree(kind):
    assert any(
        line.split()[-1:] == [kind.__name__] or f" {kind.__name__} " in line + " "
        for line in errors.__doc__.splitlines()
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_message_and_hint(kind):
    first = ("Throttled",) if issubclass(kind, errors.MintFailed) else ()
    error = kind(*first, "it broke", hint="mend it")
    assert (str(error), error.message, error.hint) == ("it broke", "it broke", "mend it")
    assert kind(*first, "it broke").hint == ""


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (RegcredError, 1),
        (errors.UsageError, 2),
        (errors.InvalidInput, 2),
        (errors.InvalidDockerConfig, 2),
        (errors.UnusableSecret, 1),
        (errors.NoLogin, 1),
        (errors.MintFailed, 1),
        (errors.Misconfigured, 2),
        (errors.InvalidKubeconfig, 2),
        (errors.RegistryUnreachable, 3),
        (errors.ClusterUnreachable, 3),
        (errors.BadCredentials, 1),
        (errors.Unauthorized, 3),
        (errors.NotFound, 1),
    ],
)
def test_exit_codes(kind, exit_code):
    assert kind.exit_code == exit_code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {}, errors.BadRequest),
        (401, {}, errors.Unauthorized),
        (403, {"reason": "Forbidden"}, errors.Forbidden),
        (
            403,
            {"details": {"causes": [{"reason": "NamespaceTerminating"}, {}]}},
            errors.NamespaceTerminating,
        ),
        (404, {"details": None}, errors.NotFound),
        (405, {}, errors.MethodNotAllowed),
        (409, {"reason": "Conflict"}, errors.Conflict),
        (409, {"reason": "AlreadyExists"}, errors.AlreadyExists),
        (410, {}, errors.Gone),
        (418, {}, errors.APIError),
        (422, {}, errors.Invalid),
        (429, {}, errors.TooManyRequests),
        (500, {}, errors.ServerError),
        (503, {"details": {"causes": None}}, errors.ServerError),
    ],
)
def test_api_errors_are_told_apart(status, body, kind):
    error = api_error(status, body, doing="create secrets/x", hint="h", retry_after=2.0)
    assert type(error) is kind
    assert error.message == f"cannot create secrets/x: HTTP {status}"
    assert (error.status, error.hint, error.retry_after) == (status, "h", 2.0)
    assert error.reason == body.get("reason", "")


def test_api_error_says_what_the_server_said():
    body = {"message": 'secrets "x" not found', "details": {"causes": [{"reason": "R"}]}}
    error = api_error(404, body, doing="get secrets/x")
    assert error.message == 'cannot get secrets/x: secrets "x" not found'
    assert error.causes == ("R",)


@pytest.mark.parametrize("details", [1, [], "x", {"causes": 1}, {"causes": [1, {"reason": []}]}])
def test_an_api_error_of_what_is_no_api_server(details):
    error = api_error(403, {"message": "no", "details": details}, doing="get x")
    assert (type(error), error.message) == (errors.Forbidden, "cannot get x: no")
