import base64
import contextlib
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from cluster.pki import Authority
from cluster.tokens import Scope, Signer, grant, parse_scopes

scopes = st.builds(
    Scope,
    type=st.sampled_from(["repository", "registry", "repository(plugin)"]),
    name=st.from_regex(
        r"([a-z0-9.-]{1,9}:[0-9]{1,5}/)?[a-z0-9]{1,9}(/[a-z0-9]{1,9})?", fullmatch=True
    ),
    actions=st.lists(st.sampled_from(["pull", "push", "delete", "*"])).map(tuple),
)


@given(st.lists(scopes))
def test_scopes_round_trip_one_by_one_and_joined(wanted):
    texts = [str(scope) for scope in wanted]
    assert parse_scopes(texts) == wanted
    assert parse_scopes([" ".join(texts)]) == wanted


@given(st.text())
def test_any_text_is_scopes_or_malformed(text):
    with contextlib.suppress(ValueError):
        joined = " ".join(map(str, parse_scopes([text])))
        assert joined == " ".join(word for word in text.split(" ") if word)


@pytest.mark.parametrize(
    "text",
    ["repository", "repository:app", "repository:App:pull", "repository:app:PULL", ":a:pull"],
)
def test_malformed_scopes(text):
    with pytest.raises(ValueError, match="malformed scope"):
        parse_scopes([text])


def test_grant_is_what_is_asked_for_and_allowed():
    asked = parse_scopes(["repository:team/app:pull,push", "repository:other:pull", "registry:c:*"])
    rights = {"team/*": ["pull"], "*/app": ["push", "delete"]}
    assert list(map(str, grant(asked, rights))) == ["repository:team/app:pull,push"]
    assert list(map(str, grant(asked, {"*": ["pull"]}))) == [
        "repository:team/app:pull",
        "repository:other:pull",
    ]
    assert grant(asked, {}) == []


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_token_is_signed_by_the_key_of_its_certificate(tmp_path):
    files = Authority(tmp_path, "ca").server("issuer", ("issuer",))
    token = Signer(files.key, files.certificate).token(
        issuer="issuer",
        subject="puller",
        audience="registry",
        access=[Scope("repository", "team/app", ("pull",))],
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=300,
        serial="1",
    )
    header, claims, signature = token.split(".")
    (der,) = json.loads(decoded(header))["x5c"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(der))
    raw = decoded(signature)
    der_signature = encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    certificate.public_key().verify(
        der_signature, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )
    assert json.loads(decoded(claims)) == {
        "iss": "issuer",
        "sub": "puller",
        "aud": "registry",
        "iat": 1767225600,
        "nbf": 1767225600,
        "exp": 1767225900,
        "jti": "1",
        "access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}],
    }
