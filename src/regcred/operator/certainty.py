"""Are the PullCredentials that are in view all that there are? Asked before anything is taken away.

Giving too much for a moment does no harm; a valid login that is taken away fails the next pull. A
list can be old: a proxy or a cache that answers from before a PullCredential was made, or with one
that was deleted since and made anew. So they are read once more, of whatever the API server has
newest, and nothing is taken away until the view says the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from regcred.core.errors import NotFound
from regcred.kube.resources import PULLCREDENTIALS

if TYPE_CHECKING:
    from regcred.kube.client import Client
    from regcred.operator.world import World

#: For so long the watch may be about to say what was read already.
_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4)
#: For so long an answer is good: a watch may have died, or may have caught up.
_YES_SECONDS, _NO_SECONDS = 10.0, 2.0


class Certainty:
    """What is certain is so for one revision of the offers, and a few seconds.

    Args:
        client: to read with.
        world: whose view of PullCredentials it is about.
    """

    def __init__(self, client: Client, world: World) -> None:
        self._client, self._world = client, world
        self._reading = asyncio.Lock()
        self._answer = False
        self._about = -1
        self._until = 0.0

    async def of(self, revision: int) -> bool:
        """Whether the view is as new as can be; where it is not, everything is listed anew.

        Args:
            revision: another one for each change of the view.

        Raises:
            RegcredError: they cannot be read.
        """
        async with self._reading:  # one question for all namespaces that wait for the answer
            if self._about != revision or time.monotonic() >= self._until:
                self._answer = await self._compare()
                seconds = _YES_SECONDS if self._answer else _NO_SECONDS
                self._about, self._until = revision, time.monotonic() + seconds
            return self._answer

    async def _compare(self) -> bool:
        there = await self._read()
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            if there == self._world.asked_for():
                return True
        self._world.pullcredentials.relist()
        return False

    async def _read(self) -> dict[str, tuple[str, int, bool]]:
        found = {}
        with contextlib.suppress(NotFound):  # There is no such kind any more, and so none of them.
            async for page in self._client.list_pages(PULLCREDENTIALS, None, metadata_only=True):
                for item in page.get("items") or ():
                    metadata = item["metadata"]
                    deleting = "deletionTimestamp" in metadata
                    found[metadata["name"]] = metadata["uid"], metadata["generation"], deleting
        return found
