import base64
import json
from datetime import UTC, datetime

import pytest

from regcred.core.credential import Password
from regcred.core.logins.expiry import expires

MOMENT = 1_700_000_000
TIME = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def encoded(claims, *, url=True):
    text = json.dumps(claims).encode()
    if url:
        return base64.urlsafe_b64encode(text).decode().rstrip("=")
    return base64.b64encode(text).decode()


def jwt(claims):
    return f"e30.{encoded(claims)}.c2ln"


@pytest.mark.parametrize(
    "password",
    [
        jwt({"exp": MOMENT}),
        jwt({"exp": float(MOMENT), "sub": "ÿ?>~~"}),
        encoded({"payload": "x", "expiration": MOMENT}, url=False),
    ],
)
def test_passwords_that_say_it(password):
    assert expires(Password(password)) == TIME


@pytest.mark.parametrize(
    "password",
    [
        "",
        "hunter2",
        "a.b.c",
        jwt({}),
        jwt([MOMENT]),
        jwt({"exp": "soon"}),
        jwt({"exp": True}),
        jwt({"exp": 1e300}),
        jwt({"exp": float("nan")}),
        encoded({"exp": MOMENT}, url=False),
        encoded({"expiration": MOMENT}, url=False) + " " * 70_000,
        "e30." + base64.b64encode(b"[" * 30_000).decode() + ".x",
    ],
)
def test_passwords_that_do_not(password):
    assert expires(Password(password)) is None
