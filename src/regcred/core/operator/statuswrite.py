"""Which status of a PullCredential is written, and how.

Two know what the status is: the view, which lags behind, and whoever wrote it last. What either
says counts only for the object with the same UID: one that was made anew has no status yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.jsonpatch import pointer
from regcred.core.operator import pcstatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.jsonpatch import Patch


@dataclass(frozen=True, slots=True)
class Known:
    """A PullCredential's status, as it was at some version.

    Args:
        name: of the object.
        uid: of the object.
        version: its resourceVersion.
        status: what stood under ``status``; ``{}`` for none.
    """

    name: str
    uid: str
    version: str
    status: Mapping[str, Any]


def newer(view: Known, own: Known | None) -> Known:
    """What is known best.

    Args:
        view: from the view.
        own: as it was written last; None for not at all. It wins at the same version, since the
            API server drops what its CRD does not know: that would be written again and again.
    """
    if own is None or own.uid != view.uid or _number(own.version) < _number(view.version):
        return view
    return own


def needed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any] | None:
    """The status to write; None where `old` says the same already.

    Args:
        old: what is known best.
        new: from `pcstatus.build`, which may have known an older one: a condition that is as in
            `old` keeps the time of that.
    """
    if not pcstatus.changed(old, new):
        return None
    conditions = []
    for each in fields.entries(new.get("conditions")):
        before = fields.condition({"status": old}, each["type"], each["status"]) or {}
        since = fields.text(before.get("lastTransitionTime"))
        conditions.append(each | {"lastTransitionTime": since} if since else each)
    return {**new, "conditions": conditions}


def patch(uid: str, status: Mapping[str, Any]) -> Patch:
    """For the status subresource: all of it, for the object with this UID and no other.

    It has no test of a version: the status is written by us alone, and all of it.
    """
    return [
        {"op": "test", "path": pointer("metadata", "uid"), "value": uid},
        {"op": "add", "path": pointer("status"), "value": dict(status)},
    ]


def _number(version: str) -> int:
    return int(version) if version.isascii() and version.isdigit() else -1
