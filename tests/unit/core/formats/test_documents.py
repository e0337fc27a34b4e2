"""Streams cut into documents; that the parts are the whole is in test_inject_properties."""

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.formats import documents
from regcred.core.formats.documents import Document, count_lines, split


def parts(text, size=None):
    blocks = [text] if size is None else [text[i : i + size] for i in range(0, len(text), size)]
    return [(document.line, document.text) for document in split(blocks)]


@pytest.mark.parametrize("size", [None, 1, 2, 5])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("a: b", [(1, "a: b")], id="no line end"),
        pytest.param("a: b\n", [(1, "a: b\n")], id="one"),
        pytest.param("a\n---\nb\n", [(1, "a\n"), (2, "---\nb\n")], id="two"),
        pytest.param("---\na\n---\nb\n", [(1, "---\na\n"), (3, "---\nb\n")], id="marker first"),
        pytest.param("a\n---\n---\nb\n", [(1, "a\n"), (2, "---\n"), (3, "---\nb\n")], id="null"),
        pytest.param("a\n---", [(1, "a\n"), (2, "---")], id="marker last"),
        pytest.param("a\n--- b\n", [(1, "a\n"), (2, "--- b\n")], id="content behind the marker"),
        pytest.param("a\n---\tb\n", [(1, "a\n"), (2, "---\tb\n")], id="tab behind the marker"),
        pytest.param("a\n---b\n --- c\n", [(1, "a\n---b\n --- c\n")], id="no markers"),
        pytest.param("a\n...\nb\n", [(1, "a\n...\n"), (3, "b\n")], id="end marker"),
        pytest.param(
            "a\n... # end\n---\nb\n", [(1, "a\n... # end\n"), (3, "---\nb\n")], id="both markers"
        ),
        pytest.param("a\n...", [(1, "a\n...")], id="end marker last"),
        pytest.param("# c\n\n---\na\n", [(1, "# c\n\n---\na\n")], id="comments before a marker"),
        pytest.param(
            "a\n...\n# c\n%YAML 1.1\n---\nb\n",
            [(1, "a\n...\n"), (3, "# c\n%YAML 1.1\n---\nb\n")],
            id="directives",
        ),
        pytest.param(
            "\ufeff# c\r\n---\r\na\r\n---\r\nb\r\n",
            [(1, "\ufeff# c\r\n---\r\na\r\n"), (4, "---\r\nb\r\n")],
            id="byte order mark and CRLF",
        ),
        pytest.param("a\r---\rb\r", [(1, "a\r---\rb\r")], id="CR alone ends no document"),
        pytest.param("a\rb\n---\nc", [(1, "a\rb\n"), (3, "---\nc")], id="CR alone ends a line"),
    ],
)
def test_documents_and_their_lines(text, expected, size):
    assert parts(text, size) == expected


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("ab\ncd", (4, 1), "ab"),
        ("ab\n^cd", (5, 1), "^cd"),
        ("ab\nc^d\n", (5, 2), "c^d"),
        ("ab\r\nc^d\r\n", (5, 2), "c^d"),
        ("ab\rc^d\rx", (5, 2), "c^d"),
        ("ab\r\n\r^\n", (6, 1), "^"),
    ],
)
def test_places(text, place, line):
    document = Document(text, 4)
    at = max(text.find("^"), 0)
    assert document.locate(at) == place
    assert document.line_at(at) == line


def test_lines_of_offsets():
    document = Document("a\nb\r\nc\rd\n", 7)
    assert list(document.lines([0, 1, 2, 5, 7, 9])) == [7, 7, 8, 9, 10, 11]
    assert list(document.lines([])) == []


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a\nb", 1), ("\n\n", 2), ("\r\n\r", 2), ("\n\r", 2)]
)
def test_lines_end_in_every_way(text, count):
    assert count_lines(text) == count


@pytest.mark.parametrize(
    "text",
    ["", "\n", "# c", "---", "--- # c\n\n", "# c\n---\n# d\n...\n", "...", "\ufeff---\r\n", " \t"],
)
def test_without_content(text):
    assert Document(text).empty


@pytest.mark.parametrize(
    "text", ["a", "--- a", "---#", "---\na", "# c\ra", "# c\u2028a", "%YAML 1.1\n---\n", "... a"]
)
def test_with_content(text):
    assert not Document(text).empty


def test_comments_are_read_once():
    # As often as there are lines, this would take hours.
    assert not Document("# c\n" * 200_000 + "a: b\n").empty


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_document_has_a_greatest_size(monkeypatch, size):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 20)
    text = "a: b\n" * 2 + "---\n" + "c: d\n" * 5
    with pytest.raises(InvalidManifest) as caught:
        parts(text, size)
    line = 1 if size == 1000 else 3
    assert caught.value.message == (
        f"the input:{line}:1: the document that starts here is over 20 characters"
    )
    assert "'---'" in caught.value.hint


def test_one_line_has_a_greatest_size_too(monkeypatch):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 20)
    with pytest.raises(InvalidManifest, match=r"^big\.json:1:1: "):
        list(split(["x"] * 21, "big.json"))
