"""How the operator is, at one moment: what its status pages and metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PullCredentialFigures:
    """One PullCredential in numbers.

    Args:
        name: its name.
        desired: namespaces that it selects.
        ready: those that have all they should have.
        failed: those that cannot be given it.
        expires: when its credential ends; None where that is not known.
        is_ready: what its condition Ready says.
        stuck: Pods from before that wait for want of it; None where nobody looks, or may.
    """

    name: str
    desired: int
    ready: int
    failed: int
    expires: datetime | None
    is_ready: bool
    stuck: int | None = None


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """One watch in numbers.

    Args:
        restarts: how often it was opened anew, by reason.
        events: how many came, by type.
        objects: how many are in view.
        open: it is listening now.
    """

    restarts: Mapping[str, int]
    events: Mapping[str, int]
    objects: int
    open: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The operator at one moment.

    Args:
        leading: it acts.
        synced: all its views are complete.
        waiting_for: what it is not ready without: kinds whose first list is still to come, and
            ``webhook certificate`` until the API server has been told of it, and once that has
            expired.
        queue_depth: namespaces that wait to be looked at.
        queue_age: seconds that the oldest of them has waited.
        concurrency: how many namespaces may be worked at, at the same time.
        namespaces: how many there are.
        pullcredentials: each in numbers.
        watches: likewise, by the plural of their kind; ``sources`` are the Secrets of the
            operator's own namespace.
        certificate_expires: when the webhook's certificate does; None where there is no webhook.
    """

    leading: bool
    synced: bool
    waiting_for: tuple[str, ...]
    queue_depth: int
    queue_age: float
    concurrency: int
    namespaces: int
    pullcredentials: tuple[PullCredentialFigures, ...]
    watches: Mapping[str, WatchFigures]
    certificate_expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who wants to know, for metrics.

    Args:
        reconciled: seconds that a look at a namespace took, and ``ok``, ``failed`` or ``conflict``.
        read: whose source was asked, and ``ok`` or the reason of the failure.
        minted: seconds that a minter of a kind took.
    """

    reconciled: Callable[[float, str], None] = lambda _seconds, _outcome: None
    read: Callable[[str, str], None] = lambda _name, _outcome: None
    minted: Callable[[str, float], None] = lambda _kind, _seconds: None
