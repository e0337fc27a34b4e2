"""Pods that their owners cannot create, and why the API server refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.failing import NotMade


def read(
    objects: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]], now: datetime
) -> list[NotMade]:
    """The owners among `objects` that miss Pods now, because these are refused.

    Args:
        objects: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and
            ReplicationControllers, each with its kind and apiVersion.
        events: of their namespaces.
        now: the time.
    """
    del objects, events, now
    return []


def reason_of(message: str) -> Reason:
    """What the refusal is about."""
    del message
    return Reason.NOT_A_PULL_PROBLEM


def refused_secret(message: str) -> str:
    """The pull Secret that the ServiceAccount does not reference; empty for another refusal."""
    del message
    return ""


def missing_account(message: str) -> str:
    """The name of the ServiceAccount that does not exist; empty for another refusal."""
    del message
    return ""
