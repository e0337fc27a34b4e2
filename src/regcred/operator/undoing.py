"""PullCredentials that are being deleted, and namespaces that may have something of theirs yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.operator.pcstatus import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.operator.pcstatus import Failure


@dataclass(slots=True)
class _Undo:
    """One of them.

    Args:
        revision: of the offers, from which on it is none of them.
        left: namespaces that have not been looked at since.
        failures: those that could not be put right.
    """

    revision: int
    left: set[str]
    failures: dict[str, Failure] = field(default_factory=dict)


class Undoing:
    """What is left to be done for each."""

    def __init__(self) -> None:
        self._undos: dict[str, _Undo] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._undos

    def begin(self, name: str, revision: int, namespaces: Iterable[str]) -> None:
        """It is to go, once these namespaces have been looked at by offers of that revision."""
        self._undos[name] = _Undo(revision, set(namespaces))

    def forget(self, name: str) -> bool:
        """It is gone, or there again; whether all that it gave was known to be taken away."""
        undo = self._undos.pop(name, None)
        return undo is not None and not undo.left

    def done(self, namespace: str, revision: int) -> list[str]:
        """A namespace is as it should be by the offers of that revision; whom that brings on."""
        on = []
        for name, undo in self._undos.items():
            if undo.revision <= revision and namespace in undo.left:
                undo.left.discard(namespace)
                undo.failures.pop(namespace, None)
                on.append(name)
        return on

    def failed(self, namespace: str, failure: Failure) -> list[str]:
        """A namespace could not be put right; whom that keeps."""
        kept = [name for name, undo in self._undos.items() if namespace in undo.left]
        for name in kept:
            self._undos[name].failures[namespace] = failure
        return kept

    def finished(self) -> list[str]:
        """Those of which nothing is left."""
        return [name for name, undo in self._undos.items() if not undo.left]

    def is_left(self, name: str) -> bool:
        """Whether something is to be undone for it."""
        return name in self._undos and bool(self._undos[name].left)

    def tally(self, name: str) -> Tally | None:
        """For its status; None for one that is not being deleted."""
        undo = self._undos.get(name)
        if undo is None:
            return None
        return Tally(len(undo.left), 0, tuple(undo.failures.values()))
