"""Our entry among an object's finalizers: what holds its deletion up until all is undone.

The others' entries and their order stay. Each patch holds for the very version that was read, so
that the entry is never there twice, and for the UID: a version says nothing of another object of
the same name after a restore of etcd.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.jsonpatch import pointer
from regcred.core.operator.pullcredential import FINALIZER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.core.jsonpatch import Patch


def adding(uid: str, version: str, finalizers: Sequence[str]) -> Patch:
    """Put the entry there; empty where it is.

    Args:
        uid: of the object that was read.
        version: its resourceVersion.
        finalizers: what it has.
    """
    if FINALIZER in finalizers:
        return []
    last: dict[str, Any] = {"op": "add", "path": pointer("metadata", "finalizers", "-")}
    first: dict[str, Any] = {"op": "add", "path": pointer("metadata", "finalizers")}
    entry = last | {"value": FINALIZER} if finalizers else first | {"value": [FINALIZER]}
    return [*_guards(uid, version), entry]


def removing(uid: str, version: str, finalizers: Sequence[str]) -> Patch:
    """Take the entry away; empty where it is not there. Args as for `adding`."""
    places = [i for i, each in enumerate(finalizers) if each == FINALIZER]
    if not places:
        return []
    # From the end, so that each place is still right when its turn comes.
    removals = [
        {"op": "remove", "path": pointer("metadata", "finalizers", str(i))}
        for i in reversed(places)
    ]
    return [*_guards(uid, version), *removals]


def _guards(uid: str, version: str) -> Patch:
    return [
        {"op": "test", "path": pointer("metadata", "uid"), "value": uid},
        {"op": "test", "path": pointer("metadata", "resourceVersion"), "value": version},
    ]
