"""What a policy says of a Secret that it refuses is shown; what is in the Secret is not."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import HIDDEN, Credential, Password
from regcred.core.logins.hush import hush
from regcred.core.operator.merging import secret_data

PASSWORD = 'hush-4711/"hush"+äöü'
CREDENTIAL = Credential("harbor.example.com/some-long-project-name", "robot$ci", Password(PASSWORD))
DATA = secret_data([CREDENTIAL])
(VALUE,) = DATA.values()
DOCUMENT = base64.b64decode(VALUE).decode()
AUTH = base64.b64encode(f"robot$ci:{PASSWORD}".encode()).decode()
SAID = (
    "cannot create secrets/regcred in namespace team-with-a-name-of-more-than-24-characters-1: "
    "ValidatingAdmissionPolicy 'harbor.example.com/some-long-project-name' denied request: {} no"
)


@pytest.mark.parametrize(
    "quoted",
    [
        VALUE,
        json.dumps({"data": DATA}),
        DOCUMENT,
        json.dumps(DOCUMENT),
        AUTH,
        PASSWORD,
        json.dumps(PASSWORD)[1:-1],
        quote(PASSWORD, safe=""),
        VALUE[7:40],
        VALUE[-30:],
        VALUE.rstrip("="),
        AUTH[:16],
    ],
)
def test_nothing_of_it_is_told(quoted):
    said = hush(SAID.format(quoted), DATA)
    before, after = SAID.split("{}")
    assert said.startswith(before)
    assert said.endswith(after)
    assert HIDDEN in said
    for secret in ("hush-4711", VALUE[12:24], AUTH[4:16]):
        assert secret not in said


@pytest.mark.parametrize("data", [DATA, {}, {"a": "e30="}, {"a": "bm8ganNvbg=="}, {"a": "W10="}])
def test_what_is_no_secret_is_told(data):
    said = SAID.format("robot$ci may not")
    assert hush(said, data) == said


@given(st.text(min_size=5), st.text(), st.sampled_from(["{}", '"{}"', "x{}x"]))
def test_any_password_is_hidden(password, username, form):
    data = secret_data([Credential("a.example.com", username, Password(password))])
    (value,) = data.values()
    auth = base64.b64encode(f"{username}:{password}".encode("utf-8", "replace")).decode()
    for secret in (password, value, auth):
        assert secret not in hush(form.format(secret), data).replace(HIDDEN, "")
