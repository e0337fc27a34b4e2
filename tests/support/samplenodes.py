"""What a sample is made of beside plain data, and where its choices come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(eq=False)
class Anchored:
    """A value with an anchor."""

    name: str
    value: Any


@dataclass(eq=False)
class Reference:
    """An alias."""

    name: str


class Merge:
    """The key ``<<``: no string, since a mapping may have one of that name as well."""


class Empty:
    """A null that is left out."""


class Chooser(Protocol):
    """Where choices come from."""

    def one_in(self, chances: int) -> bool:
        """True in one of so many cases."""

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of them."""


class Drawn:
    """Choices of hypothesis, which simplifies towards the first of each.

    They are drawn by the hundred, as bytes: one by one, they would take longer than the test.

    Args:
        draw: of a composite strategy.
    """

    def __init__(self, draw: Callable[[Any], bytes]) -> None:
        self._draw = draw
        self._drawn: list[int] = []

    def one_in(self, chances: int) -> bool:
        return self._below(chances) == chances - 1

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self._below(len(choices))]

    def _below(self, end: int) -> int:
        if not self._drawn:
            self._drawn += reversed(self._draw(_HUNDRED))
        return self._drawn.pop() * end // 256


_HUNDRED = st.binary(min_size=100, max_size=100)
