"""Two operators: one acts, the other takes over, and what the old one held back does not land.

Each goes through a proxy of its own, which knows its requests. The periods are those of production:
a leader that says nothing is succeeded after 15 s. How long it took is printed (``pytest -s``), and
not asserted.
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.clusters import own_cluster
from tests.support.faults import Delay, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.interrupting import Numbered, about
from tests.support.operatorworld import PASSWORD, REGISTRY, differences

pytestmark = pytest.mark.timeout(300)

SECOND, THIRD = f"2-{PASSWORD}", f"3-{PASSWORD}"
#: Longer than a lease, and the retry of the one that waits for it.
PATIENCE = 60


def measured(what, seconds):
    """For ``pytest -s``."""
    print(f"{what}: {seconds:.2f} s")  # noqa: T201


def acting(world):
    """Writes to this world's objects, or about them."""
    return about(world.prefix)


def have(world, password):
    """Whether each namespace has this password."""
    return world.logins() == {each: {REGISTRY: ("puller", password)} for each in world.namespaces}


cluster = own_cluster


@pytest.fixture
def pair(installation, tmp_path):
    """Two operators behind a proxy each; the first leads, the second stands by."""
    with FaultyProxy(installation.kubeconfig) as near, FaultyProxy(installation.kubeconfig) as far:

        def start(proxy):
            return installation.operator(kubeconfig=proxy.kubeconfig(tmp_path))

        with start(near) as first:
            first.wait_for("Leading")
            with start(far) as second:
                second.wait_for("Standby")
                second.wait_for("Synced")
                yield (first, near), (second, far)
                second.stop()
        assert not first.odd


def test_a_leader_that_was_stopped_writes_nothing_when_it_goes_on(pair, operator_world):
    (first, near), (second, far) = pair
    world = operator_world(namespaces=30)
    world.put_pullcredential("main")
    world.await_state("the first serves it", lambda: world.ready() == "30/30")
    assert far.count(acting(world)) == 0

    # In the middle of a change it is stopped, and some of its requests are on their way for ever.
    late = Numbered(both(acting(world), writes("secrets")))
    near.on(late.at(5), Delay(until=(arrive := near.event())))
    near.on(late.at(6), Delay(until=arrive))
    near.on(late, Delay(seconds=0.02), times=None)
    world.put_source("login", "puller", SECOND)
    assert late.wait(10, given_up=lambda: False)
    first.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    second.wait_for("Leading", timeout=PATIENCE)
    measured("a stopped leader is succeeded after", time.monotonic() - stopped)
    world.await_state("the second ends what was begun", lambda: have(world, SECOND))
    world.put_source("login", "puller", THIRD)
    world.await_state("and serves it", lambda: have(world, THIRD) and world.ready() == "30/30")
    wanted, before = world.snapshot(), near.count(acting(world))

    near.clear()
    arrive.set()  # What the network held back comes now, and is refused for its version.
    first.send_signal(signal.SIGCONT)
    first.wait_for("Lost")
    first.wait_for("Standby")
    assert not first.said("Leading")[1:]
    # It knows of all that has changed meanwhile, and does nothing about it.
    world.put_source("login", "puller", SECOND)
    world.await_state("the second goes on", lambda: have(world, SECOND) and second.said("Leading"))
    assert near.count(acting(world)) == before
    world.put_source("login", "puller", THIRD)
    world.await_snapshot(wanted)
    first.stop()


