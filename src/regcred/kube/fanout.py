"""The same thing done to many objects at once, with a bound, and no failure stopping others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from regcred.core.errors import RegcredError, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

#: As many requests at a time as one client is served well by the API server.
CONCURRENCY = 64


async def each(
    items: Iterable[T],
    do: Callable[[T], Awaitable[R]],
    *,
    concurrency: int = CONCURRENCY,
) -> AsyncGenerator[tuple[T, R | RegcredError], None]:
    """Yield every item with what `do` returned for it, or the error that it raised.

    Results come as they are ready. Leaving the loop early (Ctrl-C) cancels what still runs.

    Raises:
        Unreachable, Unauthorized: these are no item's own failure, and end the whole.
    """
    pending = iter(items)
    running: dict[asyncio.Task[R], T] = {}
    try:
        while True:
            while len(running) < concurrency and (item := next(pending, None)) is not None:
                running[asyncio.ensure_future(do(item))] = item
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                item = running.pop(task)
                try:
                    result: R | RegcredError = task.result()
                except (Unreachable, Unauthorized):
                    raise
                except RegcredError as error:
                    result = error
                yield item, result
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
