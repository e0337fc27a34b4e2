"""Read what ``regcred status`` tells of: once per kind, page by page, and no more than is needed.

Only pull Secrets, by their types; only Pods that can still pull; of namespaces, and of Secrets
that are no pull Secrets, only the metadata. That Pods cannot be had so, since what a container
waits for stands in their status, is why they come in pages of which nothing but names is kept.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
and Kubernetes v1.37 pkg/apis/core/v1/conversion.go (fields that Pods and Secrets are chosen by)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.errors import APIError, NotFound, RegcredError
from regcred.core.logins.secret import DOCKERCFG, DOCKERCONFIGJSON
from regcred.core.namespace.statusfacts import NamespaceFacts
from regcred.core.operator import pullcredential
from regcred.kube.fanout import each
from regcred.kube.resources import (
    NAMESPACES,
    PODS,
    PULLCREDENTIALS,
    SECRETS,
    SERVICEACCOUNTS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

_OTHER_TYPES = f"type!={DOCKERCONFIGJSON},type!={DOCKERCFG}"
_NOT_DONE = "status.phase!=Succeeded,status.phase!=Failed"
#: How many names of absent Secrets are asked for one by one before all Secrets are listed.
_NAMES = 3

# Objects on a page: a Pod has about 8 KB, a ServiceAccount or what is left of a namespace less
# than one, so that a page has some ten megabytes, and 1,000 namespaces come in ten requests.
_PODS, _SECRETS, _SMALL = 2000, 1000, 5000


@dataclass(frozen=True, slots=True)
class Listing:
    """One list to ask for.

    Args:
        resource: the kind.
        namespace: None for all namespaces.
        selector: the field selector.
        limit: objects on a page.
        metadata_only: whether the metadata is enough.
    """

    resource: Resource
    namespace: str | None
    selector: str = ""
    limit: int = _SMALL
    metadata_only: bool = False


@dataclass(slots=True)
class Reading:
    """What was read.

    Args:
        namespaces: by name, those asked for; of all, those that were seen.
        unread: what could not be listed, and why.
        absent: the namespaces asked for that do not exist.
        complete: whether there are no other namespaces than these.
        answered: whether anything at all could be listed, besides the names of namespaces.
        for_pods: PullCredentials with ``attach: Pod``.
        absent_secrets: namespace → the names that something names and no pull Secret there has.
    """

    namespaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    unread: list[tuple[Listing, APIError]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    complete: bool = True
    answered: bool = False
    for_pods: set[str] = field(default_factory=set)
    absent_secrets: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, namespace: str) -> NamespaceFacts:
        """What is known of a namespace, to be added to."""
        return self.namespaces.setdefault(namespace, NamespaceFacts(namespace))


async def read(
    client: Client, namespaces: Sequence[str] | None, step: Callable[[], None] = lambda: None
) -> Reading:
    """Read namespaces.

    Args:
        client: the API server.
        namespaces: their names; None for all.
        step: a page has come.

    Raises:
        ClusterUnreachable: no answer came.
        Unauthorized: the cluster does not let us in.
    """
    reading = Reading()
    listings = [
        listing
        for scope in (namespaces if namespaces is not None else (None,))
        for listing in (
            Listing(PODS, scope, _NOT_DONE, _PODS),
            Listing(SECRETS, scope, f"type={DOCKERCONFIGJSON}", _SECRETS),
            Listing(SECRETS, scope, f"type={DOCKERCFG}", _SECRETS),
            Listing(SERVICEACCOUNTS, scope),
        )
    ]
    if namespaces is None:
        listings.append(Listing(NAMESPACES, None, metadata_only=True))
    for name in namespaces or ():
        reading.of(name)
    await _read_all(client, listings, reading, step)
    await _read_pullcredentials(client, reading, step)
    await _read_others(client, namespaces is None, reading, step)
    await _find_absent(client, namespaces or (), reading)
    return reading


async def _read_all(
    client: Client, listings: Sequence[Listing], reading: Reading, step: Callable[[], None]
) -> None:
    """Ask for lists at the same time: while one is encoded there, another is read here."""

    async def one(listing: Listing) -> None:
        async for page in client.list_pages(
            listing.resource,
            listing.namespace,
            field_selector=listing.selector,
            limit=listing.limit,
            metadata_only=listing.metadata_only,
        ):
            step()
            items = page.get("items") or []
            for item in items:
                _note(item, listing, reading)
            items.clear()  # Whoever lists keeps the page until the next one has come.

    failed: list[Listing] = []
    async for listing, answer in each(listings, one):
        if isinstance(answer, APIError):
            reading.unread.append((listing, answer))
            failed.append(listing)
        elif isinstance(answer, RegcredError):
            raise answer
        else:
            reading.answered |= listing.resource is not NAMESPACES
    for listing in failed:
        if listing.resource is NAMESPACES:
            reading.complete = False
            continue
        everywhere = list(reading.namespaces) if listing.namespace is None else [listing.namespace]
        for name in everywhere:
            if listing.metadata_only:
                reading.of(name).other_secrets = None
            else:
                reading.of(name).unread.add(listing.resource.plural)


def _note(item: dict[str, Any], listing: Listing, reading: Reading) -> None:
    metadata = item["metadata"]
    if listing.resource is NAMESPACES:
        reading.of(metadata["name"])
        return
    if listing.resource is PULLCREDENTIALS:
        spec = pullcredential.parse(item).spec
        if spec and spec.attach is pullcredential.Attach.POD:
            reading.for_pods.add(metadata["name"])
        return
    facts = reading.of(metadata["namespace"])
    if listing.resource is PODS:
        facts.add_pod(item)
    elif listing.resource is SERVICEACCOUNTS:
        facts.add_account(item)
    elif not listing.metadata_only:
        facts.add_secret(item)
    elif metadata["name"] in reading.absent_secrets.get(facts.name, ()):
        facts.other_secrets = {*(facts.other_secrets or ()), metadata["name"]}


async def _read_pullcredentials(client: Client, reading: Reading, step: Callable[[], None]) -> None:
    """Ask for PullCredentials where a login came from one: how do Pods come to it?"""
    secrets = (each for facts in reading.namespaces.values() for each in facts.secrets.values())
    if any(login.giver for secret in secrets for login in secret.logins):
        await _read_all(client, [Listing(PULLCREDENTIALS, None)], reading, step)
        for facts in reading.namespaces.values():
            facts.for_pods = frozenset(reading.for_pods)


async def _read_others(
    client: Client, everywhere: bool, reading: Reading, step: Callable[[], None]
) -> None:
    """Tell Secrets of other types from those that do not exist, where something names one."""
    reading.absent_secrets = {
        facts.name: frozenset(absent)
        for facts in reading.namespaces.values()
        if (absent := facts.absent) and "secrets" not in facts.unread
    }
    scopes: dict[str | None, frozenset[str]] = dict(reading.absent_secrets.items())
    if everywhere:
        scopes = {None: frozenset().union(*reading.absent_secrets.values())}
    await _read_all(
        client,
        [
            Listing(SECRETS, scope, selector, metadata_only=True)
            for scope, names in scopes.items()
            for selector in (
                [f"metadata.name={name}" for name in sorted(names)]
                if len(names) <= _NAMES
                else [_OTHER_TYPES]
            )
        ],
        reading,
        step,
    )


async def _find_absent(client: Client, namespaces: Sequence[str], reading: Reading) -> None:
    """Make sure that namespaces exist in which nothing was found, as far as we may look."""
    empty = [name for name in namespaces if reading.of(name).is_empty]

    async def one(name: str) -> dict[str, Any]:
        return await client.get(NAMESPACES, name)

    async for name, answer in each(empty, one):
        if isinstance(answer, NotFound):
            reading.absent.append(name)
            del reading.namespaces[name]
