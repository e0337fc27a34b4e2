"""Clocks that are wrong, and what is the same moment by two of them."""

from __future__ import annotations

from datetime import timedelta

from tests.support.providers.serving import Clock

#: ``Date`` has whole seconds, and machines are slow.
CLOSE = timedelta(minutes=1)


def off(by: timedelta) -> Clock:
    """A clock that is ahead of the right one, or with a negative span behind it."""
    made = Clock()
    made.forward(by)
    return made
