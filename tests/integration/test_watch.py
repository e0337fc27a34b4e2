"""Watches of a real API server: what is told makes up what is there."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from dataclasses import replace

import pytest

from regcred.core.errors import Forbidden
from regcred.core.operator.view import Added, Synced
from regcred.kube.client import Client
from regcred.kube.config import Auth, load
from regcred.kube.resources import NAMESPACES, SECRETS, SERVICEACCOUNTS
from regcred.kube.watch import Watch, WatchSettings
from tests.support.faults import (
    Answer,
    Delay,
    Rewrite,
    both,
    lists,
    watches,
)
from tests.support.faultyproxy import FaultyProxy
from tests.support.mirror import QUICK, Mirror


def secret(name: str, value: str = "x", **metadata) -> dict:
    data = {"v": base64.b64encode(value.encode()).decode()}
    return {"metadata": {"name": name} | metadata, "data": data}


async def fresh(client, namespace, resource=SECRETS, **selectors) -> dict:
    found = await client.list(resource, namespace, **selectors)
    return {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in found}


async def as_listed(mirror, client, namespace, **selectors) -> None:
    """A marker, so that all that was written before it has been told; then compare."""
    name = f"marker-{secrets.token_hex(4)}"
    await client.create(SECRETS, secret(name, labels={"app": "a"}), namespace)
    await mirror.until(lambda: (namespace, name) in mirror.told)
    assert mirror.told == dict(mirror.watch.view)
    assert mirror.told == await fresh(client, namespace, **selectors)


class TestEvents:
    async def test_what_is_there_and_what_happens_to_it(self, client, namespace):
        await client.create(SECRETS, secret("old"), namespace)
        async with Mirror(client, SECRETS, namespace).running() as mirror:
            await mirror.watch.synced()
            assert list(mirror.told) == [(namespace, "old")]
            await client.create(SECRETS, secret("new"), namespace)
            await client.merge_patch(SECRETS, "new", namespace, secret("new", "y"))
            await client.delete(SECRETS, "old", namespace)
            await as_listed(mirror, client, namespace)
        assert mirror.log[:4] == [
            ("Added", "old"),
            ("Added", "new"),
            ("Modified", "new"),
            ("Deleted", "old"),
        ]
        # On a slow machine the API server has time for its bookmark of each minute.
        events = {**mirror.watch.events, "BOOKMARK": min(1, mirror.watch.events["BOOKMARK"])}
        assert events == {"ADDED": 3, "MODIFIED": 1, "DELETED": 1, "BOOKMARK": 1}
        assert not mirror.watch.restarts
        assert mirror.watch.trouble is None

    async def test_metadata_only(self, client, namespace):
        await client.create(SECRETS, secret("s", "hidden"), namespace)
        mirror = Mirror(client, SECRETS, namespace, metadata_only=True)
        async with mirror.running():
            await mirror.watch.synced()
            kept = mirror.told[namespace, "s"]
            assert kept["kind"] == "PartialObjectMetadata"
            assert "data" not in kept

    async def test_what_leaves_the_selection_is_deleted(self, client, namespace):
        await client.create(SECRETS, secret("a", labels={"app": "a"}), namespace)
        await client.create(SECRETS, secret("b", labels={"app": "b"}), namespace)
        mirror = Mirror(client, SECRETS, namespace, label_selector="app=a")
        async with mirror.running():
            await mirror.watch.synced()
            for name, app in (("a", "b"), ("b", "a")):
                patch = {"metadata": {"labels": {"app": app}}}
                await client.merge_patch(SECRETS, name, namespace, patch)
            await as_listed(mirror, client, namespace, label_selector="app=a")
        assert mirror.log[:3] == [("Added", "a"), ("Deleted", "a"), ("Added", "b")]

    async def test_one_name_in_all_namespaces(self, client, namespace, new_world):
        name = f"regcred-{secrets.token_hex(4)}"
        other = new_world().namespace
        mirror = Mirror(client, SECRETS, None, field_selector=f"metadata.name={name}")
        async with mirror.running():
            await mirror.watch.synced()
            for where in (namespace, other):
                await client.create(SECRETS, secret(name), where)
                await client.create(SECRETS, secret(f"{name}-not"), where)
            await mirror.until(lambda: len(mirror.told) == 2)
            assert set(mirror.told) == {(namespace, name), (other, name)}

    async def test_what_has_no_namespace(self, client, namespace):
        mirror = Mirror(client, NAMESPACES, None, metadata_only=True)
        async with mirror.running():
            await mirror.watch.synced()
            assert ("", namespace) in mirror.told

    async def test_no_more_is_told_than_is_kept(self, client, namespace):
        """What a consumer does not keep may change as it likes."""
        told, seen = [], asyncio.Event()

        def hear(event):
            told.append(event)
            if event == Added((namespace, "t"), "t"):
                seen.set()

        watch = Watch(
            client, SECRETS, namespace, keep=lambda obj: obj["metadata"]["name"], on_event=hear
        )
        task = asyncio.create_task(watch.run())
        await watch.synced()
        await client.create(SECRETS, secret("s"), namespace)
        await client.merge_patch(SECRETS, "s", namespace, secret("s", "y"))
        await client.create(SECRETS, secret("t"), namespace)
        await seen.wait()
        task.cancel()
        assert told == [Synced(1), Added((namespace, "s"), "s"), Added((namespace, "t"), "t")]
        assert watch.events["MODIFIED"] == 1

    async def test_a_consumer_that_fails_ends_it(self, client, namespace):
        def fail(_):
            raise ValueError("the consumer's")

        with pytest.raises(ValueError, match="the consumer's"):
            await Watch(client, SECRETS, namespace, keep=id, on_event=fail).run()

    async def test_a_consumers_timeout_ends_it(self, client, namespace):
        def fail(_):
            raise TimeoutError("the consumer's")

        with pytest.raises(TimeoutError, match="the consumer's"):
            await Watch(client, SECRETS, namespace, keep=id, on_event=fail).run()


class TestEnds:
    async def test_the_server_ends_a_watch_in_order(self, client, namespace):
        settings = replace(QUICK, shortest=1, longest=1)
        async with Mirror(client, SECRETS, namespace, settings=settings).running() as mirror:
            while mirror.watch.restarts["ended"] < 2:
                await as_listed(mirror, client, namespace)
        assert mirror.watch.view.generation == 1
        assert mirror.troubles == []

    async def test_now_and_then_everything_is_listed_anew(self, client, namespace):
        settings = replace(QUICK, shortest=1, longest=1, relist=0.0)
        async with Mirror(client, SECRETS, namespace, settings=settings).running() as mirror:
            await mirror.until(lambda: mirror.watch.view.generation == 2)
            await as_listed(mirror, client, namespace)
        assert mirror.watch.restarts["relist"] >= 1

    @pytest.mark.parametrize("times", [1, 2])
    async def test_a_list_on_demand(self, proxy, proxied, namespace, times):
        async with Mirror(proxied, SECRETS, namespace).running() as mirror:
            await mirror.watch.synced()
            for _ in range(times):
                mirror.watch.relist()
            await mirror.until(lambda: mirror.watch.view.generation == 2)
        assert proxy.count(lists("secrets")) == 2

    async def test_a_list_on_demand_from_within(self, client, namespace):
        mirror = Mirror(client, SECRETS, namespace)
        asked = iter([mirror.watch.relist])
        tell = mirror.watch._on_event

        def ask(event):
            tell(event)
            next(asked, lambda: None)()

        mirror.watch._on_event = ask
        async with mirror.running():
            await mirror.until(lambda: mirror.watch.view.generation == 2)

    async def test_cancelled_it_closes_its_connection(self, proxy, proxied, namespace):
        async with Mirror(proxied, SECRETS, namespace).running() as mirror:
            await mirror.watch.synced()
            [seen] = proxy.wait(watches("secrets"))
            assert not seen.over.is_set()
        assert await asyncio.to_thread(seen.over.wait, 60)


class TestOlderServers:
    """Those that do not know, or do not want, a list as the beginning of a watch."""

    @pytest.mark.parametrize("status", [400, 422])
    async def test_the_list_comes_in_pages(self, proxy, proxied, client, namespace, status):
        for n in range(5):
            await client.create(SECRETS, secret(f"s{n}"), namespace)
        as_watch = both(lists("secrets"), watches())
        proxy.on(as_watch, Answer(status), times=None)
        async with Mirror(proxied, SECRETS, namespace).running() as mirror:
            await mirror.watch.synced()
            pages = proxy.count(lambda seen: seen.query.get("limit") == "2")
            assert pages == 3
            await as_listed(mirror, client, namespace)
            mirror.watch.relist()
            await mirror.until(lambda: mirror.watch.view.generation == 2)
            await as_listed(mirror, client, namespace)
        assert proxy.count(as_watch) == 1

    async def test_metadata_in_pages(self, proxy, proxied, client, namespace):
        await client.create(SECRETS, secret("s"), namespace)
        proxy.on(both(lists("secrets"), watches()), Answer(400), times=None)
        mirror = Mirror(proxied, SECRETS, namespace, metadata_only=True)
        async with mirror.running():
            await mirror.watch.synced()
            assert mirror.told[namespace, "s"]["kind"] == "PartialObjectMetadata"

    async def test_one_that_never_sends_the_end_of_the_list(
        self, proxy, proxied, client, namespace
    ):
        """It ignores what it does not know, and begins an ordinary watch."""
        ignored = {"sendInitialEvents": None, "resourceVersionMatch": None}
        proxy.on(both(lists("secrets"), watches()), Rewrite(ignored), times=None)
        await client.create(SECRETS, secret("s"), namespace)
        settings = replace(QUICK, shortest=1, longest=1)
        async with Mirror(proxied, SECRETS, namespace, settings=settings).running() as mirror:
            await as_listed(mirror, client, namespace)

    async def test_a_list_that_takes_too_long(self, proxy, proxied, client, namespace):
        """Its last pages are of a later version; what happens in between is not lost."""
        for n in range(6):
            await client.create(SECRETS, secret(f"s{n}"), namespace)
        page = await client.request("GET", SECRETS.path(namespace), query={"limit": "2"})
        token = page["metadata"]["continue"]
        token = json.loads(base64.urlsafe_b64decode(token + "=="))
        rest = base64.urlsafe_b64encode(json.dumps(token | {"rv": -1}).encode()).decode()
        rest = rest.rstrip("=")
        gone = {"kind": "Status", "code": 410, "metadata": {"continue": rest}}

        def expired(seen):
            return "continue" in seen.query and seen.query["continue"] != rest

        def offered(seen):
            return seen.query.get("continue") == rest

        proxy.on(both(lists("secrets"), watches()), Answer(400), times=None)
        proxy.on(expired, Answer(410, json.dumps(gone).encode()))
        go_on = proxy.event()
        proxy.on(offered, Delay(until=go_on))
        async with Mirror(proxied, SECRETS, namespace).running() as mirror:
            await asyncio.to_thread(proxy.wait, offered)
            await client.delete(SECRETS, "s0", namespace)
            await client.merge_patch(SECRETS, "s1", namespace, secret("s1", "changed"))
            for n in (4, 5):
                await client.delete(SECRETS, f"s{n}", namespace)
            await client.create(SECRETS, secret("s5", "again"), namespace)
            go_on.set()
            await as_listed(mirror, client, namespace)


class TestCredentials:
    async def test_a_token_that_is_replaced(self, kubeconfig, kubectl, namespace, tmp_path):
        kubectl("create", "rolebinding", "t", "--clusterrole=admin", "-n", namespace,
                f"--serviceaccount={namespace}:default")  # fmt: skip
        first, second = (
            kubectl("create", "token", "default", "-n", namespace).stdout.decode().strip()
            for _ in range(2)
        )
        assert first != second
        file = tmp_path / "token"
        file.write_text(first)

        def bears(token):
            return lambda seen: seen.headers.get("Authorization") == f"Bearer {token}"

        with FaultyProxy(kubeconfig, as_client=True) as proxy:
            config = replace(proxy.config, auth=Auth(token_file=str(file)))
            async with (
                Client(config) as client,
                Mirror(client, SECRETS, namespace).running() as mirror,
            ):
                await mirror.watch.synced()
                file.write_text(second)
                proxy.on(bears(first), Answer(401), times=None)
                proxy.cut()
                await as_listed(mirror, client, namespace)
                assert mirror.watch.view.generation == 1
                assert proxy.count(both(watches(), bears(second))) == 1

    async def test_a_right_that_is_missing_for_a_while(self, kubectl, cluster, namespace, client):
        user = f"user-{secrets.token_hex(4)}"
        config = load(kubeconfig=str(cluster.users.with_certificate(user)), env={})
        async with (
            Client(config) as theirs,
            Mirror(theirs, SECRETS, namespace).running() as mirror,
        ):
            await mirror.until(lambda: len(mirror.troubles) > 2)
            assert isinstance(mirror.watch.trouble, Forbidden)
            assert not mirror.watch.is_synced
            kubectl("create", "rolebinding", user, "--clusterrole=admin", "-n", namespace,
                    f"--user={user}")  # fmt: skip
            await as_listed(mirror, client, namespace)
            assert mirror.watch.trouble is None
        assert mirror.watch.restarts["refused"] == len(mirror.troubles)


async def test_thousands_of_objects_are_told_and_found(proxied, client, namespace):
    """More than one piece of the network, and the defaults."""
    names = [f"sa-{n:04}" for n in range(1500)]
    limit = asyncio.Semaphore(64)

    async def make(name):
        async with limit:
            await client.create(SERVICEACCOUNTS, {"metadata": {"name": name}}, namespace)

    await asyncio.gather(*map(make, names))
    mirror = Mirror(proxied, SERVICEACCOUNTS, namespace, settings=WatchSettings())
    async with mirror.running():
        await mirror.watch.synced()
        assert mirror.told == await fresh(client, namespace, SERVICEACCOUNTS)
        assert mirror.watch.heard <= time.monotonic()
