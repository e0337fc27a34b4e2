import gzip
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidManifest
from regcred.core.formats.utf8 import decode


def pieces(content, size):
    return [content[at : at + size] for at in range(0, len(content), size)]


def refusal(content, size=1, file="a.yaml"):
    with pytest.raises(InvalidManifest) as refused:
        list(decode(pieces(content, size), file))
    return refused.value.message, refused.value.hint


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.integers(1, 9))
def test_text_comes_whole_whatever_the_pieces(text, size):
    content = b"ab" + text.encode()  # two letters, so that it cannot begin like another encoding
    decoded = list(decode(pieces(content, size)))
    assert "".join(decoded).encode() == content
    assert all(decoded)


def test_byte_order_mark_stays():
    content = b"\xef\xbb\xbfkind: Pod\n"
    assert "".join(decode([content])).encode() == content


@pytest.mark.parametrize("blocks", [[], [b""], [b"", b""]])
def test_nothing(blocks):
    assert list(decode(blocks)) == []


def test_pieces_with_nothing_in_them():
    assert list(decode([b"kind: Pod", b"", b"\n", b""])) == ["kind: Pod", "\n"]


@given(
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    st.sampled_from([(b"\xff", "byte 0xff is no UTF-8"), (b"\0", "a NUL byte")]),
    st.integers(1, 9),
)
def test_place_of_a_wrong_byte(before, wrong, size):
    before = "é: ok\n" + before
    byte, problem = wrong
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    said, hint = refusal(before.encode() + byte + b"\nmore: 1\n", size)
    assert said.startswith(f"a.yaml:{line}:{column}: {problem}")
    assert "UTF-8" in hint


def test_the_first_of_two_wrong_bytes():
    assert refusal(b"a: \0\xff\n", 9)[0].startswith("a.yaml:1:4: a NUL")
    assert refusal(b"a: \xff\0\n", 9)[0].startswith("a.yaml:1:4: byte 0xff")


def test_surrogates_are_no_characters():
    assert refusal(b"a: \xed\xa0\x80\n")[0] == "a.yaml:1:4: byte 0xed is no UTF-8"


def test_end_within_a_character():
    said, hint = refusal(b"ab: 1\nc: \xe2\x82")
    assert said == "a.yaml:2:4: byte 0xe2 is no UTF-8"
    assert hint.startswith("iconv -f WINDOWS-1252 -t UTF-8 a.yaml | regcred inject")


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_other_encodings_are_named(encoding):
    said, hint = refusal("kind: Pod\n".encode(encoding))
    name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
    assert name in said
    assert f"iconv -f {name}" in hint


@pytest.mark.parametrize(
    ("content", "what", "program"),
    [
        (gzip.compress(b"kind: Pod\n", mtime=0), "packed with gzip", "gzip -dc"),
        (lzma.compress(b"kind: Pod\n"), "packed with xz", "xz -dc"),
        (b"\x28\xb5\x2f\xfd\0\0", "packed with zstd", "zstd -dc"),
        (b"PK\x03\x04\0\0", "a zip archive", "unzip -p"),
    ],
)
def test_packed_files_are_named(content, what, program):
    said, hint = refusal(content, file="two words.yaml")
    assert said == f"two words.yaml:1:1: this is {what}, not UTF-8"
    assert hint == f"{program} 'two words.yaml' | regcred inject --secret NAME"


@pytest.mark.parametrize("file", ["", "<stdin>"])
def test_what_has_no_name_comes_through_a_pipe(file):
    said, hint = refusal(b"\x1f\x8b", file=file)
    assert said.startswith(f"{file or 'the input'}:1:1: ")
    assert hint == "… | gzip -dc | regcred inject --secret NAME"
