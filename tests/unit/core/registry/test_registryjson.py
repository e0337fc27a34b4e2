from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Password
from regcred.core.registry.registryjson import (
    DEFAULT_LIFETIME,
    Token,
    error_codes,
    error_text,
    read_token,
)


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_token_has_two_names(name):
    assert read_token({name: "t"}) == Token(Password("t"), 60.0, None)


def test_token_comes_before_access_token():
    assert read_token({"access_token": "a", "token": "t"}).value == Password("t")
    assert read_token({"access_token": "a", "token": ""}).value == Password("a")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "t",
        1,
        {},
        {"token": ""},
        {"token": 1},
        {"token": ["t"]},
        {"token": "a\r\nX: y"},
        {"token": "a b"},
        {"token": "é"},
    ],
)
def test_anything_else_is_no_token(body):
    assert read_token(body) is None


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [(300, 300.0), ("300", 300.0), (1.5, 1.5)]
    + [(odd, DEFAULT_LIFETIME) for odd in (None, 0, -1, "x", [], float("nan"), 10**400, "1e999")],
)
def test_lifetime_is_seconds(expires_in, lifetime):
    assert read_token({"token": "t", "expires_in": expires_in}).lifetime == lifetime


@pytest.mark.parametrize(
    ("issued_at", "instant"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T04:04:05.123456789+01:00", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05", None),
        ("yesterday", None),
        (1, None),
        (None, None),
    ],
)
def test_issued_at_is_an_instant(issued_at, instant):
    assert read_token({"token": "t", "issued_at": issued_at}).issued_at == instant


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"errors": [{"code": "DENIED", "message": "no", "detail": {"x": 1}}]}, "DENIED no"),
        ({"errors": [{"code": "DENIED"}, {"code": "OTHER"}]}, "DENIED"),
        ({"details": "incorrect username or password"}, "incorrect username or password"),
        ({"error": "invalid_grant", "error_description": "no"}, "invalid_grant no"),
        ({"message": "no"}, "no"),
        ({"errors": []}, ""),
        ({"errors": ["no"]}, ""),
        ({"message": {"secret": 1}}, ""),
        ({"other": "secret"}, ""),
        (["no"], ""),
        (None, ""),
    ],
)
def test_errors_say_code_and_message(body, text):
    assert error_text(body) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["errors", "code", "x"]), each),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["token", "expires_in", "issued_at", "errors"]), JSON) | JSON
)
def test_any_json_is_read(body):
    token = read_token(body)
    assert token is None or token.lifetime > 0
    assert isinstance(error_text(body), str)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"errors": [{"code": "NAME_UNKNOWN"}, {"code": 3}, "x", {}]}, {"NAME_UNKNOWN"}),
        ({"errors": {}}, set()),
        ({}, set()),
        (None, set()),
    ],
)
def test_codes_of_an_error(body, codes):
    assert error_codes(body) == codes
