"""What the operator sees: five watches, and what it has written itself since they last spoke.

Between a write and the event that tells of it a view is behind, and so it is where a proxy loses
an event for good. So the answers to the operator's own requests are remembered until the watch has
caught up: what has just been written is not written again, and after a conflict one read puts the
namespace right.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from regcred.core import fields
from regcred.core.errors import NotFound
from regcred.core.operator.merging import content_hash
from regcred.core.operator.observed import (
    Content,
    Observed,
    SeenAccount,
    SeenSecret,
    see_account,
    see_content,
    see_secret,
)
from regcred.core.operator.pullcredential import PullCredential, parse
from regcred.core.operator.view import Added, Deleted, Event, Modified, Synced
from regcred.kube.resources import NAMESPACES, PULLCREDENTIALS, SECRETS, SERVICEACCOUNTS
from regcred.kube.watch import Watch, WatchSettings
from regcred.operator.facts import WatchFigures
from regcred.operator.ownwrites import OwnWrites
from regcred.operator.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.errors import RegcredError
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

T = TypeVar("T")

#: The API server puts it on every namespace, and keeps it so.
_NAME_LABEL = "kubernetes.io/metadata.name"
_NO_CRD = (
    "the API server knows no pullcredentials: the CRD is missing, which the chart brings; "
    "of a checkout kubectl apply -f charts/regcred/files/pullcredentials.regcred.dev.yaml"
)
#: Contents of Secrets that are remembered as hashes: as many as there are sets of logins.
_CONTENTS = 256


@dataclass(frozen=True, slots=True)
class SeenNamespace:
    """A namespace.

    Args:
        labels: all but the one that every namespace has.
        terminating: it is on its way out.
    """

    labels: tuple[tuple[str, str], ...] = ()
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class SeenPullCredential:
    """A PullCredential with the status that it has.

    Args:
        object: what it asks for.
        version: its resourceVersion.
        status: as it stands.
    """

    object: PullCredential = field(compare=False)
    version: str
    status: Mapping[str, Any] = field(compare=False, repr=False)

    def asks_the_same(self, other: SeenPullCredential) -> bool:
        """Whether nothing that it asks for differs, only its status or its labels."""
        one, two = self.object, other.object
        mine = one.uid, one.generation, one.deleting, one.finalizers
        return mine == (two.uid, two.generation, two.deleting, two.finalizers)


class Listener:
    """Who is told of what has changed; does nothing with it."""

    def namespace_changed(self, name: str) -> None:
        """Something in it, or about it, differs from what was seen before."""

    def pullcredential_changed(self, name: str) -> None:
        """It has come, gone, or asks for something else."""

    def status_changed(self, name: str) -> None:
        """Its status has."""

    def source_changed(self, name: str) -> None:
        """A Secret of the operator's own namespace has come, gone, or changed."""

    def relisted(self) -> None:
        """A list has been compared with what was seen; all that differs has been told."""


