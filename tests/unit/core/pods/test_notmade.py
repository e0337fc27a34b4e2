"""Real owners that cannot create their Pods, staged on a cluster of 1.37.2, and variants."""

import copy
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.pods import notmade
from regcred.core.problem import Reason

SAMPLES = Path(__file__).parents[1] / "samples_why"
NOW = datetime.fromisoformat("2026-11-23T05:32:40Z")
ACCOUNT = (
    'is forbidden: error looking up service account team-a/none: serviceaccount "none" not found'
)


def sample(name):
    found = json.loads((SAMPLES / f"owners-{name}.json").read_text())
    return found["objects"], found["events"]


def only(name):
    (found,) = [made for made in notmade.read(*sample(name), NOW) if made.name == "web"]
    return found


def test_every_kind_says_which_serviceaccount_is_missing():
    found = notmade.read(*sample("missing-account"), NOW)
    assert [(made.namespace, made.kind, made.name, made.message) for made in found] == [
        ("team-a", "CronJob", "nightly", f'pods "nightly-1-" {ACCOUNT}'),
        ("team-a", "DaemonSet", "agent", f'pods "agent-" {ACCOUNT}'),
        ("team-a", "Deployment", "web", f'pods "web-5bf58bc5f-" {ACCOUNT}'),
        ("team-a", "Job", "once", f'pods "once-" {ACCOUNT}'),
        ("team-a", "ReplicationController", "old", f'pods "old-" {ACCOUNT}'),
        ("team-a", "StatefulSet", "db", f'pods "db-0" {ACCOUNT}'),
    ]
    assert {notmade.missing_account(made.message) for made in found} == {"none"}
    assert {notmade.reason_of(made.message) for made in found} == {Reason.NOT_A_PULL_PROBLEM}


def test_the_template_is_that_of_what_a_person_wrote():
    found = {made.kind: made.template for made in notmade.read(*sample("missing-account"), NOW)}
    assert found["Deployment"].object == "deployment/web"
    assert found["CronJob"].object == "cronjob/nightly"
    assert {template.account for template in found.values()} == {"none"}
    assert not any(template.exists for template in found.values())


def test_a_pull_secret_that_may_not_be_named():
    made = only("enforced")
    assert notmade.reason_of(made.message) is Reason.SECRET_NOT_ON_SERVICEACCOUNT
    assert notmade.refused_secret(made.message) == "regcred"
    assert made.template.secrets == ("regcred",)
    (other,) = [made for made in notmade.read(*sample("enforced"), NOW) if made.name == "vol"]
    assert notmade.reason_of(other.message) is Reason.NOT_A_PULL_PROBLEM
    assert notmade.refused_secret(other.message) == notmade.missing_account(other.message) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quota", "is forbidden: exceeded quota: none, requested: pods=1, used: pods=0"),
        ("podsecurity", 'is forbidden: violates PodSecurity "restricted:latest"'),
        ("webhook", 'Internal error occurred: failed calling webhook "reader.example.com"'),
    ],
)
def test_other_refusals(name, text):
    made = only(name)
    assert made.kind == "Deployment"
    assert text in made.message
    assert "Error creating" not in made.message
    assert notmade.reason_of(made.message) is Reason.NOT_A_PULL_PROBLEM


def test_the_last_refusal_is_the_one_that_counts():
    objects, _ = sample("quota")
    condition = next(o for o in objects if o["kind"] == "ReplicaSet")["status"]["conditions"][0]
    assert only("quota").message != condition["message"]
    assert only("quota").last > datetime.fromisoformat(condition["lastTransitionTime"])
    (made,) = [m for m in notmade.read(objects, [], NOW) if m.kind == "Deployment"]
    assert made.message == condition["message"]
    assert made.last == datetime.fromisoformat(condition["lastTransitionTime"])


def one(kind, name="missing-account"):
    """The objects of one kind of the sample, and all its events."""
    objects, events = sample(name)
    return [copy.deepcopy(o) for o in objects if o["kind"] == kind], events


@pytest.mark.parametrize(
    ("kind", "named"),
    [("ReplicaSet", ("Deployment", "web")), ("Deployment", ("Deployment", "web"))],
)
def test_either_of_the_two_is_enough(kind, named):
    objects, events = one(kind)
    (made,) = notmade.read(objects, events, NOW)
    assert (made.kind, made.name) == named
    assert made.template.object.startswith(kind.lower())


def test_a_replicaset_that_nobody_made_stands_for_itself():
    objects, events = one("ReplicaSet")
    for obj in objects:
        del obj["metadata"]["ownerReferences"]
    (made,) = notmade.read(objects, events, NOW)
    assert (made.kind, made.name) == ("ReplicaSet", "web-5bf58bc5f")


