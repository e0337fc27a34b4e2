"""Holds up the deletion of a PullCredential until what it gave is taken away again.

The operator writes statuses meanwhile, so the version that was read is often not the last one:
then the object is read anew and the decision made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.errors import Conflict, Invalid, NotFound
from regcred.core.operator import finalizers
from regcred.core.operator.pullcredential import FINALIZER
from regcred.kube import guarded
from regcred.kube.resources import PULLCREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regcred.core.jsonpatch import Patch
    from regcred.kube.client import Client


async def add(client: Client, name: str, uid: str, seen: Sequence[str], version: str) -> bool:
    """Put our finalizer on a PullCredential.

    Args:
        client: to write with.
        name: of the object.
        uid: of the object that was seen; another one of the same name is left alone.
        seen: the finalizers that it had.
        version: its resourceVersion then.

    Returns:
        Whether it is there; False when the object is gone, or on its way out already.

    Raises:
        Conflict: others write to it all the time.
        APIError: the API server refuses it.
    """
    return FINALIZER in await _change(client, name, uid, seen, version, finalizers.adding)


async def remove(client: Client, name: str, uid: str, seen: Sequence[str], version: str) -> None:
    """Take our finalizer off; an object that is gone is fine. Args and errors as for `add`."""
    await _change(client, name, uid, seen, version, finalizers.removing)


async def _change(
    client: Client,
    name: str,
    uid: str,
    seen: Sequence[str],
    version: str,
    patch_for: Callable[[str, str, Sequence[str]], Patch],
) -> Sequence[str]:
    """The finalizers as they are then; none when the object is gone."""
    for attempt in range(guarded.ATTEMPTS):
        patch = patch_for(uid, version, seen)
        if not patch:
            return seen
        try:
            changed = await client.json_patch(PULLCREDENTIALS, name, None, patch)
            return list(changed["metadata"].get("finalizers") or ())
        except NotFound:
            return ()
        except (Conflict, Invalid):
            try:
                now = (await client.get(PULLCREDENTIALS, name))["metadata"]
            except NotFound:
                return ()
            if now["uid"] != uid:
                return ()
            there = list(now.get("finalizers") or ())
            if patch_for is finalizers.adding and "deletionTimestamp" in now:
                return there  # the API server lets nobody add one any more
            if now["resourceVersion"] == version:
                raise  # not because somebody else wrote
            seen, version = there, now["resourceVersion"]
        await guarded.pause(attempt)
    raise Conflict(f"others write to {PULLCREDENTIALS.describe(None, name)} all the time")
