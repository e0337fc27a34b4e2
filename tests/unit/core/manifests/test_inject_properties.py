"""Properties of `inject`, over manifests in all styles of YAML and JSON, and over broken ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidManifest
from regcred.core.manifests.inject import Injector, Request
from tests.support.injectproperties import check_injected, documents_of
from tests.support.jsonstyles import json_stream
from tests.support.manifestsamples import FIELD, documents, expand
from tests.support.mutations import mutated
from tests.support.samplenodes import Drawn
from tests.support.yamlreading import Unreadable, read
from tests.support.yamlstyles import Writer

# What may be refused in texts that are well-formed, and when.
REFUSALS = {
    rf"{FIELD} has no ':' behind it": lambda text: re.search(r"[?{,]", text),
    "it ends in a block scalar without a line break": lambda text: text[-1] not in "\r\n",
    ".* is shared by an anchor with something that does not get it: .*": lambda text: "*a" in text,
    ".* shares by an anchor what .* has for something else: .*": lambda text: "*a" in text,
    r"\w+ stands before a merge key that brings another: .*": lambda text: "<<" in text,
    "a mapping without braces has no place for another key": lambda text: "[" in text,
    rf"an entry of the {FIELD} that .* merges in has more .*": lambda text: "<<" in text,
}

requests = st.builds(
    Request,
    st.sampled_from([("regcred",), ("regcred", "other"), ("12", "y"), ("regcred", "regcred")]),
    serviceaccounts=st.booleans(),
)
blocks = st.lists(st.sampled_from([1, 7, 40, 400]), max_size=20)


@st.composite
def yaml_texts(draw):
    choose = Drawn(draw)
    samples = documents(choose)
    writer = Writer(choose)
    text = writer.stream(samples)
    if not writer.cut:
        assert read(text) == [_as_read(expand(sample)) for sample in samples]
    return text


@st.composite
def json_texts(draw):
    choose = Drawn(draw)
    samples = [expand(sample) for sample in documents(choose) if sample is not None]
    return json_stream(choose, [_without_null_lists(sample) for sample in samples])


@st.composite
def broken_texts(draw):
    choose = Drawn(draw)
    if choose.one_in(3):
        samples = [expand(sample) for sample in documents(choose) if sample is not None]
        return mutated(choose, json_stream(choose, samples))
    return mutated(choose, Writer(choose).stream(documents(choose)))


@given(yaml_texts(), requests, blocks)
def test_yaml_gains_the_entries_and_nothing_else(text, request, blocks):
    try:
        check_injected(text, request, blocks)
    except InvalidManifest as error:
        _expected(error, text)


@given(json_texts(), requests, blocks)
def test_json_gains_the_entries_and_nothing_else(text, request, blocks):
    check_injected(text, request, blocks)


@given(broken_texts(), requests, blocks)
def test_what_is_broken_is_refused_or_done_right(text, request, blocks):
    found = documents_of(text, blocks)
    try:
        for document in found:
            if not document.empty:
                read(document.text)
    except Unreadable:
        _inject_or_refuse(text, request)
    else:
        try:
            check_injected(text, request, blocks)
        except InvalidManifest as error:
            _has_a_place(error)


@given(st.text(), requests)
def test_any_text_is_refused_or_given_back(text, request):
    _inject_or_refuse(text, request)


@given(
    st.lists(st.sampled_from(["---", "...", "# c", "a: b", "", "%YAML 1.1", "- x", "  "])),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 9)),
)
def test_documents_are_the_stream_in_parts(lines, end, blocks):
    documents_of(end.join(lines), blocks)


def _inject_or_refuse(text, request):
    try:
        for document in documents_of(text):
            Injector(request).inject(document)
    except InvalidManifest as error:
        _has_a_place(error)


def _has_a_place(error):
    assert re.match(r"(it.yaml|the input):\d+:\d+: ", error.message)
    assert error.exit_code == 2


def _expected(error, text):
    _has_a_place(error)
    problem = error.message.split(": ", 1)[1]
    reasons = [when for pattern, when in REFUSALS.items() if re.fullmatch(pattern, problem)]
    assert reasons, problem
    if not any(reason(text) for reason in reasons):
        pytest.fail(problem)


def _as_read(value):
    """`value` with numbers and booleans as `read` gives them."""
    if isinstance(value, dict):
        return {key: _as_read(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    if isinstance(value, (bool, int)):
        return type(value).__name__, str(value).lower()
    return value


def _without_null_lists(value):
    if isinstance(value, dict):
        pairs = ((key, _without_null_lists(below)) for key, below in value.items())
        return {key: below for key, below in pairs if key != FIELD or below is not None}
    return [_without_null_lists(item) for item in value] if isinstance(value, list) else value
