from datetime import UTC, datetime

import pytest

from regcred.core.operator import strandedpod
from regcred.core.operator.strandedpod import MOST_IMAGES, Owner, StrandedPod

IMAGE = "registry.example.com/team/app:1"
NAME = "registry.example.com/team/app"
REFUSED = 'failed to pull and unpack image "x": failed to authorize: 401 Unauthorized'
MADE = "2026-01-01T00:00:00Z"


def status(reason="ErrImagePull", message=REFUSED, name="c", state=None):
    waiting = {"waiting": {"reason": reason, "message": message}}
    return {"name": name, "state": waiting if state is None else state}


def pod(*statuses, names=(), phase="Pending", init=(), spec=None, **metadata):
    """A Pod with a container for each of the statuses."""
    statuses = statuses or (status(),)

    def containers(these):
        return [{"name": each["name"], "image": IMAGE} for each in these]

    return {
        "metadata": {
            "namespace": "a",
            "name": "web-1",
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": MADE,
        }
        | metadata,
        "spec": {
            "containers": containers(statuses),
            "initContainers": containers(init),
            "imagePullSecrets": [{"name": each} for each in names],
        }
        | (spec or {}),
        "status": {
            "phase": phase,
            "containerStatuses": list(statuses),
            "initContainerStatuses": list(init),
        },
    }


def see(*args, **more):
    return strandedpod.see(pod(*args, **more), "regcred")


def owned_by(kind, **more):
    ref = {"apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": "o", "controller": True}
    return [ref | more]


RUNNING = status(name="d", state={"running": {"startedAt": MADE}})


def test_all_that_is_kept():
    found = see(ownerReferences=owned_by("ReplicaSet"), names=["theirs"])
    made = datetime(2026, 1, 1, tzinfo=UTC)
    owner = Owner("ReplicaSet", "web", "o")
    assert found == StrandedPod("u", "7", made, "default", ("theirs",), (NAME,), owner, runs=False)


def test_another_version_of_the_same_is_the_same():
    assert see(resourceVersion="8") == see()
    assert see(resourceVersion="8").version == "8"


@pytest.mark.parametrize(
    "found",
    [
        see(status("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": {REFUSED}')),
        see(status("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')),
        see(status(message="")),
        see(status(message="manifest for x not found: manifest unknown")),
        see(status("ContainerCreating", name="d"), init=[status()]),
        see(status("CrashLoopBackOff", "back-off", name="d"), status()),
        see(creationTimestamp=None),
    ],
)
def test_waits_for_a_login(found):
    assert found.images == (NAME,)
    assert not found.runs


@pytest.mark.parametrize(
    "found",
    [
        see(names=["theirs", "regcred"]),
        see(deletionTimestamp=MADE),
        see(annotations={"kubernetes.io/config.mirror": "x"}),
        see(ownerReferences=owned_by("Node")),
        see(phase="Running"),
        see(status("ContainerCreating", "")),
        see(status("InvalidImageName", "")),
        see(status("ErrImageNeverPull", "")),
        see(status("CrashLoopBackOff", "")),
        # What fails is not the login.
        see(status(message="dial tcp: lookup registry.example.com: no such host")),
        see(status(message="no match for platform in manifest: not found")),
        # kubelet gets no further than the Secret that it cannot decode.
        see(status("illegal base64 data at input byte 4", "illegal base64 data at input byte 4")),
        strandedpod.see({}, "regcred"),
    ],
)
def test_nothing_is_kept_of_others(found):
    assert found is None


def test_a_container_that_runs_beside():
    assert see(status(), RUNNING).runs
    assert see(status(), init=[RUNNING]).runs


def test_ephemeral_containers_do_not_count():
    found = pod(status("ContainerCreating", ""))
    found["spec"]["ephemeralContainers"] = [{"name": "debug", "image": IMAGE}]
    found["status"]["ephemeralContainerStatuses"] = [status(name="debug")]
    assert strandedpod.see(found, "regcred") is None


def test_an_image_that_is_none():
    assert see(spec={"containers": [{"name": "c", "image": "Not An Image"}]}) is None


def test_what_is_kept_of_one_pod_has_a_bound():
    many = [status(name=f"c{n}") for n in range(3 * MOST_IMAGES)]
    containers = [
        {"name": each["name"], "image": f"r{n}.example.com/x"} for n, each in enumerate(many)
    ]
    found = see(*many, spec={"containers": containers})
    assert found.images == tuple(f"r{n}.example.com/x" for n in range(MOST_IMAGES))
    assert [each.parts[0] for each in found.places] == [f"r{n}" for n in range(MOST_IMAGES)]


def test_owner():
    assert see().owner is None
    assert see(ownerReferences=owned_by("ReplicaSet", controller=False)).owner is None
    assert see(ownerReferences=owned_by("Job")).owner.kind == "Job"


def test_service_account():
    assert see(spec={"serviceAccountName": "app"}).account == "app"
