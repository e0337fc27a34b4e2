"""How often kubelet has tried an image, read from the Pod's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.facts import Tries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.failing import Failure


def tries(events: Iterable[dict[str, Any]], failure: Failure, now: datetime) -> Tries:
    """How often kubelet has tried the image of `failure`; `events` are those of its Pod."""
    del events, failure, now
    return Tries()
