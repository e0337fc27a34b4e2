"""YAML as kubectl writes it; the comparison with kubectl itself is in the integration tests."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.formats import goyaml

# Every character that both writers and PyYAML agree can stand in a stream.
text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\x85\ufffe\uffff\r"),
    max_size=30,
)
keys = st.text("aé 0:-", max_size=3) | text


def nested(inner):
    mapping = st.dictionaries(keys, inner, max_size=3)
    return mapping | st.lists(mapping, max_size=2)


objects = st.dictionaries(keys, st.recursive(text, nested, max_leaves=6), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("true", '"true"'),
        ("No", '"No"'),
        ("~", '"~"'),
        ("12", '"12"'),
        ("0x1f", '"0x1f"'),
        ("0b11", '"0b11"'),
        ("-0o17", '"-0o17"'),
        ("0xffffffffffffffff", '"0xffffffffffffffff"'),
        ("0x10000000000000000", "0x10000000000000000"),
        ("1_000", '"1_000"'),
        ("1e3", '"1e3"'),
        (".5", '".5"'),
        ("._5", "._5"),
        ("1e999", "1e999"),
        ("1.2.3", "1.2.3"),
        (".inf", '".inf"'),
        ("12:30", '"12:30"'),
        ("2026-11-22", '"2026-11-22"'),
        ("2026-02-29", "2026-02-29"),
        ("2024-02-29", '"2024-02-29"'),
        ("2026-13-01", "2026-13-01"),
        ("2026-11-22T10:11:12Z", '"2026-11-22T10:11:12Z"'),
        ("2026-11-22 24:00:00", "2026-11-22 24:00:00"),
        ("a: b", "'a: b'"),
        ("a:", "'a:'"),
        ("a #b", "'a #b'"),
        ("- a", "'- a'"),
        ("-", "'-'"),
        ("-a", "-a"),
        ("?", "'?'"),
        ("@a", "'@a'"),
        ("'a", "'''a'"),
        (" a", "' a'"),
        ("---a", "'---a'"),
        ("a\tb", '"a\\tb"'),
        ("a\u2028b", "'a\u2028b'"),
        ("a\u2028 b", '"a\\L b"'),
        ("a \u2028b", '"a \\Lb"'),
        ("🎉", '"\\U0001F389"'),
        ("\ufeff", '"\\uFEFF"'),
        ("\x9f", '"\\x9F"'),
        ("é", "é"),
        ("\xa0\ufeff", '"\xa0\\uFEFF"'),
        ("a\n", "|\n  a"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        ("\n", "|2+\n"),
        (" a\n", "|2\n   a"),
        ("a\n ", '"a\\n "'),
        ({}, "{}"),
        ([], "[]"),
        (None, "null"),
        (True, "true"),
        (7, "7"),
    ],
)
def test_scalars(value, expected):
    assert goyaml.dumps({"k": value}) == f"k: {expected}\n"


def test_keys_that_would_read_as_other_types_are_quoted():
    assert goyaml.dumps({"n": "n", "1": None}) == '"1": null\n"n": "n"\n'


def test_a_key_with_a_line_feed_is_quoted():
    assert goyaml.dumps({"a\nb": 1}) == '"a\\nb": 1\n'
    assert goyaml.dumps({"a\u2028b": 1}) == '"a\\Lb": 1\n'


def test_lists_are_not_indented():
    assert goyaml.dumps({"a": ["x", {"b": 1, "c": {"d": 2}}, {}]}) == (
        "a:\n- x\n- b: 1\n  c:\n    d: 2\n- {}\n"
    )


@pytest.mark.parametrize(
    "keys",
    [
        ["1", "a1", "a2", "a10", "b"],
        [".dockerconfigjson", "a"],
        ["a", "ab", "b"],
        ["a-1", "ab"],
        ["a-", "a."],
        ["a1", "a01", "a001", "a2"],
        ["a1b", "a01b"],
        ["a10", "a100"],
    ],
)
def test_keys_come_in_natural_order(keys):
    assert list(yaml.safe_load(goyaml.dumps(dict.fromkeys(reversed(keys), 0)))) == keys


def test_zero_inside_a_number_is_a_digit_of_it():
    assert list(yaml.safe_load(goyaml.dumps({"a110": 0, "a101": 0}))) == ["a101", "a110"]


@given(objects)
def test_reads_back(obj):
    """Every character, that is: PyYAML's types are not Go's, and kubectl's are held elsewhere."""
    assert yaml.load(goyaml.dumps(obj), Loader=yaml.CBaseLoader) == obj  # noqa: S506 - text only


@pytest.mark.parametrize("value", [[["nested"]], 1.5, b"bytes"])
def test_what_no_object_holds_is_refused(value):
    with pytest.raises(TypeError):
        goyaml.dumps({"k": value})
