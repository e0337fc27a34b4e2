"""The operator is killed at any point of its work, and another one brings it to the same end.

What is there in the end is compared, object by object, with a run that nobody disturbed. Before
and after each single write, the writes come one at a time (``--concurrency 1``), so that each
point is a state that only the writes before it have made. There is no leader election in these
tests, since the Lease of a leader that was killed holds its successor up for 15 s.

``REGCRED_EXAMPLES=soak`` takes every point in place of some, and 1,000 namespaces in place of 100.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from regcred.core.operator.pullcredential import FINALIZER
from tests.support.faults import Delay, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.interrupting import Interruption, Numbered, about, points
from tests.support.operatorworld import PASSWORD, REGISTRY, OperatorWorld, differences

if TYPE_CHECKING:
    from collections.abc import Callable

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
#: Points of a workload; None for all of them.
FEW = None if SOAK else 4
SOLO = ("--no-leader-elect", "--concurrency=1")
ACCOUNTS = {"app": ["theirs"], "other": ["theirs"]}
ROTATED = f"new-{PASSWORD}"
ALL = ("ns-0", "ns-1", "ns-2")


def served(world, names, password=PASSWORD, accounts=("default", "app")):
    """Whether just these namespaces have the login, and just these ServiceAccounts name it."""
    secret = world.installation.secret_name
    if world.logins() != {name: {REGISTRY: ("puller", password)} for name in names}:
        return False
    for account, before in {"default": [], **ACCOUNTS}.items():
        wanted = {
            name: [*before, secret] if name in names and account in accounts else before
            for name in world.namespaces
        }
        if world.lists(account) != wanted:
            return False
    return True


def settled(world, names=ALL, **options):
    """The same, and the PullCredential says so."""
    return world.ready() == f"{len(names)}/{len(names)}" and served(world, names, **options)


def gone(world):
    """Whether nothing is left of the PullCredential."""
    return world.pullcredential("main") is None and served(world, ())


def can_be_undone(world):
    """Whether somebody who deletes the PullCredential now is held up for as long as it is due."""
    found = world.pullcredential("main")
    if found is None:
        return served(world, ())
    return not world.logins() or FINALIZER in found["metadata"].get("finalizers", ())


def install(world):
    world.put_pullcredential("main")


def installed(world):
    install(world)
    world.await_state("installed", lambda: settled(world))


def narrow(world):
    namespaces = {"matchLabels": world.label, "exclude": [world.full("ns-0")]}
    world.put_pullcredential(
        "main", namespaces=namespaces, serviceAccounts={"include": ["default"]}
    )


@dataclass(frozen=True)
class Workload:
    """Something that the operator has to do.

    Args:
        prepare: what comes before, undisturbed.
        act: what it is to react to.
        done: whether it has.
    """

    prepare: Callable[[OperatorWorld], object]
    act: Callable[[OperatorWorld], object]
    done: Callable[[OperatorWorld], bool]


WORKLOADS = {
    "install": Workload(lambda _: None, install, settled),
    "new-namespace": Workload(
        installed,
        lambda world: world.add_namespaces(["ns-3"], ACCOUNTS),
        lambda world: settled(world, (*ALL, "ns-3")),
    ),
    "rotation": Workload(
        installed,
        lambda world: world.put_source("login", "puller", ROTATED),
        lambda world: settled(world, password=ROTATED),
    ),
    "narrowed-selection": Workload(
        installed, narrow, lambda world: settled(world, ALL[1:], accounts=("default",))
    ),
    "deletion": Workload(installed, lambda world: world.delete_pullcredential("main"), gone),
}


@pytest.fixture
def proxy(installation):
    with FaultyProxy(installation.kubeconfig) as proxy:
        yield proxy


class Operators:
    """One operator at a time behind a proxy, each the successor of one that was killed."""

    def __init__(self, installation, proxy, folder):
        self._start = lambda: installation.operator(*SOLO, kubeconfig=proxy.kubeconfig(folder))
        self.now = self._start().__enter__()

    def kill(self):
        self.now.kill()

    def succeed(self):
        self.now = self._start().__enter__()


@pytest.fixture
def operators(installation, proxy, tmp_path):
    operators = Operators(installation, proxy, tmp_path)
    yield operators
    operators.kill()


@pytest.mark.timeout(1800 if SOAK else 300)
@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_killed_before_and_after_every_write(workload, operator_world, operators, proxy):
    calm = operator_world()
    workload.prepare(calm)
    proxy.on(counted := Numbered(about(calm.prefix)), Delay(), times=None)
    workload.act(calm)
    calm.await_state("the undisturbed run is done", lambda: workload.done(calm))
    operators.now.stop()
    wanted = calm.snapshot()
    assert workload.done(calm)
    calm.remove()
    proxy.clear()
    assert len(counted) >= len(ALL)

    operators.succeed()
    struck = Counter()
    for point in points(len(counted), FEW):
        world = operator_world()
        workload.prepare(world)
        interruption = Interruption(proxy, about(world.prefix), point)
        workload.act(world)
        struck[point.after] += interruption.wait(given_up=lambda world=world: workload.done(world))
        operators.kill()
        interruption.end()
        assert can_be_undone(world), f"killed {point}"
        operators.succeed()
        try:
            world.await_snapshot(wanted)
        except AssertionError as error:
            raise AssertionError(f"killed {point}\n{error}") from None
        assert not operators.now.odd
        world.remove()
    assert struck[False]
    assert struck[True]


@pytest.mark.timeout(1800 if SOAK else 300)
def test_killed_at_random_while_it_fans_out(installation, operator_world, proxy, tmp_path):
    count, kills = (1000, 50) if SOAK else (100, 5)
    seed = int(os.environ.get("REGCRED_SEED") or random.SystemRandom().randrange(10**9))
    print(f"REGCRED_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    world = operator_world(namespaces=count)
    pristine = world.snapshot()
    kubeconfig = proxy.kubeconfig(tmp_path)

    def start():
        return installation.operator("--no-leader-elect", kubeconfig=kubeconfig)

    in_namespaces = both(writes(), lambda seen: f"/namespaces/{world.prefix}" in seen.path)
    proxy.on(counted := Numbered(in_namespaces), Delay(), times=None)
    with start() as operator:
        install(world)
        world.await_state("the undisturbed run is done", lambda: settled(world, world.namespaces))
        operator.stop()
        total, wanted = len(counted), world.snapshot()
    with start() as operator:
        world.delete_pullcredential("main")
        world.await_snapshot(pristine)
        operator.stop()
    proxy.clear()

    install(world)
    proxy.on(counted := Numbered(in_namespaces), Delay(), times=None)
    for n in sorted(random.Random(seed).sample(range(total), kills)):  # noqa: S311
        with start() as operator:
            assert counted.wait(n, given_up=lambda: False)
            operator.kill()
    with start() as operator:
        world.await_snapshot(wanted, timeout=120)
        operator.stop()
    assert world.snapshot() == wanted


def test_uninstall_killed_before_and_after_every_write(
    installation, operator_world, proxy, tmp_path
):
    direct, proxied = installation.kubeconfig, proxy.kubeconfig(tmp_path)

    def uninstall():
        return installation.operator("--uninstall", *SOLO, kubeconfig=proxied)

    def after_installation():
        world = operator_world()
        pristine = world.snapshot()
        with installation.operator(*SOLO, kubeconfig=direct) as operator:
            installed(world)
            operator.stop()
        return world, pristine

    world, pristine = after_installation()
    proxy.on(counted := Numbered(about(world.prefix)), Delay(), times=None)
    with uninstall() as process:
        assert process.wait() == 0, process.stderr
    wanted = world.snapshot()
    left = {key: obj for key, obj in wanted.items() if key[0] == "pullcredentials"}
    assert wanted == {**pristine, **left}
    (kept,) = left.values()
    assert "finalizers" not in kept["metadata"]
    assert not kept["metadata"]["deleting"]
    world.remove()
    proxy.clear()

    struck = Counter()
    for point in points(len(counted), FEW):
        world, _ = after_installation()
        interruption = Interruption(proxy, about(world.prefix), point)
        with uninstall() as process:
            struck[point.after] += interruption.wait(
                given_up=lambda process=process: process.process.poll() is not None
            )
            process.kill()
        interruption.end()
        with uninstall() as process:
            assert process.wait() == 0, f"killed {point}\n{process.stderr}"
        found = world.snapshot()
        assert found == wanted, f"killed {point}\n{differences(found, wanted)}"
        world.remove()
    assert struck[False]
    assert struck[True]


def strip(world):
    """Deleted, and not even the finalizer is left to tell of it."""
    world.delete_pullcredential("main")
    world.strip_finalizer("main")


def delete_with_source(world):
    world.delete_pullcredential("main")
    world.delete_source("login")


def relabel(world):
    path = f"/api/v1/namespaces/{world.full('ns-0')}"
    world.change(path, lambda obj: obj["metadata"]["labels"].update({"regcred-test": "no"}))


def delete_with_namespace(world):
    world.delete_pullcredential("main")
    world.delete_namespace("ns-0")


def recreate(world):
    """Another object of the same name, for fewer."""
    strip(world)
    narrow(world)


WHILE_DOWN = {
    "deleted": (lambda world: world.delete_pullcredential("main"), gone),
    "deleted-with-its-finalizer": (strip, gone),
    "deleted-with-its-source": (delete_with_source, gone),
    "deleted-with-a-namespace": (delete_with_namespace, gone),
    "narrowed": (narrow, lambda world: settled(world, ALL[1:], accounts=("default",))),
    "recreated-narrower": (recreate, lambda world: settled(world, ALL[1:], accounts=("default",))),
    "namespace-relabelled": (relabel, lambda world: settled(world, ALL[1:])),
    "rotated": (
        lambda world: world.put_source("login", "puller", ROTATED),
        lambda world: settled(world, password=ROTATED),
    ),
}


def test_changed_while_no_operator_runs(installation, operator_world):
    worlds = {case: operator_world() for case in WHILE_DOWN}
    with installation.operator("--no-leader-elect"):
        for world in worlds.values():
            install(world)
        for case, world in worlds.items():
            world.await_state(f"{case}: installed", lambda world=world: settled(world))
    for case, (act, _) in WHILE_DOWN.items():
        act(worlds[case])
    with installation.operator("--no-leader-elect") as operator:
        for case, (_, done) in WHILE_DOWN.items():
            world = worlds[case]
            world.await_state(f"{case}: seen to", lambda world=world, done=done: done(world))
        operator.stop()
    for case, (_, done) in WHILE_DOWN.items():
        assert done(worlds[case]), case


def test_one_of_two_deleted_while_no_operator_runs(installation, operator_world):
    alone, world = operator_world(), operator_world()

    def install_second(world):
        namespaces = {"matchLabels": world.label, "exclude": [world.full("ns-2")]}
        accounts = {"include": ["default"]}
        registries = ["other.example.com"]
        world.put_pullcredential(
            "second", namespaces=namespaces, serviceAccounts=accounts, registries=registries
        )

    with installation.operator(*SOLO):
        for each in (alone, world):
            install_second(each)
        install(world)
        for each in (alone, world):
            each.await_state("the second is Ready", lambda each=each: each.ready("second") == "2/2")
        world.await_state("so is the first", lambda: world.ready() == "3/3")
        assert {len(logins) for logins in world.logins().values()} == {2, 1}
    world.delete_pullcredential("main")
    with installation.operator(*SOLO) as operator:
        world.await_snapshot(alone.snapshot())
        operator.stop()
    assert world.snapshot() == alone.snapshot()


def test_sigterm_lets_a_write_come_to_its_end(installation, operator_world, proxy, tmp_path):
    world = operator_world(namespaces=1)
    proxy.on(writes("secrets"), Delay(until=(go_on := proxy.event())))
    with installation.operator(*SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        install(world)
        proxy.wait(writes("secrets"))
        operator.send_signal(signal.SIGTERM)
        operator.wait_for("Stopping")
        go_on.set()
        assert operator.wait() == 0
        assert not operator.odd
    assert world.logins()


def test_sigterm_does_not_wait_for_ever(installation, operator_world, proxy, tmp_path):
    world = operator_world(namespaces=1)
    proxy.on(writes("secrets"), Delay(until=proxy.event()))
    with installation.operator(*SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        install(world)
        proxy.wait(writes("secrets"))
        operator.stop()
    assert not world.logins()
