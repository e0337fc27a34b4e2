"""Real Pods, staged on a cluster of 1.37.2 and trimmed; and variants of them made by hand."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.pods import podstate
from regcred.core.pods.failing import FailingPod, Failure

SAMPLES = Path(__file__).parents[1] / "samples_why"
REGISTRY = "127.0.0.1:5000"
APP, GONE, NONE = f"{REGISTRY}/team/app:1", f"{REGISTRY}/team/app:gone", f"{REGISTRY}/team/none"


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text())["pod"]


def failures(pod):
    found = podstate.read(pod)
    return [(f.kind, f.container, f.image, f.policy, f.state, f.is_pull) for f in found.failures]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bad-name", [(f"{REGISTRY}/Team/App:1", "IfNotPresent", "InvalidImageName")]),
        ("never", [(f"{NONE}:1", "Never", "ErrImageNeverPull")]),
        ("missing-tag", [(GONE, "Always", "ErrImagePull")]),
        ("wrong-login", [(APP, "Always", "ErrImagePull")]),
        ("missing-secret", [(APP, "Always", "ErrImagePull")]),
        ("unreachable", [("127.0.0.1:1/team/app:1", "Always", "ImagePullBackOff")]),
        ("volume-container-fails", [(GONE, "Always", "ErrImagePull")]),
        # kubelet has no word for it: the error stands in its place.
        ("malformed-secret", [(APP, "Always", "ErrImagePull")]),
    ],
)
def test_finds_the_image_that_does_not_come(name, expected):
    assert failures(sample(name)) == [("container", "app", *each, True) for each in expected]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("image-volume", (GONE, "IfNotPresent", "ErrImagePull")),
        ("volume-never", (f"{NONE}:2", "Never", "ErrImageNeverPull")),
        ("volume-malformed", (GONE, "IfNotPresent", "ErrImagePull")),
    ],
)
def test_finds_the_image_volume_that_does_not_come(name, expected):
    assert failures(sample(name)) == [("image volume", "app", *expected, True)]


def test_keeps_the_text_of_kubelet_as_it_stands():
    pod = sample("unreachable")
    said = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert podstate.read(pod).failures[0].message == said


def test_an_error_in_place_of_a_reason_is_in_the_text_alone():
    (failure,) = podstate.read(sample("malformed-secret")).failures
    assert failure.message == "illegal base64 data at input byte 0"
    assert failure.state == "ErrImagePull"


def test_reads_the_pod_itself():
    found = podstate.read(sample("missing-secret"))
    assert (found.namespace, found.name, found.node) == ("team-a", "missing-secret", "localhost")
    assert found.uid == sample("missing-secret")["metadata"]["uid"]
    assert found.created == datetime(2026, 11, 23, 5, 32, 1, tzinfo=UTC)
    assert found.written == datetime(2026, 11, 23, 5, 32, 29, tzinfo=UTC)
    assert found.owner is None
    assert found.template.exists
    assert found.template.secrets == ("absent", "gone")
    assert found.template.account == "default"
    assert [c.image for c in found.template.containers] == [APP]


def test_reads_the_controller_of_a_pod_of_a_list_which_has_no_kind():
    pod = sample("never")
    del pod["kind"], pod["apiVersion"]
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "example.com/v1", "kind": "Watcher", "name": "w"},
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "web-5bf58bc5f",
            "controller": True,
        },
    ]
    found = podstate.read(pod)
    assert found.owner == ("apps/v1", "ReplicaSet", "web-5bf58bc5f")
    assert [c.image for c in found.template.containers] == [f"{NONE}:1"]


def test_a_static_pod_has_its_node_as_owner():
    pod = sample("never")
    pod["metadata"]["annotations"] = {
        "kubernetes.io/config.mirror": "5d41402abc4b2a76b9719d911017c592"
    }
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Node", "name": "localhost", "controller": True}
    ]
    assert podstate.read(pod).owner == ("v1", "Node", "localhost")


def test_all_containers_that_fail_and_no_other():
    assert failures(sample("two-fail")) == [
        ("container", "app", APP, "Always", "ErrImagePull", True),
        ("container", "side", GONE, "Always", "ErrImagePull", True),
    ]


def test_two_containers_with_one_image_are_two_failures():
    assert failures(sample("same-image")) == [
        ("container", "one", APP, "Always", "ErrImagePull", True),
        ("container", "two", APP, "Always", "ImagePullBackOff", True),
    ]


@pytest.mark.parametrize(
    ("name", "container"), [("init-fails", "setup"), ("sidecar-fails", "proxy")]
)
def test_what_waits_for_an_init_container_does_not_fail(name, container):
    expected = [("init container", container, GONE, "Always", "ErrImagePull", True)]
    assert failures(sample(name)) == expected


def test_a_pod_that_runs_fails_with_its_ephemeral_container():
    pod = sample("debugged")
    assert pod["status"]["phase"] == "Running"
    expected = (f"{REGISTRY}/team/tools:1", "IfNotPresent", "ImagePullBackOff", True)
    assert failures(pod) == [("ephemeral container", "debug", *expected)]


def test_an_ephemeral_container_that_has_ended_badly_was_somebody_leaving_a_shell():
    pod = sample("debugged")
    ended = {"terminated": {"exitCode": 130, "reason": "Error"}}
    pod["status"]["ephemeralContainerStatuses"][0]["state"] = ended
    assert podstate.read(pod) is None


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("crash-loop", "CrashLoopBackOff"),
        ("no-command", "RunContainerError"),
        ("no-command-once", "StartError"),
        ("no-configmap", "CreateContainerConfigError"),
        ("volume-fine", "CreateContainerError"),
    ],
)
def test_a_container_that_does_not_run_for_another_reason(name, state):
    assert failures(sample(name)) == [("container", "app", APP, "Always", state, False)]


@pytest.mark.parametrize(
    ("name", "state", "text"),
    [
        ("unschedulable", "Unschedulable", "0/1 nodes are available: 1 node(s) didn't match"),
        ("gated", "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"),
        ("deadline", "DeadlineExceeded", "Pod was active on the node longer than the specified"),
        ("rejected", "NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed"),
    ],
)
def test_a_pod_that_does_not_run_as_a_whole(name, state, text):
    (failure,) = podstate.read(sample(name)).failures
    assert failure == Failure("", "pod", "", "", state, failure.message, is_pull=False)
    assert failure.message.startswith(text)


@pytest.mark.parametrize("name", ["running", "no-mount", "stays"])
def test_a_pod_of_which_nothing_fails(name):
    assert podstate.read(sample(name)) is None


def pod(*states, phase="Pending", volumes=(), deleted=False, **status):
    """A Pod whose containers a, b, … are in these states and mount all volumes."""
    names = "abc"[: len(states)]
    mounts = [{"name": f"v{i}", "mountPath": f"/v{i}"} for i in range(len(volumes))]
    sources = [
        {"name": f"v{i}", "image": {"reference": ref, "pullPolicy": "IfNotPresent"}}
        for i, ref in enumerate(volumes)
    ]
    return {
        "metadata": {"namespace": "team-a", "name": "web"}
        | ({"deletionTimestamp": "2026-11-23T05:33:00Z"} if deleted else {}),
        "spec": {
            "containers": [
                {"name": n, "image": f"r.example/{n}", "volumeMounts": mounts} for n in names
            ],
            "volumes": [{"name": "other", "emptyDir": {}}, *sources],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": n, "image": "x", "state": state}
                for n, state in zip(names, states, strict=True)
            ],
            **status,
        },
    }


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


def ended(code, reason="Error", message=""):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def test_pulls_come_before_everything_else():
    found = podstate.read(pod(waiting("CrashLoopBackOff"), waiting("ImagePullBackOff")))
    assert [f.container for f in found.failures] == ["b", "a"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ended(1), ("Error", "exit code 1")),
        (ended(3, "", "my log"), ("Error", "exit code 3")),
        (ended(137, "OOMKilled", "my log"), ("OOMKilled", "exit code 137")),
        (ended(128, "StartError", "exec: no such file"), ("StartError", "exec: no such file")),
        (ended(128, "StartError"), ("StartError", "exit code 128")),
        ({"terminated": {"reason": "Gone"}}, ("Gone", "")),
    ],
)
def test_a_container_that_has_ended_badly_without_what_the_program_left(state, expected):
    (failure,) = podstate.read(pod(state, {"running": {}}, phase="Running")).failures
    assert (failure.state, failure.message) == expected
    assert not failure.is_pull


@pytest.mark.parametrize(
    "other",
    [
        pod(ended(0, "Completed"), {"running": {}}, phase="Running"),
        pod(ended(143), phase="Running", deleted=True),
        pod(ended(1), phase="Succeeded"),
        pod(waiting("ContainerCreating"), deleted=True),
        pod(conditions=[{"type": "PodScheduled", "status": "False"}], deleted=True),
        pod(waiting("RestartingAllContainers", "The container is removed")),
        pod({"waiting": {}}),
        pod(conditions=[{"type": "PodScheduled", "status": "True"}, {"type": "Ready"}]),
    ],
)
def test_leaves_out_what_ends_well_or_is_to_end(other):
    assert podstate.read(other) is None


def test_a_pod_that_is_being_deleted_may_still_wait_for_its_image():
    assert len(podstate.read(pod(waiting("ImagePullBackOff"), deleted=True)).failures) == 1


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (pod(ended(137), phase="Failed", reason="Evicted", message="low on memory"), ["Evicted"]),
        (pod(ended(1), phase="Failed"), ["Error"]),
        (pod(phase="Failed"), ["Failed"]),
        (pod(phase="Unknown"), ["Unknown"]),
        (pod({"running": {}}, phase="Unknown", reason="NodeLost"), ["NodeLost"]),
        (
            pod(waiting("ErrImagePull", "x"), phase="Failed", reason="DeadlineExceeded"),
            ["ErrImagePull", "DeadlineExceeded"],
        ),
        (pod(conditions=[{"type": "PodScheduled", "status": "False"}]), ["Unschedulable"]),
    ],
)
def test_what_ended_the_pod_stands_for_the_end_of_its_containers(other, expected):
    assert [f.state for f in podstate.read(other).failures] == expected


@pytest.mark.parametrize("reason", sorted(podstate.PULLS))
def test_every_reason_of_a_pull(reason):
    (failure,) = podstate.read(pod(waiting(reason, "a text"))).failures
    assert (failure.state, failure.is_pull) == (reason, True)


@pytest.mark.parametrize(
    ("reason", "message", "is_pull"),
    [
        (
            "disk full",
            'Failed to record image pull intent for container image "x": disk full',
            True,
        ),
        ("unexpected end of JSON input", "unexpected end of JSON input", True),
        ('RuntimeClass "x" not found', "", False),
        ("PostStartHookError", "PostStartHookError", False),
    ],
)
def test_an_error_in_place_of_a_reason_is_of_a_pull_where_it_is_the_text_too(
    reason, message, is_pull
):
    (failure,) = podstate.read(pod(waiting(reason, message))).failures
    assert failure.is_pull is is_pull
    assert failure.state == ("ErrImagePull" if is_pull else reason)


@pytest.mark.parametrize(
    ("volumes", "message", "image"),
    [
        (["nginx"], 'failed to pull and unpack image "docker.io/library/nginx:latest": x', "nginx"),
        (["nginx"], 'failed to pull and unpack image "docker.io/library/nginx:1": x', ""),
        (["nginx"], "initializing source docker://nginx:latest: 401", "nginx"),
        (["r.example/x:1"], "initializing source docker://r.example/x:1: 401", "r.example/x:1"),
        (["r.example/x:1"], 'Back-off pulling image "r.example/x:10": x', ""),
        (["Not An Image"], 'Failed to apply default image tag "Not An Image": x', "Not An Image"),
        (['a"b'], 'Failed to apply default image tag "a\\"b": x', 'a"b'),
        (
            ["r.example/x"],
            "image pull failed for r.example/x because the registry is unavailable",
            "r.example/x",
        ),
        (["r.example/x", "r.example/y"], 'Back-off pulling image "r.example/x"', "r.example/x"),
        (["r.example/x", "r.example/y"], 'Back-off pulling image "r.example/y"', "r.example/y"),
        # The container's own, and one that is pulled before it.
        (["r.example/a"], 'Back-off pulling image "r.example/a"', "r.example/a"),
        (["r.example/x"], 'Back-off pulling image "r.example/a"', ""),
        (["r.example/x"], "unauthorized", ""),
        ([], "unauthorized", ""),
    ],
)
def test_which_image_a_text_is_about(volumes, message, image):
    (failure,) = podstate.read(pod(waiting("ErrImagePull", message), volumes=volumes)).failures
    expected = ("image volume", image) if image else ("container", "r.example/a")
    assert (failure.kind, failure.image, failure.container) == (*expected, "a")


def test_without_credentials_kubelet_does_not_get_past_the_volumes():
    state = waiting("illegal base64 data at input byte 0", "illegal base64 data at input byte 0")
    (failure,) = podstate.read(pod(state, volumes=["r.example/x", "r.example/y"])).failures
    assert (failure.kind, failure.image) == ("image volume", "r.example/y")
    (failure,) = podstate.read(pod(state)).failures
    assert (failure.kind, failure.image) == ("container", "r.example/a")


def test_a_volume_says_nothing_of_a_failure_that_is_no_pull():
    message = 'ImageVolumeMountFailed: mount of "r.example/x": x'
    (failure,) = podstate.read(
        pod(waiting("CreateContainerError", message), volumes=["r.example/x"])
    ).failures
    assert (failure.kind, failure.image) == ("container", "r.example/a")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (sample("no-mount"), True),
        (pod(), True),
        ({"metadata": {}, "spec": {}}, True),
        (pod(waiting("ContainerCreating")), True),
        (pod(waiting("ContainerCreating"), deleted=True), False),
        (pod(waiting("ContainerCreating"), phase="Running"), False),
        (sample("missing-tag"), False),
        (sample("gated"), False),
        (sample("running"), False),
    ],
)
def test_a_pod_is_starting_until_something_fails(other, expected):
    assert podstate.is_starting(other) is expected


def test_a_list_of_pull_secrets_that_is_none_leaves_the_template_empty():
    other = pod(waiting("ErrImagePull"))
    other["spec"]["imagePullSecrets"] = "regcred"
    template = podstate.read(other).template
    assert (template.object, template.namespace, template.containers) == ("pod/web", "team-a", ())
    assert template.exists


KEYS = [
    *("phase", "reason", "message", "containerStatuses", "initContainerStatuses", "name", "state"),
    *("waiting", "terminated", "exitCode", "conditions", "type", "status", "image", "reference"),
    *("volumes", "containers", "metadata", "volumeMounts", "imagePullSecrets", "managedFields"),
    *("manager", "subresource", "time", "ownerReferences", "controller"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(json_values)
def test_any_status_is_read(status):
    other = copy.deepcopy(sample("image-volume"))
    other["status"] = status
    assert isinstance(podstate.read(other), FailingPod | None)
    assert podstate.is_starting(other) in {True, False}


@given(
    st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), json_values),
    st.sampled_from(["ErrImagePull", "x y", ""]) | json_values,
)
def test_any_pod_is_read(other, reason):
    status = {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "x y"}}}]}
    for each in (other, {**other, "status": status}):
        assert isinstance(podstate.read(each), FailingPod | None)
