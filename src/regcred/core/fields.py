"""Fields of objects of the API server: a status may hold anything, so nothing is taken for granted.

What is not of the kind that it should be reads as empty. Names and shapes are those of
https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

_MIRROR = "kubernetes.io/config.mirror"


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[dict[str, Any]]:
    """The objects in `value`, if it is a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """`value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The strings in `value`, if it is a list."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def number(value: Any, default: int = 0) -> int:
    """`value` if it is a whole number and not negative, else `default`."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if whole else default


def instant(value: Any) -> datetime | None:
    """The time in `value`: RFC 3339, with its zone."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


def controller_ref(obj: dict[str, Any]) -> dict[str, Any]:
    """The reference to the object that controls `obj`; empty for none."""
    for ref in entries(mapping(obj.get("metadata")).get("ownerReferences")):
        if ref.get("controller") is True and text(ref.get("name")):
            return ref
    return {}


def controller(obj: dict[str, Any]) -> tuple[str, str, str] | None:
    """(apiVersion, kind, name) of the object that controls `obj`; None for none."""
    ref = controller_ref(obj)
    return (text(ref.get("apiVersion")), text(ref.get("kind")), text(ref["name"])) if ref else None


def is_mirror(pod: dict[str, Any]) -> bool:
    """Whether a Pod only shows a static one, which nobody but kubelet makes or ends."""
    return _MIRROR in mapping(mapping(pod.get("metadata")).get("annotations"))


def condition(obj: dict[str, Any], kind: str, status: str) -> dict[str, Any] | None:
    """The condition of `obj` that is of this type and has this status; None for none."""
    for found in entries(mapping(obj.get("status")).get("conditions")):
        if found.get("type") == kind and found.get("status") == status:
            return found
    return None


def quoted(value: str) -> str:
    """`value` as it stands in messages, which Go writes with ``%q``."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
