"""JSON as Go writes it; the comparison with kubectl itself is in the integration tests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.formats import gojson

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"a": [1, True, None]}, '{"a":[1,true,null]}'),
        ("<&>", '"\\u003c\\u0026\\u003e"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ("é漢🎉\x7f", '"é漢🎉\x7f"'),
        ('"\\\n\t\x00\x1f', '"\\"\\\\\\n\\t\\u0000\\u001f"'),
        ("\udcff", '"\\ufffd"'),
        ({"b": 1, "a": 2}, '{"b":1,"a":2}'),
    ],
)
def test_encodes_as_go_does(obj, expected):
    assert gojson.dumps(obj) == expected


def test_indents_as_marshal_indent_does():
    assert gojson.dumps({"a": {}, "b": [], "c": [1]}, indent=4) == (
        '{\n    "a": {},\n    "b": [],\n    "c": [\n        1\n    ]\n}'
    )


@given(values)
def test_reads_back(obj):
    assert json.loads(gojson.dumps(obj)) == obj
    assert json.loads(gojson.dumps(obj, indent=4)) == obj
