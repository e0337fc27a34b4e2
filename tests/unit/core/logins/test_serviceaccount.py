from hypothesis import given
from hypothesis import strategies as st

from regcred.core import marks
from regcred.core.logins import serviceaccount
from tests.support.patching import apply

secret_names = st.sampled_from(["regcred", "other", "third"])
lists = st.lists(st.builds(lambda n: {"name": n}, secret_names) | st.just({}), max_size=5)


def account(entries=None, *, attached="", **annotations):
    metadata = {"name": "default", "namespace": "a", "resourceVersion": "7"}
    if attached:
        annotations[marks.ATTACHED] = attached
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata} | ({} if entries is None else {"imagePullSecrets": entries})


def names(obj):
    return serviceaccount.attached_names(obj)


@given(lists | st.none())
def test_attach_adds_at_the_end_once_and_keeps_the_rest(entries):
    before = account(entries)
    change = serviceaccount.attach(before, "regcred")
    after = apply(before, change.patch)
    if "regcred" in names(before):
        assert change.reason == "AlreadyAttached"
        assert after == before
    else:
        assert change.reason == "Attached"
        assert names(after) == [*names(before), "regcred"]
        assert marks.read_names(after, marks.ATTACHED) == {"regcred"}
    assert not serviceaccount.attach(after, "regcred").patch


@given(lists | st.none(), st.sets(secret_names))
def test_detach_undoes_attach_exactly(entries, marked):
    before = account(entries, attached=marks.write_names(marked - {"regcred"}))
    attached = apply(before, serviceaccount.attach(before, "regcred").patch)
    after = apply(attached, serviceaccount.detach(attached, "regcred").patch)
    # The server drops empty lists and maps, so neither is a difference.
    assert names(after) == names(before)
    assert marks.read_names(after, marks.ATTACHED) == marks.read_names(before, marks.ATTACHED)


def test_the_patch_holds_only_for_what_was_read():
    change = serviceaccount.attach(account(), "regcred")
    assert change.patch[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}


def test_attach_of_what_stands_there_does_nothing():
    change = serviceaccount.attach(account([{"name": "regcred"}]), "regcred")
    assert (change.reason, change.patch) == ("AlreadyAttached", [])


def test_detach_leaves_what_somebody_else_attached():
    before = account([{"name": "regcred"}])
    change = serviceaccount.detach(before, "regcred")
    assert (change.reason, change.patch) == ("NotOurs", [])
    assert change.message


def test_detach_by_force_takes_all_of_that_name():
    before = account([{"name": "regcred"}, {"name": "other"}, {"name": "regcred"}])
    change = serviceaccount.detach(before, "regcred", force=True)
    assert change.reason == "Detached"
    assert names(apply(before, change.patch)) == ["other"]


def test_detach_leaves_a_second_entry_that_somebody_else_added():
    before = account([{"name": "regcred"}, {"name": "regcred"}], attached="regcred")
    after = apply(before, serviceaccount.detach(before, "regcred").patch)
    assert names(after) == ["regcred"]


def test_the_last_entry_takes_the_list_with_it():
    before = account([{"name": "regcred"}], attached="regcred")
    after = apply(before, serviceaccount.detach(before, "regcred").patch)
    assert "imagePullSecrets" not in after
    assert marks.ATTACHED not in after["metadata"]["annotations"]


def test_detach_of_what_is_not_there_only_drops_the_mark():
    before = account([{"name": "other"}], attached="other,regcred")
    change = serviceaccount.detach(before, "regcred")
    after = apply(before, change.patch)
    assert change.reason == "NotAttached"
    assert names(after) == ["other"]
    assert marks.read_names(after, marks.ATTACHED) == {"other"}
    assert not serviceaccount.detach(after, "regcred").patch


def test_detach_says_of_the_operators_entry_whose_it_is():
    mark = marks.ATTACHED_BY_OPERATOR
    before = account()
    after = apply(before, serviceaccount.attach(before, "regcred", mark=mark).patch)
    change = serviceaccount.detach(after, "regcred")
    assert (change.reason, change.patch) == ("Operators", [])
    assert "the operator" in change.message
    assert serviceaccount.detach(after, "regcred", force=True).reason == "Detached"


def test_the_operator_and_a_person_undo_only_their_own():
    mark = marks.ATTACHED_BY_OPERATOR
    before = account(attached="regcred")
    after = apply(before, serviceaccount.attach(before, "regcred", mark=mark).patch)
    assert marks.read_names(after, mark) == {"regcred"}
    other = account([{"name": "regcred"}], attached="regcred")
    assert serviceaccount.detach(other, "regcred", mark=mark).reason == "NotOurs"
    undone = apply(after, serviceaccount.detach(after, "regcred", mark=mark).patch)
    assert names(undone) == []
    assert marks.read_names(undone, marks.ATTACHED) == {"regcred"}
