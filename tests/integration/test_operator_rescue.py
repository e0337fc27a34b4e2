"""Pods from before a login: counted, and evicted, by real API server, controllers and RBAC.

No node runs them: what kubelet would say of them is written into their status.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from datetime import datetime

import pytest

from regcred.core.operator.rescuestatus import PER_MINUTE
from tests.support.faults import Answer, Delay
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorworld import PASSWORD, Installation, OperatorWorld
from tests.support.strandedpods import IMAGE, Strander

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def evictions(seen):
    return seen.method == "POST" and seen.path.endswith("/eviction")


@pytest.fixture(scope="module")
def installed(cluster, helm_program, tmp_path_factory):
    """The chart with these rights for rescue; each made once."""
    made = {}

    def install(rights):
        if rights not in made:
            made[rights] = Installation(cluster, helm_program, tmp_path_factory.mktemp("helm"))
            made[rights].install(**{"rescue.rights": rights})
        return made[rights]

    yield install
    for each in made.values():
        each.uninstall()


@pytest.fixture
def admitted_world(cluster, helm_program, tmp_path):
    """A world with these rights, where the API server gives Pods the Secret, and Pods for it."""
    installation = Installation(cluster, helm_program, tmp_path)
    try:
        installation.install(**{"rescue.rights": "Evict", "admission.mode": "Policy"})
        world = OperatorWorld(installation)
        try:
            world.put_source("login", "puller", PASSWORD)
            world.add_namespaces(["ns-0"], {})
            yield world, Strander(world)
        finally:
            world.remove()
    finally:
        installation.uninstall()


@pytest.fixture
def rescue_world(installed):
    """A world with these rights, and Pods for it."""
    with contextlib.ExitStack() as stack:

        def make(rights, namespaces=1):
            world = OperatorWorld(installed(rights))
            stack.callback(world.remove)
            world.put_source("login", "puller", PASSWORD)
            world.add_namespaces(
                (f"ns-{n}" for n in range(namespaces)), {"app": ["theirs"], "other": ["theirs"]}
            )
            return world, Strander(world)

        yield make


@contextlib.contextmanager
def granted(world, rule, namespace=None):
    """The operator has one more right, everywhere or in one namespace."""
    kind = "ClusterRole" if namespace is None else "Role"
    where = RBAC if namespace is None else f"{RBAC}/{world.path(namespace)[len('/api/v1/') :]}"
    roles, bindings = f"{where}/{kind.lower()}s", f"{where}/{kind.lower()}bindings"
    role = {"metadata": {"name": f"{world.prefix}-rescue"}}
    account = {
        "kind": "ServiceAccount",
        "name": world.installation.secret_name,
        "namespace": world.installation.namespace,
    }
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role["metadata"]["name"]}
    world.create(roles, role | {"rules": [{"apiGroups": [""], **rule}]})
    world.create(bindings, role | {"roleRef": ref, "subjects": [account]})
    try:
        yield
    finally:
        for each in (bindings, roles):
            world.delete(f"{each}/{role['metadata']['name']}")


def condition(world, kind="Rescued", name="main"):
    found = (world.pullcredential(name) or {}).get("status") or {}
    said = {each["type"]: each for each in found.get("conditions", ())}.get(kind, {})
    return said.get("status"), said.get("reason"), said.get("message")


def figures(world, name="main"):
    found = ((world.pullcredential(name) or {}).get("status") or {}).get("rescue") or {}
    return found.get("stuck"), found.get("evicted")


def await_figures(world, *wanted, reason):
    world.await_state(
        f"{wanted}, {reason}",
        lambda: (figures(world), condition(world)[1]) == (wanted, reason),
        timeout=90,
    )


def test_report_counts_those_that_wait_for_it(rescue_world):
    world, pods = rescue_world("Report", namespaces=2)
    pods.make("ns-0", "web", replicas=2)
    pods.make("ns-1", "bare", "Pod")
    # None of these waits for want of it.
    pods.make("ns-0", "elsewhere", containers=[{"name": "app", "image": "ghcr.io/x/y"}])
    pods.make("ns-0", "other", serviceAccountName="other")
    pods.make("ns-0", "down")
    pods.make("ns-0", "new")
    pods.make("ns-0", "with", imagePullSecrets=[{"name": world.installation.secret_name}])
    for name in ("web", "elsewhere", "other", "with"):
        pods.strand("ns-0", name)
    pods.strand("ns-0", "down", message="dial tcp: lookup registry.example.com: no such host")
    pods.strand("ns-1", "bare")
    before = pods.uids("ns-0", "") | pods.uids("ns-1", "")
    world.put_pullcredential("main", rescue="Report")
    with world.installation.operator("--no-leader-elect") as operator:
        await_figures(world, 3, 0, reason="PodsStuck")
        status, _, message = condition(world)
        assert status == "False"
        assert message.startswith("3 Pods in 2 namespaces wait for want of the login")
        assert "Evict would make 2 anew" in message
        # It says nothing of the namespaces.
        world.await_state("Ready", lambda: world.ready() == "2/2")
        pods.start("ns-0", "web")
        pods.strand("ns-0", "new")
        await_figures(world, 2, 0, reason="PodsStuck")
        # The right to evict is another.
        world.put_pullcredential("main", rescue="Evict")
        world.await_state("a right is missing", lambda: condition(world)[1] == "RightMissing")
        assert condition(world)[2].endswith(
            "the operator may not create pods/eviction; the chart's value rescue.rights=Evict"
            " lets it; left alone: 1 without a controller"
        )
        assert figures(world) == (2, 0)
        world.put_pullcredential("main")
        world.await_state("nobody asks", lambda: condition(world) == (None, None, None))
        assert figures(world) == (None, None)
        assert world.ready() == "2/2"
        assert not operator.said("Evicted")
        operator.stop()
    assert pods.uids("ns-0", "") | pods.uids("ns-1", "") == before


def test_evicts_those_whose_controller_makes_another(rescue_world):
    world, pods = rescue_world("Evict", namespaces=2)
    containers = [{"name": "app", "image": IMAGE}]
    beside = [*containers, {"name": "beside", "image": "public.example.com/x"}]
    pods.make("ns-0", "web", replicas=3)
    pods.make("ns-0", "app", serviceAccountName="app")
    pods.make("ns-1", "init", containers=beside[1:], initContainers=containers)
    pods.make("ns-1", "set", "StatefulSet", replicas=2)
    gone = {"web": "ns-0", "app": "ns-0", "init": "ns-1", "set": "ns-1"}
    pods.make("ns-0", "bare", "Pod")
    pods.make("ns-0", "job", "Job")
    pods.make("ns-0", "partly", containers=beside)
    pods.make("ns-1", "runs")
    pods.make("ns-1", "starts")
    stay = {
        **dict.fromkeys(("bare", "job", "partly"), "ns-0"),
        **dict.fromkeys(("runs", "starts"), "ns-1"),
    }
    for name, namespace in {**gone, "bare": "ns-0", "job": "ns-0"}.items():
        pods.strand(namespace, name)
    pods.start("ns-0", "partly", but="app")
    pods.start("ns-1", "runs")
    before = {name: pods.uids(ns, name) for name, ns in {**gone, **stay}.items()}
    evicted = sum(len(before[name]) for name in gone)
    world.put_pullcredential("main", rescue="Evict")
    with world.installation.operator("--no-leader-elect") as operator:
        await_figures(world, 3, evicted, reason="PodsLeft")
        message = condition(world)[2]
        for why in ("1 without a controller", "1 with a container that runs", "such as a Job"):
            assert why in message
        lines = operator.said("Evicted")
        assert len(lines) == evicted
        times = [datetime.fromisoformat(line["time"]).timestamp() for line in lines]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps) >= 0.95 * 60 / PER_MINUTE
        world.await_state("Ready", lambda: world.ready() == "2/2")
        operator.stop()
    for name, namespace in gone.items():
        world.await_state(
            f"{name} is there again",
            lambda name=name, namespace=namespace: (
                len(pods.uids(namespace, name)) == len(before[name])
            ),
        )
        assert not pods.uids(namespace, name) & before[name]
        names = ["theirs"] if name == "app" else []
        assert pods.lists(namespace, name) == [[*names, world.installation.secret_name]] * len(
            before[name]
        )
    for name, namespace in stay.items():
        assert pods.uids(namespace, name) == before[name]


def test_goes_on_counting_in_the_next_term(rescue_world):
    world, pods = rescue_world("Evict")
    world.put_pullcredential("main", rescue="Evict")
    for evicted, name in enumerate(("one", "two"), 1):
        # As if it had been made before: nothing is attached while no operator runs.
        world.change(
            f"{world.path('ns-0')}/serviceaccounts/default",
            lambda obj: obj.pop("imagePullSecrets", None),
        )
        pods.make("ns-0", name)
        pods.strand("ns-0", name)
        with world.installation.operator("--no-leader-elect") as operator:
            await_figures(world, 0, evicted, reason="NothingStuck")
            operator.stop()


def test_a_loop_is_bounded(rescue_world):
    world, pods = rescue_world("Evict")
    # The template's list is what the ServiceAccount's was, so a successor seems to be helped.
    template = {"serviceAccountName": "app", "imagePullSecrets": [{"name": "theirs"}]}
    pods.make("ns-0", "loop", **template)
    # Here it is plain that it would not be.
    pods.make("ns-0", "own", imagePullSecrets=[{"name": "mine"}])
    pods.strand("ns-0", "own")
    pods.strand("ns-0", "loop")
    own = pods.uids("ns-0", "own")
    world.put_pullcredential("main", rescue="Evict")
    with world.installation.operator("--no-leader-elect") as operator:
        for round_ in (1, 2):
            operator.wait_for("Evicted", count=round_)
            world.await_state("a successor", lambda: len(pods.uids("ns-0", "loop")) == 1)
            pods.strand("ns-0", "loop")
        await_figures(world, 2, 2, reason="PodsLeft")
        message = condition(world)[2]
        assert "1 whose controller made others without the Secret after an eviction" in message
        assert "1 whose successor would be without the Secret as well" in message
        last = pods.uids("ns-0", "loop")
        # kubelet tries again, and is told something else. It is older than the next one, so it
        # would be evicted before that if it were to be evicted at all.
        pods.strand("ns-0", "loop", message="failed to authorize: 403 Forbidden")
        pods.make("ns-0", "late", imagePullSecrets=[{"name": "theirs"}], serviceAccountName="app")
        pods.strand("ns-0", "late")
        await_figures(world, 2, 3, reason="PodsLeft")
        operator.stop()
    assert (pods.uids("ns-0", "loop"), pods.uids("ns-0", "own")) == (last, own)


def test_a_secret_of_somebody_else_mends_nothing(rescue_world):
    world, pods = rescue_world("Evict")
    pods.make("ns-0", "web")
    pods.strand("ns-0", "web")
    before = pods.uids("ns-0", "web")
    body = {"metadata": {"name": world.installation.secret_name}, "stringData": {"a": "b"}}
    world.create(f"{world.path('ns-0')}/secrets", body)
    world.put_pullcredential("main", rescue="Evict")
    with world.installation.operator("--no-leader-elect") as operator:
        await_figures(world, 0, 0, reason="NothingStuck")
        assert condition(world, "Ready")[1] == "NamespacesFailed"
        operator.stop()
    assert pods.uids("ns-0", "web") == before


def test_a_missing_right_is_named_and_asked_for_again(rescue_world):
    world, pods = rescue_world("Off")
    pods.make("ns-0", "web")
    pods.strand("ns-0", "web")
    world.put_pullcredential("main", rescue="Report")
    installation = world.installation
    with installation.operator("--no-leader-elect") as operator:
        world.await_state("a right is missing", lambda: condition(world)[1] == "RightMissing")
        assert condition(world) == (
            "Unknown",
            "RightMissing",
            "the operator may not list and watch pods; "
            "the chart's value rescue.rights=Report lets it",
        )
        assert world.ready() == "1/1"
        assert figures(world) == (0, 0)
        with granted(world, {"resources": ["pods"], "verbs": ["list", "watch"]}):
            await_figures(world, 1, 0, reason="PodsStuck")
        operator.stop()


def test_a_right_that_is_missing_in_one_namespace_stops_nothing_in_others(rescue_world):
    world, pods = rescue_world("Report", namespaces=2)
    for namespace in ("ns-0", "ns-1"):
        pods.make(namespace, "web")
        pods.strand(namespace, "web")
    before = pods.uids("ns-0", "web")
    evict = {"resources": ["pods/eviction"], "verbs": ["create"]}
    world.put_pullcredential("main", rescue="Evict")
    with (
        granted(world, evict, "ns-1"),
        world.installation.operator("--no-leader-elect") as operator,
    ):
        await_figures(world, 1, 1, reason="RightMissing")
        assert [each["namespace"] for each in operator.said("Evicted")] == [world.full("ns-1")]
        assert pods.uids("ns-0", "web") == before
        with granted(world, evict, "ns-0"):
            await_figures(world, 0, 2, reason="NothingStuck")
        operator.stop()


def test_pods_are_no_matter_where_nobody_asks(rescue_world, tmp_path):
    world, pods = rescue_world("Evict")
    pods.make("ns-0", "web")
    pods.strand("ns-0", "web")
    world.put_pullcredential("main")
    with FaultyProxy(world.installation.kubeconfig) as proxy:
        operator = world.installation.operator(
            "--no-leader-elect", kubeconfig=proxy.kubeconfig(tmp_path)
        )
        with operator:
            world.await_state("Ready", lambda: world.ready() == "1/1")
            operator.stop()
        assert not proxy.count(lambda seen: "pods" in seen.path)


def test_a_pod_that_begins_to_run_meanwhile_stays(rescue_world, tmp_path):
    world, pods = rescue_world("Evict")
    pods.make("ns-0", "web")
    pods.strand("ns-0", "web")
    before = pods.uids("ns-0", "web")
    # With a budget that allows nothing the API server says 429 to it, without one 409.
    budget = {
        "metadata": {"name": "web"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}},
    }
    policy = world.path("ns-0").replace("/api/v1", "/apis/policy/v1")
    world.put_pullcredential("main", rescue="Evict")
    with FaultyProxy(world.installation.kubeconfig) as proxy:
        held = proxy.event()
        proxy.on(evictions, Delay(until=held))
        operator = world.installation.operator(
            "--no-leader-elect", kubeconfig=proxy.kubeconfig(tmp_path)
        )
        with operator:
            proxy.wait(evictions)
            world.create(f"{policy}/poddisruptionbudgets", budget)
            pods.start("ns-0", "web")
            held.set()
            await_figures(world, 0, 0, reason="NothingStuck")
            operator.stop()
            assert not operator.said("Evicted")
    assert pods.uids("ns-0", "web") == before


def test_a_budget_is_asked_again_later(rescue_world, tmp_path):
    world, pods = rescue_world("Evict")
    pods.make("ns-0", "web")
    pods.strand("ns-0", "web")
    before = pods.uids("ns-0", "web")
    world.put_pullcredential("main", rescue="Evict")
    with FaultyProxy(world.installation.kubeconfig) as proxy:
        proxy.on(evictions, Answer(429))
        operator = world.installation.operator(
            "--no-leader-elect", kubeconfig=proxy.kubeconfig(tmp_path)
        )
        with operator:
            operator.wait_for("EvictionRefused")
            world.await_state("it is told", lambda: "cannot evict pods/" in condition(world)[2])
            assert figures(world) == (1, 0)
            await_figures(world, 0, 1, reason="NothingStuck")
            first, second = (each.body for each in proxy.seen if evictions(each))
            assert first == second
            operator.stop()
    assert not pods.uids("ns-0", "web") & before


# Last: what is left of the policies acts for a moment after they are taken away.


@pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")
def test_where_admission_alone_gives_it(admitted_world):
    """ServiceAccounts stay as they are, so that nothing else helps a successor."""
    world, pods = admitted_world
    installation = world.installation
    secret = installation.secret_name
    pods.make("ns-0", "web", "Deployment", replicas=2)
    pods.strand("ns-0", "web")
    before = pods.uids("ns-0", "web")
    assert pods.lists("ns-0", "web") == [[], []]
    world.put_pullcredential("main", attach="Pod", rescue="Evict")
    # One that has not been told of the policies leaves them alone.
    with installation.operator("--no-leader-elect") as operator:
        await_figures(world, 2, 0, reason="PodsLeft")
        message = condition(world)[2]
        assert "2 whose successor would be without the Secret as well" in message
        operator.stop()
    assert pods.uids("ns-0", "web") == before
    world.await_state("the policies act", lambda: _admitted(world) == [{"name": secret}])
    with installation.operator("--no-leader-elect", "--admission-policies") as operator:
        await_figures(world, 0, 2, reason="NothingStuck")
        world.await_state("others are there", lambda: len(pods.uids("ns-0", "web")) == 2)
        operator.stop()
    assert not pods.uids("ns-0", "web") & before
    assert pods.lists("ns-0", "web") == [[secret], [secret]]
    assert world.lists() == {"ns-0": []}


def _admitted(world):
    """The list of a Pod as it would be let in now."""
    body = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "app", "image": IMAGE}]}}
    path = f"{world.path('ns-0')}/pods?dryRun=All"
    status, content = world.installation.cluster.api.request("POST", path, body)
    assert status == 201, content
    return json.loads(content)["spec"].get("imagePullSecrets", [])
