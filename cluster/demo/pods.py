"""What becomes of the story's Pods: awaited here, shown by the story."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.demo.place import Place

_PATIENCE = 120.0
"""Seconds that a step may take; here they take one or two."""

_REFUSED = ("ErrImagePull", "ImagePullBackOff")


def await_refused(place: Place) -> None:
    """Return when kubelet has been refused the image.

    Raises:
        ClusterError: it has pulled it, or does not try.
    """
    _await("kubelet is refused the image", place, place.namespace, _is_refused)


def await_running(place: Place, namespace: str) -> float:
    """Return when there is one Pod only, and it runs; how many seconds that took.

    Raises:
        ClusterError: that does not come.
    """
    began = time.monotonic()
    _await("the one Pod runs", place, namespace, _is_running)
    return time.monotonic() - began


def warnings(place: Place, namespace: str) -> list[str]:
    """What Events have to say against the namespace's Pods."""
    found = _items(place, namespace, "events", "--field-selector=type=Warning")
    return [event["message"] for event in found]


def _await(what: str, place: Place, namespace: str, holds: Callable[..., bool]) -> None:
    try:
        await_condition(what, lambda: holds(place, namespace), timeout=_PATIENCE)
    except ClusterError:
        # What they are in instead.
        place.shell.show(f"kubectl get pods -n {namespace}{place.flags}")
        raise


def _items(place: Place, namespace: str, *what: str) -> list[dict[str, Any]]:
    where = ("-n", namespace, *shlex.split(place.flags))
    answer = place.shell.ask("kubectl", "get", *what, *where, "-o", "json")
    found: list[dict[str, Any]] = json.loads(answer)["items"]
    return found


def _states(place: Place, namespace: str) -> list[dict[str, Any]]:
    """The state of each Pod's container; ``{}`` before kubelet has told one."""
    found = []
    for pod in _items(place, namespace, "pods"):
        statuses = pod.get("status", {}).get("containerStatuses") or [{}]
        found.append(statuses[0].get("state") or {})
    return found


def _is_refused(place: Place, namespace: str) -> bool:
    states = _states(place, namespace)
    if any("running" in state or "terminated" in state for state in states):
        raise ClusterError(
            f"{place.image} was pulled without a login: there is nothing to mend",
            hint="name an image that is private, and whose login the namespace has not got",
        )
    # The Event too: `regcred why` goes by kubelet's words.
    events = _items(place, namespace, "events", "--field-selector=reason=Failed")
    told = any(event["message"].startswith("Failed to pull") for event in events)
    return told and any(s.get("waiting", {}).get("reason") in _REFUSED for s in states)


def _is_running(place: Place, namespace: str) -> bool:
    # The only one: the Pod that was there before is gone too.
    states = _states(place, namespace)
    return len(states) == 1 and "running" in states[0]
