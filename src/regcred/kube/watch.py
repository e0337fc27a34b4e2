"""A view of all objects of one kind, kept up to date for ever.

What client-go's Reflector does (tools/cache/reflector.go): list, watch from there, watch on from
the last version when a watch ends, and list anew when the server no longer knows that version. The
list comes as the beginning of the watch where the server can send it so
(https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists), one object at a
time; else in pages. Either way no more than a page of whole objects is in memory.

A watch can die without a word: a connection that a firewall has forgotten, a load balancer whose
API server is gone. The server sends a bookmark about once a minute, so one that is silent for
longer than `WatchSettings.silence` is opened anew, and none lives longer than ten minutes, by which
a credential that was renewed comes into use too. What a proxy or a bug has lost of a watch nobody
can notice: so now and then everything is listed anew.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from regcred.core.backoff import growing
from regcred.core.errors import (
    APIError,
    BadRequest,
    ClusterUnreachable,
    Gone,
    Invalid,
    RegcredError,
    ServerError,
    StreamBroken,
    TooManyRequests,
)
from regcred.core.operator import watchevent
from regcred.core.operator.view import Event, Keep, Listing, View
from regcred.kube.linestream import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

T = TypeVar("T")

_OBJECTS = "application/json"
_METADATA = f"{_OBJECTS};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#: A watch that lives as long is in order; one that ends sooner without a word is not.
_HEALTHY_SECONDS = 5.0
_SHORTEST_SECONDS = 1.0
_LONGEST_RETRY_AFTER = 60.0
#: How often a line may be unreadable, a watch mute, or a list too old, before that is believed.
_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a watch is kept, in seconds and bytes.

    Args:
        shortest: after which the server ends a watch; by chance between this and `longest`.
        longest: see `shortest`; both are client-go's.
        silence: without a byte, after which a watch counts as dead; more than the minute from
            one bookmark to the next.
        line: bytes of one event. etcd takes 1.5 MB, and JSON makes up to six of one byte.
        page: objects on a page, where the list comes in pages.
        first_pause: after a failure, at most; then twice as long each time.
        longest_pause: after however many failures.
        relist: from one list to the next, when nothing else makes one necessary.
    """

    shortest: int = 300
    longest: int = 600
    silence: float = 90.0
    line: int = 10 << 20
    page: int = 250
    first_pause: float = 0.2
    longest_pause: float = 20.0
    relist: float = 3600.0


