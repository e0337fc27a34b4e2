"""The control plane fails, on a cluster of this module's own.

What is there in the end is compared, object by object, with a run that nobody disturbed, and no
credential that was in place is taken away meanwhile. ``REGCRED_EXAMPLES=soak`` has outages of ten
minutes, and 1,000 namespaces in place of 100.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster import Cluster
from tests.support.clusters import PytestProgress
from tests.support.operatorhistory import (
    STEPS,
    delete,
    follow,
    grow,
    install,
    narrow,
    rotate,
    undisturbed,
)
from tests.support.outages import API_SERVER, ETCD, Outages

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
#: Seconds that the API server is away.
AWAY = 600 if SOAK else 20
STOPPED = 20 if SOAK else 5
MANY = 1000 if SOAK else 100
#: Seconds after an outage in which all is as it should be.
CONVERGED = 60

pytestmark = pytest.mark.timeout(1800 if SOAK else 400)


@pytest.fixture(scope="module")
def cluster(request):
    with Cluster(progress=PytestProgress(request.config)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def outages(cluster):
    return Outages(cluster)


@pytest.fixture
def operator(installation):
    with installation.operator() as operator:
        operator.wait_for("Leading")
        yield operator
    installation.drop_lease()


def test_the_api_server_is_killed_while_it_fans_out(operator, operator_world, outages):
    calm = undisturbed(operator_world(MANY), [install])
    world = operator_world(MANY)
    install(world)
    operator.wait_until("a third is served", lambda: created(operator, world) >= MANY // 3)
    outages.kill(API_SERVER)
    outages.start(API_SERVER)
    world.await_snapshot(calm["install"], timeout=CONVERGED)
    operator.stop()


def created(operator, world):
    return len({line["namespace"] for line in said_of(operator, "SecretCreated", world)})


def said_of(operator, reason, world):
    return [x for x in operator.lines if x["reason"] == reason and world.prefix in x["namespace"]]


def test_the_api_server_is_away(operator, operator_world, outages):
    """As before an outage, so after it; then what a person changes, as if nothing had been."""
    calm = undisturbed(operator_world(3))
    world = operator_world(3)
    follow(world, calm, steps=[install, grow])
    before, lines = versions(world), len(operator.lines)
    outages.kill(API_SERVER)
    operator.wait_for("WatchTrouble", after=lines)
    time.sleep(AWAY)  # how long it is away is what this is about
    assert operator.process.poll() is None
    outages.start(API_SERVER)
    rotate(world)
    began = time.monotonic()
    world.await_snapshot(calm["rotate"], timeout=CONVERGED)
    assert time.monotonic() - began <= CONVERGED
    assert versions(world).keys() == before.keys()
    taken = [x for x in operator.lines[lines:] if x["reason"] in ("SecretDeleted", "Detached")]
    assert not taken
    follow(world, calm, steps=[narrow, delete])
    operator.stop()


def versions(world):
    """The UID of each Secret of ours: none of them is made anew."""
    name = world.installation.secret_name
    found = {ns: world.get(f"{world.path(ns)}/secrets/{name}") for ns in world.namespaces}
    return {obj["metadata"]["uid"]: ns for ns, obj in found.items()}


@pytest.mark.parametrize("step", [install, rotate], ids=["install", "rotate"])
def test_etcd_is_stopped(step, operator, operator_world, outages):
    """Nobody answers, and connections stay open."""
    calm = undisturbed(operator_world(10), STEPS[: STEPS.index(step) + 1])
    world = operator_world(10)
    follow(world, calm, steps=STEPS[: STEPS.index(step)])
    outages.pause(ETCD)
    try:
        with ThreadPoolExecutor(1) as pool:
            # The person who does it waits for an answer, too.
            done = pool.submit(again, lambda: step(world))
            time.sleep(STOPPED)  # how long etcd is stopped is what this is about
            outages.go_on(ETCD)
            done.result(120)
    finally:
        outages.go_on(ETCD)
    world.await_snapshot(calm[step.__name__], timeout=CONVERGED)
    operator.stop()


def again(step):
    """As people do."""
    while True:
        try:
            step()
        except AssertionError as error:
            if "etcd" not in str(error) and "timeout" not in str(error).lower():
                raise
        else:
            return


def test_etcd_is_stopped_while_it_fans_out(operator, operator_world, outages):
    calm = undisturbed(operator_world(MANY), [install])
    world = operator_world(MANY)
    install(world)
    operator.wait_until("a third is served", lambda: created(operator, world) >= MANY // 3)
    outages.pause(ETCD)
    time.sleep(STOPPED)  # how long etcd is stopped is what this is about
    outages.go_on(ETCD)
    world.await_snapshot(calm["install"], timeout=CONVERGED)
    operator.stop()


def test_etcd_is_full(operator, operator_world, outages, installation):
    """Nothing can be written, the Lease included; and that is said in the log."""
    calm = undisturbed(operator_world(3))
    world = operator_world(3)
    follow(world, calm, steps=[install, grow])
    name, lines = installation.secret_name, len(operator.lines)
    outages.fill_etcd()
    try:
        # Deleting needs no space.
        world.delete(f"{world.path('ns-0')}/secrets/{name}")
        operator.wait_for("DatabaseFull", after=lines, namespace=world.full("ns-0"))
        status, content = installation.cluster.api.request(
            "POST", f"{world.path('ns-0')}/configmaps", {"metadata": {"name": "one-more"}}
        )
        assert (status, json.loads(content)["message"]) == (
            500,
            "etcdserver: mvcc: database space exceeded",
        )
        operator.wait_for("Lost", after=lines)
    finally:
        outages.empty_etcd()
    operator.wait_for("Leading", after=lines)
    world.await_snapshot(calm["harm"], timeout=CONVERGED)
    follow(world, calm, steps=[rotate, narrow, delete])
    operator.stop()
