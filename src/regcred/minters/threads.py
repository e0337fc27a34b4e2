"""Threads for the SDKs that block.

Not the loop's own ones, which look names up: when a few SDKs had all of those, nobody could find
out where to connect to, and the SDKs that leave the connecting to the loop would wait for
themselves.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")

_THREADS = ThreadPoolExecutor(16, "regcred-sdk")


async def run(
    work: Callable[_Given, _Found], *args: _Given.args, **kwargs: _Given.kwargs
) -> _Found:
    """Do what blocks; who is cancelled does not wait for its end."""
    return await asyncio.wrap_future(_THREADS.submit(work, *args, **kwargs))
