"""Read, decide, patch; and again when somebody else wrote in between.

A patch from `regcred.core.jsonpatch` holds only for the resourceVersion that was read. When
it fails on that, the object is read anew and the decision made anew, so that two writers on
one atomic list never lose each other's entries.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from regcred.core.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

#: Tries against other writers before giving up; the pauses add up to some ten seconds.
ATTEMPTS = 40
_MAX_PAUSE_SECONDS = 0.5


async def patch(
    client: Client,
    resource: Resource,
    obj: dict[str, Any],
    patch: Sequence[dict[str, Any]],
    *,
    dry_run: bool,
    field_manager: str = "regcred",
) -> dict[str, Any] | None:
    """Apply `patch` to the very `obj` that was read.

    Returns:
        The changed object, or None when somebody else wrote since `obj` was read.

    Raises:
        APIError: the patch failed for another reason, or the object is gone (NotFound).
    """
    metadata = obj["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    try:
        return await client.json_patch(
            resource, name, namespace, list(patch), dry_run=dry_run, field_manager=field_manager
        )
    except (Conflict, Invalid):
        # A failed test answers 422 like any invalid object: only the version tells them apart.
        current = await client.get(resource, name, namespace)
        if current["metadata"]["resourceVersion"] == metadata["resourceVersion"]:
            raise
        return None


async def pause(attempt: int) -> None:
    """Wait a little before try number `attempt` + 1, so that writers do not march in step."""
    longest = min(0.01 * 2 ** min(attempt, 8), _MAX_PAUSE_SECONDS)
    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
