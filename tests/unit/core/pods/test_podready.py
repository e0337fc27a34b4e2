"""What is said of Pods no pull of which fails."""

from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.pods import podready

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MADE = "2026-11-23T11:55:30Z"


def pod(*statuses, policy="Always", **metadata):
    return {
        "metadata": metadata,
        "spec": {"restartPolicy": policy},
        "status": {"phase": "Running", "containerStatuses": list(statuses)},
    }


def app(ready=True, restarts=0, last=None, **state):
    status = {"name": "app", "ready": ready, "restartCount": restarts, "state": state}
    if last:
        finished = f"{NOW - last:%Y-%m-%dT%H:%M:%SZ}"
        status["lastState"] = {"terminated": {"finishedAt": finished}}
    return status


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (app(), ""),
        (app(ready=False), "container app is not ready"),
        (app(restarts=1), "container app has restarted once"),
        (app(False, 1200), "container app is not ready and has restarted 1,200 times"),
        (
            app(False, terminated={"exitCode": 0}),
            "container app has ended, and is to be started again",
        ),
    ],
)
def test_containers_that_are_not_well(status, said):
    assert podready.not_well(pod(status), NOW) == said
    assert podready.not_well(pod(status, deletionTimestamp=MADE), NOW) == ""


def test_several_containers():
    said = "container app is not ready, container app has restarted once"
    assert podready.not_well(pod(app(False), app(restarts=1)), NOW) == said


def test_what_was_to_end_has():
    done = pod(app(False, terminated={"exitCode": 0}), policy="OnFailure")
    assert podready.not_well(done, NOW) == ""
    failed = pod(app(False, terminated={"exitCode": 1}), policy="OnFailure")
    assert podready.not_well(failed, NOW)


@pytest.mark.parametrize(
    ("last", "named"), [(timedelta(minutes=5), True), (timedelta(days=5), False), (None, False)]
)
def test_among_many_only_recent_restarts_count(last, named):
    found = podready.not_well(pod(app(restarts=3, last=last)), NOW, all_restarts=False)
    assert bool(found) is named


def starting(node="node-1", made=MADE, inits=(), spec=(), **conditions):
    return {
        "metadata": {"creationTimestamp": made},
        "spec": {"nodeName": node, **dict(spec)},
        "status": {
            "phase": "Pending",
            "conditions": [{"type": k, "status": v} for k, v in conditions.items()],
            "initContainerStatuses": list(inits),
        },
    }


INIT = {"name": "wait", "state": {"running": {}}}
READY = {"PodReadyToStartContainers": "True"}
SIDECAR = {"initContainers": [{"name": "wait", "restartPolicy": "Always"}]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (starting(node=""), "is on no node: its scheduler has not taken it up"),
        (starting(), "node node-1 has said nothing of it"),
        (starting(PodReadyToStartContainers="False"), "waits for its volumes or its network"),
        (starting(inits=[INIT], **READY), "waits for init container wait to end"),
        (
            starting(inits=[INIT], spec=SIDECAR, **READY),
            "is pulling its images, or creating its containers",
        ),
        (starting(PodScheduled="True"), "waits for volumes, its network or images"),
    ],
)
def test_what_a_pod_waits_for(given, said):
    assert podready.waits_for(given, NOW) == f"has been starting for 4 min, and {said}"


@pytest.mark.parametrize("made", ["2026-11-23T11:59:30Z", None])
def test_what_is_only_new_waits_for_nothing(made):
    assert podready.waits_for(starting(made=made), NOW) == ""
