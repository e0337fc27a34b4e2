import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.glob import any_matches, matches

texts = st.text("ab-.", max_size=8)
globs = st.text("ab-.*", max_size=8)


@given(globs, texts)
def test_a_star_stands_for_any_characters(glob, text):
    expected = re.fullmatch(".*".join(map(re.escape, glob.split("*"))), text)
    assert matches(glob, text) == bool(expected)


@pytest.mark.parametrize(("glob", "text"), [("a?", "ab"), ("[ab]", "a"), ("a.", "ab")])
def test_nothing_else_is_special(glob, text):
    assert not matches(glob, text)
    assert matches(glob, glob)


def test_many_stars_take_no_time():
    assert not matches("a*" * 60 + "b", "a" * 253)
    assert not matches("a*" * 60 + "b*a", "a" * 253)


def test_a_thousand_times_as_many_take_no_time_either():
    stars, text = "*a" * 250_000, "ab" * 250_000
    assert matches(stars + "*", text)
    assert matches("*" * 500_000, text)
    assert not matches(stars + "*c*", text)
    assert not matches(stars + "*a*", text)


def test_one_of_several_will_do():
    assert any_matches(("x", "a*"), "ab")
    assert not any_matches((), "ab")
