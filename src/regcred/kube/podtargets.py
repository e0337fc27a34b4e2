"""What a person asks about: a Pod, or a workload, in kubectl's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.errors import UsageError
from regcred.core.names import check_name
from regcred.kube.resources import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.kube.resources import Resource

#: What makes Pods.
MAKERS = (
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    DAEMONSETS,
    JOBS,
    CRONJOBS,
    REPLICATIONCONTROLLERS,
)
#: kubectl's short names.
_SHORT = {
    "po": PODS,
    "deploy": DEPLOYMENTS,
    "rs": REPLICASETS,
    "sts": STATEFULSETS,
    "ds": DAEMONSETS,
    "cj": CRONJOBS,
    "rc": REPLICATIONCONTROLLERS,
}
_KINDS = _SHORT | {
    word: resource
    for resource in (PODS, *MAKERS)
    for word in (resource.kind.lower(), resource.plural)
}
_HINT = "name a Pod, pod/NAME, deploy/NAME, sts/…, ds/…, job/…, cronjob/…, rs/… or rc/…"

#: Names that a message proposes.
_ALIKE = 5
#: So many letters of a name have to agree.
_AGREE = 3


@dataclass(frozen=True, slots=True)
class Target:
    """What a person asks about."""

    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{self.resource.kind.lower()}/{self.name}"


def parse(given: str) -> Target:
    """The target that `given` stands for: ``NAME`` of a Pod, or ``KIND/NAME`` as kubectl takes it.

    Raises:
        UsageError: it is none.
    """
    word, slash, name = given.rpartition("/")
    resource = _KINDS.get(word.lower().partition(".")[0], None) if slash else PODS
    if resource is None or not name:
        raise UsageError(f"{given!r} is nothing that pulls images", hint=_HINT)
    check_name(name, resource.kind)
    return Target(resource, name)


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that begin most like `name`: Pods in its place, or what it was short for."""
    shared = {other: _agreement(name, other) for other in names}
    most = max(shared.values(), default=0)
    if most < min(_AGREE, len(name)):
        return []
    return sorted(other for other, length in shared.items() if length == most)[:_ALIKE]


def _agreement(one: str, other: str) -> int:
    """How many letters they begin with that are the same."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
