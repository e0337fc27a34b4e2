"""What is printed for people and for programs, where others have written it."""

import json
from io import BytesIO, TextIOWrapper

import pytest
import yaml

from regcred.cli import output
from regcred.core.operator import pcstatus

ODD = "a\x1b[2Jb\x07\x7f\x9b31m\x85\r\nc\u202e é🎉"


@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_data_says_the_same_and_commands_no_terminal(form, load, monkeypatch):
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, "utf-8"))
    output.print_object({"a": ODD, "b": [ODD]}, form)
    text = written.getvalue().decode()
    assert load(text) == {"a": ODD, "b": [ODD]}
    assert not [c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
    assert " é" in text


def test_what_the_operator_writes_for_others_to_show_is_one_line():
    assert pcstatus._cut(ODD).isprintable()
    assert pcstatus._cut("plain – é🎉") == "plain – é🎉"
