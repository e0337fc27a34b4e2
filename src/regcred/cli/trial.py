"""The server tries all of it first, so that nothing is left half done.

What it refuses in one namespace does not hide what it refuses in the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.core.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


async def in_each(namespaces: Sequence[str], attempt: Callable[[str], Awaitable[object]]) -> None:
    """Try it in each namespace.

    Raises:
        Forbidden: something is not allowed; of several namespaces the others' errors are said.
    """
    refused: list[Forbidden] = []
    for namespace in namespaces:
        try:
            await attempt(namespace)
        except Forbidden as error:
            refused.append(error)
    if refused:
        *others, last = refused
        for each in others:
            output.error(each.message, each.hint)
        raise last
