"""Large bodies of requests: strangers may send them, so only so much of them is kept.

What has come of a body counts, not what was announced. Where there is too much, the body goes that
began first: an API server sends its own in one piece, and whoever takes longer can do without.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.web_request import BaseRequest

T = TypeVar("T")


class Bodies:
    """Those that are there now.

    Args:
        most: bytes of all together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # Who began first stands first.
        self._there: dict[_Body, None] = {}
        self._turn = asyncio.Lock()

    async def read(self, request: BaseRequest, use: Callable[[bytearray], T]) -> T:
        """Read one, and use it while nobody else does.

        Args:
            request: whose body it is; nothing of it has been read.
            use: takes the body, all of it, or nothing where it was too slow; its result is to be
                small. It blocks, so the next one waits as long again as it took.
        """
        body = _Body(request.transport)
        self._there[body] = None
        try:
            while chunk := await request.content.readany():
                body.content += chunk
                self._make_room()
            await self._turn.acquire()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            try:
                return use(body.content)
            finally:
                loop.call_later(loop.time() - begun, self._turn.release)
        finally:
            self._there.pop(body, None)

    def _make_room(self) -> None:
        while sum(len(each.content) for each in self._there) > self._most:
            slowest = next(iter(self._there))
            del self._there[slowest]
            slowest.content.clear()
            if slowest.transport is not None:
                slowest.transport.abort()


@dataclass(slots=True, eq=False)
class _Body:
    """What has come of one.

    Args:
        transport: of its connection; None for one that has ended.
    """

    transport: asyncio.Transport | None
    content: bytearray = field(default_factory=bytearray)
