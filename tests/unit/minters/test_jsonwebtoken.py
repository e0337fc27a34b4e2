"""JSON Web Tokens that minters sign, and what they read in those of others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Password
from regcred.minters.jsonwebtoken import claims, is_for_cluster, is_token, sign
from tests.support.providers import oidc


def test_what_is_signed_is_verified_by_others():
    token = sign({"iss": "12345", "exp": 5}, oidc.a_key("github"))
    assert oidc.verify(token.reveal(), oidc.a_key("github").public_key()) == claims(token)
    assert claims(token) == {"iss": "12345", "exp": 5}
    with pytest.raises(oidc.BadToken):
        oidc.verify(token.reveal(), oidc.a_key("other").public_key())


@pytest.mark.parametrize(
    "text",
    ["", "a.b", "a.b.c", "a.é.c", "e30.W10.x", "e30.MTIz.x", f"e30.{oidc.encode(b'[' * 99999)}.x"],
)
def test_what_is_none_says_nothing(text):
    assert claims(Password(text)) == {}


@given(st.text())
def test_any_text_says_something_or_nothing(text):
    assert isinstance(claims(Password(text)), dict)
    made = oidc.encode(json.dumps({"sub": text}).encode())
    assert claims(Password(f"e30.{made}.x")) == {"sub": text}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ghs_16C7", True),
        ("e30.e30.x-_=", True),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_what_a_token_is(text, is_one):
    assert is_token(Password(text)) is is_one


@pytest.mark.parametrize(
    ("audience", "issuer", "expected"),
    [
        ("https://kubernetes.default.svc", "", True),
        ("https://Kubernetes.default.svc.cluster.local:443/", "", True),
        ("kubernetes.default", "", True),
        ("kubernetes", "", True),
        ("https://oidc.example.com/id/1", "https://oidc.example.com/id/1", True),
        ("https://oidc.example.com/id/1", "https://oidc.example.com/id/2", False),
        ("kubernetes.example.com", "", False),
        ("https://kubernetes.defaults.example.com", "", False),
        ("sts.amazonaws.com", "https://kubernetes.default.svc", False),
        ("api://AzureADTokenExchange", "", False),
        ("//iam.googleapis.com/projects/1", "", False),
    ],
)
def test_whether_a_token_would_let_into_the_cluster(audience, issuer, expected):
    assert is_for_cluster(audience, {"iss": issuer}) is expected
