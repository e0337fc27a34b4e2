"""JSON as kubectl reads it: several values, escapes that YAML lacks, and what is none."""

import sys

import pytest

from tests.support.injecting import check_marked, refused

NEW = '«"imagePullSecrets": [{"name": "regcred"}]»'
YAML = "«imagePullSecrets: [{name: regcred}]»"
POD = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {%s}}'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((POD % NEW) * 3, id="side by side"),
        pytest.param(f"\n {POD % NEW}\t\r\n{POD % NEW}\n\n", id="white space"),
        pytest.param(f"---\n{POD % NEW}\n---\n{POD % NEW}\n", id="documents"),
        pytest.param(f"a: b\n---\n{POD % NEW}\n--- # c\nc: d\n", id="documents of YAML"),
        pytest.param(f"{POD % YAML} # c\n", id="YAML in truth"),
        pytest.param(f"{POD % YAML}\n...\n", id="an end marker"),
        pytest.param(POD.replace('"a"', '"\\ud83d\\ude00\\/\\b\\u0000"') % NEW, id="escapes"),
        pytest.param(POD.replace("Pod", "P\\u006fd") % NEW, id="escapes that decide"),
        pytest.param(POD % f'{NEW[:-1]}, »"a": [1e5, -0.1, true, null, {{"b": []}}]', id="values"),
        pytest.param(f'[1, {{"kind": "Pod"}}, []] {POD % NEW}', id="an array"),
        pytest.param(f'{{}} {POD % NEW} {{"items": {{}}}}', id="other objects"),
        pytest.param(
            f'{{"kind": "List", "apiVersion": "v1", "items": [{POD % NEW}, {POD % NEW}, 1, "a"]}}',
            id="a list",
        ),
        pytest.param('{"kind": "List", "apiVersion": "v1", "items": []}', id="an empty list"),
        pytest.param(POD.replace("Pod", "Service") % "", id="another kind"),
        pytest.param(POD.replace('"Pod"', "null") % "", id="no kind"),
        pytest.param('{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}', id="keys twice, not ours"),
    ],
)
def test_json(text):
    check_marked(text)


BAD = {
    "a comma at the end of an object": ('"a": 1, ^', "a key in double quotes is missing"),
    # In the words of Python's own reader.
    "a comma at the end of what nobody looks at": (
        ('"a": {"b": 1^, }', "it is not JSON: Illegal trailing comma before end of object")
        if sys.version_info >= (3, 13)
        else (
            '"a": {"b": 1, ^}',
            "it is not JSON: Expecting property name enclosed in double quotes",
        )
    ),
    "a comma at the end of an array": (
        '"containers": [1, ^]',
        "it is not JSON: Expecting value",
    ),
    "no comma": ('"a": 1 ^"b": 2', "',' or '}' is missing"),
    "no comma in a list": ('"containers": [1 ^2]', "',' or ']' is missing"),
    "no colon": ('"a" ^1', "':' is missing"),
    "no colon in what nobody looks at": (
        '"a": {"b" ^1}',
        "it is not JSON: Expecting ':' delimiter",
    ),
    "an escape": ('"a": "^\\x"', "it is not JSON: Invalid \\escape"),
    "an escape in a key": ('"^\\x": 1', "it is not JSON: Invalid \\escape"),
    "a line break in a string": (
        '"a": "b^\n"',
        "it is not JSON: Invalid control character at",
    ),
    "an open string": ('"a": ^"b}}', "it is not JSON: Unterminated string starting at"),
    "null": ('"imagePullSecrets": ^null', "imagePullSecrets of pod/a is null, not a list"),
    "a string": ('"imagePullSecrets": ^"b"', "imagePullSecrets of pod/a is a string, not a list"),
    "a number": ('"imagePullSecrets": ^1', "imagePullSecrets of pod/a is a string, not a list"),
    "an object": ('"imagePullSecrets": ^{}', "imagePullSecrets of pod/a is a mapping, not a list"),
    "an entry that is null": (
        '"imagePullSecrets": [{"name": "b"}, ^{"name": null}]',
        "an entry of imagePullSecrets of pod/a has no name",
    ),
    "an entry with an empty name": (
        '"imagePullSecrets": [^{"name": ""}]',
        "an entry of imagePullSecrets of pod/a has no name",
    ),
    "a key twice": ('"a": 1, ^"a": 2', "the key 'a' stands twice in one mapping"),
    "a key twice in a list": (
        '"containers": [{"b": 1, ^"b": 2}]',
        "the key 'b' stands twice in one mapping",
    ),
}


@pytest.mark.parametrize(
    ("spec", "problem"), [pytest.param(*case, id=name) for name, case in BAD.items()]
)
def test_bad_json(spec, problem):
    # Of two values in a row, or YAML would allow some of it.
    text = POD % f"\n{spec}" + "{}"
    before = text.partition("^")[0]
    place = f"2:{len(before) - before.rfind(chr(10))}"
    assert refused(text.replace("^", "")) == f"it.yaml:{place}: {problem}"


@pytest.mark.parametrize(
    "spec",
    [
        '"containers": [],',
        '"containers": [1 2]',
        '"a": NaN',
        "a: b",
        "'a': 1",
        '"a": "b\n c"',
        '"a": 1 # c\n',
    ],
)
def test_what_is_no_json_may_be_yaml(spec):
    new = f"{NEW[:-1]}, »" if spec[0] == '"' else f"{YAML[:-1]}, »"
    check_marked(POD % f"{new}{spec}")
