"""JSON Patches that apply to the very object that was read, or not at all.

Every patch starts with a test of ``metadata.resourceVersion``: atomic lists such as
``ServiceAccount.imagePullSecrets`` can only be changed safely by somebody who knows the whole
list, so a writer in between must make the patch fail.

Source: https://www.rfc-editor.org/rfc/rfc6902
"""

from __future__ import annotations

from typing import Any

Patch = list[dict[str, Any]]


def pointer(*steps: str) -> str:
    """A JSON Pointer (RFC 6901) of these steps, escaped."""
    return "".join("/" + s.replace("~", "~0").replace("/", "~1") for s in steps)


def guard(obj: dict[str, Any]) -> Patch:
    """The test that `obj` is still what was read; to stand first in the patch."""
    version = obj["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}]


def set_entries(obj: dict[str, Any], field: str, entries: dict[str, str | None]) -> Patch:
    """Set or, where the value is None, remove entries of ``metadata.FIELD``.

    Args:
        obj: the object as it was read.
        field: ``labels`` or ``annotations``.
        entries: what to set; a None for a key that is not there changes nothing.
    """
    there = obj["metadata"].get(field) or {}
    wanted = {k: v for k, v in entries.items() if v is not None and there.get(k) != v}
    gone = [k for k, v in entries.items() if v is None and k in there]
    if wanted and not there:
        return [{"op": "add", "path": pointer("metadata", field), "value": wanted}]
    path = [pointer("metadata", field, key) for key in gone]
    return [
        *(
            {"op": "add", "path": pointer("metadata", field, k), "value": v}
            for k, v in wanted.items()
        ),
        *({"op": "remove", "path": p} for p in path),
    ]
