"""The look for secrets finds them, in every form in which they could get out."""

import base64
import html
import json
import urllib.parse

import pytest

from tests.support.secrecy import Secrecy

TOKEN = "glpat-Xy12+/='\\\"ü&abCDef34GHij56kl-and-on"
CONFIG = json.dumps({"auths": {"a.example.com": {"username": "u", "password": TOKEN}}})


def encoded(text):
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "as it is": TOKEN,
    "json": json.dumps({"a": TOKEN}),
    "json in json": json.dumps({"a": json.dumps([TOKEN])}),
    "json without ascii": json.dumps(TOKEN, ensure_ascii=False),
    "python": repr({"a": TOKEN}),
    "html": html.escape(TOKEN),
    "url": urllib.parse.quote(TOKEN, safe=""),
    "path": urllib.parse.quote(TOKEN),
    "form": urllib.parse.urlencode({"a": TOKEN}),
    "base64": encoded(TOKEN),
    "base64 of a URL": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    **{f"basic, {user!r}": encoded(f"{user}:{TOKEN}") for user in ("", "a", "ab", "abc")},
    "a docker config": encoded(CONFIG),
    "a docker config with auth": encoded(json.dumps({"auth": encoded(f"user:{TOKEN}")})),
    "its beginning": TOKEN[:16],
    "a piece of it": TOKEN[9:33],
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_secret_is_found_and_not_told(text):
    secrecy = Secrecy()
    secrecy.add("the token", TOKEN)
    with pytest.raises(AssertionError) as caught:
        secrecy.require({"the log": f"it said {text} to", "the page": "nothing"})
    assert str(caught.value) == "the token is in the log"


def test_what_is_none_is_not_found():
    secrecy = Secrecy()
    secrecy.add("the token", TOKEN, "short")
    secrecy.require({"the log": f"glpat- short {encoded('something else altogether')}"})


def test_every_line_of_a_key_is_a_secret():
    secrecy = Secrecy()
    secrecy.add(
        "the key", b"-----BEGIN KEY-----\nMIIEabcdefgh\r\nijklmnop9876\n-----END KEY-----\n"
    )
    assert secrecy.leaks({"a": "-----BEGIN KEY-----"}) == []
    assert secrecy.leaks({"a": "with MIIEabcdefgh"}) == ["the key is in a"]
    assert secrecy.leaks({"a": "and ijklmnop9876\\n"}) == ["the key is in a"]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"access_token": TOKEN, "token_type": "something-open"}),
        json.dumps({"data": [{"authorizationToken": encoded(f"AWS:{TOKEN}")}]}),
        f"<a><SecretAccessKey>{TOKEN}</SecretAccessKey><Type>something-open</Type></a>",
    ],
)
def test_what_is_secret_in_a_body(body):
    secrecy = Secrecy()
    secrecy.add_body("an answer", body.encode())
    assert [each.endswith("is in a") for each in secrecy.leaks({"a": TOKEN})] == [True]
    assert secrecy.leaks({"a": "something-open"}) == []


def test_what_is_secret_in_a_form():
    secrecy = Secrecy()
    form = {"client_assertion": TOKEN, "grant_type": "something-open"}
    secrecy.add_form("a request", urllib.parse.urlencode(form).encode())
    found = secrecy.leaks({"a": f"{TOKEN} something-open"})
    assert found == ["client_assertion of a request is in a"]


def test_what_is_secret_in_headers():
    secrecy = Secrecy()
    shown = {"authorization": f"Basic {encoded(f'me-and-you:{TOKEN}')}", "accept": "everything"}
    secrecy.add_headers("a request", shown)
    (found,) = secrecy.leaks({"a": f"{TOKEN} everything"})
    assert found == "authorization of a request is in a"