def test_of_two_of_one_owner_the_later_refusal_counts():
    objects, _ = one("Job")
    objects = [obj for obj in objects if obj["metadata"]["name"] == "nightly-1"]
    later = copy.deepcopy(objects[0])
    later["metadata"]["name"] = "nightly-2"
    events = [event("Job", "nightly-1", 60, "first"), event("Job", "nightly-2", 30, "second")]
    for order in ([*objects, later], [later, *objects]):
        (made,) = notmade.read(order, events, NOW)
        assert (made.kind, made.name, made.message) == ("CronJob", "nightly", "second")


def event(kind, name, ago, message="refused", reason="FailedCreate"):
    when = (NOW - timedelta(seconds=ago)).isoformat()
    about = {"kind": kind, "namespace": "team-a", "name": name}
    return {
        "reason": reason,
        "message": f"Error creating: {message}",
        "involvedObject": about,
        "lastTimestamp": when,
    }


def refused(obj, *events):
    obj = {**obj, "metadata": {"namespace": "team-a", "name": "web", **obj.get("metadata", {})}}
    found = notmade.read([obj], events or [event(obj["kind"], "web", 60)], NOW)
    return bool(found)


CONDITION = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "m"}


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController", "Deployment"])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (CONDITION, True),
        ({**CONDITION, "status": "False"}, False),
        ({**CONDITION, "reason": "FailedDelete"}, False),
        ({**CONDITION, "type": "Available"}, False),
    ],
)
def test_a_condition_says_that_it_is_so_now(kind, condition, expected):
    obj = {"kind": kind, "spec": {}, "status": {"conditions": [condition]}}
    assert refused(obj) is expected
    assert refused(obj, event(kind, "other", 60)) is expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"kind": "StatefulSet"}, True),
        ({"kind": "StatefulSet", "status": {"replicas": 1}}, False),
        ({"kind": "StatefulSet", "spec": {"replicas": 3}, "status": {"replicas": 2}}, True),
        ({"kind": "StatefulSet", "spec": {"replicas": 0}}, False),
        ({"kind": "StatefulSet", "metadata": {"deletionTimestamp": "x"}}, False),
        ({"kind": "ReplicaSet", "status": {"replicas": 1, "conditions": [CONDITION]}}, False),
        (
            {"kind": "Deployment", "spec": {"replicas": 0}, "status": {"conditions": [CONDITION]}},
            False,
        ),
        ({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 2}}, True),
        (
            {
                "kind": "DaemonSet",
                "status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 2},
            },
            False,
        ),
        ({"kind": "Job"}, True),
        ({"kind": "Job", "status": {"active": 1}}, False),
        ({"kind": "Job", "status": {"succeeded": 1}}, False),
        ({"kind": "Job", "spec": {"suspend": True}}, False),
        (
            {"kind": "Job", "spec": {"completions": 3, "parallelism": 2}, "status": {"active": 1}},
            True,
        ),
        (
            {
                "kind": "Job",
                "spec": {"completions": 3, "parallelism": 2},
                "status": {"active": 1, "succeeded": 2},
            },
            False,
        ),
        ({"kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True"}]}}, False),
        ({"kind": "ConfigMap"}, False),
    ],
)
def test_only_owners_that_miss_pods_now(obj, expected):
    assert refused(obj) is expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("Job", "web", 1200)], True),
        ([event("Job", "web", 1201)], False),
        ([event("Job", "web", 60), event("Job", "web", 30, reason="SuccessfulCreate")], False),
        ([event("Job", "web", 30), event("Job", "web", 60, reason="SuccessfulCreate")], True),
        ([event("Job", "web", 30, reason="SuccessfulCreate")], False),
        ([event("Job", "web", 60, reason="Other")], False),
        ([event("StatefulSet", "web", 60)], False),
        ([{"reason": "FailedCreate"}], False),
    ],
)
def test_only_refusals_of_now(events, expected):
    assert refused({"kind": "Job"}, *events) is expected


def test_a_template_that_cannot_be_read():
    objects, events = one("DaemonSet")
    objects[0]["spec"]["template"]["spec"]["imagePullSecrets"] = "regcred"
    (made,) = notmade.read(objects, events, NOW)
    assert made.template is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just(CONDITION),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "conditions",
                    "replicas",
                    "active",
                    "name",
                    "namespace",
                    "ownerReferences",
                    "template",
                ]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
kinds = st.sampled_from(["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"])


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), json_values).flatmap(
            lambda obj: kinds.map(lambda kind: {**obj, "kind": kind, "apiVersion": "apps/v1"})
        ),
        max_size=4,
    )
)
def test_any_objects_are_read(objects):
    found = notmade.read(objects, [event("Job", "", 3), event("DaemonSet", "x", 3)], NOW)
    assert isinstance(found, list)


@given(st.text())
def test_any_message_is_read(message):
    assert notmade.reason_of(message) is Reason.NOT_A_PULL_PROBLEM
    assert notmade.missing_account(message) == ""
