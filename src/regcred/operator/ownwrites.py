"""What the operator has written itself, until the watch tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from regcred.core.operator.view import Key, View

T = TypeVar("T")


class OwnWrites(Generic[T]):
    """Objects as our own requests left them, until the watch has caught up."""

    def __init__(self) -> None:
        self._newer: dict[Key, tuple[int, T | None]] = {}

    def put(self, key: Key, version: str, kept: T | None, view: View[T]) -> None:
        """What a request answered; None for an object that is gone.

        Args:
            key: whose.
            version: the object's, or of one that is gone the last that is known.
            kept: what is kept of it.
            view: what the watch has told; where that was faster, it knows better.
        """
        number, told = _number(version), _number(view.version)
        if number is None or (key not in view if kept is None else told and number <= told):
            return
        there = self._newer.get(key)
        if there is None or there[0] <= number:
            self._newer[key] = number, kept

    def see(self, key: Key, viewed: T | None) -> T | None:
        """The newer of the two."""
        there = self._newer.get(key)
        return viewed if there is None else there[1]

    def caught_up(self, key: Key, version: str | None) -> T | None:
        """The watch tells of a version, or with None that the object is gone.

        Returns:
            What was remembered, where the watch says just that.
        """
        there = self._newer.get(key)
        if there is None:
            return None
        number = None if version is None else _number(version)
        if number is not None and number < there[0]:
            return there[1]  # an echo of what we have passed already
        del self._newer[key]
        return there[1] if number == there[0] else None

    def forget(self) -> None:
        """A list has come, which knows better."""
        self._newer.clear()


def _number(version: str) -> int | None:
    return int(version) if version.isascii() and version.isdigit() else None