def test_writes_that_arrive_late(pair, operator_world):
    """Each kind of write of the old leader is held back until its successor has decided anew."""
    (first, near), (second, _) = pair
    created, rotated, attached, deleted = worlds = [operator_world(namespaces=2) for _ in range(4)]
    unattached, nowhere = {"attach": "None"}, {"namespaces": {"include": ["no-such"]}}
    rotated.put_pullcredential("main")
    for world in (attached, deleted):
        world.put_pullcredential("main", **unattached)
    for world in (rotated, attached, deleted):
        world.await_state("the first serves it", lambda world=world: world.ready() == "2/2")

    arrive, late = near.event(), []
    for world in worlds:
        plural = "serviceaccounts" if world is attached else "secrets"
        late.append(Numbered(both(acting(world), writes(plural))))
        near.on(late[-1], Delay(until=arrive), times=None)
        near.on(both(acting(world), writes("events")), Delay(until=arrive), times=None)
        near.on(lambda seen: seen.path.endswith("/status"), Delay(until=arrive), times=None)
    created.put_pullcredential("main")
    rotated.put_source("login", "puller", SECOND)
    attached.put_pullcredential("main")
    deleted.put_pullcredential("main", **unattached, **nowhere)
    for each in late:
        assert each.wait(1, given_up=lambda: False)
    first.send_signal(signal.SIGSTOP)

    # The successor does all of it, and then the opposite.
    second.wait_for("Leading", timeout=PATIENCE)
    created.await_state("created", lambda: created.ready() == "2/2")
    rotated.await_state("rotated", lambda: have(rotated, SECOND))
    attached.await_state("attached", lambda: attached.ready() == "2/2")
    deleted.await_state("deleted", lambda: deleted.logins() == {})
    created.put_pullcredential("main", **nowhere)
    rotated.put_source("login", "puller", THIRD)
    attached.put_pullcredential("main", **unattached)
    deleted.put_pullcredential("main", **unattached)
    created.await_state("deleted", lambda: created.logins() == {} and created.ready() == "0/0")
    rotated.await_state("rotated", lambda: have(rotated, THIRD) and rotated.ready() == "2/2")
    attached.await_state("detached", lambda: detached(attached) and attached.ready() == "2/2")
    deleted.await_state("created", lambda: deleted.ready() == "2/2")
    wanted = [world.snapshot() for world in worlds]
    versions = [world.versions() for world in (rotated, attached, deleted)]

    arrive.set()
    for seen in near.wait(both(writes(), lambda seen: seen.plural != "leases"), count=1):
        assert seen.over.wait(60)
    # What had been decided on another version is refused. A Secret that was not there has none:
    # where it is not wanted any more it is taken away again.
    assert [world.versions() for world in (rotated, attached, deleted)] == versions
    for world, state in zip(worlds, wanted, strict=True):
        world.await_snapshot(state)
    first.send_signal(signal.SIGCONT)
    first.wait_for("Lost")
    first.stop()
    for world, state in zip(worlds, wanted, strict=True):
        assert world.snapshot() == state


def detached(world):
    name = world.installation.secret_name
    return all(name not in names for names in world.lists().values())


def test_a_finalizer_that_arrives_late(pair, operator_world):
    """The object was deleted meanwhile, and there is another of the same name."""
    (first, near), (second, _) = pair
    world = operator_world()
    near.on(acting(world), Delay(until=(arrive := near.event())), times=None)
    world.put_pullcredential("main")
    held = near.wait(both(writes("pullcredentials"), lambda seen: "/status" not in seen.path))[0]
    first.send_signal(signal.SIGSTOP)
    second.wait_for("Leading", timeout=PATIENCE)
    world.await_state("served", lambda: world.ready() == "3/3")
    world.delete_pullcredential("main")
    world.await_state("deleted", lambda: world.pullcredential("main") is None)
    world.put_pullcredential("main", registries=["other.example.com"])
    world.await_state("made anew", lambda: world.ready() == "3/3")
    wanted, version = world.snapshot(), world.pullcredential("main")["metadata"]["resourceVersion"]
    arrive.set()
    assert held.over.wait(60)
    assert world.pullcredential("main")["metadata"]["resourceVersion"] == version
    first.send_signal(signal.SIGCONT)
    first.wait_for("Lost")
    first.stop()
    assert world.snapshot() == wanted


@pytest.mark.parametrize("crash", [True, False], ids=["crash", "clean"])
def test_the_other_takes_over(crash, pair, operator_world):
    (first, _), (second, far) = pair
    world = operator_world()
    world.put_pullcredential("main")
    world.await_state("the first serves it", lambda: world.ready() == "3/3")
    began = time.monotonic()
    if crash:
        first.kill()
    else:
        first.stop()
    world.put_source("login", "puller", SECOND)
    second.wait_for("Leading", timeout=PATIENCE)
    measured(f"{'crash' if crash else 'clean'} take-over", time.monotonic() - began)
    world.await_state("the second serves it", lambda: have(world, SECOND))
    # There was nothing else to do: whoever takes over finds the world as it should be.
    assert far.count(both(acting(world), writes("serviceaccounts"))) == 0
    assert far.count(both(acting(world), writes("secrets"))) == 3


