import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.operator.finalizers import adding, removing
from regcred.core.operator.pullcredential import FINALIZER
from tests.support.patching import TestFailed, apply

OTHERS = st.lists(st.sampled_from(["a.example.com/x", "b.example.com/y", "foregroundDeletion"]))
ANY = st.lists(st.sampled_from([FINALIZER, "a.example.com/x", "b.example.com/y"]))


def holding(finalizers, uid="u", version="7"):
    metadata = {"uid": uid, "resourceVersion": version}
    return {"metadata": metadata | ({"finalizers": finalizers} if finalizers else {})}


def after(finalizers, patch):
    return apply(holding(finalizers), patch)["metadata"].get("finalizers", [])


@given(OTHERS)
def test_adding_puts_it_last(others):
    assert after(others, adding("u", "7", others)) == [*others, FINALIZER]


@given(ANY)
def test_removing_leaves_the_others_in_their_order(finalizers):
    left = [each for each in finalizers if each != FINALIZER]
    assert after(finalizers, removing("u", "7", finalizers)) == left


@given(OTHERS)
def test_nothing_to_do(others):
    assert adding("u", "7", [*others, FINALIZER]) == []
    assert removing("u", "7", others) == []


@pytest.mark.parametrize(
    "patch", [adding("u", "7", []), adding("u", "7", ["x/y"]), removing("u", "7", [FINALIZER])]
)
@pytest.mark.parametrize("other", [{"uid": "v"}, {"version": "8"}])
def test_only_the_very_object_that_was_read(patch, other):
    with pytest.raises(TestFailed):
        apply(holding(["x/y", FINALIZER], **other), patch)
