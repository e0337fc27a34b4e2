"""``regcred operator`` over 1,000 and 10,000 namespaces, against the bare writes it has to make.

Those of one world share a cluster, each as it leaves it to the next. Who goes first changes from
round to round, the namespaces are as good as new before each, and the clock of either side stops
when the same witness has seen the last write. So it starts when the first of the bare requests is
about to leave, and when the PullCredential is created before an operator that leads.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from cluster.waiting import await_condition
from tests.benchmarks.operatorworld import World, world
from tests.benchmarks.rounds import Amount, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from tests.benchmarks.installation import Installation
    from tests.benchmarks.operatorrun import OperatorRun
    from tests.benchmarks.operatorworld import Logins

    Figures = list[Figure | Amount]

#: Rounds by the number of namespaces.
_ROUNDS = {1000: 5, 10000: 2}
_GOALS = {1000: (1.3, 75e6), 10000: (1.15, 85e6)}
_REQUESTS, _REQUESTS_POD = 2.1, 1.1
_IDLE_SECONDS, _IDLE = 180.0, 0.2
_RESTART_SECONDS = 15.0
_ROTATION = 1.3
_PER_SECOND, _PACED, _LATENCY = 20, 1200, 0.150
_MANY = 20
#: Registries of the examples are those of nobody.
_REGISTRY = "registry.example.com"

#: name → the number of namespaces of its world, in the order in which they share it.
NAMES = {
    "operator-1000": 1000,
    "operator-idle": 1000,
    "operator-20x1000": 1000,
    "operator-latency": 1000,  # leaves more namespaces than there were
    "operator-10000": 10000,
    "operator-restart": 10000,
    "operator-rotation": 10000,
}


def operate(
    installation: Installation, folder: Path, names: Collection[str], rounds: int | None
) -> Figures:
    """Measure those of `NAMES` that are asked for.

    Args:
        installation: what is measured.
        folder: for files.
        names: which.
        rounds: of those that have some; None for as many as is usual.
    """
    figures: Figures = []
    for count in sorted({NAMES[name] for name in names}):
        with world(installation, folder / str(count), count) as made:
            bench = _Bench(made, count, rounds or _ROUNDS[count])
            for name in NAMES:
                if name in names and NAMES[name] == count:
                    made.say(f"measuring {name} …")
                    figures += bench.measure(name)
    return figures


class _Bench:
    """One world, and what is measured in it."""

    def __init__(self, made: World, count: int, rounds: int) -> None:
        self._world, self._count, self._rounds = made, count, rounds
        self._many = f"{count:,} namespaces"
        self._logins: Logins = {}  # that are everywhere; empty for none

    def measure(self, name: str) -> Figures:
        """The figures of one benchmark."""
        benchmarks: dict[str, Callable[[], Iterator[Figure | Amount]]] = {
            "operator-1000": self._fresh,
            "operator-10000": self._fresh,
            "operator-idle": self._idle,
            "operator-restart": self._restart,
            "operator-rotation": self._rotation,
            "operator-latency": self._latency,
            "operator-20x1000": self._several,
        }
        return list(benchmarks[name]())

    def _fresh(self) -> Iterator[Figure | Amount]:
        """One PullCredential comes, and nothing is there."""
        ours, theirs = [], []
        told: dict[str, list[float]] = defaultdict(list)
        self._floor_of_fresh()  # warms the API server, and is not counted
        for number in range(self._rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                if side:
                    theirs.append(self._floor_of_fresh())
                else:
                    ours.append(self._converge("ServiceAccount", told))
        pod: dict[str, list[float]] = defaultdict(list)
        self._converge("Pod", pod)
        cold = self._cold()
        ratio, memory = _GOALS[self._count]
        what = f"operator, {self._many}"
        yield Figure(what, "POST + PATCH each", ours, theirs, goal=ratio)
        yield Amount(f"{what}, from its start", [cold])
        yield Amount(f"{what}, peak memory", told["peak"], "MB", memory)
        yield Amount(f"{what}, CPU", told["cpu"])
        yield Amount(f"{what}, requests each", told["requests"], "", _REQUESTS)
        yield Amount(f"{what}, requests each with attach: Pod", pod["requests"], "", _REQUESTS_POD)

    def _floor_of_fresh(self) -> float:
        took = self._world.floor(_logins())
        self._world.undo()
        return took

    def _converge(self, attach: str, told: dict[str, list[float]]) -> float:
        """Seconds from the PullCredential to the last namespace; more goes to `told`."""
        world, logins = self._world, _logins()
        attached = self._count if attach == "ServiceAccount" else 0
        with world.operator() as operator:
            _await_leader(operator)
            world.quiet()
            with world.witness(logins, secrets=self._count, attached=attached) as seen:
                before = world.requests()
                spent, cluster = operator.cpu, world.cpu()
                began = world.create(attach=attach, logins=logins)
                took = seen.done() - began
                spent, cluster = operator.cpu - spent, world.cpu() - cluster
                world.quiet()
                made = _more(before, world.requests())
                writes = seen.told()
            world.await_ready(logins)
            world.verify(logins, attached=bool(attached))
            peak, said = operator.peak, operator.requests()
            ended = operator.stop()
        made["POST secrets"] -= 1  # the source
        made["POST pullcredentials"] -= 1
        each = sum(made.values()) / self._count
        told["requests"].append(each)
        told["peak"].append(peak)
        told["cpu"].append(spent)
        world.say(
            f"attach: {attach} in {took:.2f} s; CPU {spent:.1f} s, the cluster's {cluster:.1f} s; "
            f"{peak / 1e6:.1f} MB; {each:.3f} requests each; ended in {ended:.1f} s"
        )
        world.say(f"  requests {_short(made)}; writes {writes['writes']}; its own count {said}")
        world.undo()
        return took

    def _cold(self) -> float:
        """Seconds from the start of the process, with the PullCredential there; leaves it all."""
        world, logins = self._world, _logins()
        with world.witness(logins, secrets=self._count, attached=self._count) as seen:
            world.create(attach="ServiceAccount", logins=logins)
            with world.operator() as operator:
                took = seen.done() - operator.started
                world.await_ready(logins)
                world.say(f"from its start {took:.2f} s, {operator.peak / 1e6:.1f} MB")
                operator.stop()
        world.verify(logins)
        self._logins = logins
        return took

    def _in_place(self) -> Logins:
        """Have a login everywhere, and no operator; which."""
        if not self._logins:
            self._world.undo()
            self._cold()
            self._world.quiet()
        return self._logins

    def _clear(self) -> None:
        self._world.undo()
        self._logins = {}

    def _idle(self) -> Iterator[Amount]:
        """Everything is in place, and nothing happens."""
        world = self._world
        self._in_place()
        with world.operator() as operator:
            _await_leader(operator)
            world.quiet()
            before, said, spent = world.requests(), operator.requests(), operator.cpu
            began = time.monotonic()
            time.sleep(_IDLE_SECONDS)
            made, more = _more(before, world.requests()), _more(said, operator.requests())
            passed, spent = time.monotonic() - began, operator.cpu - spent
            operator.stop()
        each = max(sum(made.values()), sum(more.values())) / passed
        world.say(f"idle for {passed:.0f} s: {_short(made)}; its own count {_short(more)}")
        yield Amount(f"operator, {self._many}, idle", [each], "/s", _IDLE)
        yield Amount(f"operator, {self._many}, idle, CPU in a minute", [spent * 60 / passed])

    def _restart(self) -> Iterator[Amount]:
        """Everything is in place, and it starts anew."""
        world, logins = self._world, self._in_place()
        before = world.requests()
        with world.witness(logins) as seen, world.operator() as operator:
            _await_leader(operator)
            took = self._in_sync(operator)
            world.quiet()
            peak, spent = operator.peak, operator.cpu
            operator.stop()
            writes = seen.told()["writes"]
        made = _more(before, world.requests())
        written = {
            what: number
            for what, number in made.items()
            if what.split()[0] not in ("GET", "LIST") and "leases" not in what
        }
        world.verify(logins)
        world.say(
            f"in sync after {took:.2f} s, {spent:.1f} s of CPU, {peak / 1e6:.1f} MB; "
            f"requests {_short(made)}; seen {writes}"
        )
        what = f"operator, {self._many} in place, start"
        yield Amount(what, [took], "s", _RESTART_SECONDS)
        yield Amount(f"{what}, writes", [sum(written.values())], "", 0)
        yield Amount(f"{what}, peak memory", [peak], "MB")

    def _in_sync(self, operator: OperatorRun) -> float:
        """Seconds from its start until it has looked at every namespace."""
        ended = 0.0

        def holds() -> bool:
            nonlocal ended
            found = operator.samples()
            ended = time.monotonic()
            ready = [value for _, labels, value in found if labels.get("state") == "ready"]
            waiting = [value for name, _, value in found if name == "regcred_queue_depth"]
            return ready == [self._count] and waiting == [0]

        await_condition("it has looked at all", holds, timeout=120)
        return ended - operator.started

    def _rotation(self) -> Iterator[Figure | Amount]:
        """The source changes, and so does every Secret."""
        world, logins = self._world, self._in_place()
        ours, theirs, most = [], [], 0
        with world.operator() as operator:
            _await_leader(operator)
            world.quiet()
            for _ in range(self._rounds):
                took, each = self._rotate(logins, operator)
                ours.append(took)
                most = max(most, each)
            operator.stop()
        world.quiet()
        for _ in range(self._rounds):
            theirs.append(world.floor(_logins(), rotate=True))
            world.quiet()
        what = f"operator, a login changes in {self._many}"
        yield Figure(what, "a PATCH each", ours, theirs, goal=_ROTATION)
        yield Amount(f"{what}, writes to one", [most], "", 1)
        self._clear()

    def _rotate(self, logins: Logins, operator: OperatorRun) -> tuple[float, int]:
        """Change one of `logins`; seconds until the last Secret has it, and writes to one."""
        world = self._world
        registry = next(iter(logins))
        logins[registry] = _password()
        with world.witness(logins, secrets=self._count) as seen:
            before, spent = world.requests(), operator.cpu
            began = world.rotate(registry, logins[registry])
            took = seen.done() - began
            spent = operator.cpu - spent
            world.quiet()
            made, told = _more(before, world.requests()), seen.told()
        made["PUT secrets"] = made.get("PUT secrets", 0) - 1  # the source
        world.say(
            f"changed in {took:.2f} s, {spent:.1f} s of CPU; requests {_short(made)}; "
            f"seen {told['writes']}"
        )
        world.verify(logins)
        assert told["writes"].get("secrets MODIFIED") == self._count, told["writes"]
        assert not any(what.startswith("serviceaccounts") for what in told["writes"]), told
        return took, told["most"]["secrets"]

    def _latency(self) -> Iterator[Amount]:
        """Namespaces come at an even pace."""
        world, logins = self._world, self._in_place()
        names = [f"bench-new-{number:04}" for number in range(_PACED)]
        with world.operator() as operator:
            _await_leader(operator)
            world.quiet()
            job = {"secrets": _PACED, "attached": _PACED}
            with world.witness(logins, **job, namespaces=names, per_second=_PER_SECOND) as seen:
                spent = operator.cpu
                seen.done()
                spent = operator.cpu - spent
                world.quiet()
                told = seen.told()
            operator.stop()
        times: list[list[float]] = list(told["times"].values())
        world.names += names
        world.say(f"{spent:.1f} s of CPU, seen {told['writes']}, most {told['most']}")
        parts = {
            "Secret there and attached": [max(s, a) - c for c, _, s, a in times],
            "Secret there": [s - c for c, _, s, _ in times],
            "its ServiceAccount there (kube-controller-manager)": [e - c for c, e, *_ in times],
            "from its ServiceAccount to attached": [a - e for _, e, _, a in times],
        }
        for what, seconds in parts.items():
            cuts = quantiles(seconds, n=100)
            world.say(f"  {what}: p50 {cuts[49] * 1e3:.0f}, p99 {cuts[98] * 1e3:.0f} ms")
            goal = _LATENCY if what == "Secret there and attached" else None
            what = f"a new namespace, {_PER_SECOND} a second: {what}"
            yield Amount(f"{what}, p50", [median(seconds)])
            yield Amount(f"{what}, p99", [cuts[98]], goal=goal)
        self._clear()

    def _several(self) -> Iterator[Amount]:
        """Many PullCredentials select all of the namespaces."""
        world = self._world
        self._clear()
        logins = {f"registry{n}.example.com": _password() for n in range(_MANY)}
        count = len(world.names)
        with world.witness(logins, secrets=count, attached=count) as seen:
            world.create(attach="ServiceAccount", logins=logins)
            with world.operator() as operator:
                took = seen.done() - operator.started
                world.await_ready(logins)
                world.quiet()
                told = seen.told()
                peak = operator.peak
                world.say(f"from its start {took:.2f} s, {peak / 1e6:.1f} MB; {told['writes']}")
                world.verify(logins)
                rotated, most = self._rotate(logins, operator)
                operator.stop()
        what = f"operator, {_MANY} PullCredentials × {self._many}"
        yield Amount(f"{what}, from its start", [took])
        yield Amount(f"{what}, writes to one Secret", [told["most"]["secrets"]], "", 1)
        yield Amount(f"{what}, peak memory", [peak], "MB")
        yield Amount(f"{what}, one changes", [rotated])
        yield Amount(f"{what}, one changes, writes to one Secret", [most], "", 1)
        self._clear()


def _await_leader(operator: OperatorRun) -> None:
    operator.wait_for("Synced", timeout=120)
    operator.wait_for("Leading", timeout=120)


def _logins() -> dict[str, str]:
    return {_REGISTRY: _password()}


def _password() -> str:
    return secrets.token_urlsafe(48)


def _more(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What has been added."""
    return {what: value - before.get(what, 0) for what, value in after.items()}


def _short(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{what} {number:.0f}" for what, number in sorted(numbers.items()) if number)