def test_the_leader_is_killed_amid_its_work(pair, operator_world):
    (first, near), (second, far) = pair
    calm, world = operator_world(namespaces=60), operator_world(namespaces=60)
    calm.put_pullcredential("main")
    calm.await_state("an undisturbed run", lambda: calm.ready() == "60/60")
    amid = Numbered(acting(world))
    near.on(amid, Delay(), times=None)
    world.put_pullcredential("main")
    assert amid.wait(60, given_up=lambda: False)
    first.kill()
    began = time.monotonic()
    second.wait_for("Leading", timeout=PATIENCE)
    measured("killed amid its work, succeeded after", time.monotonic() - began)
    world.await_snapshot(calm.snapshot())
    assert far.count(acting(world)) > 0


def test_the_lease_is_given_up_amid_the_work(pair, operator_world):
    (first, near), (second, far) = pair
    calm, world = operator_world(namespaces=60), operator_world(namespaces=60)
    calm.put_pullcredential("main")
    calm.await_state("an undisturbed run", lambda: calm.ready() == "60/60")
    amid = Numbered(acting(world))
    near.on(amid, Delay(seconds=0.01), times=None)
    world.put_pullcredential("main")
    assert amid.wait(30, given_up=lambda: False)
    first.stop()
    written = near.count(acting(world))
    second.wait_for("Leading", timeout=PATIENCE)
    world.await_snapshot(calm.snapshot())
    assert 30 <= written == near.count(acting(world))
    assert far.count(acting(world)) > 0


def test_a_lease_that_was_deleted_or_taken(pair, installation, operator_world):
    """By somebody who writes it: one leads in the end, and the work is done."""
    (first, _), (second, _) = pair
    world = operator_world()
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{installation.namespace}/leases"
    path = f"{leases}/{installation.lease_name}"
    installation.drop_lease()
    world.await_state("whoever leads makes another", lambda: world.get(path) is not None)
    world.put_pullcredential("main")
    world.await_state("it is served", lambda: world.ready() == "3/3")
    # Somebody takes it away from both: the leader stops, and comes back when that one goes.
    world.change(path, lambda obj: obj["spec"].update(holderIdentity="nobody"))
    for each in (first, second):
        if each.said("Leading"):
            each.wait_for("Lost", timeout=PATIENCE)
    world.put_source("login", "puller", SECOND)
    world.change(path, lambda obj: obj["spec"].update(holderIdentity=""))
    world.await_state("it is served again", lambda: have(world, SECOND))


def ready(world, *names):
    count = len(world.namespaces)
    return all(world.ready(name) == f"{count}/{count}" for name in names)


def put_second(world):
    namespaces = {"include": [f"{world.prefix}-*"]}
    world.put_pullcredential("second", registries=["other.example.com"], namespaces=namespaces)


#: What is done, and how one sees in a world with one operator that it has been.
STEPS = (
    (lambda world: world.put_pullcredential("main"), lambda world: ready(world, "main")),
    (put_second, lambda world: ready(world, "main", "second")),
    (
        lambda world: world.put_source("login", "puller", SECOND),
        lambda world: passwords(world) == {SECOND} and ready(world, "main", "second"),
    ),
    (
        lambda world: world.put_pullcredential("main", serviceAccounts={"include": ["*"]}),
        lambda world: ready(world, "main") and attached_everywhere(world),
    ),
    (
        lambda world: world.delete_pullcredential("second"),
        lambda world: world.pullcredential("second") is None and ready(world, "main"),
    ),
)


def passwords(world):
    found = world.logins()
    assert len(found) == len(world.namespaces)
    return {password for logins in found.values() for _, password in logins.values()}


def attached_everywhere(world):
    name = world.installation.secret_name
    return all(name in names for names in world.lists("other").values())


def test_both_act_by_mistake(installation, operator_world):
    """Without leader election two still come to the same end, at most with more conflicts."""
    calm, world = operator_world(namespaces=20), operator_world(namespaces=20)
    wanted = []
    with installation.operator("--no-leader-elect") as operator:
        for act, done in STEPS:
            act(calm)
            calm.await_state("an undisturbed run", lambda done=done: done(calm))
            wanted.append(calm.snapshot())
        operator.stop()
    calm.remove()
    start = lambda: installation.operator("--no-leader-elect")  # noqa: E731
    with start() as one, start() as two:
        for each in (one, two):
            each.wait_for("Leading")
        for state, (act, _) in zip(wanted, STEPS, strict=True):
            act(world)
            try:
                world.await_snapshot(state)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{one.stderr}\n\n{two.stderr}") from None
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: each.stop(), (one, two)))
        assert not [*one.said(level="error"), *two.said(level="error")]
    assert world.snapshot() == wanted[-1], differences(world.snapshot(), wanted[-1])
