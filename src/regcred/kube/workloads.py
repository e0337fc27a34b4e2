"""What runs in a cluster, and what decides about its pulls: read with as few rights as there are.

What may not be read is named, so that nobody takes it for missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from regcred.core import names
from regcred.core.errors import Forbidden, InvalidInput, NotFound, RegcredError, UsageError
from regcred.core.fields import controller, controller_ref, is_mirror
from regcred.core.logins.pullsecret import KEYS, PullSecret
from regcred.core.logins.serviceaccount import attached_names
from regcred.core.pods.effective import list_of, needed_account
from regcred.core.pods.podreading import templates
from regcred.core.pods.stuck import StuckPod, Waiting, refused
from regcred.kube import grants
from regcred.kube.fanout import each
from regcred.kube.resources import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    SECRETS,
    SERVICEACCOUNTS,
    STATEFULSETS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from regcred.core.pods.effective import Place, World
    from regcred.core.pods.podtemplate import PodTemplate
    from regcred.kube.client import Client
    from regcred.kube.resources import Resource

KINDS = (
    DEPLOYMENTS,
    STATEFULSETS,
    DAEMONSETS,
    CRONJOBS,
    JOBS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    PODS,
)

_DONE = ("Succeeded", "Failed")
#: Namespaces in which the Secrets are listed where one that is named is missing.
_MOST_LACKING = 20


@dataclass(slots=True)
class Workloads:
    """What makes Pods.

    Args:
        templates: of the objects that no other one here controls.
        waiting: (namespace, ``deployment/web``) of such an object → those of its Pods that did
            not get an image; for a Pod itself, what makes it anew.
        unread: what could not be listed: what it is, and the error; one for all kinds of a
            namespace that somebody has no right to.
    """

    templates: list[PodTemplate] = field(default_factory=list)
    waiting: dict[Place, Waiting] = field(default_factory=dict)
    unread: list[tuple[str, RegcredError]] = field(default_factory=list)


async def find(
    client: Client, namespaces: Sequence[str] | None, step: Callable[[], None] = lambda: None
) -> Workloads:
    """The workloads of namespaces, each once: of a Deployment and its Pods, the Deployment.

    Pods that are done, and Jobs, are left out: nothing is pulled for them any more. So are mirror
    Pods, which can have no pull Secrets.

    Args:
        client: the API server.
        namespaces: their names; None for all.
        step: a list has come.

    Raises:
        APIError: not one kind may be listed.
    """
    scopes: Sequence[str | None] = namespaces or (None,)
    places = [(resource, scope) for scope in scopes for resource in KINDS]
    listed: dict[tuple[Resource, str | None], list[_Owned]] = {}
    found = Workloads()
    refused: dict[tuple[Resource, str | None], RegcredError] = {}

    async def one(place: tuple[Resource, str | None]) -> list[_Owned]:
        resource, namespace = place
        return [
            owned
            async for page in client.list_pages(resource, namespace)
            for item in page.get("items") or ()
            if (owned := _owned(item, resource))
        ]

    async for place, answer in each(places, one):
        step()
        if isinstance(answer, RegcredError):
            if not isinstance(answer, Forbidden | NotFound):
                raise answer
            refused[place] = answer
        else:
            listed[place] = answer
    for scope in scopes:
        errors = {kind: refused[kind, scope] for kind in KINDS if (kind, scope) in refused}
        found.unread += _unread(errors, scope)
    if not listed and found.unread:
        what, error = found.unread[0]
        if what not in error.message:
            error.message = f"cannot list {what}: {error.message}"
        raise error
    every = {owned.uid: owned for each_kind in listed.values() for owned in each_kind}
    for place in places:
        for owned in listed.get(place, []):
            if owned.needed and owned.controller not in every:
                found.templates += owned.templates
            if owned.pod:
                _add_waiting(found.waiting, owned, every)
    return found


async def missing(client: Client, namespaces: Iterable[str]) -> list[str]:
    """Those of `namespaces` that do not exist; who may not read them need not know.

    Raises:
        ClusterUnreachable, Unauthorized: no answer came.
    """

    async def one(name: str) -> dict[str, Any]:
        return await client.get(NAMESPACES, name)

    return [name async for name, answer in each(namespaces, one) if isinstance(answer, NotFound)]


def _add_waiting(waiting: dict[Place, Waiting], owned: _Owned, every: dict[str, _Owned]) -> None:
    """Put a Pod that did not get its image to what makes it."""
    assert owned.pod is not None  # noqa: S101 - the caller has looked
    pod, top = owned.pod, owned
    while top.controller in every:
        top = every[top.controller]
    maker = Waiting((), top.kind, top.name, top.secrets, top.on_delete, top.paused)
    if top is owned and pod.owner:
        maker = Waiting((), *pod.owner[1:])
    place = pod.namespace, f"{top.kind.lower()}/{top.name}"
    known = waiting.get(place, maker)
    waiting[place] = replace(known, pods=(*known.pods, pod))


def _unread(
    errors: dict[Resource, RegcredError], namespace: str | None
) -> list[tuple[str, RegcredError]]:
    """What could not be listed: those kinds as one that take the same Role to be listed."""
    denied = {kind: error for kind, error in errors.items() if type(error) is Forbidden}
    together = grants.of_kinds(tuple(denied.values())) if len(denied) > 1 else None
    found: list[tuple[str, RegcredError]] = []
    if together:
        *others, last = denied
        kinds = ", ".join(kind.plural for kind in others)
        found.append((f"{kinds} and {last.describe(namespace)}", together))
    found += [
        (kind.describe(namespace), error)
        for kind, error in errors.items()
        if not together or kind not in denied
    ]
    return found


@dataclass(frozen=True, slots=True)
class _Owned:
    uid: str
    controller: str
    needed: bool
    templates: tuple[PodTemplate, ...]
    kind: str
    name: str
    secrets: tuple[str, ...]
    on_delete: bool
    paused: bool
    pod: StuckPod | None


def _owned(item: dict[str, Any], resource: Resource) -> _Owned | None:
    metadata = item["metadata"]
    if metadata.get("deletionTimestamp") or is_mirror(item):
        return None
    obj = {"kind": resource.kind, "apiVersion": resource.api_version, **item}
    owner = controller_ref(item).get("uid", "")
    needed = not _is_done(item, resource)
    if controller(obj) and resource is REPLICASETS and not item["spec"].get("replicas"):
        needed = False  # an old revision of what a custom controller rolls out
    found = tuple(templates(obj, exists=True)) if needed else ()
    spec = item.get("spec") or {}
    return _Owned(
        metadata["uid"],
        owner,
        needed,
        found,
        resource.kind,
        metadata["name"],
        next((template.secrets for template in found), ()),
        (spec.get("updateStrategy") or {}).get("type") == "OnDelete",
        bool(spec.get("paused")),
        refused(item) if resource is PODS and needed else None,
    )


def _is_done(item: dict[str, Any], resource: Resource) -> bool:
    status = item.get("status") or {}
    if resource is PODS:
        return status.get("phase") in _DONE
    if resource is JOBS:
        return any(
            condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True"
            for condition in status.get("conditions") or []
        )
    return False


async def read_world(
    client: Client,
    world: World,
    wanted: Iterable[PodTemplate],
    step: Callable[[], None] = lambda: None,
) -> None:
    """Add to `world` what the Pod templates need and it lacks, as far as it may be read.

    Args:
        client: the API server.
        world: what is known; it goes before what the cluster has.
        wanted: the Pod templates.
        step: an object has come.
    """
    wanted = list(wanted)
    accounts = dict.fromkeys(
        account for template in wanted if (account := needed_account(template)) is not None
    )
    missing = [account for account in accounts if account not in world.accounts]

    async def account_of(place: Place) -> dict[str, Any]:
        return await _get(client, SERVICEACCOUNTS, place)

    async for place, answer in each(missing, account_of):
        step()
        if isinstance(answer, dict):
            world.accounts[place] = tuple(dict.fromkeys(filter(None, attached_names(answer))))
        elif isinstance(answer, NotFound) and (place[1] == "default" or place in world.declared):
            world.accounts[place] = ()  # default is made with its namespace
        else:
            world.unknown_accounts[place] = _why(answer)
            world.account_hints[place] = _hint(answer, place)

    secrets = dict.fromkeys(
        (template.namespace, name)
        for template in wanted
        for name in list_of(template, world.accounts)
    )
    absent = [place for place in secrets if world.secret(*place) is None]

    async def secret_of(place: Place) -> dict[str, Any]:
        return await _get(client, SECRETS, place)

    async for place, answer in each(absent, secret_of):
        step()
        if isinstance(answer, dict):
            try:
                world.secrets[place] = PullSecret.from_object(answer)
            except InvalidInput as error:  # the API server lets no such Secret in
                world.unknown_secrets[place] = error.message
        elif isinstance(answer, NotFound):
            world.secrets[place] = PullSecret(place[1], place[0])
        else:
            world.unknown_secrets[place] = _why(answer)
            world.secret_hints[place] = answer.hint
    await _read_others(client, world, absent)


async def _read_others(client: Client, world: World, absent: Iterable[Place]) -> None:
    """Which pull Secrets there are where one is missing, if that may be listed: one was meant."""
    known = {place: world.secrets[place] for place in absent if place in world.secrets}
    lacking = dict.fromkeys(place[0] for place, secret in known.items() if secret.data is None)

    async def pull_secrets(namespace: str) -> tuple[str, ...]:
        return tuple(
            [
                str(item["metadata"]["name"])
                for kind in KEYS
                async for page in client.list_pages(
                    SECRETS, namespace, field_selector=f"type={kind}", metadata_only=True
                )
                for item in page.get("items") or ()
            ]
        )

    async for namespace, answer in each(list(lacking)[:_MOST_LACKING], pull_secrets):
        if isinstance(answer, tuple):
            world.pull_secrets[namespace] = answer


async def _get(client: Client, resource: Resource, place: Place) -> dict[str, Any]:
    namespace, name = place
    # Manifests may say anything, and what they say becomes part of a URL.
    names.check_name(namespace, "namespace")
    names.check_name(name, resource.kind)
    return await client.get(resource, name, namespace)


def _why(error: RegcredError) -> str:
    match error:
        case Forbidden():
            return "no right to read it"
        case NotFound():
            return "it does not exist yet"
        case UsageError():
            return "that is no name"
    return error.message


def _hint(error: RegcredError, account: Place) -> str:
    """What makes the ServiceAccount known."""
    if isinstance(error, NotFound):
        return (
            f"kubectl create serviceaccount {account[1]} -n {account[0]}, or put it into the "
            "manifests"
        )
    return error.hint


async def architectures(client: Client) -> list[tuple[str, str]]:
    """Operating system and architecture of the nodes, once each, the most frequent first.

    Raises:
        Forbidden: nodes may not be listed.
    """
    counts: dict[tuple[str, str], int] = {}
    for node in await client.list(NODES):
        info = (node.get("status") or {}).get("nodeInfo") or {}
        if info.get("operatingSystem") and info.get("architecture"):
            kind = info["operatingSystem"], info["architecture"]
            counts[kind] = counts.get(kind, 0) + 1
    return sorted(counts, key=lambda kind: (-counts[kind], kind))
