import difflib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regcred.core.manifests.unifieddiff import UnifiedDiff
from regcred.core.manifests.yamlsplice import Insertion, apply


def diff(documents, name="a.yaml"):
    """The diff of [(text, insertions)]."""
    made = UnifiedDiff(name, name)
    lines = [line for text, insertions in documents for line in made.add(text, insertions)]
    lines += made.close()
    assert all(line.startswith(kind) for kind, line in lines)
    return "".join(line for _, line in lines)


def lines_of(text):
    return [line for line in re.split(r"(?<=\n)", text) if line]


def patched(old, difference):
    """`old` with `difference` applied, as patch would, and as strictly as it can be."""
    left, new, at, counts = lines_of(old), [], 0, [0, 0]
    lines = []
    for line in lines_of(difference):
        if line == "\\ No newline at end of file\n":
            lines[-1] = lines[-1].removesuffix("\n")
        else:
            lines.append(line)
    if lines:
        assert [line[:4] for line in lines[:2]] == ["--- ", "+++ "]
    for line in lines[2:]:
        if line[0] == "@":
            assert counts == [0, 0]
            numbers = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n", line)
            start, old_count, new_start, new_count = (
                1 if number is None else int(number) for number in numbers.groups()
            )
            start = start - 1 if old_count else start
            assert start >= at
            new += left[at:start]
            at, counts = start, [old_count, new_count]
            assert len(new) == (new_start - 1 if new_count else new_start)
            continue
        kind, text = line[0], line[1:]
        if kind in " -":
            assert left[at] == text
            at += 1
            counts[0] -= 1
        if kind in " +":
            new.append(text)
            counts[1] -= 1
    assert counts == [0, 0]
    return "".join(new + left[at:])


@st.composite
def changed_documents(draw):
    documents = []
    for _ in range(draw(st.integers(0, 4))):
        lines = draw(st.lists(st.sampled_from(["", "a", "a: 1", "  b", "é\r"]), max_size=20))
        text = "".join(f"{line}\n" for line in lines)
        documents.append(text)
    if draw(st.booleans()):
        documents.append("no end")
    made = []
    for text in documents:
        places = draw(st.lists(st.integers(0, len(text)), max_size=3, unique=True))
        inserted = st.sampled_from(["x\n", "x\ny\n", ", x", "\n  x", "a\n", "\n"])
        made.append((text, [Insertion(at, draw(inserted)) for at in sorted(places)]))
    return made


@given(changed_documents())
@example([("a\n", [Insertion(2, "x\n")])])
@example([("a", [Insertion(1, "\nx")])])
def test_patch_makes_the_new_text_of_the_old(documents):
    old = "".join(text for text, _ in documents)
    new = "".join(apply(text, insertions) for text, insertions in documents)
    assert patched(old, diff(documents)) == new
    if old == new:
        assert diff(documents) == ""


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(1, 30))
def test_it_is_what_difflib_says_of_whole_lines(before, between, after, size):
    lines = [f"line {n}\n" for n in range(before + between + after)]
    text = "".join(lines)
    at = [len("".join(lines[:n])) for n in (before, before + between)]
    insertions = [Insertion(at[0], "first\n"), Insertion(at[1], "second\n")]
    new = apply(text, insertions)
    # In documents of `size` lines, each with its own insertions.
    documents, start = [], 0
    while start < len(lines) or not documents:
        part = "".join(lines[start : start + size])
        offset = len("".join(lines[:start]))
        start += size
        here = [
            Insertion(i.at - offset, i.text)
            for i in insertions
            if offset <= i.at < offset + len(part)
            or (i.at == offset + len(part) and start >= len(lines))
        ]
        documents.append((part, here))
    theirs = difflib.unified_diff(
        text.splitlines(keepends=True), new.splitlines(keepends=True), "a.yaml", "a.yaml"
    )
    assert diff(documents) == "".join(theirs)


def test_a_line_that_changes():
    text = '{"spec": {}}'
    insertion = Insertion(10, '"imagePullSecrets": []')
    assert diff([(text, [insertion])]) == (
        "--- a.yaml\n+++ a.yaml\n@@ -1 +1 @@\n"
        '-{"spec": {}}\n\\ No newline at end of file\n'
        '+{"spec": {"imagePullSecrets": []}}\n\\ No newline at end of file\n'
    )


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("two words", "two words\t"),
        ('quo"te', '"quo\\"te"'),
        ("back\\slash", '"back\\\\slash"'),
        ("tab\tline\nbell\a", '"tab\\tline\\nbell\\007"'),
        ("straße", "straße"),
        ("right\u202eleft\udce9", '"right\\342\\200\\256left\\351"'),
    ],
)
def test_names_as_gnu_diff_writes_them(name, written):
    made = diff([("a\n", [Insertion(0, "x\n")])], name)
    assert made.startswith(f"--- {written}\n+++ {written}\n")


def test_changes_share_a_hunk_where_their_contexts_touch():
    near = "".join(f"{number}\n" for number in range(9))
    far = near + near
    twice = (Insertion(2, "new\n"), Insertion(8, "new\n"))
    assert diff([(near, twice)]).count("@@ ") == 1
    apart = (Insertion(2, "new\n"), Insertion(near.index("8\n") + 2 + 6, "new\n"))
    made = diff([(far, apart), ("end\n", ()), (near, ())])
    assert made.count("@@ ") == 2
    assert patched(far + "end\n" + near, made) == apply(far, apart) + "end\n" + near
    assert diff([("a\n", ())]) == ""
