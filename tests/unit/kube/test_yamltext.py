import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.kube import yamltext
from regcred.kube.yamltext import NotYAML

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc1 -"), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_is_yaml(value):
    assert yamltext.loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.text("[]{}:,-?*&!|>'\"\\ \n\tab<1.").map(str.encode))
def test_any_bytes_are_read_or_refused(text):
    with contextlib.suppress(NotYAML):
        yamltext.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("OFF", False),
        ("tRue", "tRue"),
        ("~", None),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("017", 15),
        ("08", 8.0),
        ("0x1f", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)),
        ("1e999", "1e999"),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("'5'", "5"),
        ("!!str 5", "5"),
    ],
)
def test_scalars_are_those_of_go_yaml(text, value):
    read = yamltext.loads(f"a: {text}".encode())["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_become_text():
    assert yamltext.loads(b"{2: a, off: b, 2.5: c}") == {"2": "a", "false": "b", "2.5": "c"}


def test_merge_keys_duplicates_and_further_documents():
    text = b"x: &x {p: 1, q: 2}\nz: {<<: *x, q: 3}\nz: {<<: *x, q: 4}\n---\nanother: 1\n"
    assert yamltext.loads(text) == {"x": {"p": 1, "q": 2}, "z": {"p": 1, "q": 4}}


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"---\n", b"null"])
def test_nothing_is_none(text):
    assert yamltext.loads(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a: [", "line 2, column 1"),
        (b"a: *b", "undefined alias"),
        (b"a: &x [*x]", "contains itself"),
        (b"a: !!binary aGk=", "constructor"),
        (b"a: .inf", "no place in JSON"),
        (b"{~: 1}", "key"),
        (b"\xff\xfe\x00", "no text"),
        (b"[" * 100_000, "too deeply"),
        (b"- " * 100_000, "too deeply"),
        (b"[" * 5_000 + b"]" * 5_000, "too deeply"),
    ],
)
def test_what_it_refuses(text, says):
    with pytest.raises(NotYAML, match=says):
        yamltext.loads(text)


def test_errors_quote_nothing_from_the_file():
    with pytest.raises(NotYAML) as caught:
        yamltext.loads(b"token: hunter2\npassword: *hunter3")
    assert "hunter" not in str(caught.value)


def test_a_bomb_of_merge_keys_does_not_go_off():
    lines = ["a0: &a0 {x: 1}"] + [
        f"a{i}: &a{i} {{<<: [{f'*a{i - 1}, ' * 9}]}}" for i in range(1, 40)
    ]
    with pytest.raises(NotYAML, match="merge keys bring too much"):
        yamltext.loads("\n".join(lines).encode())


def test_an_alias_bomb_does_not_go_off():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]" for i in range(1, 40)]
    bomb = yamltext.loads("\n".join(lines).encode())
    assert bomb["a39"][0] is bomb["a38"]
