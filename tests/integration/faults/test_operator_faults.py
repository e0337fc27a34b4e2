"""Whatever goes wrong between the operator and the API server, the world ends up as it should.

What is there after each step of `tests.support.operatorhistory` is compared, object by object,
with a run that nobody disturbed. What the operator cannot see (an event that was lost) the
next list heals: ``--resync 2s`` has one every two seconds in place of every hour.

``REGCRED_EXAMPLES=soak`` loses every event in place of some, and waits for those faults that take
long to be noticed.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.faults import (
    Answer,
    Close,
    Cut,
    Delay,
    Inject,
    Lose,
    Rewrite,
    Silence,
    Truncate,
    both,
    lists,
    watches,
    writes,
)
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorhistory import delete, follow, install, undisturbed
from tests.support.operatorworld import PASSWORD

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
WATCHES = ("namespaces", "serviceaccounts", "secrets", "pullcredentials")
#: Namespaces that a storm meets.
SPREAD = 20 if SOAK else 5
SOLO = "--no-leader-elect"
RELISTS = "--resync=2s"


@pytest.fixture
def proxy(installation):
    with FaultyProxy(installation.kubeconfig) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def known():
    """How the world is after each step, by its number of namespaces."""
    return {}


@pytest.fixture
def calm(installation, operator_world, known):
    """How a world of so many namespaces is after each step, when nobody disturbs."""

    def calm(namespaces):
        if namespaces not in known:
            with installation.operator(SOLO) as operator:
                known[namespaces] = undisturbed(operator_world(namespaces))
                operator.stop()
        return known[namespaces]

    return calm


class Losses:
    """The n-th event of a world, of whichever watch, is lost, and each time that it is sent."""

    def __init__(self, world, n):
        self._prefix, self._n = world.prefix, n
        self._seen = []
        self._lock = threading.Lock()
        self.lost = ""

    def __call__(self, event):
        metadata = event["object"]["metadata"]
        names = (metadata.get("name", ""), metadata.get("namespace", ""))
        if event["type"] == "BOOKMARK" or not any(map(self._is_ours, names)):
            return False
        key = event["type"], names, metadata["resourceVersion"]
        with self._lock:
            if key not in self._seen:
                self._seen.append(key)
            if self._seen.index(key) != self._n:
                return False
            self.lost = f"{event['type']} {event['object'].get('kind')} {names}"
            return True

    def _is_ours(self, name):
        return name.startswith(self._prefix)


def test_each_event_is_lost_once(installation, operator_world, calm, proxy, tmp_path):
    """Side by side, each in a world of its own; the next list heals it."""
    wanted = calm(2)
    numbers = range(0, 60, 1 if SOAK else 6)
    worlds = [operator_world(2) for _ in numbers]
    losses = [Losses(world, n) for world, n in zip(worlds, numbers, strict=True)]
    proxy.on(watches(), Lose(lambda event: any(each(event) for each in losses)), times=None)
    kubeconfig = proxy.kubeconfig(tmp_path)
    with (
        installation.operator(SOLO, RELISTS, kubeconfig=kubeconfig) as operator,
        ThreadPoolExecutor(len(worlds)) as pool,
    ):
        operator.wait_for("Synced")

        def run(n):
            try:
                follow(worlds[n], wanted, timeout=120)
            except AssertionError as error:
                raise AssertionError(f"{losses[n].lost} was lost: {error}") from None

        list(pool.map(run, range(len(worlds))))
        operator.stop()
    assert sum(bool(each.lost) for each in losses) > len(losses) / 2


def error(code, **more):
    status = {"kind": "Status", "code": code, "message": "a fault"} | more
    return json.dumps({"type": "ERROR", "object": status}).encode()


HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
#: What becomes of watches, and how the operator calls it in its metrics.
STREAMS = {
    "gone-at-once": (Answer(410), "gone"),
    "gone-later": (Inject(1, error(410)), "gone"),
    "garbage": (Inject(1, b"rubbish"), "garbage"),
    "another-page": (Answer(200, HTML, content_type="text/html"), "unreachable"),
    "truncated": (Truncate(700), "truncated"),
    "ended": (Close(2), "ended"),
    "failing": (Answer(503), "failing"),
    "busy": (Answer(429, headers={"Retry-After": "1"}), "busy"),
    **({"silent": (Silence(1), "silent")} if SOAK else {}),
}


@pytest.mark.timeout(900 if SOAK else 300)
@pytest.mark.parametrize(("fault", "reason"), STREAMS.values(), ids=STREAMS)
def test_watches_break(fault, reason, installation, operator_world, calm, proxy, tmp_path):
    """All of them, before some of the steps; a silent one is noticed in 90 s."""
    wanted = calm(2)
    world = operator_world(2)

    def strike(step):
        # Not before each: the more watches have failed in a row, the longer are the pauses.
        if step in ("grow", "rotate", "delete"):
            for plural in WATCHES:
                proxy.on(watches(plural), fault)
            proxy.cut()

    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        operator.wait_for("Synced")
        follow(world, wanted, before=strike, timeout=240 if reason == "silent" else 90)
        metrics = operator.get("/metrics")[1]
        operator.stop()
    struck = [line for line in metrics.splitlines() if f'reason="{reason}"' in line]
    # What strikes at a line needs lines: the list that comes before a watch may have told it all.
    least = 4 if isinstance(fault, Answer) else 1
    assert sum(float(line.split()[-1]) for line in struck) >= least, metrics


#: What becomes of requests of all kinds, watches included, and of how many of a hundred.
STORMS = {
    "busy": (Answer(429, headers={"Retry-After": "1"}), 30),
    "failing": (Answer(503), 30),
    "reset-before": (Cut(), 30),
    "reset-after": (Cut(after=True), 30),
    "slow": (Delay(0.5), 100),
}
if SOAK:
    STORMS |= {
        "busy-and-nothing-more": (Answer(429), 30),
        "internal-error": (Answer(500), 30),
        "bad-gateway": (Answer(502, HTML, content_type="text/html"), 30),
    }


@pytest.mark.parametrize(("fault", "percent"), STORMS.values(), ids=STORMS)
def test_storms(fault, percent, installation, operator_world, calm, proxy, tmp_path):
    """It comes through them, and need not wait for their end."""
    wanted = calm(SPREAD)
    world = operator_world(SPREAD)
    seed = int(os.environ.get("REGCRED_SEED") or random.SystemRandom().randrange(10**9))
    print(f"REGCRED_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311
    proxy.on(lambda _: chance.randrange(100) < percent, fault, times=None)
    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        follow(world, wanted, timeout=120)
        operator.stop(within=30)


def at_version(proxy, version, go_on):
    """The world as it was at a resourceVersion, until `go_on`: lists of then, and no events."""
    exact = {"resourceVersion": version, "resourceVersionMatch": "Exact", "limit": None}
    for plural in WATCHES:
        # Only lists in pages can be of the past; a refusal is what brings them about.
        proxy.on(both(lists(plural), watches()), Answer(400))
        proxy.on(both(lists(plural), lambda seen: not seen.is_watch), Rewrite(exact))
        again = both(watches(plural), lambda seen: "resourceVersion" in seen.query)
        proxy.on(again, Delay(until=go_on))


def version_now(world):
    return json.loads(
        world.installation.cluster.api.request("GET", "/api/v1/namespaces?limit=1")[1]
    )["metadata"]["resourceVersion"]


def theirs_too(world):
    """Somebody else adds an entry to a list."""
    path = f"{world.path('ns-0')}/serviceaccounts/app"
    world.change(path, lambda obj: obj["imagePullSecrets"].insert(0, {"name": "rival"}))


def idle(operator):
    """Whether it has looked at all namespaces."""
    figures = {
        line.split()[0]: float(line.split()[-1])
        for line in operator.get("/metrics")[1].splitlines()
        if not line.startswith("#")
    }
    looks = [
        n
        for name, n in figures.items()
        if name.startswith("regcred_reconcile_duration_seconds_count")
    ]
    return sum(looks) >= figures["regcred_namespaces"] > 0 == figures["regcred_queue_depth"]


@pytest.mark.parametrize("when", ["before-it-was-attached", "while-it-was-deleted"])
def test_the_past_is_served_after_a_restart(when, installation, operator_world, proxy, tmp_path):
    """A ServiceAccount has another's entry by now, and the PullCredential is another one."""
    pasts = {}

    def history(world):
        """What happens before the restart; `pasts` has versions of then."""
        install(world)
        pasts["before-it-was-attached"] = version_now(world)
        with installation.operator(SOLO) as operator:
            world.await_state("it is everywhere", lambda: world.ready() == "3/3")
            operator.stop()
        world.delete_pullcredential("main")
        pasts["while-it-was-deleted"] = version_now(world)
        with installation.operator(SOLO) as operator:
            world.await_state("it is gone", lambda: world.pullcredential("main") is None)
            install(world)
            world.await_state("it is back", lambda: world.ready() == "3/3")
            operator.stop()
        theirs_too(world)

    calm = operator_world(3)
    history(calm)
    wanted = calm.snapshot()
    calm.remove()
    world = operator_world(3)
    history(world)
    assert world.snapshot() == wanted
    at_version(proxy, pasts[when], go_on := proxy.event())
    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        operator.wait_for("Leading")
        world.await_state("it has acted on the past", lambda: idle(operator))
        # By the past nobody asks for the login, and yet it stays.
        there = both(writes("secrets"), lambda seen: world.prefix in seen.path)
        assert proxy.count(there) == 0 or when == "before-it-was-attached"
        go_on.set()
        # So that it has something to write when it knows the present.
        world.put_source("login", "puller", PASSWORD)
        world.await_snapshot(wanted)
        operator.stop()
    for seen in proxy.seen:
        if seen.method == "DELETE":
            guard = json.loads(seen.body)["preconditions"]
            assert guard.keys() == {"uid", "resourceVersion"}


