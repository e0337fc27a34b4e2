import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.formats.gojsonread import Member, NotJSON, read


def test_members_keep_order_repetition_and_text():
    document = read(' { "a" : 1.0 , "b":[ 1 ],"a":"x"} ')
    assert [(m.name, m.raw, m.kind) for m in document.members()] == [
        ("a", "1.0", "a number"),
        ("b", "[ 1 ]", "a list"),
        ("a", '"x"', "a string"),
    ]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("{}", "an object"),
        ("null", "null"),
        ("true", "true"),
        ("false", "false"),
        ("-1", "a number"),
    ],
)
def test_kinds_are_told_apart(raw, kind):
    assert read(raw).kind == kind


@pytest.mark.parametrize("name", ["password", "PASSWORD", "Password", "pa\u017fsword"])
def test_names_match_as_in_go(name):
    assert Member(name, "").is_named("password")


@pytest.mark.parametrize("name", ["passwort", "pa\u00dfword", "password ", ""])
def test_other_names_do_not(name):
    assert not Member(name, "").is_named("password")


def test_kelvin_sign_is_a_k():
    assert Member("to\u212aen", "").is_named("token")


def test_repr_hides_the_value():
    assert "secret" not in repr(read('{"a":"secret"}'))


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_members_are_those_of_the_object(obj):
    found = {m.name: json.loads(m.raw) for m in read(json.dumps(obj)).members()}
    assert found == obj


@given(st.binary() | st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(NotJSON):
        assert read(text).kind
