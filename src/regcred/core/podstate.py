"""What of a Pod does not run, read from the status that kubelet and the scheduler wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regcred.core.failing import FailingPod


def read(pod: dict[str, Any]) -> FailingPod | None:
    """What fails of a Pod; None where nothing does."""
    del pod
    return None


def is_starting(pod: dict[str, Any]) -> bool:
    """Whether the Pod has not come to its pulls yet."""
    del pod
    return False
