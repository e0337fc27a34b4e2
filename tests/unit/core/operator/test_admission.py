import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core import glob, marks
from regcred.core.errors import InvalidInput
from regcred.core.logins import serviceaccount
from regcred.core.operator import admission, select
from regcred.core.operator.pullcredential import Attach, parse
from tests.support import reviews, selecting
from tests.support.patching import apply

SECRET, OWN = "regcred", "system:serviceaccount:ops:regcred"
NAMES = sorted(selecting.NAMESPACES)
SPEC = {"registries": ["a.example.com"], "source": selecting.SOURCE, "namespaces": {}}


def pullcredential(spec=SPEC, *, deleting=False):
    metadata = {"name": "main"}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return parse({"metadata": metadata, "spec": spec})


def account(name="default", entries=None, annotations=None):
    metadata = {"name": name}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"metadata": metadata} | ({} if entries is None else {"imagePullSecrets": entries})


def pod(entries=None, annotations=None, **spec):
    metadata = {"name": "x"} if annotations is None else {"name": "x", "annotations": annotations}
    return {"metadata": metadata, "spec": spec | ({"imagePullSecrets": entries} if entries else {})}


def decide(resource, obj, *pullcredentials, namespace="a", labels=None, user="somebody"):
    question = reviews.question(SECRET, resource, namespace, obj, userInfo={"username": user})
    return admission.decide(question, pullcredentials, labels, OWN)


def review(**request):
    return reviews.review("serviceaccounts", "a", account(), **request)


def read(document):
    return admission.read(json.dumps(document).encode(), SECRET)


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_reads_what_is_asked(operation):
    question = read(review(operation=operation))
    lacks = serviceaccount.adding(account(), SECRET, mark=marks.ATTACHED_BY_OPERATOR)
    assert question == admission.Question(
        "1-2", "serviceaccounts", "a", "default", "somebody", lacks
    )


def test_keeps_only_what_matters():
    """What asks may be large, and a question waits for labels."""
    large = pod([{"name": f"s-{n}"} for n in range(1000)], {"a": "x" * 100_000})
    question = reviews.question(SECRET, "pods", "a", large)
    assert question.lacks
    assert len(repr(question)) < 300


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "DELETE", "object": None},
        {"subResource": "token"},
        {"resource": {"group": "apps", "resource": "pods"}},
        {"resource": {"group": "", "resource": "secrets"}},
        {"resource": {"group": "", "resource": "pods"}, "operation": "UPDATE"},
    ],
)
def test_what_is_none_of_our_business_is_left_alone(other):
    question = read(review(**other))
    assert question == admission.Question("1-2", "", "a", "", "somebody", [])
    assert admission.decide(question, [pullcredential()], {}, OWN) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"[]", b"null", b'{"apiVersion":"admission.k8s.io/v1"}', b"\xff"],
)
def test_what_is_no_review_is_refused(content):
    with pytest.raises(InvalidInput):
        admission.read(content, SECRET)


@pytest.mark.parametrize("part", [{}, []])
def test_what_would_be_larger_in_memory_than_any_object_is_refused(part):
    parts = [part] * admission._MOST_PARTS
    with pytest.raises(InvalidInput, match="more parts"):
        read(review(object={**account(), "x": parts}))
    assert read(review(object={**account(), "x": parts[:-100]})).lacks


@pytest.mark.parametrize(
    "change",
    [
        {"uid": ""},
        {"object": None},
        {"object": {"metadata": []}},
        {"object": {"metadata": {"annotations": ["a"]}}},
        {"object": account(entries={"name": "a"})},
        {"object": account(entries=["a"])},
        {"object": {"metadata": {}}, "resource": {"group": "", "resource": "pods"}},
    ],
)
def test_what_no_api_server_sends_is_refused(change):
    with pytest.raises(InvalidInput):
        read(review(**change))


def test_another_version_is_refused():
    with pytest.raises(InvalidInput, match=r"no AdmissionReview of admission\.k8s\.io/v1"):
        read(review() | {"apiVersion": "admission.k8s.io/v1beta1"})


