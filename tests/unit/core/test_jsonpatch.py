"""A JSON Patch's meaning is checked by applying it with the reference rules of RFC 6902."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core import jsonpatch
from tests.support.patching import TestFailed, apply

keys = st.text(st.sampled_from("ab~/."), min_size=1, max_size=4)
entries = st.dictionaries(keys, st.text(max_size=3))


@given(entries | st.none(), st.dictionaries(keys, st.none() | st.text(max_size=3)))
def test_set_entries_sets_and_removes_exactly_these(there, wanted):
    obj = {"metadata": {"resourceVersion": "1"} | ({} if there is None else {"annotations": there})}
    patch = jsonpatch.guard(obj) + jsonpatch.set_entries(obj, "annotations", wanted)
    after = apply(obj, patch)["metadata"].get("annotations") or {}
    expected = {k: v for k, v in ((there or {}) | wanted).items() if v is not None}
    assert after == expected


def test_nothing_to_do_is_an_empty_patch():
    obj = {"metadata": {"annotations": {"a": "1"}}}
    assert jsonpatch.set_entries(obj, "annotations", {"a": "1", "b": None}) == []


def test_the_guard_fails_on_a_newer_object():
    patch = jsonpatch.guard({"metadata": {"resourceVersion": "1"}})
    with pytest.raises(TestFailed):
        apply({"metadata": {"resourceVersion": "2"}}, patch)
