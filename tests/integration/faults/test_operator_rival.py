"""Beside another that writes to the same objects: nothing of its is lost, and our writes are few.

``REGCRED_EXAMPLES=soak`` goes on for ten times as long.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from pathlib import Path

import pytest

from tests.support.faults import both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorhistory import install

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
SOLO = "--no-leader-elect"
ROUNDS = 1000 if SOAK else 100
#: What `regcred.operator.heat` lets through at once, beside three ServiceAccounts; then few.
BURST = 15


@pytest.fixture
def proxy(installation):
    with FaultyProxy(installation.kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def operator(installation, proxy, tmp_path):
    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        operator.wait_for("Synced")
        yield operator


@pytest.fixture
def world(operator, operator_world):
    world = operator_world(2)
    install(world)
    world.await_state("it is everywhere", lambda: world.ready() == "2/2")
    return world


def names(obj):
    return [each["name"] for each in obj.get("imagePullSecrets", ())]


def test_a_rival_rewrites_the_same_lists(operator, world, proxy):
    """It adds and removes entries of its own in lists that we have an entry in."""
    ours = world.installation.secret_name
    where = [f"{world.path(ns)}/serviceaccounts/app" for ns in ("ns-0", "ns-1")]
    written = {path: ["theirs"] for path in where}
    before = proxy.count(writes("serviceaccounts"))

    def rewrite(obj, mine):
        kept = [each for each in names(obj) if each == ours]
        obj["imagePullSecrets"] = [{"name": each} for each in (*mine, *kept)]

    for n in range(ROUNDS):
        path = where[n % 2]
        found = names(world.get(path))
        assert sorted(found) == sorted([*written[path], ours])
        mine = [f"rival-{n}", *written[path][: n % 5]]
        world.change(path, lambda obj, mine=mine: rewrite(obj, mine))
        written[path] = mine
    for path, mine in written.items():
        assert sorted(names(world.get(path))) == sorted([*mine, ours])
    # Nobody has touched what is ours, so there was nothing to write.
    assert proxy.count(writes("serviceaccounts")) == before
    assert world.ready() == "2/2"
    operator.stop()


def test_a_rival_that_writes_lists_whole(operator, world, proxy):
    """It knows of nobody else's entries, as server-side apply: each of its writes drops ours."""
    ours = world.installation.secret_name
    path = f"{world.path('ns-0')}/serviceaccounts/app"
    tried = both(writes("serviceaccounts"), lambda seen: seen.path == path)
    before = proxy.count(tried)
    began = time.monotonic()
    for n in range(ROUNDS):
        world.change(path, lambda obj, n=n: obj.update(imagePullSecrets=[{"name": f"rival-{n}"}]))
        found = names(world.get(path))
        assert found in ([f"rival-{n}"], [f"rival-{n}", ours])
        if n == ROUNDS // 2:
            world.await_state("it is said", lambda: world.ready() == "NamespacesFailed")
            (failure,) = world.pullcredential("main")["status"]["failures"]
            assert (failure["namespace"], failure["reason"]) == (world.full("ns-0"), "Contended")
    assert proxy.count(tried) - before <= BURST + (time.monotonic() - began) / 10
    # Once it has given up, ours is there again, and what it wrote last is too.
    world.await_state("both", lambda: names(world.get(path)) == [f"rival-{ROUNDS - 1}", ours])
    world.await_state("that is said", lambda: world.ready() == "2/2")
    operator.stop()


def test_a_rival_that_deletes_our_secret(operator, world, proxy):
    name = world.installation.secret_name
    path = f"{world.path('ns-0')}/secrets/{name}"
    tried = both(writes("secrets"), lambda seen: f"{world.full('ns-0')}/" in seen.path)
    before, began, deleted = proxy.count(tried), time.monotonic(), 0
    while world.ready() != "NamespacesFailed":
        if world.get(path) is not None:
            world.delete(path)
            deleted += 1
    assert 10 <= deleted <= BURST + (time.monotonic() - began) / 10
    assert proxy.count(tried) - before <= BURST + (time.monotonic() - began) / 10
    world.await_state("it is there again", lambda: world.ready() == "2/2")
    assert set(world.logins()) == {"ns-0", "ns-1"}
    operator.stop()


def test_many_serviceaccounts_are_no_rival(operator, world):
    """Each of them is a write of its own in the same namespace, and none has to wait."""
    ours = world.installation.secret_name
    world.put_pullcredential("main", serviceAccounts={"include": ["*"]})
    world.await_state("it is seen", lambda: ours in world.lists("other")["ns-0"])
    path = f"{world.path('ns-0')}/serviceaccounts"
    for n in range(30):
        body = {"metadata": {"name": f"more-{n}"}}
        status, content = world.installation.cluster.api.request("POST", path, body)
        assert status == 201, content
        one = f"{path}/more-{n}"
        world.await_state("it has it", lambda one=one: names(world.get(one)) == [ours], timeout=5)
    assert world.ready() == "2/2"
    assert not operator.said("Contended")
    operator.stop()


def test_many_changes_are_no_rival(operator, world):
    """Each of them is written at once."""
    for n in range(30):
        password = f"hush-{n}-hush"
        world.put_source("login", "puller", password)
        world.await_state(
            "it is everywhere",
            lambda password=password: all(
                login == {"registry.example.com": ("puller", password)}
                for login in world.logins().values()
            ),
            timeout=5,
        )
    assert not operator.said("Contended")
    operator.stop()


def test_secrets_of_others_cost_no_memory(installation, operator_world):
    """1 MB each, in the operator's namespace and in those that it serves."""
    count = 300 if SOAK else 30
    world = operator_world(2)

    def peak():
        with installation.operator(SOLO, "--resync=1s") as operator:
            world.await_state("it is everywhere", lambda: world.ready() == "2/2")
            world.await_state("all was listed again", lambda: relisted(operator) >= 10)
            status = Path(f"/proc/{operator.pid}/status").read_text()
            operator.stop()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    install(world)
    without = peak()
    content = {"noise": base64.b64encode(secrets.token_bytes(1_000_000)).decode()}
    api, own = installation.cluster.api, installation.namespace
    for n in range(count):
        namespace = (own, world.full("ns-0"), world.full("ns-1"))[n % 3]
        body = {"metadata": {"name": f"noise-{n}"}, "data": content}
        status, said = api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
        assert status == 201, said
    try:
        assert peak() - without <= 10.0
    finally:
        for n in range(0, count, 3):
            api.request("DELETE", f"/api/v1/namespaces/{own}/secrets/noise-{n}")


def relisted(operator):
    return sum(
        float(line.split()[-1])
        for line in operator.get("/metrics")[1].splitlines()
        if line.startswith("regcred_watch_restarts_total") and 'reason="relist"' in line
    )
