"""Take away all that the operator ever gave, in every namespace; nobody gives it again meanwhile.

What an operator would do with no PullCredentials at all, once: the plan for a namespace that is to
have nothing. The PullCredentials stay, without what holds up their deletion. So the chart's
admission policies, or its webhook, would go on adding what they say, to the very ServiceAccounts
that it is taken from: while they do, nothing is called done. Nor is it while that webhook has
requests refused because nobody answers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred.core.errors import (
    Gone,
    MintFailed,
    NamespaceTerminating,
    NotFound,
    RegcredError,
    StreamBroken,
)
from regcred.core.operator import nsfailure, pcstatus, statuswrite
from regcred.core.operator.actions import PatchAccount
from regcred.core.operator.desired import Desired
from regcred.core.operator.plan import plan
from regcred.core.operator.pullcredential import FINALIZER
from regcred.kube.client import Client
from regcred.kube.lease import Lease
from regcred.kube.resources import NAMESPACES, PULLCREDENTIALS
from regcred.minters.web import Web
from regcred.operator import finalizer
from regcred.operator.carryout import Contended, Hands
from regcred.operator.minting import Minting
from regcred.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.operator.pcstatus import Failure
    from regcred.kube.config import ClusterConfig
    from regcred.kube.watch import Watch
    from regcred.operator.loop import Settings
    from regcred.operator.world import SeenPullCredential

_TRIES = 5
_PAUSE_SECONDS = 0.2
_OUR_WEBHOOK = re.compile(r'failed calling webhook "\w+\.regcred\.dev"')
_NO_POLICIES = "kubectl delete mutatingadmissionpolicybindings -l app.kubernetes.io/part-of=regcred"
_NO_WEBHOOK = "kubectl delete mutatingwebhookconfigurations -l app.kubernetes.io/part-of=regcred"


class InTheWay(RegcredError):
    """Admission: it adds an entry to the very request that takes it off, or refuses that."""


@dataclass(slots=True)
class Undone:
    """What was done.

    Args:
        namespaces: those in which something was taken away.
        actions: how often what was, by reason: ``SecretDeleted``, ``Detached``.
        released: PullCredentials that have no finalizer of ours any more.
        failures: what could not be taken away.
        hopeless: it would be the same in every other namespace.
        others: names of Secrets that an operator has given under another ``--secret-name``. While
            there are any, no PullCredential is released.
        not_revoked: PullCredential → why its provider has not taken back what was minted for it.
    """

    namespaces: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    released: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    hopeless: bool = False
    others: list[str] = field(default_factory=list)
    not_revoked: dict[str, MintFailed] = field(default_factory=dict)


async def uninstall(
    config: ClusterConfig, settings: Settings, *, waits_for: Callable[[str], None]
) -> Undone:
    """Take everything away, as the leader.

    Args:
        config: of the cluster.
        settings: of the operator whose work is undone.
        waits_for: told who leads, while that one does.

    Raises:
        RegcredError: the cluster cannot be read, or the Lease not be had.
    """
    undone = Undone()
    async with Client(config) as client:

        def follows(leader: str) -> None:
            if leader != lease.identity:
                waits_for(leader)

        def troubled(error: Exception) -> None:
            if isinstance(error, RegcredError) and not lease.acquired:
                raise error  # a person waits: for another leader, but not for a cluster

        lease = Lease(
            client,
            settings.namespace,
            settings.lease,
            on_leader=follows,
            on_trouble=troubled,
        )
        elects = bool(settings.lease) and await _exists(client, settings.namespace)
        async with Client(config, fence=lease.check if elects else None) as acting:

            async def work() -> None:
                fence = lease.check if elects else lambda: None
                await _undo(client, acting, settings, undone, fence)

            await (lease.run(work) if elects else work())
    return undone


async def _exists(client: Client, namespace: str) -> bool:
    """Whether there is that namespace; without it nobody can lead."""
    try:
        await client.get(NAMESPACES, namespace)
    except NotFound:
        return False
    return True


async def _undo(
    reading: Client,
    acting: Client,
    settings: Settings,
    undone: Undone,
    fence: Callable[[], None],
) -> None:
    world = World(reading, settings.namespace, settings.secret)
    kinds = [world.namespaces, world.accounts, world.secrets, world.pullcredentials]
    try:
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(watch.run()) for watch in kinds]
            try:
                for watch in kinds:
                    await _first_list(watch)
                await _all_namespaces(world, Hands(acting, world), settings.concurrency, undone)
                undone.others = _other_names(world)
                if not undone.failures and not undone.others:
                    async with Web(os.environ) as web:
                        own = settings.namespace
                        minting = Minting(acting, world, own, web, refreshes=tuple, fence=fence)
                        await _release(world, acting, minting, undone)
            finally:
                for task in watches:
                    task.cancel()
    except BaseExceptionGroup as errors:
        for error in errors.exceptions:
            if isinstance(error, RegcredError):
                raise error from None  # a person is to read it
        raise


async def _first_list(watch: Watch[Any]) -> None:
    """Wait for it, but not for what does not come.

    Raises:
        RegcredError: it cannot be had.
    """
    while not watch.is_synced:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_SECONDS):
                await watch.synced()
        if isinstance(watch.trouble, NotFound):
            return  # There is no such kind: the CRD is gone, and all PullCredentials with it.
        if watch.trouble is not None and not isinstance(watch.trouble, StreamBroken | Gone):
            raise watch.trouble


async def _all_namespaces(world: World, hands: Hands, together: int, undone: Undone) -> None:
    names = iter(sorted(world.names()))

    async def work() -> None:
        for name in names:
            if undone.hopeless:
                return
            await _one_namespace(world, hands, name, undone)

    async with asyncio.TaskGroup() as group:
        for _ in range(together):
            group.create_task(work())


async def _one_namespace(world: World, hands: Hands, namespace: str, undone: Undone) -> None:
    done: Counter[str] = Counter()
    failure: RegcredError | None = None
    for attempt in range(_TRIES):
        observed = world.observe(namespace)
        if observed is None:
            break
        failure = None
        try:
            for action in plan(Desired(), observed, world.secret).actions:
                await hands.do(action, namespace)
                if isinstance(action, PatchAccount):
                    _see_that_it_is_gone(world, namespace, action.name)
                done[action.reason] += 1
            break
        except (NamespaceTerminating, NotFound):
            break
        except RegcredError as error:
            failure = _by_our_webhook(error) or error
            if not isinstance(error, Contended):
                await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
    if failure is not None and not undone.hopeless:
        undone.failures.append(nsfailure.describe(failure, namespace))
        undone.hopeless = isinstance(failure, InTheWay)
    undone.namespaces += bool(done)
    undone.actions += done


def _see_that_it_is_gone(world: World, namespace: str, account: str) -> None:
    """The world knows what the API server made of the patch.

    Raises:
        InTheWay: the mark is on it still.
    """
    observed = world.observe(namespace)
    for each in observed.accounts if observed is not None else ():
        if each.name == account and world.secret in each.attached.split(","):
            raise InTheWay(
                f"admission gives ServiceAccount {account} the entry again",
                hint=f"{_NO_POLICIES}; before Kubernetes 1.36 {_NO_WEBHOOK}",
            )


def _by_our_webhook(error: RegcredError) -> InTheWay | None:
    """The same with a way out, where what fails is the webhook of an operator that is away."""
    if _OUR_WEBHOOK.search(error.message) is None:
        return None
    return InTheWay(error.message, hint=_NO_WEBHOOK)


def _other_names(world: World) -> list[str]:
    """Names of Secrets that an operator gave to ServiceAccounts, other than the one asked for."""
    given = (each.attached.split(",") for each in world.accounts.view.values() if each.attached)
    return sorted({name for names in given for name in names if name} - {world.secret})


async def _release(world: World, client: Client, minting: Minting, undone: Undone) -> None:
    for (_, name), seen in sorted(world.pullcredentials.view.items()):
        if FINALIZER in seen.object.finalizers:
            try:
                await minting.revoke(seen.object, "")
            except MintFailed as error:
                undone.not_revoked[name] = error
            await _release_one(client, seen)
            undone.released.append(name)


async def _release_one(client: Client, seen: SeenPullCredential) -> None:
    wanted = seen.object
    status = pcstatus.uninstalled(wanted, seen.status, datetime.now(UTC))
    patch = statuswrite.patch(wanted.uid, status)
    with contextlib.suppress(NotFound):
        await client.json_patch(PULLCREDENTIALS, wanted.name, None, patch, subresource="status")
    await finalizer.remove(client, wanted.name, wanted.uid, wanted.finalizers, seen.version)
