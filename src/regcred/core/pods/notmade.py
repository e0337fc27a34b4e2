"""Pods that their owners cannot create, and what the API server says to it: no Pod shows it.

A ReplicaSet says so in a condition, and its Deployment repeats it; a StatefulSet, DaemonSet or Job
has nothing but events. The condition keeps the text of the first refusal though later ones may
have other causes, so the newest event wins over it. A controller tries again after at most 1000 s,
thus an event older than that tells nothing about now.

Sources: ``pkg/controller/controller_utils.go`` (``createPods``), ``replicaset/``
(``calculateStatus``), ``deployment/progress.go`` and ``statefulset/stateful_pod_control.go`` of
https://pkg.go.dev/k8s.io/kubernetes@v1.37.2; what refuses:
``plugin/pkg/admission/serviceaccount/admission.go`` there
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidInput
from regcred.core.fields import condition, controller, instant, mapping, number, text
from regcred.core.pods import event, podreading
from regcred.core.pods.failing import NotMade
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.pods.event import Event
    from regcred.core.pods.podtemplate import PodTemplate

    #: Kind, namespace and name.
    _Key = tuple[str, str, str]

#: client-go's longest wait between tries (``DefaultTypedControllerRateLimiter``), and some more.
_CURRENT = timedelta(seconds=1200)

#: Kinds that say in a condition that Pods of theirs are refused.
_CONDITION = frozenset({"Deployment", "ReplicaSet", "ReplicationController"})

#: Kinds that something else makes, which is what a person wrote.
_MADE = frozenset({"ReplicaSet", "ReplicationController", "Job"})

#: Conditions of a Job that makes no more Pods.
_OVER = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget", "Suspended")

_FAILED, _CREATED = "FailedCreate", "SuccessfulCreate"
_PREFIX = re.compile(r"Error creating: |[Cc]reate Pod \S+ in StatefulSet \S+ failed error: ")
_SECRET = re.compile(
    r'imagePullSecrets\[[0-9]+\]\.name="([^"]*)" is not allowed because service account \S+ '
    r"does not reference that imagePullSecret"
)
_ACCOUNT = re.compile(
    r'error looking up service account \S+: serviceaccount "([^"]*)" not found',
)


def read(
    objects: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]], now: datetime
) -> list[NotMade]:
    """The owners among `objects` that miss Pods now, because these are refused.

    Args:
        objects: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and
            ReplicationControllers, each with its kind and apiVersion, which lists leave out.
        events: of their namespaces.
        now: the time.
    """
    known = {_key(obj): obj for obj in objects}
    refused, created = _last_events(events)
    found: dict[_Key, NotMade] = {}
    # A Deployment is last: its condition repeats that of a ReplicaSet, which has events.
    for key, obj in sorted(known.items(), key=lambda each: each[0][0] == "Deployment"):
        if not _misses_pods(key[0], obj):
            continue
        said = refused.get(key)
        if key in created and said and created[key].last > said.last:
            said = None
        top = _top(key, obj)
        made = _not_made(top, known.get(top, obj), said, _refusal(key[0], obj), now)
        if made and (top not in found or _newer(made, found[top])):
            found[top] = made
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key[0], key[2]))]


def reason_of(message: str) -> Reason:
    """What the refusal is about: a pull Secret that may not be named, or no pull at all."""
    if refused_secret(message):
        return Reason.SECRET_NOT_ON_SERVICEACCOUNT
    return Reason.NOT_A_PULL_PROBLEM


def refused_secret(message: str) -> str:
    """The pull Secret that the ServiceAccount does not reference; empty for another refusal.

    A ServiceAccount annotated ``kubernetes.io/enforce-mountable-secrets: "true"`` has its Pods
    name only the pull Secrets that stand on it.
    """
    match = _SECRET.search(message)
    return match[1] if match else ""


def missing_account(message: str) -> str:
    """The name of the ServiceAccount that does not exist; empty for another refusal."""
    match = _ACCOUNT.search(message)
    return match[1] if match else ""


def _key(obj: dict[str, Any]) -> _Key:
    metadata = mapping(obj.get("metadata"))
    return text(obj.get("kind")), text(metadata.get("namespace")), text(metadata.get("name"))


def _top(key: _Key, obj: dict[str, Any]) -> _Key:
    """What a person wrote: a ReplicaSet's Deployment, a Job's CronJob, or the object itself."""
    kind, namespace, _ = key
    above = controller(obj) if kind in _MADE else None
    return (above[1], namespace, above[2]) if above else key


def _last_events(events: Iterable[dict[str, Any]]) -> tuple[dict[_Key, Event], dict[_Key, Event]]:
    """By owner, the last refusal and the last Pod that it could create."""
    last: dict[str, dict[_Key, Event]] = {_FAILED: {}, _CREATED: {}}
    for each in sorted(filter(None, map(event.read, events)), key=lambda e: e.last):
        if each.reason in last:
            last[each.reason][each.object] = each
    return last[_FAILED], last[_CREATED]


def _refusal(kind: str, obj: dict[str, Any]) -> dict[str, Any] | None:
    """The condition that says so; None for none, empty for a kind that has no such condition."""
    if kind not in _CONDITION:
        return {}
    found = condition(obj, "ReplicaFailure", "True")
    return found if found and found.get("reason") == _FAILED else None


def _not_made(
    top: _Key,
    obj: dict[str, Any],
    said: Event | None,
    refusal: dict[str, Any] | None,
    now: datetime,
) -> NotMade | None:
    """One owner, if its Pods are refused now."""
    if refusal is None or not (refusal or said):
        return None
    since = instant(refusal.get("lastUpdateTime")) or instant(refusal.get("lastTransitionTime"))
    message, last = text(refusal.get("message")), since
    if said and (since is None or said.last >= since):
        message, last = said.message, said.last
    if not refusal and (last is None or now - last > _CURRENT):
        return None
    kind, namespace, name = top
    return NotMade(namespace, kind, name, _PREFIX.sub("", message, count=1), _template(obj), last)


def _newer(one: NotMade, other: NotMade) -> bool:
    return bool(one.last and other.last and one.last > other.last)


def _misses_pods(kind: str, obj: dict[str, Any]) -> bool:
    """Whether there are fewer Pods than there are to be."""
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    if mapping(obj.get("metadata")).get("deletionTimestamp"):
        return False
    match kind:
        case "ReplicaSet" | "ReplicationController" | "StatefulSet":
            return number(spec.get("replicas"), 1) > number(status.get("replicas"))
        case "Deployment":  # old Pods may be there in place of the new ones
            return number(spec.get("replicas"), 1) > 0
        case "DaemonSet":
            wanted = number(status.get("desiredNumberScheduled"))
            return wanted > number(status.get("currentNumberScheduled"))
        case "Job":
            return _job_misses_pods(obj, spec, status)
    return False


def _job_misses_pods(obj: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]) -> bool:
    if spec.get("suspend") is True or any(condition(obj, over, "True") for over in _OVER):
        return False
    wanted, succeeded = number(spec.get("parallelism"), 1), number(status.get("succeeded"))
    if spec.get("completions") is not None:
        wanted = min(wanted, number(spec.get("completions")) - succeeded)
    elif succeeded:  # the workers have agreed that the work is done
        return False
    return wanted > number(status.get("active"))


def _template(obj: dict[str, Any]) -> PodTemplate | None:
    try:
        return next(podreading.templates(obj), None)
    except InvalidInput:
        return None