def test_a_quiet_world_costs_no_write(installation, operator_world, proxy, tmp_path):
    """However often all is listed anew."""
    world = operator_world(3)
    relists = 100 if SOAK else 5
    with installation.operator(
        SOLO, "--resync=1s", kubeconfig=proxy.kubeconfig(tmp_path)
    ) as operator:
        install(world)
        world.await_state("it is everywhere", lambda: world.ready() == "3/3")
        # What is told of it is written within a second, and Events after that.
        proxy.wait(writes("events"))
        proxy.wait(lists("secrets"), count=proxy.count(lists("secrets")) + 2)
        before = proxy.count(writes()), {plural: proxy.count(lists(plural)) for plural in WATCHES}
        for plural in WATCHES:
            proxy.wait(lists(plural), count=before[1][plural] + relists, timeout=60 + 5 * relists)
        assert proxy.count(writes()) == before[0]
        operator.stop()


def test_namespaces_come_and_go(installation, operator_world):
    """Fifty a second; half of them go as soon as they have come."""
    world = operator_world(2)
    count = 1000 if SOAK else 100
    names, api = [f"brief-{n}" for n in range(count)], installation.cluster.api
    with installation.operator(SOLO) as operator, ThreadPoolExecutor(8) as pool:
        install(world)
        world.await_state("it is everywhere", lambda: world.ready() == "2/2")

        def come_and_go(n):
            body = {"metadata": {"name": world.full(names[n]), "labels": world.label}}
            status, content = api.request("POST", "/api/v1/namespaces", body)
            assert status == 201, content
            world.namespaces.append(names[n])
            if n % 2:
                world.delete_namespace(names[n])

        began, done = time.monotonic(), []
        for n in range(count):
            time.sleep(max(0.0, began + n / 50 - time.monotonic()))  # the rate is the point
            done.append(pool.submit(come_and_go, n))
        for each in done:
            each.result()
        left = 2 + count // 2
        world.await_state("all that are left have it", lambda: world.ready() == f"{left}/{left}")
        assert world.pullcredential("main")["status"]["failures"] == []
        assert set(world.logins()) == set(world.namespaces)
        ours = world.installation.secret_name
        world.await_state(
            "and their ServiceAccounts name it",
            lambda: all(names == [ours] for names in world.lists().values()),
        )
        delete(world)
        world.await_state("it is gone", lambda: world.pullcredential("main") is None)
        assert world.logins() == {}
        assert not any(world.lists().values())
        operator.stop()


