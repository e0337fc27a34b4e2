"""The operator as a process: it watches all the time, and acts while it leads.

Two clients: one watches and keeps the Lease, and one, which asks the Lease before each write is
sent, does the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from regcred.kube.client import Client
from regcred.kube.lease import Lease
from regcred.kube.watch import WatchSettings
from regcred.operator import oplog
from regcred.operator.facts import Hooks, Snapshot
from regcred.operator.metrics import Metrics
from regcred.operator.pace import Pace
from regcred.operator.seldom import Seldom
from regcred.operator.term import REVOKE_AFTER, Term
from regcred.operator.web import Web
from regcred.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from regcred.kube.config import ClusterConfig
    from regcred.operator.webhook import Webhook, WebhookSettings

CONCURRENCY = 64
RESYNC_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set.

    Args:
        namespace: the operator's own, with the Secrets of sources and the Lease.
        secret: the name of its Secret in every namespace.
        lease: the name of the Lease; empty for no leader election.
        metrics_address: where the status pages are served, ``HOST:PORT``; empty for nowhere.
        concurrency: how many namespaces are worked at together, at most.
        resync: seconds from one list of everything to the next.
        webhook: of the admission webhook; None for none.
        admission_policies: the chart's are there, so that Pods get the Secret as they are created.
        revoke_after: seconds from when the last namespace has a new login until the provider takes
            the old one back, where it can.
    """

    namespace: str
    secret: str = "regcred"  # noqa: S105 - a name
    lease: str = "regcred-operator"
    metrics_address: str = ""
    concurrency: int = CONCURRENCY
    resync: float = RESYNC_SECONDS
    webhook: WebhookSettings | None = None
    admission_policies: bool = False
    revoke_after: float = REVOKE_AFTER


class Operator:
    """One replica.

    Args:
        config: of the cluster.
        settings: see `Settings`.
    """

    def __init__(self, config: ClusterConfig, settings: Settings) -> None:
        self._config, self._settings = config, settings
        self._metrics = Metrics(self.snapshot)
        self._pace = Pace(settings.concurrency)
        self._world: World | None = None
        self._lease: Lease | None = None
        self._webhook: Webhook | None = None
        self._term: Term | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in flight, give the Lease up, and return from `run`."""
        if not self._stopping.is_set():
            oplog.say("info", "Stopping", "finishing what is in flight")
            self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            RegcredError: the status pages or the webhook cannot be served.
        """
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(
                Web(settings.metrics_address, self._metrics, self.snapshot)
            )
            said = f"one merged pull Secret named {settings.secret}"
            oplog.say("info", "Started", said, ownNamespace=settings.namespace)
            watching = await stack.enter_async_context(
                Client(self._config, on_answer=self._metrics.answered)
            )
            world = World(
                watching,
                settings.namespace,
                settings.secret,
                _watch_settings(settings.resync),
            )
            lease = self._make_lease(watching) if settings.lease else None
            acting = await stack.enter_async_context(
                Client(
                    self._config,
                    fence=lease.check if lease else None,
                    on_answer=self._answered,
                )
            )
            self._world, self._lease = world, lease
            webhook = None
            if settings.webhook is not None:
                from regcred.operator.webhook import Webhook

                reviewed = self._metrics.reviewed
                webhook = Webhook(settings.webhook, settings.namespace, world, reviewed)
                self._webhook = await stack.enter_async_context(webhook)
            lead = partial(self._lead, acting, world)
            work = lease.run(lead) if lease else lead()
            background = [watch.run() for watch in world.watches.values()]
            if webhook is not None:
                background.append(webhook.run(watching))
            await self._until_stopped(world, background, asyncio.ensure_future(work))
        oplog.say("info", "Stopped", "nothing is half done")

    def snapshot(self) -> Snapshot:
        """How it is now."""
        world, term = self._world, self._term
        views = world.unsynced() if world else ("namespaces",)
        unknown = self._settings.webhook and not (self._webhook and self._webhook.is_known)
        return Snapshot(
            term is not None,
            not views,
            (*views, "webhook certificate") if unknown else views,
            len(term.queue) if term else 0,
            term.queue.oldest() if term else 0.0,
            self._pace.limit,
            len(world.namespaces.view) if world else 0,
            term.figures() if term else (),
            (world.figures() if world else {}) | (term.watches() if term else {}),
            self._webhook.expires if self._webhook else None,
        )

    def _make_lease(self, client: Client) -> Lease:
        trouble = Seldom("LeaseTrouble")

        def follows(leader: str) -> None:
            if leader and lease.identity != leader:
                oplog.say("info", "Standby", "another replica leads", leader=leader)

        lease = Lease(
            client,
            self._settings.namespace,
            self._settings.lease,
            on_leader=follows,
            on_trouble=trouble.say,
        )
        return lease

    async def _until_stopped(
        self,
        world: World,
        background: Sequence[Coroutine[Any, Any, NoReturn]],
        work: asyncio.Future[None],
    ) -> None:
        running = [asyncio.create_task(each) for each in background]
        synced = asyncio.create_task(self._say_synced(world))
        stopped = asyncio.create_task(self._stopping.wait())
        tasks: list[asyncio.Future[Any]] = [work, stopped, *running]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stopped in done and self._term is None:
                work.cancel()  # It waits for the Lease.
            elif stopped not in done:
                for task in done:
                    await task  # Only bugs end these: what it raises is for the crash report.
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            for task in (synced, *tasks):
                task.cancel()
            await asyncio.gather(synced, *tasks, return_exceptions=True)

    async def _say_synced(self, world: World) -> None:
        await world.synced()
        count = len(world.namespaces.view)
        oplog.say("info", "Synced", f"{count:,} namespaces are in view", namespaces=count)

    async def _lead(self, client: Client, world: World) -> None:
        """One term; cancelled when the Lease is lost."""
        term = Term(
            client,
            world,
            self._settings.namespace,
            self._pace,
            Hooks(self._metrics.reconciled, self._metrics.source_read, self._metrics.minted),
            by_admission=self._settings.admission_policies or self._settings.webhook is not None,
            revoke_after=self._settings.revoke_after,
            fence=self._lease.check if self._lease else lambda: None,
        )
        synced = asyncio.create_task(world.synced())
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            self._term = term
            await asyncio.wait({synced, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                return
            oplog.say("info", "Leading", "this replica acts")
            await term.run(self._stopping)
        except asyncio.CancelledError:
            oplog.say("warning", "Lost", "the Lease could not be kept: another replica may act")
            raise
        finally:
            synced.cancel()
            stopped.cancel()
            self._term = None

    def _answered(self, verb: str, resource: str, code: int, seconds: float) -> None:
        self._pace.answered(code)
        self._metrics.answered(verb, resource, code, seconds)


def _watch_settings(resync: float) -> WatchSettings:
    """A list comes when a watch has ended, so watches must not live longer than that."""
    usual = WatchSettings()
    longest = max(1, min(usual.longest, int(resync)))
    return WatchSettings(min(usual.shortest, longest), longest, relist=resync)


def run(config: ClusterConfig, settings: Settings, *, arrange: Callable[[Operator], None]) -> None:
    """Run an operator until it is stopped.

    Args:
        config: of the cluster.
        settings: see `Settings`.
        arrange: called in the running loop, to have signals stop it.

    Raises:
        RegcredError: the status pages cannot be served.
    """

    async def main() -> None:
        operator = Operator(config, settings)
        arrange(operator)
        await operator.run()

    asyncio.run(main())
