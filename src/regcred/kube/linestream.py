"""The lines of an answer that goes on for ever, such as a watch, and how it may end."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Self

import aiohttp

from regcred.core.errors import StreamBroken
from regcred.core.formats.lines import Lines


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as broken.

    Args:
        seconds: that it may take in all.
        silence: seconds that may pass without a byte.
        line: bytes that one line may have.
    """

    seconds: float
    silence: float
    line: int


class LineStream:
    """An asynchronous iterator of lines, which ends where the server ends it properly.

    Args:
        content: the body, from its beginning.
        limits: what counts as broken; those of time are the connection's to keep.
        doing: verb and object, for messages.

    Raises:
        StreamBroken: from the iteration; the stream ends in any other way.
    """

    def __init__(self, content: aiohttp.StreamReader, limits: Limits, doing: str) -> None:
        self._content = content
        self._limits = limits
        self._lines = Lines(limits.line)
        self._doing = doing
        self._whole: deque[bytes] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._whole:
            piece = await self._read()
            if not piece:
                if self._lines.unfinished:
                    raise self._broken("truncated", "the stream ends in the middle of a line")
                raise StopAsyncIteration
            self._whole.extend(self._lines.feed(piece))
        return self._whole.popleft()

    async def _read(self) -> bytes:
        try:
            return await self._content.readany()
        except TimeoutError:
            said = f"nothing was heard for {self._limits.silence:g} s, or its end is overdue"
            raise self._broken("silent", said) from None
        except (aiohttp.ClientError, OSError):
            raise self._broken("truncated", "the connection broke") from None

    def _broken(self, kind: str, said: str) -> StreamBroken:
        return StreamBroken(f"cannot {self._doing} on: {said}", kind=kind)


def drop(response: aiohttp.ClientResponse) -> None:
    """Close its connection without a good-bye, which TLS would take its time for."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    response.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
