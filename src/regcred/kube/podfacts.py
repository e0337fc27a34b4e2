"""What decides about the pulls of failing Pods, read once each and with as few rights as there are.

What may not be read is named with the right that it takes: it is neither missing nor empty. Of
Secrets of other namespaces only the metadata is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from regcred.core import marks, names
from regcred.core.diagnosis.facts import AccountFacts, SecretFacts, Unread
from regcred.core.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    RegcredError,
    UsageError,
)
from regcred.core.fields import entries, instant, mapping, text
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.logins.secret import DOCKERCFG, DOCKERCONFIGJSON
from regcred.core.logins.serviceaccount import attached_names
from regcred.core.pods.effective import World
from regcred.kube import givers
from regcred.kube.fanout import each
from regcred.kube.podowners import Owner, OwnerReader
from regcred.kube.podsearch import unread
from regcred.kube.resources import EVENTS, NODES, PULLCREDENTIALS, SECRETS, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from regcred.core.diagnosis.giver import Giver
    from regcred.core.pods.effective import Place
    from regcred.core.pods.failing import FailingPod
    from regcred.kube.client import Client
    from regcred.kube.podsearch import Key
    from regcred.kube.resources import Resource

#: More nodes than these are listed instead of asked for one by one.
_FEW_NODES = 8
#: Names of missing Secrets that are looked for in all namespaces.
_MOST_MISSING = 50


class _Wanted(NamedTuple):
    resource: Resource
    namespace: str | None
    name: str


@dataclass(slots=True)
class Surroundings:
    """All that is known around failing Pods.

    Args:
        world: Secrets and lists of ServiceAccounts.
        secrets: Secrets that are named.
        accounts: ServiceAccounts.
        owners: (namespace, apiVersion, kind, name) of a Pod's controller → what makes it.
        events: by the Pod's UID.
        nodes: name → operating system and architecture.
        beside: namespace → names of all its pull Secrets, once they were asked for.
        elsewhere: name of a Secret → namespaces that have a pull Secret of that name; without the
            operator's, which are not for copying.
        givers: namespace → all PullCredentials; None where they may not be read.
        unread: what could not be read: (kind, namespace, name) → why.
    """

    world: World = field(default_factory=World)
    secrets: dict[Place, SecretFacts] = field(default_factory=dict)
    accounts: dict[Place, AccountFacts] = field(default_factory=dict)
    owners: dict[tuple[str, ...], Owner] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    nodes: dict[str, tuple[str, str]] = field(default_factory=dict)
    beside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: dict[str, tuple[str, ...]] = field(default_factory=dict)
    givers: dict[str, tuple[Giver, ...]] | None = field(default_factory=dict)
    unread: dict[Key, Unread] = field(default_factory=dict)

    def owner(self, pod: FailingPod) -> Owner:
        """What makes the Pod."""
        if pod.owner is None:
            return Owner("Pod", pod.name)
        return self.owners[pod.namespace, *pod.owner]

    def operators(self, namespace: str) -> str:
        """The name of the operator's Secret there, as far as one was read; else empty."""
        for (place, name), secret in self.secrets.items():
            if place == namespace and secret.kept_by == marks.OPERATOR:
                return name
        return ""


