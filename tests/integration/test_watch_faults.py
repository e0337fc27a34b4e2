"""Whatever goes wrong on the way, a watch ends up with what is there, object by object."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace

import pytest

from regcred.core.errors import StreamBroken
from regcred.kube.client import Client
from regcred.kube.resources import SECRETS
from tests.support.faults import (
    Answer,
    Close,
    Cut,
    Delay,
    Drop,
    Inject,
    Rewrite,
    Silence,
    Truncate,
    both,
    lists,
    watches,
)
from tests.support.mirror import QUICK, Mirror

OBJECTS = 6
#: Line of a watch after the initial objects and the bookmark that ends them.
LIVE = OBJECTS + 1


def error(code: int, **more) -> bytes:
    status = {"kind": "Status", "code": code, "message": "a fault"} | more
    return json.dumps({"type": "ERROR", "object": status}).encode()


TOO_NEW = error(504, details={"causes": [{"reason": "ResourceVersionTooLarge"}]})
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
BUSY = Answer(429, headers={"Retry-After": "1"})

#: What strikes, and how the watch calls it.
BEFORE = [
    (Answer(410), "gone"),
    (BUSY, "busy"),
    (Answer(429), "busy"),
    (Answer(503), "failing"),
    (Answer(500, b"oops", content_type="text/plain"), "failing"),
    (Answer(404), "refused"),
    (Answer(401), "refused"),
    (Answer(200, HTML, content_type="text/html"), "unreachable"),
    (Answer(302, HTML, {"Location": "/login"}, "text/html"), "unreachable"),
    (Answer(502, HTML, content_type="text/html"), "unreachable"),
    (Cut(), "unreachable"),
    (Answer(200, HTML + b"\n"), "garbage"),
    (Answer(200, HTML), "truncated"),
    (Answer(200, b'{"type": "ADDED"'), "truncated"),
    (Answer(200, b""), "truncated"),
]
DURING = [
    (lambda n: Inject(n, error(410)), "gone"),
    (lambda n: Inject(n, TOO_NEW), "gone"),
    (lambda n: Inject(n, error(429, details={"retryAfterSeconds": 1})), "busy"),
    (lambda n: Inject(n, error(500)), "failing"),
    (lambda n: Inject(n, b"rubbish"), "garbage"),
    (lambda n: Inject(n, b""), "garbage"),
    (lambda n: Inject(n, b'{"type": "ADDED", "object": {}}'), "garbage"),
    (lambda n: Inject(n, b"\x00\xff" * 1000), "garbage"),
    (lambda n: Inject(n, b"x" * 3_000_000), "too-long"),
    (lambda n: Truncate(n * 300 + 70), "truncated"),
    (lambda n: Silence(n), "silent"),
]


@pytest.fixture
async def filled(client, namespace):
    """A namespace with a few Secrets."""
    for n in range(OBJECTS):
        await client.create(SECRETS, secret(f"old-{n}"), namespace)
    return namespace


def secret(name: str, **labels: str) -> dict:
    return {"metadata": {"name": name, "labels": labels}}


async def history(client, namespace) -> None:
    """Things happen: what was there changes or goes, some is made anew, and all sorts is new."""
    for n in range(4):
        name = f"new-{secrets.token_hex(4)}"
        await client.create(SECRETS, secret(name), namespace)
        await client.merge_patch(SECRETS, name, namespace, secret(name, n=str(n)))
        old = secret(f"old-{n}", n=secrets.token_hex(4))
        await client.merge_patch(SECRETS, f"old-{n}", namespace, old)
    await client.delete(SECRETS, name, namespace)
    await client.delete(SECRETS, "old-0", namespace)
    await client.create(SECRETS, secret("old-0"), namespace)


async def as_listed(mirror, client, namespace) -> None:
    """A marker, so that all that was written before it has been told; then compare."""
    name = f"marker-{secrets.token_hex(4)}"
    await client.create(SECRETS, secret(name), namespace)
    await mirror.until(lambda: (namespace, name) in mirror.told)
    found = await client.list(SECRETS, namespace)
    assert mirror.told == {(namespace, o["metadata"]["name"]): o for o in found}
    assert mirror.told == dict(mirror.watch.view)


def settings_for(reason):
    """Silence is noticed soon only where it is to be, since a quiet watch is silent too."""
    silence = 0.5 if reason == "silent" else 60.0
    return replace(QUICK, line=1_000_000, silence=silence)


def struck(mirror, reason) -> bool:
    """Whether the watch has noticed; silence before an answer begins is called by another name."""
    names = {reason} | ({"unreachable"} if reason == "silent" else set())
    return any(mirror.watch.restarts[name] for name in names)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize(("fault", "reason"), BEFORE)
class TestAnswers:
    async def test_to_a_list(self, proxy, proxied, client, filled, fault, reason, times):
        proxy.on(lists("secrets"), fault, times=times)
        mirror = Mirror(proxied, SECRETS, filled, settings=settings_for(reason))
        async with mirror.running():
            await mirror.watch.synced()
            await history(client, filled)
            await as_listed(mirror, client, filled)
        assert not proxy.pending()
        # The HTTP library itself asks once more where a connection breaks before an answer.
        assert mirror.watch.restarts[reason] >= (0 if isinstance(fault, Cut) and times == 1 else 1)
        assert mirror.watch.trouble is None

    async def test_to_a_watch(self, proxy, proxied, client, filled, fault, reason, times):
        again = both(watches("secrets"), lambda seen: "resourceVersion" in seen.query)
        proxy.on(lists("secrets"), Close(LIVE), times=1)
        proxy.on(again, fault, times=times)
        mirror = Mirror(proxied, SECRETS, filled, settings=settings_for(reason))
        async with mirror.running():
            await mirror.watch.synced()
            await history(client, filled)
            await as_listed(mirror, client, filled)
        # After one "gone", and three times rubbish, a list mends it, which no fault is for.
        assert not proxy.pending() or (reason in {"gone", "garbage"} and times == 4)
        # The HTTP library itself asks once more where a connection breaks before an answer.
        assert mirror.watch.restarts[reason] >= (0 if isinstance(fault, Cut) and times == 1 else 1)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize(("fault", "reason"), DURING)
class TestStreams:
    async def test_in_a_list(self, proxy, proxied, client, filled, fault, reason, times):
        proxy.on(both(lists("secrets"), watches()), fault(3), times=times)
        mirror = Mirror(proxied, SECRETS, filled, settings=settings_for(reason))
        async with mirror.running():
            await mirror.watch.synced()
            proxy.clear()  # lists in pages come before all of them have struck
            await history(client, filled)
            await as_listed(mirror, client, filled)
        assert struck(mirror, reason)

    async def test_among_events(self, proxy, proxied, client, filled, fault, reason, times):
        proxy.on(watches("secrets"), fault(LIVE + 2))
        mirror = Mirror(proxied, SECRETS, filled, settings=settings_for(reason))
        async with mirror.running():
            await mirror.watch.synced()
            proxy.on(watches("secrets"), fault(2), times=times - 1)
            await history(client, filled)
            await as_listed(mirror, client, filled)
            await history(client, filled)
            await as_listed(mirror, client, filled)
        assert struck(mirror, reason)


async def test_no_answer_at_all(proxy, client, filled):
    proxy.on(lists("secrets"), Delay(until=proxy.event()))
    async with (
        Client(proxy.config, timeout=1.0) as hasty,
        Mirror(hasty, SECRETS, filled).running() as mirror,
    ):
        await as_listed(mirror, client, filled)
    assert mirror.watch.restarts == {"unreachable": 1}


@pytest.mark.parametrize("at", range(1, 6000, 397))
async def test_truncated_anywhere(proxy, proxied, client, filled, at):
    proxy.on(watches("secrets"), Truncate(at), times=2)
    async with Mirror(proxied, SECRETS, filled, settings=settings_for("")).running() as mirror:
        await history(client, filled)
        await as_listed(mirror, client, filled)
    assert mirror.watch.restarts["truncated"] >= 1


@pytest.mark.parametrize("n", range(14))
async def test_an_event_is_lost(proxy, proxied, client, filled, n):
    """Nobody can know; what happens to the object later, or the next list, mends it."""
    proxy.on(watches("secrets"), Drop(n, lambda event: event["type"] != "BOOKMARK"))
    async with Mirror(proxied, SECRETS, filled).running() as mirror:
        await mirror.watch.synced()
        await history(client, filled)
        await mirror.until(lambda: (filled, "old-0") in mirror.told)
        mirror.watch.relist()
        await mirror.until(lambda: mirror.watch.view.generation == 2)
        await as_listed(mirror, client, filled)
    assert not proxy.pending()


async def test_the_end_of_the_list_is_lost(proxy, proxied, client, filled):
    proxy.on(watches("secrets"), Drop(0, lambda event: event["type"] == "BOOKMARK"))
    mirror = Mirror(proxied, SECRETS, filled, settings=settings_for("silent"))
    async with mirror.running():
        await as_listed(mirror, client, filled)
    assert not proxy.pending()


async def test_what_goes_while_nobody_watches_is_told_as_deleted(proxy, proxied, client, filled):
    async with Mirror(proxied, SECRETS, filled).running() as mirror:
        await mirror.watch.synced()
        before = mirror.told[filled, "old-1"]["metadata"]["uid"]
        await asyncio.to_thread(proxy.stop_listening)
        await mirror.until(lambda: mirror.watch.restarts["unreachable"] >= 2)
        for n in (0, 1):
            await client.delete(SECRETS, f"old-{n}", filled)
        await client.create(SECRETS, secret("old-1"), filled)
        mirror.log.clear()
        mirror.watch.relist()
        await asyncio.to_thread(proxy.listen)
        await mirror.until(lambda: mirror.watch.view.generation == 2)
        assert mirror.log == [("Deleted", "old-0"), ("Deleted", "old-1"), ("Added", "old-1")]
        assert mirror.told[filled, "old-1"]["metadata"]["uid"] != before
        await as_listed(mirror, client, filled)


async def test_an_outage_costs_no_list(proxy, proxied, client, filled):
    async with Mirror(proxied, SECRETS, filled).running() as mirror:
        await mirror.watch.synced()
        await asyncio.to_thread(proxy.stop_listening)
        await mirror.until(lambda: mirror.watch.restarts["unreachable"] >= 5)
        await history(client, filled)
        await asyncio.to_thread(proxy.listen)
        await as_listed(mirror, client, filled)
        assert mirror.watch.view.generation == 1


async def test_a_watch_that_starts_at_an_older_version_tells_nothing_twice(
    proxy, proxied, client, filled
):
    """As from a server that is behind, or a cache in between; the mirror checks the order."""
    old = (await client.request("GET", SECRETS.path(filled)))["metadata"]["resourceVersion"]
    async with Mirror(proxied, SECRETS, filled).running() as mirror:
        await mirror.watch.synced()
        again = both(watches("secrets"), lambda seen: "resourceVersion" in seen.query)
        proxy.on(again, Rewrite({"resourceVersion": old}), times=3)
        for _ in range(3):
            await history(client, filled)
            await as_listed(mirror, client, filled)
            told = len(mirror.log)
            proxy.cut()
            await mirror.until(lambda: mirror.watch.restarts["truncated"])
            mirror.watch.restarts.clear()
            await as_listed(mirror, client, filled)
            assert mirror.log[told:] == mirror.log[-1:]
        assert mirror.watch.view.generation == 1
    assert not proxy.pending()


class TestOlderLists:
    def old_lists(self, proxy, version, times):
        """Lists as they were at an older version, which only those in pages can be."""
        proxy.on(both(lists("secrets"), watches()), Answer(400), times=None)
        exact = {"resourceVersion": version, "resourceVersionMatch": "Exact", "limit": None}
        proxy.on(
            both(lists("secrets"), lambda seen: not seen.is_watch), Rewrite(exact), times=times
        )

    async def test_are_not_believed(self, proxy, proxied, client, filled):
        async with Mirror(proxied, SECRETS, filled).running() as mirror:
            await mirror.watch.synced()
            old = mirror.watch.view.version
            await history(client, filled)
            await as_listed(mirror, client, filled)
            self.old_lists(proxy, old, times=2)
            mirror.watch.relist()
            await mirror.until(lambda: mirror.watch.view.generation == 2)
            await as_listed(mirror, client, filled)
        assert mirror.watch.restarts["stale"] == 2

    async def test_but_for_good_they_are_the_truth(self, proxy, proxied, client, filled):
        """etcd was restored from a backup: what came after it never was."""
        mirror = Mirror(proxied, SECRETS, filled, may_go_back=True)
        async with mirror.running():
            await mirror.watch.synced()
            before = dict(mirror.told)
            old = mirror.watch.view.version
            await history(client, filled)
            await as_listed(mirror, client, filled)
            self.old_lists(proxy, old, times=None)
            # What is told between the old list and the events that follow it: nothing here.
            go_on = proxy.event()
            again = both(watches("secrets"), lambda seen: "resourceVersion" in seen.query)
            proxy.on(again, Delay(until=go_on), times=None)
            mirror.watch.relist()
            await mirror.until(lambda: mirror.watch.view.generation == 2)
            assert mirror.told == before
            proxy.clear()
            go_on.set()
            await as_listed(mirror, client, filled)
        assert isinstance(mirror.troubles[-1], StreamBroken)

    async def test_a_server_that_is_behind_says_nothing_at_all(
        self, proxy, proxied, client, filled
    ):
        """A watch from a version that is still to come is mute until it has come."""
        settings = settings_for("silent")
        async with Mirror(proxied, SECRETS, filled, settings=settings).running() as mirror:
            await mirror.watch.synced()
            again = both(watches("secrets"), lambda seen: "resourceVersion" in seen.query)
            proxy.on(again, Rewrite({"resourceVersion": "9" * 15}), times=None)
            await history(client, filled)
            await mirror.until(lambda: mirror.watch.view.generation == 2)
            proxy.clear()
            await as_listed(mirror, client, filled)