class Watch(Generic[T]):
    """A view that keeps itself up to date while `run` runs.

    Args:
        client: where the objects are.
        resource: the kind.
        namespace: None for all namespaces.
        keep: what to keep of an object; see `View`.
        on_event: told of every difference and of each list that is complete, right after `view`
            has it; must not block. What it raises ends `run`.
        on_trouble: told why a watch has to be opened anew, and in how many seconds that is.
        label_selector: as for ``kubectl -l``.
        field_selector: as for ``kubectl --field-selector``.
        metadata_only: ask for the objects' metadata only.
        settings: see `WatchSettings`.

    Attributes:
        view: what is kept of each object.
        restarts: how often a watch was opened anew, by reason: ``ended`` and ``relist`` are
            ordinary; ``gone``, ``stale``, ``silent``, ``truncated``, ``garbage``, ``too-long``,
            ``busy``, ``failing``, ``refused``, ``unreachable`` and ``credential`` are troubles.
        events: how many came, by type: ``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK``.
        trouble: why no watch is open just now; None while one is.
        heard: when the last event came, by `time.monotonic`.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str | None = None,
        *,
        keep: Keep[T],
        on_event: Callable[[Event[T]], None] = lambda _: None,
        on_trouble: Callable[[RegcredError, float], None] = lambda _error, _pause: None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        settings: WatchSettings | None = None,
    ) -> None:
        self.view: View[T] = View(keep)
        self.restarts: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.trouble: RegcredError | None = None
        self.heard = time.monotonic()
        self._client, self._resource, self._namespace = client, resource, namespace
        self._on_event, self._on_trouble = on_event, on_trouble
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._metadata_only = metadata_only
        self._settings = settings or WatchSettings()
        self._doing = f"watch {resource.describe(namespace)}"
        self._synced = asyncio.Event()
        self._interrupt: asyncio.Timeout | None = None
        self._wants_list = True
        self._listed = 0.0
        self._in_pages = False
        self._next_in_pages = False
        self._listing = False
        self._failures = self._unreadable = self._mute = self._stale = 0

    @property
    def is_synced(self) -> bool:
        """Whether the view has once been complete; how far behind it is, `trouble` tells."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Wait until the view is complete for the first time."""
        await self._synced.wait()

    def relist(self) -> None:
        """List everything anew, now."""
        self._wants_list = True
        if self._interrupt is not None and not self._interrupt.expired():
            self._interrupt.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> NoReturn:
        """Keep the view up to date until cancelled, which closes the connection at once.

        No failure of the API server or of what stands before it ends this.
        """
        while True:
            try:
                await self._once()
            except RegcredError as error:
                pause = self._failed(error)
                self._on_trouble(error, pause)
                await asyncio.sleep(pause)

    async def _once(self) -> None:
        """List if need be, and watch until that ends as it should."""
        began = time.monotonic()
        self._listing = self._wants_list
        listing = self.view.listing() if self._wants_list else None
        if listing is not None and (self._in_pages or self._next_in_pages):
            self._next_in_pages = False
            version = await self._list(listing)
            self._adopt(listing, version)
            listing = None
        try:
            async with asyncio.timeout(None) as interrupt:
                self._interrupt = interrupt
                heard = await self._follow(listing, began)
        except TimeoutError:
            if not interrupt.expired():
                raise
            self.restarts["relist"] += 1
            return
        finally:
            self._interrupt = None
        now = time.monotonic()
        if not heard and now - began < _SHORTEST_SECONDS:
            raise self._broken("truncated", "it ends before it has begun")
        self._failures = 0
        self._wants_list = now - self._listed >= self._settings.relist
        self.restarts["relist" if self._wants_list else "ended"] += 1

    async def _list(self, listing: Listing[T]) -> str:
        """Read a list in pages; the version from which a watch can go on."""
        kind, version = self._resource.kind, ""
        async for page in self._client.list_pages(
            self._resource,
            self._namespace,
            **self._selectors,
            limit=self._settings.page,
            metadata_only=self._metadata_only,
        ):
            items, said = watchevent.read_page(page, doing=self._doing)
            # Where a list took too long, its last pages are of a later version than its first:
            # what came in between is watched, and the view knows what it has already.
            version = version or said
            for item in items:
                listing.put({"kind": kind, "apiVersion": self._resource.api_version} | item)
        return version

    async def _follow(self, listing: Listing[T] | None, began: float) -> bool:
        """Read one watch to its end; whether anything came."""
        chosen, heard = self._settings, False
        seconds = random.randint(chosen.shortest, chosen.longest)  # noqa: S311 - no secret
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            "labelSelector": self._selectors["label_selector"],
            "fieldSelector": self._selectors["field_selector"],
        }
        if listing is None:
            query["resourceVersion"] = self.view.version
        else:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with self._client.stream(
            self._resource.path(self._namespace),
            query=query,
            accept=_METADATA if self._metadata_only else _OBJECTS,
            limits=Limits(seconds + chosen.silence, chosen.silence, chosen.line),
            doing=self._doing,
        ) as lines:
            self.trouble = None
            async for line in lines:
                event = watchevent.read(line, doing=self._doing)
                heard = True
                self._hear(event.type, began)
                if listing is None:
                    for difference in self.view.apply(event):
                        self._on_event(difference)
                elif event.ends_list:
                    self._adopt(listing, event.version)
                    listing = None
                elif event.type == "BOOKMARK":
                    # Ordinary ones come after the one that ends the list, so that one was lost.
                    raise self._broken("truncated", "the end of the list is missing")
                else:
                    listing.apply(event)
        if listing is not None:
            raise self._broken("truncated", "it ends before all objects were sent")
        return heard

    def _hear(self, kind: str, began: float) -> None:
        self.heard = time.monotonic()
        self.events[kind] += 1
        self._mute = 0
        if self.heard - began >= _HEALTHY_SECONDS:
            self._failures = 0

    def _adopt(self, listing: Listing[T], version: str) -> None:
        if self.view.is_older(version) and self._stale < _PATIENCE:
            # Asked for the newest, a server that lies; or etcd was restored from a backup, and
            # then this is the truth, and stays so.
            self._stale += 1
            raise self._broken("stale", "the list is older than what was already seen")
        differences = self.view.adopt(listing, version)
        self._listed = time.monotonic()
        self._wants_list = self._listing = False
        self._unreadable = self._mute = self._stale = 0
        self._synced.set()
        for difference in differences:
            self._on_event(difference)

    def _failed(self, error: RegcredError) -> float:
        """Draw the conclusions; seconds to wait."""
        reason, chosen = _reason(error), self._settings
        self.restarts[reason] += 1
        self.trouble = error
        self._failures += 1
        self._unreadable += reason in {"garbage", "too-long"}
        # A server whose versions are behind ours, since etcd was restored, sends nothing at all.
        self._mute += reason == "silent"
        if reason == "gone" or _PATIENCE in (self._unreadable, self._mute):
            self._wants_list = True
        if self._listing and not self._in_pages:
            # An older server refuses what it does not know, once and for all; one that knows none
            # of it may just never send the end of the list.
            self._in_pages = isinstance(error, BadRequest | Invalid)
            self._next_in_pages = isinstance(error, StreamBroken)
            if self._in_pages:
                return 0.0
        pause = growing(
            self._failures,
            first=chosen.first_pause,
            longest=chosen.longest_pause,
            chance=random.random(),  # noqa: S311 - jitter, not a secret
        )
        if self._failures == 1 and reason in {"gone", "silent"}:
            pause = 0.0
        asked = error.retry_after if isinstance(error, APIError) else None
        return pause if asked is None else max(pause, min(asked, _LONGEST_RETRY_AFTER))

    def _broken(self, kind: str, said: str) -> StreamBroken:
        return StreamBroken(f"cannot {self._doing} on: {said}", kind=kind)


def _reason(error: RegcredError) -> str:
    """One word for what has happened."""
    if isinstance(error, StreamBroken):
        return error.kind
    if isinstance(error, APIError):
        # The latter: the server's versions are behind ours.
        if isinstance(error, Gone) or "ResourceVersionTooLarge" in error.causes:
            return "gone"
        if isinstance(error, TooManyRequests):
            return "busy"
        return "failing" if isinstance(error, ServerError) else "refused"
    return "unreachable" if isinstance(error, ClusterUnreachable) else "credential"
