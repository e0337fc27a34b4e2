"""What is known of the objects of one kind: kept small, and never taken back in time.

client-go's pair of reflector and store (tools/cache/reflector.go, store.go), with three
differences. Of each object only what the consumer keeps stays in memory. A list is collected aside
and replaces the view in one step, so what has gone meanwhile is told as deleted, and an object that
was deleted and made anew under the same name as both. And resourceVersions are compared, which
Kubernetes allows between versions of one resource
(https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions): what is older
than what was already told is dropped, whoever replays it.

Versions that are no numbers, as extension API servers may have, are taken as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from regcred.core.operator.watchevent import WatchEvent

T = TypeVar("T")

#: Namespace and name; the namespace is empty for what has none.
Key = tuple[str, str]
Keep = Callable[[dict[str, Any]], T]

_OPAQUE = -1


@dataclass(frozen=True, slots=True)
class Added(Generic[T]):
    """An object is there that was not."""

    key: Key
    new: T


@dataclass(frozen=True, slots=True)
class Modified(Generic[T]):
    """What is kept of an object is another than before."""

    key: Key
    old: T
    new: T


@dataclass(frozen=True, slots=True)
class Deleted(Generic[T]):
    """An object is gone, or no longer selected; `old` is what was kept of it."""

    key: Key
    old: T


@dataclass(frozen=True, slots=True)
class Synced:
    """The view is what a whole list said.

    Args:
        generation: 1 for the first list, 2 for the next.
    """

    generation: int


Event = Added[T] | Modified[T] | Deleted[T] | Synced


class _Entry(Generic[T]):
    """One object; the UID as a number, which takes half the memory of its text."""

    __slots__ = ("kept", "uid", "version")

    def __init__(self, uid: int, version: int, kept: T) -> None:
        self.uid, self.version, self.kept = uid, version, kept


class Listing(Generic[T]):
    """A list on its way: objects in any order, and changes to them.

    Made by `View.listing`.
    """

    def __init__(self, keep: Keep[T], known: Mapping[Key, _Entry[T]]) -> None:
        self._keep = keep
        self._known = known
        self.entries: dict[Key, _Entry[T]] = {}

    def put(self, obj: dict[str, Any]) -> None:
        """An object, or another version of it."""
        key, uid, version = _identity(obj)
        kept, known = self._keep(obj), self._known.get(key)
        # Kept twice only where it differs. The version alone does not say that it does not: after
        # a restore from a backup the same numbers are given out again.
        if known is None or known.uid != uid or known.version != version or known.kept != kept:
            known = _Entry(uid, version, kept)
        self.entries[key] = known

    def apply(self, event: WatchEvent) -> None:
        """A line of a list that is sent as a watch: changes may come before its end."""
        if event.type == "DELETED":
            self.entries.pop(_identity(event.object)[0], None)
        else:
            self.put(event.object)


class View(Mapping[Key, T]):
    """What is kept of each object, by its key.

    Args:
        keep: what to keep of an object. Whatever compares equal counts as unchanged. It must not
            raise, and should not hold on to the object it is given.
    """

    def __init__(self, keep: Keep[T]) -> None:
        self._keep = keep
        self._entries: dict[Key, _Entry[T]] = {}
        self._seen = _OPAQUE
        self.version = ""
        """The resourceVersion up to which everything is known; empty before the first list."""
        self.generation = 0
        """How many lists were adopted."""

    def __getitem__(self, key: Key) -> T:
        return self._entries[key].kept

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def listing(self) -> Listing[T]:
        """Begin a list; it changes nothing until it is adopted."""
        return Listing(self._keep, self._entries)

    def is_older(self, version: str) -> bool:
        """Whether a list of this version would take the view back in time."""
        return _OPAQUE != _number(version) < self._seen

    def adopt(self, listing: Listing[T], version: str) -> Iterator[Event[T]]:
        """Let a list that is complete replace the view.

        Args:
            listing: from `listing`, which is used up.
            version: its resourceVersion.

        Returns:
            What is different now: first what has gone, `Synced` last. The view is new already;
            whoever is told has to be before the next line is applied.
        """
        old, self._entries = self._entries, listing.entries
        self.generation += 1
        self.version, self._seen = version, _number(version)
        return _differences(old, self._entries, Synced(self.generation))

    def apply(self, event: WatchEvent) -> tuple[Event[T], ...]:
        """Take in a line of a watch that follows the list.

        Returns:
            What is different now; empty for what is known already, or changes nothing kept.
        """
        if _OPAQUE != _number(event.version) <= self._seen:
            return ()  # a replay: a stream is in the order of its versions
        self.version, self._seen = event.version, _number(event.version)
        if event.type == "BOOKMARK":
            return ()
        key, uid, version = _identity(event.object)
        entry = self._entries.get(key)
        if entry is not None and version != _OPAQUE and version <= entry.version:
            return ()  # from a page of the list that was read later
        if event.type == "DELETED":
            return () if entry is None else (Deleted(key, self._entries.pop(key).kept),)
        kept = self._keep(event.object)
        self._entries[key] = _Entry(uid, version, kept)
        if entry is None:
            return (Added(key, kept),)
        if entry.uid != uid:
            return Deleted(key, entry.kept), Added(key, kept)
        return () if entry.kept == kept else (Modified(key, entry.kept, kept),)


def _differences(
    old: dict[Key, _Entry[T]], new: dict[Key, _Entry[T]], synced: Synced
) -> Iterator[Event[T]]:
    for key, was in old.items():
        entry = new.get(key)
        if entry is None or entry.uid != was.uid:
            yield Deleted(key, was.kept)
    for key, entry in new.items():
        before = old.get(key)
        if before is None or before.uid != entry.uid:
            yield Added(key, entry.kept)
        elif before is not entry and before.kept != entry.kept:
            yield Modified(key, before.kept, entry.kept)
    yield synced


def _identity(obj: dict[str, Any]) -> tuple[Key, int, int]:
    """Key, UID and version of an object."""
    metadata = obj["metadata"]
    # The same names stand in several views, and "default" and "regcred" in every namespace.
    key = intern(str(metadata.get("namespace") or "")), intern(str(metadata["name"]))
    uid = str(metadata.get("uid") or "").replace("-", "")
    return key, _hexadecimal(uid), _number(str(metadata.get("resourceVersion") or ""))


def _hexadecimal(uid: str) -> int:
    try:
        return int(uid, 16)
    except ValueError:
        return hash(uid)


def _number(version: str) -> int:
    """For comparing; the greatest that etcd has is of 64 bits."""
    digits = version.isascii() and version.isdigit() and len(version) < 20
    return int(version) if digits else _OPAQUE
