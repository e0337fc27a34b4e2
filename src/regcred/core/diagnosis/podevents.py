"""How often kubelet has tried an image, and when it tries again, read from the Pod's events.

kubelet does not write down when it tries again; its back-off can be worked out. It is kept by Pod
and image as the image is written, so that two containers with one image share it. The first
failed pull makes it 10 s, each further one doubles it, up to 300 s; after 600 s without a try it
begins anew. A Pod that has failed is looked at every 10 to 15 s, so the try comes up to that
much later than the back-off ends. What fails before a pull (``ErrImageNeverPull``,
``InvalidImageName``, a pull Secret that cannot be decoded) has no back-off: it is tried each time
that kubelet looks at the Pod.

Events get lost (`regcred.core.pods.event`): a Pod that fails for five minutes has more to say than
it may. But each try shows in the status as well, which turns to ``ErrImagePull`` and back to
``ImagePullBackOff``; since kubelet writes it before it looks, that is one look and two looks after
the try. So where the last change is later than what events tell, the try is reckoned from it, and
the back-off from how long the Pod has failed. A restarted kubelet begins its back-off anew, which
nothing tells.

Sources: ``pkg/kubelet/images/image_manager.go``, ``pkg/kubelet/kubelet.go``
(``imageBackOffPeriod``, ``MaxImageBackOff``, ``FailedToRetrieveImagePullSecret``) and
``pkg/kubelet/pod_workers.go`` (``completeWork``) of https://pkg.go.dev/k8s.io/kubernetes@v1.37.2,
and ``Backoff`` of https://pkg.go.dev/k8s.io/client-go/util/flowcontrol
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.diagnosis.facts import Tries
from regcred.core.fields import quoted
from regcred.core.pods import event

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.pods.event import Event
    from regcred.core.pods.failing import FailingPod, Failure

_FIRST, _MAX = timedelta(seconds=10), timedelta(seconds=300)
_FORGOTTEN = 2 * _MAX
#: The longest that a back-off of `_FIRST` has to be doubled.
_DOUBLINGS = 5

#: How often kubelet looks at a Pod that has failed, and how much later it may be.
_LOOK, _LATE = timedelta(seconds=10), timedelta(seconds=5)

_MISSING = re.compile(r"Unable to retrieve some image pull secrets \(([^()]*)\)")


def tries(
    events: Iterable[dict[str, Any]],
    failure: Failure,
    now: datetime,
    pod: FailingPod | None = None,
) -> Tries:
    """How often kubelet has tried the image of `failure`.

    Args:
        events: those of its Pod; a Pod of a StatefulSet has had others of its name before.
        failure: one with `is_pull`.
        now: the time.
        pod: the Pod; without it nothing is reckoned from when its status changed.
    """
    known = sorted(filter(None, map(event.read, events)), key=lambda e: e.last)
    image = quoted(failure.image)
    pulls = [e for e in known if e.reason == "Pulling" and image in e.message]
    failed = [e for e in known if _is_failed_pull(e, image)]
    before = [e for e in known if _is_before_pull(e, failure, image)]
    last = max((e.last for e in (*pulls, *failed, *before)), default=None)
    count = max(_count(pulls), _count(failed)) + _count(before)
    due = _next([e for e in known if image in e.message], failed, before, now)
    unsaid = _unsaid_try(pod, failure, now) if pod else None
    if pod and unsaid and (last is None or unsaid - last > _LOOK + _LATE):
        began = failed[0].first if failed else pod.created
        last, count, due = unsaid, 0, _soon(unsaid + _reckoned(began, unsaid), now)
    return Tries(last, count, due, _missing(known, failed), _message(failed, before))


def _unsaid_try(pod: FailingPod, failure: Failure, now: datetime) -> datetime | None:
    """When kubelet last tried, by when the Pod's status changed; None where nothing tells.

    Where several things fail, the change may have been of another.
    """
    looks = {"ErrImagePull": 1, "ImagePullBackOff": 2}.get(failure.state, 0)
    if not looks or len(pod.failures) > 1 or pod.written is None or pod.written > now:
        return None
    return pod.written - looks * (_LOOK + _LATE / 2)


def _reckoned(began: datetime | None, last: datetime) -> timedelta:
    """How long kubelet waits after a try at `last` if the first one was when it `began`.

    That each try was a little late does not matter: all of it is less than the next doubling.
    """
    if began is None:
        return _MAX
    delay, at = _FIRST, began
    while delay < _MAX and at + delay <= last:
        at += delay
        delay = min(_MAX, delay * 2)
    return delay


def _soon(due: datetime, now: datetime) -> datetime | None:
    """`due`, or now where it is just over; None where the try must have been already."""
    return max(now, due) if now <= due + _LOOK + _LATE else None


def _is_failed_pull(found: Event, image: str) -> bool:
    return found.reason == "Failed" and found.message.startswith(f"Failed to pull image {image}")


def _is_before_pull(found: Event, failure: Failure, image: str) -> bool:
    """Whether kubelet failed before it asked a registry."""
    # No two containers of a Pod have one name, of whatever kind they are.
    own = found.path.endswith(f"{{{failure.container}}}")
    match found.reason:
        case "ErrImageNeverPull":
            return image in found.message
        case "InspectFailed":  # of an image that it cannot look up it does not say the name
            return image in found.message or (own and quoted("") in found.message)
        case "Failed":
            return own and bool(failure.message) and found.message == f"Error: {failure.message}"
    return False


def _count(events: list[Event]) -> int:
    return sum(found.count for found in events)


def _next(
    about: list[Event], failed: list[Event], before: list[Event], now: datetime
) -> datetime | None:
    """When kubelet tries again, at about; None where the events do not tell.

    Args:
        about: all events that name the image, the oldest first.
        failed: failed pulls.
        before: what failed before a pull.
        now: the time.
    """
    if before and not (failed and failed[-1].last > before[-1].last):
        return max(now, before[-1].last + _LOOK)
    if not failed:
        return None
    last = failed[-1].last
    # It has come since, or is being pulled now; or it was, and what came of that got lost.
    if any(e.reason in {"Pulled", "Pulling"} and e.last > last for e in about):
        return None
    return _soon(last + _back_off(failed), now)


def _back_off(failed: list[Event]) -> timedelta:
    """How long kubelet waits after these failures."""
    count, last = 0, failed[0].last
    for found in sorted(failed, key=lambda e: e.first):
        if found.first - last > _FORGOTTEN:
            count = 0
        count += found.count
        last = max(last, found.last)
    return min(_MAX, _FIRST * (1 << min(count - 1, _DOUBLINGS)))


def _missing(known: list[Event], failed: list[Event]) -> tuple[str, ...]:
    """The Secrets that were missing at the last try; kubelet says so after the pull has failed."""
    said = [e for e in known if e.reason == "FailedToRetrieveImagePullSecret"]
    if not said or (failed and failed[-1].last > said[-1].last):
        return ()
    match = _MISSING.search(said[-1].message)
    return tuple(filter(None, match[1].split(", "))) if match else ()


def _message(failed: list[Event], before: list[Event]) -> str:
    """The text of the last failure, as the status would have it."""
    last = max([*failed, *before], key=lambda e: e.last, default=None)
    if last is None:
        return ""
    if last in failed:
        return last.message.partition('": ')[2]
    return last.message.removeprefix("Error: ")
