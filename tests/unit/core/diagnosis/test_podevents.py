"""Real events of real Pods, staged on a cluster of 1.37.2; and variants made by hand."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.diagnosis.facts import Tries
from regcred.core.diagnosis.podevents import tries
from regcred.core.pods import podstate
from regcred.core.pods.failing import Failure

SAMPLES = Path(__file__).parents[1] / "samples_why"
APP = "127.0.0.1:5000/team/app:1"


def at(clock):
    return datetime.fromisoformat(f"2026-11-23T{clock}Z")


def read(name, now, index=0):
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    failure = podstate.read(sample["pod"]).failures[index]
    return tries(sample["events"], failure, at(now))


@pytest.mark.parametrize(
    ("name", "last", "count", "due"),
    [
        # Two tries, 10 s of back-off after the first, 20 s after the second.
        ("missing-tag", "05:32:14", 2, "05:32:34"),
        ("wrong-login", "05:32:16", 2, "05:32:36"),
        ("init-fails", "05:32:16", 2, "05:32:36"),
        ("sidecar-fails", "05:32:16", 2, "05:32:36"),
        ("image-volume", "05:32:16", 2, "05:32:36"),
        ("unreachable", "05:32:20", 2, "05:32:40"),
        # 160 s after the fifth.
        ("debugged", "05:35:12", 5, "05:37:52"),
        # These fail before a pull, and have no back-off.
        ("bad-name", "05:32:25", 4, "05:32:35"),
        ("never", "05:32:17", 3, "05:32:31"),
        ("volume-never", "05:32:18", 3, "05:32:31"),
        ("malformed-secret", "05:32:30", 4, "05:32:40"),
        ("volume-malformed", "05:32:29", 4, "05:32:39"),
    ],
)
def test_tries_of_real_pods(name, last, count, due):
    found = read(name, "05:32:31")
    assert (found.last, found.count, found.next) == (at(last), count, at(due))


@pytest.mark.parametrize("index", [0, 1])
def test_containers_with_one_image_share_the_back_off(index):
    found = read("same-image", "05:32:31", index)
    assert (found.last, found.count, found.next) == (at("05:32:15"), 2, at("05:32:35"))


def test_each_image_has_tries_of_its_own():
    first, second = (read("two-fail", "05:32:31", index) for index in (0, 1))
    assert "[manifests 1]" in first.message
    assert "[manifests gone]" in second.message


@pytest.mark.parametrize("name", ["missing-tag", "wrong-login", "image-volume", "never"])
def test_the_text_of_the_last_failure_is_what_the_status_says(name):
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    (failure,) = podstate.read(sample["pod"]).failures
    waits = replace(failure, state="ImagePullBackOff", message='Back-off pulling image "x"')
    assert tries(sample["events"], waits, at("05:32:31")).message == failure.message


def test_secrets_that_kubelet_could_not_retrieve():
    assert read("missing-secret", "05:32:31").missing == ("absent", "gone")
    assert read("missing-tag", "05:32:31").missing == ()


def test_an_error_that_stands_for_the_reason_is_found_again():
    found = read("malformed-secret", "05:32:31")
    assert found.message == "illegal base64 data at input byte 0"


START = at("06:00:00")
IMAGE = "r.example/app:1"
FAILURE = Failure("app", "container", IMAGE, "", "ImagePullBackOff", "", is_pull=True)
TRIED = {"Pulling": f'Pulling image "{IMAGE}"', "Failed": f'Failed to pull image "{IMAGE}": no'}


def seconds(number):
    return START + timedelta(seconds=number)


def event(reason, last, *, count=1, first=None, message="", path="spec.containers{app}"):
    return {
        "reason": reason,
        "message": message or TRIED.get(reason, ""),
        "count": count,
        "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": path},
        "firstTimestamp": seconds(last if first is None else first).isoformat(),
        "lastTimestamp": seconds(last).isoformat(),
    }


def due(events, now, failure=FAILURE):
    found = tries(events, failure, seconds(now)).next
    return found and (found - START).total_seconds()


def test_without_events_nothing_is_known():
    assert tries([], FAILURE, START) == Tries()
    other = event("Pulling", 0, message='Pulling image "r.example/app:10"')
    assert tries([other, {}, event("Scheduled", 0)], FAILURE, START) == Tries()


@pytest.mark.parametrize(
    ("count", "wait"), [(1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (7, 300), (10**9, 300)]
)
def test_the_back_off_doubles_up_to_five_minutes(count, wait):
    assert due([event("Failed", 0, count=count)], 0) == wait


def test_failures_whose_texts_differ_add_up():
    other = f'Failed to pull image "{IMAGE}": another reason'
    events = [event("Failed", 20, count=2), event("Failed", 50, message=other)]
    found = tries(events, FAILURE, seconds(50))
    assert (found.count, found.message) == (3, "another reason")
    assert found.next == seconds(50 + 40)


def test_after_ten_minutes_without_a_try_it_begins_anew():
    again = f'Failed to pull image "{IMAGE}": another reason'
    long_ago = event("Failed", 0, count=9, first=-3000)
    assert due([long_ago, event("Failed", 700, message=again)], 700) == 710
    assert due([long_ago, event("Failed", 500, message=again)], 500) == 800


@pytest.mark.parametrize(("now", "expected"), [(9, 10), (10, 10), (12, 12), (25, 25), (26, None)])
def test_kubelet_looks_at_the_pod_a_little_later(now, expected):
    assert due([event("Failed", 0)], now) == expected


def test_nothing_is_said_where_the_failure_of_the_last_pull_is_not_known():
    assert due([event("Pulling", 0, count=2), event("Failed", 0)], 5) == 10
    assert due([event("Pulling", 15, count=2), event("Failed", 0)], 16) is None
    assert due([event("Pulling", 15)], 16) is None
    pulled = event("Pulled", 3, message=f'Successfully pulled image "{IMAGE}" in 54ms')
    assert due([event("Failed", 0), pulled], 5) is None


def test_what_fails_before_the_pull_is_tried_at_every_look():
    text = f'Container image "{IMAGE}" is not present with pull policy of Never'
    never = event("ErrImageNeverPull", 0, count=9, message=text)
    assert due([never], 3) == 10
    assert due([never], 300) == 300
    assert tries([never], FAILURE, START).message == text


def test_a_pull_after_that_has_its_back_off():
    text = 'Failed to inspect image "": deadline exceeded'
    inspect = event("InspectFailed", 0, message=text)
    assert due([inspect], 3) == 10
    assert due([inspect, event("Failed", 20)], 20) == 30
    assert due([inspect, event("Failed", -20)], 3) == 10
    assert tries([event("Failed", -20), inspect], FAILURE, START).message == text
    elsewhere = event("InspectFailed", 0, message=text, path="spec.containers{other}")
    assert tries([elsewhere], FAILURE, START) == Tries()


def test_an_image_that_is_not_looked_up_by_name():
    text = f'Failed to apply default image tag "{IMAGE}": no'
    found = tries([event("InspectFailed", 0, message=text)], FAILURE, START)
    assert (found.count, found.message) == (1, text)


def test_events_of_other_failures_are_not_its_own():
    events = [
        event("Failed", 0, message="Error: ImagePullBackOff"),
        event("BackOff", 0, message=f'Back-off pulling image "{IMAGE}"'),
        event("BackOff", 0, message="Back-off restarting failed container app in pod web_a(u)"),
    ]
    assert tries(events, FAILURE, START) == Tries()


def test_secrets_that_were_missing_once_may_be_there_now():
    text = "Unable to retrieve some image pull secrets (a, b); attempting to pull the image may"
    said = event("FailedToRetrieveImagePullSecret", 5, message=text, path="")
    only_b = {**said, "message": text.replace("a, ", ""), "lastTimestamp": seconds(9).isoformat()}
    assert tries([said], FAILURE, START).missing == ("a", "b")
    assert tries([only_b, said], FAILURE, START).missing == ("b",)
    assert tries([said, event("Failed", 5)], FAILURE, START).missing == ("a", "b")
    assert tries([said, event("Failed", 6)], FAILURE, START).missing == ()
    assert tries([{**said, "message": "another text"}], FAILURE, START).missing == ()


def test_a_try_that_no_event_tells_of_is_reckoned_from_the_status():
    sample = json.loads((SAMPLES / "missing-tag-later.json").read_text())
    pod = podstate.read(sample["pod"])
    now = at("05:39:07")
    lost = tries(sample["events"], pod.failures[0], now)
    assert (lost.last, lost.count, lost.next) == (at("05:34:43"), 5, None)
    # The sixth try was at 05:37:30; kubelet wrote ErrImagePull at 05:37:42, and then this.
    assert pod.written == at("05:37:55")
    found = tries(sample["events"], pod.failures[0], now, pod)
    assert (found.last, found.count, found.next) == (at("05:37:30"), 0, at("05:42:30"))
    assert found.message == lost.message


@pytest.fixture
def waiting():
    """A Pod that was made at 0 and whose status was last written at 1000."""
    pod = podstate.read(json.loads((SAMPLES / "missing-tag.json").read_text())["pod"])
    return replace(pod, created=START, written=seconds(1000), failures=(FAILURE,))


def test_one_look_after_the_try_the_status_has_the_error(waiting):
    early = replace(FAILURE, state="ErrImagePull")
    assert tries([], early, seconds(1001), waiting).last == seconds(987.5)
    assert tries([], FAILURE, seconds(1001), waiting).last == seconds(975)
    never = replace(FAILURE, state="ErrImageNeverPull")
    assert tries([], never, seconds(1001), waiting) == Tries()


@pytest.mark.parametrize(
    ("written", "wait"), [(34, 10), (45, 20), (100, 80), (345, 300), (900, 300)]
)
def test_the_back_off_is_reckoned_from_how_long_the_pod_has_failed(waiting, written, wait):
    pod = replace(waiting, written=seconds(written))
    expected = max(written, written - 25 + wait)
    assert tries([], FAILURE, seconds(written), pod).next == seconds(expected)


def test_it_is_reckoned_from_the_first_failure_that_is_known(waiting):
    events = [event("Failed", 920, count=3, first=900)]
    assert tries(events, FAILURE, seconds(1000), waiting).next == seconds(975 + 80)
    unknown = replace(waiting, created=None)
    assert tries([], FAILURE, seconds(1000), unknown).next == seconds(975 + 300)


def test_events_that_tell_more_are_believed(waiting):
    events = [event("Pulling", 965, count=9), event("Failed", 965, count=9)]
    found = tries(events, FAILURE, seconds(1000), waiting)
    assert (found.last, found.count, found.next) == (seconds(965), 9, seconds(1265))


def test_a_status_that_may_have_changed_for_another_reason_tells_nothing(waiting):
    two = replace(waiting, failures=(FAILURE, replace(FAILURE, container="other")))
    for pod in (two, replace(waiting, written=None), replace(waiting, written=seconds(2000))):
        assert tries([], FAILURE, seconds(1000), pod) == Tries()


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.just("2026-11-23T05:32:14Z"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)

FIELDS = ["reason", "message", "count", "involvedObject", "firstTimestamp", "lastTimestamp"]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(FIELDS),
            json_values | st.sampled_from([*TRIED, *TRIED.values(), "2026-11-23T05:00:00Z"]),
        ),
        max_size=6,
    )
)
def test_any_events_are_read(events):
    found = tries(events, FAILURE, datetime(2026, 11, 23, 6, tzinfo=UTC))
    assert isinstance(found, Tries)
