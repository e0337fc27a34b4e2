"""Pods gone through one by one: which fail, how many only start, and what the others are named for.

Of Pods that run nothing is kept, so that a large cluster costs time and not memory.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.fields import mapping, text
from regcred.core.pods import podready, podstate

if TYPE_CHECKING:
    from datetime import datetime

    from regcred.core.pods.failing import FailingPod

#: Pods that are not well although their images come, and that are named.
_NAMED = 5


@dataclass(slots=True)
class Census:
    """What Pods came to.

    Args:
        now: the time.
        all: how many there were.
        starting: how many of them have not come to their pulls yet.
        failing: those that fail.
    """

    now: datetime
    all: int = 0
    starting: int = 0
    failing: list[FailingPod] = field(default_factory=list)
    _notable: list[str] = field(default_factory=list)

    def add(self, pod: dict[str, Any]) -> None:
        """One more."""
        self.all += 1
        self.starting += podstate.is_starting(pod)
        if found := podstate.read(pod):
            self.failing.append(found)
        elif said := _notable(pod, self.now):
            self._notable.append(said)

    @property
    def pods(self) -> str:
        """How many there were, in words."""
        return f"{self.all:,} Pod" if self.all == 1 else f"{self.all:,} Pods"

    @property
    def notable(self) -> list[str]:
        """Some of those that are not well although no pull of theirs fails."""
        more = len(self._notable) - _NAMED
        rest = [f"{more:,} more Pods are not ready, or still starting"] * (more > 0)
        return self._notable[:_NAMED] + rest


def state(pod: dict[str, Any], now: datetime) -> str:
    """What is to be said of a Pod of which nothing fails: no more than was looked at."""
    if mapping(pod.get("metadata")).get("deletionTimestamp"):
        return "is being deleted"
    if podstate.is_starting(pod):
        if said := podready.waits_for(pod, now):
            return f"{said}{_describe(pod)}"
        on = "" if mapping(pod.get("spec")).get("nodeName") else ", and is on no node so far"
        return f"has not come to its pulls yet, or is pulling{on}: none has failed"
    if text(mapping(pod.get("status")).get("phase")) == "Succeeded":
        return "has done its work"
    said = podready.not_well(pod, now)
    fine = "has no pull that fails"
    return f"{fine}; {said}{_describe(pod)}" if said else fine


def _notable(pod: dict[str, Any], now: datetime) -> str:
    """What a Pod is named for although no pull of it fails."""
    if podstate.is_starting(pod):
        said = podready.waits_for(pod, now)
    else:
        said = podready.not_well(pod, now, all_restarts=False)
    return f"{_name(pod)} {said}{_describe(pod)}" if said else ""


def _name(pod: dict[str, Any]) -> str:
    metadata = mapping(pod.get("metadata"))
    return f"pod/{text(metadata.get('name'))} in {text(metadata.get('namespace'))}"


def _describe(pod: dict[str, Any]) -> str:
    metadata = mapping(pod.get("metadata"))
    name, namespace = text(metadata.get("name")), text(metadata.get("namespace"))
    return f": kubectl describe pod {shlex.quote(name)} -n {shlex.quote(namespace)}"
