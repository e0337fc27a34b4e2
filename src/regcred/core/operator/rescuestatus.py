"""What the status of a PullCredential says of Pods from before: ``Rescued``, and ``status.rescue``.

``Rescued`` is about Pods, and neither ``Ready`` nor anything that kstatus goes by depends on it:
the namespaces have their logins, whoever came too early.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.operator.pullcredential import Rescue

if TYPE_CHECKING:
    from regcred.core.operator.rescue import Left

CONDITION = "Rescued"
#: Evictions in a minute, in the whole cluster.
PER_MINUTE = 20

#: Status, reason and message of a condition.
_Says = tuple[str, str, str]

_MAY_NOT_LOOK = (
    "the operator may not list and watch pods; the chart's value rescue.rights={} lets it"
)
_MAY_NOT_EVICT = (
    "the operator may not create pods/eviction; the chart's value rescue.rights=Evict lets it"
)


@dataclass(frozen=True, slots=True)
class Census:
    """The Pods that are stuck for want of one PullCredential.

    Args:
        known: the Pods have been listed; where not, the rest says nothing.
        stuck: how many.
        namespaces: how many namespaces they are in.
        first: the first of these.
        left: those of them that are not to be evicted, by why.
        evicted: how many were, since the PullCredential asked for it.
        lacking: the right that is missing, ``Report`` or ``Evict``; empty for none.
        trouble: what kept an eviction from being done, a clause; empty for nothing.
    """

    known: bool = False
    stuck: int = 0
    namespaces: int = 0
    first: str = ""
    left: Counter[Left] = field(default_factory=Counter)
    evicted: int = 0
    lacking: str = ""
    trouble: str = ""


def figures(census: Census, message: str) -> dict[str, Any]:
    """What stands under ``status.rescue``.

    Args:
        census: the Pods.
        message: of the condition.
    """
    return {"stuck": census.stuck, "evicted": census.evicted, "message": message}


def says(mode: Rescue, census: Census) -> _Says:
    """What the condition says.

    Args:
        mode: ``Report`` or ``Evict``.
        census: the Pods.
    """
    if census.lacking == "Report":
        return "Unknown", "RightMissing", _MAY_NOT_LOOK.format(mode)
    if not census.known:
        return "Unknown", "Pending", "the Pods have not been listed yet"
    before = f"; {_pods(census.evicted)} evicted so far" if census.evicted else ""
    if not census.stuck:
        return "True", "NothingStuck", f"no Pod waits for want of the login{before}"
    here = census.namespaces == 1
    where = census.first if here else f"{census.namespaces:,} namespaces"
    wait = "waits" if census.stuck == 1 else "wait"
    said = f"{_pods(census.stuck)} in {where} {wait} for want of the login, made without it"
    command = f"regcred why {f'-n {census.first}' if here else '-A'}"
    kept = sum(census.left.values())
    able = census.stuck - kept
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(census.left.items()))
    if mode is not Rescue.EVICT:
        if not able:
            return "False", "PodsStuck", f"{said}; Evict would leave alone: {why}; see {command}"
        left = f", and leave alone: {why}" if kept else ""
        rest = f"Evict would make {able:,} anew, as does {command} --fix{left}"
        return "False", "PodsStuck", f"{said}; {rest}"
    left = f"; left alone: {why}" if kept else ""
    if not able:
        return "False", "PodsLeft", f"{said}{left}; see {command}{before}"
    if census.lacking:
        return "False", "RightMissing", f"{said}; {_MAY_NOT_EVICT}{left}"
    slow = f"; {census.trouble}" if census.trouble else ""
    rest = f"{able:,} to be evicted, {PER_MINUTE} a minute at most{slow}"
    return "False", "Evicting", f"{said}; {rest}{left}{before}"


def may_not_evict(namespace: str) -> str:
    """What keeps the Pods of a namespace from being evicted while others are, a clause."""
    return f"in {namespace} {_MAY_NOT_EVICT}"


def _pods(count: int) -> str:
    return f"{count:,} Pod{'' if count == 1 else 's'}"