def test_what_was_done_for_an_older_spec_is_not_called_ready(
    installation, operator_world, proxy, tmp_path
):
    """Whoever waits for Ready after a change must not be told of the state before it."""
    world = operator_world(1)
    there = both(writes("secrets"), lambda seen: world.prefix in seen.path)
    first, second = proxy.event(), proxy.event()
    proxy.on(there, Delay(until=first))
    proxy.on(there, Delay(until=second), times=None)
    with installation.operator(SOLO, kubeconfig=proxy.kubeconfig(tmp_path)) as operator:
        install(world)
        proxy.wait(there)
        world.put_pullcredential("main", registries=["other.example.com"])
        world.await_state(
            "it has seen the change",
            lambda: (
                (world.pullcredential("main").get("status") or {}).get("observedGeneration") == 2
            ),
        )
        first.set()
        proxy.wait(there, count=2)
        with pytest.raises(AssertionError, match="such requests"):
            proxy.wait(says_ready, timeout=3)  # statuses come once a second
        assert world.ready() == "Progressing"
        second.set()
        world.await_state("now it is", lambda: world.ready() == "1/1")
        assert world.logins() == {"ns-0": {"other.example.com": ("puller", PASSWORD)}}
        assert proxy.count(says_ready)
        operator.stop()


def says_ready(seen):
    if seen.method != "PATCH" or not seen.path.endswith("/status"):
        return False
    patched = [each.get("value") for each in json.loads(seen.body)]
    conditions = [each.get("conditions") for each in patched if isinstance(each, dict)]
    said = [{each["type"]: each["status"] for each in some} for some in conditions if some]
    return any(each["Ready"] == "True" for each in said)
