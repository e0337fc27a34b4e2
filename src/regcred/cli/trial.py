"""The server tries all of it first, so that nothing is left half done.

What it refuses in one namespace does not hide what it refuses in the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.core.errors import RegcredError, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


async def in_each(namespaces: Sequence[str], attempt: Callable[[str], Awaitable[object]]) -> None:
    """Try it in each namespace.

    Raises:
        RegcredError: it failed; of several namespaces the others' errors are said.
        Unreachable, Unauthorized: these are no namespace's own failure, and end the whole.
    """
    failed: list[RegcredError] = []
    for namespace in namespaces:
        try:
            await attempt(namespace)
        except RegcredError as error:
            failed.append(error)
            if isinstance(error, Unreachable | Unauthorized):
                break
    if failed:
        *others, last = failed
        for each in others:
            output.error(each.message, each.hint)
        raise last
