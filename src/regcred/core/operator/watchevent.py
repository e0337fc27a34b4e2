"""One line of a watch: what it says, or why it cannot be believed.

The lines are ``{"type": …, "object": …}`` (apimachinery's pkg/apis/meta/v1/watch.go); an ERROR
brings a Status in place of an object, a BOOKMARK an object that has a resourceVersion only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from regcred.core.errors import APIError, StreamBroken, api_error

#: On the bookmark that ends a list that is sent as a watch (apimachinery's meta/v1/types.go).
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

_CHANGES = ("ADDED", "MODIFIED", "DELETED")


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What one line says.

    Args:
        type: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``.
        object: the object; of a bookmark, nothing of use.
        version: its ``metadata.resourceVersion``, never empty.
        ends_list: whether it is the bookmark after the last object of the initial list.
    """

    type: str
    object: dict[str, Any] = field(repr=False)
    version: str
    ends_list: bool = False


def read(line: bytes, *, doing: str) -> WatchEvent:
    """What a line says.

    Args:
        line: one line, without its end.
        doing: verb and object, for messages.

    Raises:
        StreamBroken: it is no event of a watch.
        APIError: it is an ERROR: the exception that fits its Status, such as `Gone`.
    """
    try:
        said = json.loads(line)
        kind, thing = said["type"], said["object"]
        metadata = thing.get("metadata") or {}
        version, name = metadata.get("resourceVersion"), metadata.get("name")
        ends_list = (metadata.get("annotations") or {}).get(INITIAL_EVENTS_END) == "true"
        error = _error(thing, doing) if kind == "ERROR" else None
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError, OverflowError):
        raise _garbage(doing) from None
    if error is not None:
        raise error  # of whatever kind: whoever reads on would miss what it stands for
    if not isinstance(version, str) or not version:
        raise _garbage(doing)
    if kind == "BOOKMARK":
        return WatchEvent(kind, thing, version, ends_list)
    if kind not in _CHANGES or not isinstance(name, str) or not name:
        raise _garbage(doing)
    return WatchEvent(kind, thing, version)


def read_page(page: dict[str, Any], *, doing: str) -> tuple[list[dict[str, Any]], str]:
    """The objects on a page of a list, and the list's resourceVersion.

    Args:
        page: the decoded answer.
        doing: verb and object, for messages.

    Raises:
        StreamBroken: it is no list of objects.
    """
    items, metadata = page.get("items") or [], page.get("metadata")
    if isinstance(items, list) and isinstance(metadata, dict):
        version = metadata.get("resourceVersion")
        named = all(
            isinstance(item, dict)
            and isinstance(item.get("metadata"), dict)
            and item["metadata"].get("name")
            for item in items
        )
        if named and isinstance(version, str) and version:
            return items, version
    raise _garbage(doing)


def _garbage(doing: str) -> StreamBroken:
    return StreamBroken(
        f"cannot {doing}: what comes is no watch of a Kubernetes API server",
        kind="garbage",
        hint="a proxy or a login page may stand in between",
    )


def _error(status: dict[str, Any], doing: str) -> APIError:
    seconds = (status.get("details") or {}).get("retryAfterSeconds")
    return api_error(
        max(400, int(status.get("code") or 0)),
        status,
        doing=doing,
        retry_after=float(seconds) if isinstance(seconds, int) else None,
    )