def test_answers():
    question, patch = read(review()), [{"op": "add", "path": "/x", "value": 1}]
    said = json.loads(admission.answer(question, patch))
    assert (said["apiVersion"], said["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    encoded = said["response"].pop("patch")
    assert said["response"] == {"uid": "1-2", "allowed": True, "patchType": "JSONPatch"}
    assert json.loads(base64.b64decode(encoded)) == patch
    nothing = json.loads(admission.answer(question, []))
    assert nothing["response"] == {"uid": "1-2", "allowed": True}


@given(
    st.lists(st.tuples(selecting.specs(NAMES), st.booleans()), max_size=3),
    st.sampled_from(NAMES),
    st.sampled_from(selecting.ACCOUNTS),
    selecting.entries(SECRET),
    selecting.annotations(SECRET),
)
def test_adds_once_where_it_is_selected(specs, namespace, name, entries, annotations):
    there = [pullcredential(spec, deleting=deleting) for spec, deleting in specs]
    labels = {**selecting.NAMESPACES[namespace], "kubernetes.io/metadata.name": namespace}
    meant = [each for each in there if select.namespace(each, namespace, labels)]

    before = account(name, entries, annotations)
    patch = decide("serviceaccounts", before, *there, namespace=namespace, labels=labels)
    after = apply(before, patch)
    names = [each.get("name", "") for each in entries or []]
    wanted = any(select.service_account(each.spec, name) for each in meant)
    assert bool(patch) == (wanted and SECRET not in names)
    if patch:
        assert [each.get("name", "") for each in after["imagePullSecrets"]] == [*names, SECRET]
        noted = marks.read_names(before, marks.ATTACHED_BY_OPERATOR)
        assert marks.read_names(after, marks.ATTACHED_BY_OPERATOR) == noted | {SECRET}
    assert not decide("serviceaccounts", after, *there, namespace=namespace, labels=labels)

    before = pod(entries, serviceAccountName=name)
    patch = decide("pods", before, *there, namespace=namespace, labels=labels)
    after = apply(before, patch)
    wanted = any(
        each.spec.attach is not Attach.NONE and glob.any_matches(each.spec.service_accounts, name)
        for each in meant
    )
    assert bool(patch) == (wanted and SECRET not in names)
    if patch:
        found = [each.get("name", "") for each in after["spec"]["imagePullSecrets"]]
        assert found == [*names, SECRET]
        assert after["metadata"] == before["metadata"]
    assert not decide("pods", after, *there, namespace=namespace, labels=labels)


def test_a_pod_without_a_service_account_has_the_default():
    assert decide("pods", pod(), pullcredential(), labels={})
    others = SPEC | {"serviceAccounts": {"include": ["app"]}}
    assert not decide("pods", pod(), pullcredential(others), labels={})


def test_what_the_operator_writes_on_a_service_account_stays():
    assert decide("serviceaccounts", account(), pullcredential(), labels={})
    assert decide("serviceaccounts", account(), pullcredential(), labels={}, user=OWN) == []
    assert decide("pods", pod(), pullcredential(), labels={}, user=OWN)


def test_mirror_pods_are_left_alone():
    mirror = pod(annotations={"kubernetes.io/config.mirror": "x"})
    assert decide("pods", mirror, pullcredential(), labels={}) == []


def test_what_cannot_be_understood_selects_nothing():
    broken = pullcredential({"namespaces": {}})
    assert broken.spec is None
    for labels in ({}, None):
        assert decide("pods", pod(), broken, labels=labels) == []


@given(
    st.lists(st.tuples(selecting.specs(NAMES), st.booleans()), max_size=3),
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(["env", "team"]), st.sampled_from(["prod", "a", ""])),
)
def test_without_labels_it_says_what_holds_for_all(specs, namespace, labels):
    there = [pullcredential(spec, deleting=deleting) for spec, deleting in specs]
    unknown = decide("pods", pod(), *there, namespace=namespace)
    if unknown is not None:
        assert unknown == decide("pods", pod(), *there, namespace=namespace, labels=labels)


def test_labels_that_are_not_known_may_be_needed():
    by_label = pullcredential(SPEC | {"namespaces": {"matchLabels": {"a": "b"}}})
    assert decide("pods", pod(), by_label) is None
    assert decide("pods", pod(), by_label, pullcredential())
    elsewhere = SPEC | {"namespaces": {"include": ["b"], "matchLabels": {"a": "b"}}}
    assert decide("pods", pod(), pullcredential(elsewhere)) == []
