"""Leader election on a real API server: one acts, and knows when it must no longer."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from itertools import groupby

import pytest

from regcred.core.errors import NotFound, NotLeader
from regcred.core.operator.leaderelection import Timing
from regcred.kube import lease as leases
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.kube.lease import Lease
from regcred.kube.resources import LEASES, SECRETS
from tests.support.candidate import LEASE, TARGET, TIMING
from tests.support.faults import (
    Answer,
    writes,
)
from tests.support.mirror import Mirror

#: Nothing in a test takes as long: what happens has another cause.
PATIENT = Timing(lease=600, deadline=500, renew=400, retry=0.1)


class Candidate:
    """One who campaigns, and does nothing while it leads."""

    def __init__(self, client, namespace, identity, timing=TIMING, **options):
        self._news = asyncio.Event()
        self.told: list[str] = []
        self.lease = Lease(
            client,
            namespace,
            LEASE,
            identity=identity,
            timing=timing,
            on_leader=self._on_leader,
            **options,
        )
        self.leads, self.stops, self.finish = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.terms = 0

    def _on_leader(self, leader):
        self.told.append(leader)
        self._news.set()

    async def sees(self, leader):
        """Wait until it knows that somebody leads; None for anybody."""
        while not self.lease.leader if leader is None else self.lease.leader != leader:
            self._news.clear()
            await self._news.wait()

    async def work(self):
        self.terms += 1
        self.stops.clear()
        self.leads.set()
        try:
            await self.finish.wait()
        finally:
            self.leads.clear()
            self.stops.set()

    @asynccontextmanager
    async def running(self):
        self.task = asyncio.create_task(self.lease.run(self.work))
        try:
            async with asyncio.timeout(120):
                yield self
        finally:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task


@pytest.fixture
def config(kubeconfig):
    return load(kubeconfig=str(kubeconfig), env={})


@pytest.fixture
async def client(config):
    async with Client(config, user_agent="tests") as client:
        yield client


async def spec(client, namespace) -> dict:
    return (await client.get(LEASES, LEASE, namespace))["spec"]


class TestElection:
    async def test_the_first_leads_and_the_next_when_it_is_given_up(self, client, namespace):
        first = Candidate(client, namespace, "first", PATIENT)
        second = Candidate(client, namespace, "second", PATIENT)
        async with first.running():
            await first.leads.wait()
            held = await spec(client, namespace)
            assert (held["holderIdentity"], held["leaseDurationSeconds"]) == ("first", 600)
            first.lease.check()
            async with second.running():
                await second.sees("first")
                with pytest.raises(NotLeader):
                    second.lease.check()
                first.finish.set()
                await first.task
                assert not first.lease.valid()
                await second.leads.wait()
                taken = await spec(client, namespace)
                assert taken["holderIdentity"] == "second"
                assert taken["leaseTransitions"] == held["leaseTransitions"] + 1
                assert not second.stops.is_set()
        given_up = await spec(client, namespace)
        assert "holderIdentity" not in given_up
        assert second.told[0] == "first"
        assert second.told[-2:] == ["second", ""]

    async def test_it_is_kept(self, client, namespace):
        candidate = Candidate(client, namespace, "first")
        async with candidate.running():
            await candidate.leads.wait()
            first = await spec(client, namespace)
            async with Mirror(client, LEASES, namespace).running() as mirror:
                await mirror.until(lambda: len(mirror.log) > 8)
            now = await spec(client, namespace)
            assert now["renewTime"] > first["renewTime"]
            assert now["acquireTime"] == first["acquireTime"]
            assert (candidate.terms, candidate.lease.acquired, candidate.lease.lost) == (1, 1, 0)

    async def test_where_there_is_no_namespace_it_says_so_until_there_is(self, cluster, client):
        name, told = f"test-{secrets.token_hex(4)}", asyncio.Queue()
        candidate = Candidate(client, name, "first", PATIENT, on_trouble=told.put_nowait)
        async with candidate.running():
            trouble = await told.get()
            assert (type(trouble), name in str(trouble)) == (NotFound, True)
            cluster.create_namespace(name)
            await candidate.leads.wait()
        cluster.api.delete_namespace(name)

    async def test_two_who_want_it_at_the_same_moment(self, client, namespace):
        both = [Candidate(client, namespace, name, PATIENT) for name in "ab"]
        async with both[0].running(), both[1].running():
            await asyncio.wait(
                [asyncio.ensure_future(each.leads.wait()) for each in both],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await asyncio.gather(*(each.sees(None) for each in both))
            assert sum(each.lease.valid() for each in both) == 1

    async def test_a_holder_that_died_long_ago_is_still_waited_for(self, client, namespace):
        long_ago = "2001-01-01T00:00:00.000000Z"
        record = {"holderIdentity": "dead", "leaseDurationSeconds": 1, "renewTime": long_ago}
        dead = {"metadata": {"name": LEASE}, "spec": record | {"acquireTime": long_ago}}
        await client.create(LEASES, dead, namespace)
        now = [0.0]
        candidate = Candidate(client, namespace, "new", clock=lambda: now[0])
        async with candidate.running():
            await candidate.sees("dead")
            assert not candidate.lease.valid()
            now[0] = 1.0
            await candidate.leads.wait()
            assert (await spec(client, namespace))["leaseTransitions"] == 1

    async def test_the_time_of_day_does_not_matter(self, client, namespace, monkeypatch):
        hours = iter(range(10**6))
        monkeypatch.setattr(
            leases,
            "_time_of_day",
            lambda: f"2026-01-{28 - next(hours) % 28:02}T00:00:00.000000Z",
        )
        first, second = (Candidate(client, namespace, name) for name in ("first", "second"))
        async with first.running():
            await first.leads.wait()
            async with second.running():
                async with Mirror(client, LEASES, namespace).running() as mirror:
                    await mirror.until(lambda: len(mirror.log) > 12)
                assert (first.terms, second.terms) == (1, 0)


class TestLoss:
    async def test_somebody_else_has_it(self, client, namespace):
        candidate = Candidate(client, namespace, "first")
        async with candidate.running():
            await candidate.leads.wait()
            other = {"holderIdentity": "other", "leaseDurationSeconds": 600}
            await client.merge_patch(LEASES, LEASE, namespace, {"spec": other})
            await candidate.stops.wait()
            assert not candidate.lease.valid()
            assert (candidate.lease.leader, candidate.lease.lost) == ("other", 1)
        assert (await spec(client, namespace))["holderIdentity"] == "other"

    async def test_it_was_deleted(self, client, namespace):
        candidate = Candidate(client, namespace, "first")
        async with candidate.running():
            await candidate.leads.wait()
            async with Mirror(client, LEASES, namespace).running() as mirror:
                await mirror.watch.synced()
                await client.delete(LEASES, LEASE, namespace)
                await mirror.until(lambda: mirror.log[-1] != ("Added", LEASE) and mirror.told)
            assert candidate.terms == 1
            assert candidate.lease.valid()

    async def test_the_api_server_is_away(self, proxy, proxied, client, namespace):
        """The holder stops by itself before another can take over, and comes back."""
        cut_off = Candidate(proxied, namespace, "cut off")
        other = Candidate(client, namespace, "other")
        async with cut_off.running():
            await cut_off.leads.wait()
            async with other.running():
                await other.sees("cut off")
                await asyncio.to_thread(proxy.stop_listening)
                await other.leads.wait()
                assert cut_off.stops.is_set()
                assert not cut_off.lease.valid()
                await asyncio.to_thread(proxy.listen)
                await cut_off.sees("other")
                assert other.lease.valid()
                other.finish.set()
                await other.task
                await cut_off.leads.wait()
                assert cut_off.terms == 2

    async def test_a_short_trouble_is_none(self, proxy, proxied, namespace):
        troubles = []
        timing = Timing(lease=60, deadline=50, renew=0.2, retry=0.1)
        candidate = Candidate(proxied, namespace, "a", timing, on_trouble=troubles.append)
        async with candidate.running():
            await candidate.leads.wait()
            for status in (500, 409, 404, 403):
                proxy.on(writes("leases"), Answer(status), times=2)
            await asyncio.to_thread(proxy.wait, writes("leases"), count=15)
            assert candidate.lease.valid()
            assert candidate.terms == 1
        assert troubles
        assert not proxy.pending()

    async def test_an_end_in_the_middle_of_a_loss(self, client, namespace):
        """Cancelled while the work that lost the lease is still being cleared away."""
        cleaning, cleaned = asyncio.Event(), asyncio.Event()

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                cleaning.set()
                await cleaned.wait()

        lease = Lease(client, namespace, LEASE, timing=TIMING)
        task = asyncio.create_task(lease.run(work))
        async with Mirror(client, LEASES, namespace).running() as mirror:
            await mirror.until(lambda: mirror.told)
        other = {"holderIdentity": "other", "leaseDurationSeconds": 600}
        await client.merge_patch(LEASES, LEASE, namespace, {"spec": other})
        await cleaning.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=0)
        assert not task.done()
        cleaned.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_work_that_fails_gives_it_up(self, client, namespace):
        async def fail():
            raise ValueError("the work's")

        lease = Lease(client, namespace, LEASE, timing=PATIENT)
        with pytest.raises(ValueError, match="the work's"):
            await lease.run(fail)
        assert "holderIdentity" not in await spec(client, namespace)
        assert not lease.valid()

    async def test_work_that_meets_the_fence_begins_anew(self, client, namespace):
        terms = []

        async def work():
            terms.append(1)
            if len(terms) < 3:
                raise NotLeader("by chance")

        await Lease(client, namespace, LEASE, timing=TIMING).run(work)
        assert len(terms) == 3


class TestFence:
    async def test_a_write_is_not_sent(self, proxy, namespace):
        lease_less = Lease(None, namespace, LEASE)
        async with Client(proxy.config, fence=lease_less.check) as fenced:
            with pytest.raises(NotLeader):
                await fenced.create(SECRETS, {"metadata": {"name": "s"}}, namespace)
            assert await fenced.list(SECRETS, namespace) == []
        assert proxy.count(writes()) == 0

    async def test_not_even_when_it_is_sent_again(self, proxy, namespace):
        """A write that the API server has put off, and the lease lost meanwhile."""
        asked = []

        def fence():
            asked.append(1)
            if len(asked) > 1:
                raise NotLeader("meanwhile")

        proxy.on(writes(), Answer(429, headers={"Retry-After": "1"}))
        async with Client(proxy.config, fence=fence) as fenced:
            with pytest.raises(NotLeader):
                await fenced.create(SECRETS, {"metadata": {"name": "s"}}, namespace)
        assert proxy.count(writes()) == 1

    async def test_no_write_of_a_leader_that_was_stopped_lands(self, client, kubeconfig, namespace):
        """SIGSTOP beyond the lease, another takes over and writes, SIGCONT; several times."""
        await client.create(SECRETS, {"metadata": {"name": TARGET}}, namespace)
        writers = []

        def keep(obj):
            writer = (obj["metadata"].get("annotations") or {}).get("writer")
            if writer:
                writers.append(writer)
            return obj

        program = [sys.executable, "-m", "tests.support.candidate", str(kubeconfig), namespace]
        children = {name: start([*program, name]) for name in "ab"}
        mirror = Mirror(client, SECRETS, namespace, keep=keep)
        rounds = 4
        try:
            async with mirror.running():
                await mirror.until(lambda: writers)
                for _ in range(rounds):
                    leader = writers[-1]
                    children[leader].send_signal(signal.SIGSTOP)
                    await mirror.until(lambda leader=leader: writers[-1] != leader)
                    children[leader].send_signal(signal.SIGCONT)
                    assert await said(children[leader]) == ["leads", "stopped"]
                    enough = len(writers) + 100
                    await mirror.until(lambda enough=enough: len(writers) > enough)
                terms = [name for name, _ in groupby(writers)]
                assert len(terms) == rounds + 1
                # Given up in an orderly way, it goes to the other at once.
                leader = writers[-1]
                children[leader].terminate()
                await mirror.until(lambda: writers[-1] != leader)
                assert await asyncio.to_thread(children[leader].wait, 60) == 0
        finally:
            for child in children.values():
                child.send_signal(signal.SIGCONT)
                child.kill()
                child.communicate()
        last = await client.get(SECRETS, TARGET, namespace)
        assert last["metadata"]["annotations"]["writer"] == writers[-1]


def start(program: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(program, stdout=subprocess.PIPE)


async def said(child) -> list[str]:
    lines = [await asyncio.to_thread(child.stdout.readline) for _ in range(2)]
    return [line.decode().strip() for line in lines]