class World:
    """All that is watched.

    Args:
        client: to watch with; without a fence.
        namespace: the operator's own.
        secret: the name of the operator's Secret in every namespace.
        settings: of the watches.

    Attributes:
        listener: who is told; set it at any time.
        secret: see above.
        settings: see above.
    """

    def __init__(
        self, client: Client, namespace: str, secret: str, settings: WatchSettings | None = None
    ) -> None:
        self.secret, self.settings = secret, settings
        self.listener = Listener()
        self._contents: OrderedDict[tuple[str, str], Content] = OrderedDict()
        self._accounts: dict[str, tuple[str, ...]] = {}
        self._expected: dict[str, set[asyncio.Future[None]]] = {}
        self._own_secrets: OwnWrites[SeenSecret] = OwnWrites()
        self._own_accounts: OwnWrites[SeenAccount] = OwnWrites()
        watch = partial(_watch, client, settings)
        self.namespaces = watch(
            NAMESPACES, None, keep=_see_namespace, on_event=self._namespace, metadata_only=True
        )
        self.accounts = watch(SERVICEACCOUNTS, None, keep=see_account, on_event=self._account)
        self.secrets = watch(
            SECRETS,
            None,
            keep=self.see_secret,
            on_event=self._secret,
            field_selector=f"metadata.name={secret}",
        )
        self.pullcredentials = watch(
            PULLCREDENTIALS, None, keep=_see_pullcredential, on_event=self._pullcredential
        )
        # Metadata alone: what is in the Secrets is read of those that are somebody's source.
        self.sources = watch(
            SECRETS, namespace, keep=_see_version, on_event=self._source, metadata_only=True
        )
        self.watches: dict[str, Watch[Any]] = {
            "namespaces": self.namespaces,
            "serviceaccounts": self.accounts,
            "secrets": self.secrets,
            "pullcredentials": self.pullcredentials,
            "sources": self.sources,
        }

    def unsynced(self) -> tuple[str, ...]:
        """The kinds whose first list is still to come."""
        return tuple(name for name, watch in self.watches.items() if not watch.is_synced)

    async def synced(self) -> None:
        """Wait until there is a list of each kind."""
        for watch in self.watches.values():
            await watch.synced()

    def figures(self) -> dict[str, WatchFigures]:
        """The watches in numbers."""
        return {
            name: WatchFigures(
                dict(watch.restarts), dict(watch.events), len(watch.view), watch.trouble is None
            )
            for name, watch in self.watches.items()
        }

    def names(self) -> list[str]:
        """All namespaces."""
        return [name for _, name in self.namespaces.view]

    def labels(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace."""
        seen = self.namespaces.view["", namespace]
        return {_NAME_LABEL: namespace, **dict(seen.labels)}

    def labels_if_known(self, namespace: str) -> dict[str, str] | None:
        """The labels of a namespace; None where there is none in view."""
        return self.labels(namespace) if ("", namespace) in self.namespaces.view else None

    async def labels_soon(self, namespace: str, seconds: float) -> dict[str, str] | None:
        """Likewise, for one that may be so new that the view has yet to hear of it."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        expected = self._expected.setdefault(namespace, set())
        expected.add(news)
        try:
            async with asyncio.timeout(seconds):
                await news
        except TimeoutError:
            pass
        finally:
            expected.discard(news)
            if not expected:
                self._expected.pop(namespace, None)
        return self.labels_if_known(namespace)

    def asked_for(self) -> dict[str, tuple[str, int, bool]]:
        """Which PullCredentials are in view: name → UID, generation, whether it is to go."""
        seen = ((name, each.object) for (_, name), each in self.pullcredentials.view.items())
        return {name: (each.uid, each.generation, each.deleting) for name, each in seen}

    def observe(self, namespace: str) -> Observed | None:
        """A namespace as it is; None where it is gone."""
        seen = self.namespaces.view.get(("", namespace))
        if seen is None:
            return None
        accounts = (
            self._own_accounts.see((namespace, name), self.accounts.view.get((namespace, name)))
            for name in self._accounts.get(namespace, ())
        )
        return Observed(
            namespace,
            self.secret_in(namespace),
            tuple(account for account in accounts if account is not None),
            seen.terminating,
        )

    def secret_in(self, namespace: str) -> SeenSecret | None:
        """The Secret of the operator's name there."""
        key = namespace, self.secret
        return self._own_secrets.see(key, self.secrets.view.get(key))

    def see_secret(self, obj: dict[str, Any]) -> SeenSecret:
        """What is kept of a Secret; equal contents are hashed, and kept in memory, once."""
        same = str(obj.get("type")), content_hash(obj.get("data") or {})
        content = self._contents.pop(same, None) or see_content(obj)
        self._contents[same] = content  # the last one used stands last
        if len(self._contents) > _CONTENTS:
            self._contents.popitem(last=False)
        return see_secret(obj, content)

    def wrote_secret(self, obj: dict[str, Any]) -> None:
        """What a request of ours answered: the Secret as it is now."""
        metadata = obj["metadata"]
        key = metadata["namespace"], metadata["name"]
        seen = self.see_secret(obj)
        self._own_secrets.put(key, seen.version, seen, self.secrets.view)

    def lost_secret(self, namespace: str, version: str) -> None:
        """A request of ours found that it is gone, or has deleted it; it had that version."""
        self._own_secrets.put((namespace, self.secret), version, None, self.secrets.view)

    def wrote_account(self, obj: dict[str, Any]) -> None:
        """What a request of ours answered: the ServiceAccount as it is now."""
        metadata = obj["metadata"]
        key = metadata["namespace"], metadata["name"]
        seen = see_account(obj)
        self._own_accounts.put(key, seen.version, seen, self.accounts.view)

    def lost_account(self, namespace: str, name: str, version: str) -> None:
        """A request of ours found that it is gone; it had that version."""
        self._own_accounts.put((namespace, name), version, None, self.accounts.view)

    def _namespace(self, event: Event[SeenNamespace]) -> None:
        if isinstance(event, Synced):
            self.listener.relisted()
            return
        name = event.key[1]
        for news in self._expected.get(name, ()):
            if not news.done():
                news.set_result(None)
        self.listener.namespace_changed(name)

    def _account(self, event: Event[SeenAccount]) -> None:
        match event:
            case Synced():
                self._own_accounts.forget()
                self.listener.relisted()
                return
            case Added(key=key):
                namespace, name = key
                self._accounts[namespace] = (*self._accounts.get(namespace, ()), name)
            case Deleted(key=key):
                namespace, name = key
                rest = tuple(each for each in self._accounts[namespace] if each != name)
                if rest:
                    self._accounts[namespace] = rest
                else:
                    del self._accounts[namespace]
            case Modified(key=key):
                namespace, name = key
        version = None if isinstance(event, Deleted) else event.new.version
        if self._own_accounts.caught_up(event.key, version) is None:
            self.listener.namespace_changed(namespace)

    def _secret(self, event: Event[SeenSecret]) -> None:
        if isinstance(event, Synced):
            self._own_secrets.forget()
            self.listener.relisted()
            return
        version = None if isinstance(event, Deleted) else event.new.version
        if self._own_secrets.caught_up(event.key, version) is None:
            self.listener.namespace_changed(event.key[0])

    def _pullcredential(self, event: Event[SeenPullCredential]) -> None:
        match event:
            case Synced():
                self.listener.relisted()
            case Modified(key=(_, name), old=old, new=new) if new.asks_the_same(old):
                self.listener.status_changed(name)
            case Added(key=(_, name)) | Modified(key=(_, name)) | Deleted(key=(_, name)):
                self.listener.pullcredential_changed(name)

    def _source(self, event: Event[str]) -> None:
        if not isinstance(event, Synced):
            self.listener.source_changed(event.key[1])


def _watch(
    client: Client,
    settings: WatchSettings | None,
    resource: Resource,
    namespace: str | None,
    **options: Any,
) -> Watch[Any]:
    what = resource.describe(namespace)

    trouble = Seldom("WatchTrouble")

    def troubled(error: RegcredError, _pause: float) -> None:
        if isinstance(error, NotFound) and resource is PULLCREDENTIALS:
            trouble.say(_NO_CRD, resource=what)
        else:
            trouble.say(error, resource=what)

    return Watch(client, resource, namespace, settings=settings, on_trouble=troubled, **options)


def _see_namespace(obj: dict[str, Any]) -> SeenNamespace:
    metadata = obj["metadata"]
    labels = fields.mapping(metadata.get("labels"))
    kept = tuple((key, value) for key, value in labels.items() if key != _NAME_LABEL)
    return SeenNamespace(kept, bool(metadata.get("deletionTimestamp")))


def _see_pullcredential(obj: dict[str, Any]) -> SeenPullCredential:
    version = obj["metadata"]["resourceVersion"]
    return SeenPullCredential(parse(obj), version, fields.mapping(obj.get("status")))


def _see_version(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])
