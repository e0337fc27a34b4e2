"""What every request to an API server carries, and who is asked before it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.connector import Connection

    from regcred.kube.config import ClusterConfig

_READS = frozenset({"GET", "HEAD", "OPTIONS", "CONNECT"})
#: What a header's name may hold of the key of an ``as-user-extra``, besides letters and digits.
_TOKEN_CHARACTERS = "!#$&'*+-.^_`|~"  # noqa: S105


def headers(config: ClusterConfig, user_agent: str) -> list[tuple[str, str]]:
    """What every request carries."""
    carried = [("User-Agent", user_agent)]
    if config.disable_compression:
        carried.append(("Accept-Encoding", "identity"))
    if config.impersonation:
        who = config.impersonation
        carried.append(("Impersonate-User", who.user))
        if who.uid:
            carried.append(("Impersonate-Uid", who.uid))
        carried += [("Impersonate-Group", group) for group in who.groups]
        carried += [
            (f"Impersonate-Extra-{quote(key, safe=_TOKEN_CHARACTERS)}", value)
            for key, values in who.extra.items()
            for value in values
        ]
    return carried


def fenced(fence: Callable[[], None]) -> type[aiohttp.ClientRequest]:
    """Requests that ask a fence when a connection is there and the next step is to write to it.

    Asked any earlier, it would be too early: to connect takes seconds where a server is busy, and
    a request that is to be made again waits for a minute.
    """

    class FencedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            if self.method not in _READS:
                fence()
            return await super().send(conn)

    return FencedRequest
