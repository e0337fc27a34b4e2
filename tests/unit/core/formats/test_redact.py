import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.formats.redact import one_line


@pytest.mark.parametrize(
    "text",
    [
        "unauthorized: incorrect username or password",
        "DENIED requested access to the resource is denied",
        "token is expired",
        "no basic auth credentials",
        "the project päckage-registry does not exist",
    ],
)
def test_plain_words_stay(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n\tb\r\n  c", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("a\u202eb", "a b"),
        ("\ud800x", "x"),
        ("", ""),
    ],
)
def test_it_is_one_printable_line(text, line):
    assert one_line(text) == line


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2ln",
        "ghp_0123456789abcdefABCDEF0123456789abcd",
        "AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE",
    ],
)
def test_what_looks_like_a_token_is_hidden(secret):
    assert one_line(f"bad token {secret} given") == "bad token ******** given"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Authorization: Basic dTpwYXNz", "Authorization: ******** ********"),
        ("sent Bearer abc", "sent Bearer ********"),
        ("password=hunter2, sorry", "password=******** sorry"),
        ('"token":"abc"', '"token":********'),
        ("api_key: abc", "api_key: ********"),
    ],
)
def test_what_is_called_a_secret_is_hidden(text, line):
    assert one_line(text) == line


def test_known_secrets_are_hidden_the_longest_first():
    line = one_line("pass and password, and again pass", hide=["pass", "password", ""])
    assert line == "******** and ********, and again ********"


def test_length_is_limited():
    assert one_line("ab " * 10_000) == "ab " * 66 + "a…"
    assert one_line("abc", limit=3) == "abc"
    assert one_line("abcd", limit=3) == "ab…"


def test_blanks_are_no_secret():
    assert one_line("a b", hide=[" "]) == "a b"


def test_a_secret_that_line_breaks_were_in():
    assert one_line("it is a\n b.", hide=["a b"]) == "it is ********."


@given(
    st.text(max_size=300), st.text(min_size=1, max_size=5).filter(str.strip), st.text(max_size=300)
)
def test_known_secret_never_shows(before, secret, after):
    line = one_line(f"{before}{secret}{after}", hide=[secret])
    assert len(line) <= 200
    assert line.isprintable()
    assert secret not in line.replace("********", "") or secret.strip("*") == ""
