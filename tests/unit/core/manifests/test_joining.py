import json

import pytest
import yaml
from hypothesis import given, reject
from hypothesis import strategies as st

from regcred.core.formats.documents import split
from regcred.core.manifests.joining import Joiner


def join(*files, as_json=False):
    joiner = Joiner(json=as_json)
    parts = []
    for file in files:
        joiner.next_file()
        parts += [joiner.add(document.text) for document in split([file])]
    return "".join(parts)


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        (("a: 1\n", "b: 2\n"), "a: 1\n---\nb: 2\n"),
        (("a: 1", "b: 2"), "a: 1\n---\nb: 2"),
        (("a: 1\r\n", "b: 2\r\n"), "a: 1\r\n---\r\nb: 2\r\n"),
        (("a: 1\r\nc: 3", "b: 2\n"), "a: 1\r\nc: 3\n---\nb: 2\n"),
        (("---\na: 1\n", "---\nb: 2\n"), "---\na: 1\n---\nb: 2\n"),
        (("a: 1\n---\n", "b: 2\n"), "a: 1\n---\nb: 2\n"),
        (("a: 1\n--- # next\n# and\n", "b: 2\n"), "a: 1\n--- # next\n# and\nb: 2\n"),
        (("a: 1\n", "# c\n\n---\nb: 2\n"), "a: 1\n# c\n\n---\nb: 2\n"),
        (("a: 1\n", "# c\nb: 2\n"), "a: 1\n---\n# c\nb: 2\n"),
        (("# c\n", "b: 2\n"), "# c\nb: 2\n"),
        (("a: 1\n", "# c\n", "b: 2\n"), "a: 1\n---\n# c\nb: 2\n"),
        (("a: 1\n...\n", "b: 2\n"), "a: 1\n...\n---\nb: 2\n"),
        (("a: 1\n...\n# c\n", "b: 2\n"), "a: 1\n...\n# c\n---\nb: 2\n"),
        (("a: 1\n", "%YAML 1.2\n---\nb: 2\n"), "a: 1\n...\n%YAML 1.2\n---\nb: 2\n"),
        (("", "a: 1\n", "", "b: 2\n", ""), "a: 1\n---\nb: 2\n"),
        (("\ufeffa: 1\n", "\ufeffb: 2\n"), "\ufeffa: 1\n---\nb: 2\n"),
        (("a: 1\n---", "b: 2\n"), "a: 1\n---\nb: 2\n"),
        (("a: 1\n", "--- b\n"), "a: 1\n--- b\n"),
        (("---x: 1\n", "---y: 2\n"), "---x: 1\n---\n---y: 2\n"),
    ],
)
def test_a_marker_only_where_there_is_none(files, whole):
    assert join(*files) == whole


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        # What begins with JSON would be JSON to its end for an older kubectl.
        (("{}", "b: 2\n"), "---\n{}\n---\nb: 2\n"),
        (("\ufeff{}\n", "b: 2\n"), "---\n{}\n---\nb: 2\n"),
        (("---\n{}\n", "b: 2\n"), "---\n{}\n---\nb: 2\n"),
        (("a: 1\n", "{}\n[]\n"), "a: 1\n---\n{}\n---\n[]\n"),
        (("a: 1\n", "{} {}[]"), "a: 1\n---\n{}\n---\n {}\n---\n[]"),
        (("a: 1\r\n", "{}\r\n{}\r\n"), "a: 1\r\n---\r\n{}\r\n---\r\n{}\r\n"),
        (("a: 1\n", "{a: 1}\n"), "a: 1\n---\n{a: 1}\n"),
        (('{"a": "}{"}\n', "b: 2\n"), '---\n{"a": "}{"}\n---\nb: 2\n'),
    ],
)
def test_json_among_yaml_is_yaml(files, whole):
    assert join(*files) == whole
    values = [value for value in yaml.safe_load_all(whole) if value is not None]
    assert len(values) == whole.count("---") + (not whole.startswith("---"))


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        (("{}", "[]\n", "{}{}"), "{}\n[]\n{}{}"),
        # A .json that holds none.
        (("{}\n", "b: 2\n"), "{}\n---\nb: 2\n"),
    ],
)
def test_only_json_stays_json(files, whole):
    assert join(*files, as_json=True) == whole


def test_nested_without_end_is_left_alone():
    deep = "[" * 100_000
    assert join("a: 1\n", deep) == f"a: 1\n---\n{deep}"


_DOCUMENTS = st.sampled_from(
    ["a: 1\n", "- 1\r\n- 2\r\n", "# only\n", "x: |\n  text\n", "{f: 1}\n", '{"j": [1, 2]}\n', "\n"]
)
_FILES = st.lists(
    st.builds(
        lambda documents, start, end, bom: bom + start + "---\n".join(documents) + end,
        st.lists(_DOCUMENTS, min_size=1, max_size=3),
        st.sampled_from(["", "---\n", "# c\n---\n", "%YAML 1.1\n---\n"]),
        st.sampled_from(["", "...\n", "---\n", "...\n# c\n"]),
        st.sampled_from(["", "\ufeff"]),
    ),
    min_size=1,
    max_size=4,
)


@given(_FILES)
def test_the_documents_are_those_of_the_files(files):
    def values(stream):
        return [value for value in yaml.safe_load_all(stream) if value is not None]

    try:
        apart = [value for file in files for value in values(file.removeprefix("\ufeff"))]
    except yaml.YAMLError:  # comments and a "..." without a document
        reject()
    assert values(join(*files).removeprefix("\ufeff")) == apart


#: PyYAML takes an escaped surrogate pair for two characters, and no key of over 1,024.
_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=50)


@given(st.lists(st.lists(st.dictionaries(_TEXT, st.integers()), max_size=3), max_size=3))
def test_the_values_are_those_of_the_files(files):
    texts = ["".join(map(json.dumps, values)) for values in files]
    whole = join("first: 1\n", *texts)
    assert list(yaml.safe_load_all(whole))[1:] == [value for file in files for value in file]