def merged(every: Iterable[Unread]) -> list[Unread]:
    """Each missing right, and each other reason, once, with all that it concerns."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one in every:
        found.setdefault((one.right, one.why), {})[one.what] = None
    return [Unread(", ".join(what), *key) for key, what in found.items()]


class Reader:
    """Reads what is around failing Pods.

    Args:
        client: the API server.
        objects: what makes Pods, as far as it has been read.
        step: something has been read.
    """

    def __init__(
        self,
        client: Client,
        objects: dict[Key, dict[str, Any]],
        step: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._owners = OwnerReader(client, objects)
        self._step = step
        self.found = Surroundings()

    async def read(self, pods: Sequence[FailingPod], *, nodes: bool) -> Surroundings:
        """Everything but other Secrets than those that are named.

        Args:
            pods: the Pods whose images do not come.
            nodes: whether it matters what their nodes are.

        Raises:
            ClusterUnreachable, Unauthorized: nothing can be read any more.
        """
        await self._read_owners(pods)
        await self._read_accounts(pods)
        await self._read_events(pods)
        if nodes:
            await self._read_nodes({pod.node for pod in pods if pod.node})
        await self._read_secrets(pods)
        await self._read_elsewhere(pods)
        return self.found

    async def read_beside(self, namespaces: Iterable[str]) -> None:
        """All pull Secrets of namespaces, for a login that nobody gave to the Pods."""
        wanted = [
            _Wanted(SECRETS, namespace, kind)
            for namespace in dict.fromkeys(namespaces)
            for kind in (DOCKERCONFIGJSON, DOCKERCFG)
        ]

        async def listed(item: _Wanted) -> list[dict[str, Any]]:
            selector = f"type={item.name}"
            return await self._client.list(SECRETS, item.namespace, field_selector=selector)

        found: dict[str, list[str]] = {}
        async for item, answer in each(wanted, listed):
            self._step()
            namespace = item.namespace or ""
            if isinstance(answer, RegcredError):
                what = f"other pull Secrets in {namespace}"
                self._lost(("Secret", namespace, ""), what, answer, "list", item)
                continue
            for obj in answer:
                name = obj["metadata"]["name"]
                found.setdefault(namespace, []).append(name)
                self._note_secret((namespace, name), obj)
        for namespace, names_there in found.items():
            self.found.beside[namespace] = tuple(sorted(names_there))

    async def read_givers(self, namespaces: Iterable[str]) -> None:
        """All PullCredentials, for a login that one of them is to give to these namespaces."""
        wanted = list(dict.fromkeys(namespaces))

        async def all_of(item: _Wanted) -> dict[str, tuple[Giver, ...]]:
            return await givers.read(self._client, wanted) if wanted else {}

        async for item, answer in each([_Wanted(PULLCREDENTIALS, None, "")], all_of):
            self._step()
            if isinstance(answer, NotFound):
                continue  # nobody has installed the operator
            if isinstance(answer, RegcredError):
                self.found.givers = None
                self._lost(("PullCredential", "", ""), "PullCredentials", answer, "list", item)
            else:
                self.found.givers = answer

    async def _get(self, item: _Wanted) -> dict[str, Any]:
        if item.namespace is not None:
            # A Pod's list may name anything, and what it names becomes part of a URL.
            names.check_name(item.name, item.resource.kind)
        return await self._client.get(item.resource, item.name, item.namespace)

    def _lost(self, key: Key, what: str, error: RegcredError, verb: str, wanted: _Wanted) -> None:
        namespace = wanted.namespace if wanted.resource.namespaced else ""
        self.found.unread[key] = unread(what, error, verb, wanted.resource.plural, namespace)

    async def _read_owners(self, pods: Sequence[FailingPod]) -> None:
        refs = dict.fromkeys((pod.namespace, *pod.owner) for pod in pods if pod.owner)
        async for ref, answer in each(refs, self._owners.read):
            self._step()
            _, _, kind, name = ref
            self.found.owners[ref] = (
                Owner(kind, name) if isinstance(answer, RegcredError) else answer
            )

    async def _read_accounts(self, pods: Sequence[FailingPod]) -> None:
        accounts = {(pod.namespace, pod.template.account) for pod in pods}
        for pod in pods:
            if template := self.found.owner(pod).template:
                accounts.add((pod.namespace, template.account))
        wanted = [_Wanted(SERVICEACCOUNTS, *place) for place in sorted(accounts)]
        async for item, answer in each(wanted, self._get):
            self._step()
            place = item.namespace or "", item.name
            if isinstance(answer, dict):
                listed = tuple(dict.fromkeys(filter(None, attached_names(answer))))
                self.found.world.accounts[place] = listed
                changed = _changed(answer, "f:imagePullSecrets")
                self.found.accounts[place] = AccountFacts(item.name, listed, True, changed)
            elif isinstance(answer, NotFound | UsageError):
                self.found.world.accounts[place] = ()
                self.found.accounts[place] = AccountFacts(item.name, (), exists=False)
            else:
                what = f"ServiceAccount {place[0]}/{item.name}"
                self._lost(("ServiceAccount", *place), what, answer, "get", item)
                self.found.world.unknown_accounts[place] = _why(answer)
                self.found.accounts[place] = AccountFacts(item.name)

    async def _read_events(self, pods: Sequence[FailingPod]) -> None:
        """Of one Pod its own events, of several in a namespace all that there are."""
        uids: dict[str, list[str]] = {}
        for pod in pods:
            uids.setdefault(pod.namespace, []).append(pod.uid)
        wanted = [
            _Wanted(EVENTS, namespace, those[0] if len(those) == 1 else "")
            for namespace, those in uids.items()
        ]

        async def one(item: _Wanted) -> None:
            own = set(uids[item.namespace or ""])
            selector = f"involvedObject.uid={item.name}" if item.name else ""
            async for page in self._client.list_pages(
                EVENTS, item.namespace, field_selector=selector
            ):
                for event in page.get("items") or ():
                    uid = text(mapping(event.get("involvedObject")).get("uid"))
                    if uid in own:
                        self.found.events.setdefault(uid, []).append(event)

        async for item, answer in each(wanted, one):
            self._step()
            if isinstance(answer, RegcredError):
                namespace = item.namespace or ""
                self._lost(("Event", namespace, ""), f"events in {namespace}", answer, "list", item)

    async def _read_nodes(self, nodes: set[str]) -> None:
        wanted = [_Wanted(NODES, None, name) for name in sorted(nodes)]
        if len(wanted) > _FEW_NODES:
            wanted = [_Wanted(NODES, None, "")]

        async def one(item: _Wanted) -> list[dict[str, Any]]:
            if item.name:
                return [await self._get(item)]
            return await self._client.list(NODES)

        async for item, answer in each(wanted, one):
            self._step()
            if isinstance(answer, RegcredError):
                if isinstance(answer, NotFound):
                    continue
                what, verb = (f"node {item.name}", "get") if item.name else ("nodes", "list")
                for name in (item.name,) if item.name else nodes:
                    self._lost(("Node", "", name), what, answer, verb, item)
                continue
            for node in answer:
                info = mapping(mapping(node.get("status")).get("nodeInfo"))
                kind = text(info.get("operatingSystem")), text(info.get("architecture"))
                if all(kind):
                    self.found.nodes[node["metadata"]["name"]] = kind

    async def _read_secrets(self, pods: Sequence[FailingPod]) -> None:
        """Those that stand in the lists of Pods, ServiceAccounts and templates."""
        places: dict[Place, None] = {}
        for pod in pods:
            for template in filter(None, (pod.template, self.found.owner(pod).template)):
                account = self.found.accounts[pod.namespace, template.account]
                for name in (*template.secrets, *(account.names or ())):
                    places[pod.namespace, name] = None
        wanted = [_Wanted(SECRETS, *place) for place in places]
        async for item, answer in each(wanted, self._get):
            self._step()
            place = item.namespace or "", item.name
            if isinstance(answer, dict):
                self._note_secret(place, answer)
            elif isinstance(answer, NotFound | UsageError):
                self.found.world.secrets[place] = PullSecret(item.name, place[0])
                self.found.secrets[place] = SecretFacts(item.name, exists=False)
            else:
                what = f"Secret {place[0]}/{item.name}"
                self._lost(("Secret", *place), what, answer, "get", item)
                self.found.world.unknown_secrets[place] = _why(answer)
                self.found.secrets[place] = SecretFacts(item.name)

    def _note_secret(self, place: Place, obj: dict[str, Any]) -> None:
        try:
            self.found.world.secrets[place] = PullSecret.from_object(obj)
        except InvalidInput as error:  # the API server lets no such Secret in
            self.found.world.unknown_secrets[place] = error.message
        self.found.secrets[place] = SecretFacts(
            place[1],
            True,
            instant(obj["metadata"].get("creationTimestamp")),
            _changed(obj, "f:data"),
            marks.kept_by(obj),
            bool(obj.get("immutable")) or obj.get("type") == DOCKERCFG,
            marks.expires_at(obj),
            marks.read_owners(obj),
            marks.read_ends(obj),
        )

    async def _read_elsewhere(self, pods: Sequence[FailingPod]) -> None:
        """Where else there are Secrets of the names that Pods have and their namespaces lack."""
        missing = {
            name: pod.namespace
            for pod in pods
            for name in pod.template.secrets
            if (facts := self.found.secrets.get((pod.namespace, name))) and facts.exists is False
        }
        wanted = [_Wanted(SECRETS, None, name) for name in sorted(missing)]

        async def one(item: _Wanted) -> list[str]:
            selector = f"metadata.name={item.name},type={DOCKERCONFIGJSON}"
            return [
                obj["metadata"]["namespace"]
                async for page in self._client.list_pages(
                    SECRETS, None, field_selector=selector, metadata_only=True
                )
                for obj in page.get("items") or ()
                if marks.kept_by(obj) != marks.OPERATOR
            ]

        async for item, answer in each(wanted[:_MOST_MISSING], one):
            self._step()
            if isinstance(answer, RegcredError):
                what = f"the Secret {item.name} of other namespaces"
                self._lost(("Secret", "", item.name), what, answer, "list", item)
            else:
                self.found.elsewhere[item.name] = tuple(sorted(answer))


def _changed(obj: dict[str, Any], owned: str) -> datetime | None:
    """When the field was last written, as far as anybody's managed fields say.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    times = [
        instant(entry.get("time"))
        for entry in entries(obj["metadata"].get("managedFields"))
        if owned in mapping(entry.get("fieldsV1"))
    ]
    return max(filter(None, times), default=None)


def _why(error: RegcredError) -> str:
    return "no right to read it" if isinstance(error, Forbidden) else error.message
