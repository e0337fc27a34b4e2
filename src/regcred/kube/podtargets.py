"""What a person asks about: a Pod, or a workload, in kubectl's words."""

from __future__ import annotations

import difflib
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
    from collections.abc import Iterable, Sequence

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

#: A word so close to a kind, of 1, was meant for it; ``service`` is for none.
_CLOSE = 0.75
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


def parse_all(given: Sequence[str]) -> list[Target]:
    """The targets that all of `given` stand for, each once.

    Raises:
        UsageError: one is none, or they are ``KIND NAME``, as kubectl takes them as well.
    """
    kind, *names = given or [""]
    if is_kind(kind) and names and not any("/" in name for name in names):
        hint = f"regcred why {' '.join(f'{kind}/{name}' for name in names)}"
        said = f"{kind!r} is a kind, and goes before each name with a slash"
        raise UsageError(said, hint=f"{hint}; of a Pod that is called so: pod/{kind}")
    return list(dict.fromkeys(map(parse, given)))


def parse(given: str) -> Target:
    """The target that `given` stands for: ``NAME`` of a Pod, or ``KIND/NAME`` as kubectl takes it.

    Raises:
        UsageError: it is none.
    """
    word, slash, name = given.rpartition("/")
    resource = resource_of(word) if slash else PODS
    if resource is None or not name:
        hint = _HINT
        if close := difflib.get_close_matches(word.lower(), _KINDS, 1, _CLOSE) if name else ():
            hint = f"did you mean {close[0]}/{name}?"
        raise UsageError(f"{given!r} is nothing that pulls images", hint=hint)
    check_name(name, resource.kind)
    return Target(resource, name)


def is_kind(word: str) -> bool:
    """Whether it is a word for Pods, or for what makes them."""
    return resource_of(word) is not None


def resource_of(word: str) -> Resource | None:
    """The kind that `word` is for, of Pods and what makes them; None for another one."""
    return _KINDS.get(word.lower().partition(".")[0])


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
