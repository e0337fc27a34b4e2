import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import StreamBroken
from regcred.core.formats.lines import Lines


@given(st.binary().map(lambda b: b.replace(b"x", b"\n")), st.lists(st.integers(0, 30)))
def test_lines_are_the_same_however_they_are_cut(text, cuts):
    lines, got, rest = Lines(1000), [], text
    for cut in cuts:
        got += lines.feed(rest[:cut])
        rest = rest[cut:]
    got += lines.feed(rest)
    *whole, unfinished = text.split(b"\n")
    assert got == whole
    assert lines.unfinished == bool(unfinished)


@pytest.mark.parametrize("pieces", [[b"12345678901"], [b"123456", b"78901"], [b"a\n12345678901"]])
def test_a_line_that_is_too_long(pieces):
    lines = Lines(10)
    with pytest.raises(StreamBroken) as caught:
        list(map(lines.feed, pieces))
    assert caught.value.kind == "too-long"


def test_a_line_of_just_the_limit():
    assert Lines(10).feed(b"1234567890\n1234567890\n") == [b"1234567890"] * 2
