"""The chart's admission policies, on the real API server: the entry is there before the Pod is."""

import json
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cluster.waiting import await_condition
from regcred.core import marks
from regcred.core.operator import admission
from regcred.core.operator.pullcredential import FINALIZER, parse
from tests.support import reviews, selecting
from tests.support.admissionworld import ADMISSION, SOURCE, Shown, checks
from tests.support.newnamespaces import slipped, take_away
from tests.support.operatorworld import Installation, world_of
from tests.support.patching import apply

pytestmark = pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
#: PullCredentials that act together, and objects that each set of them is shown.
SETS, OBJECTS = (200, 40) if SOAK else (25, 15)
#: Namespaces that are made at once.
MANY = 10_000 if SOAK else 200
EVERYWHERE = {"registries": ["registry.example.com"], "source": SOURCE, "namespaces": {}}
CONTAINERS = [{"name": "app", "image": "registry.example.com/app"}]


@pytest.fixture(scope="module")
def installed(cluster, helm_program, tmp_path_factory):
    """The chart with its policies, and no Pod; the policies act."""
    made = Installation(cluster, helm_program, tmp_path_factory.mktemp("helm"))
    try:
        made.install(**{"admission.mode": "Policy"})
        yield made
    finally:
        made.uninstall()


@pytest.fixture(scope="module")
def policies(installed):
    return [f"{installed.secret_name}-{kind}" for kind in ("serviceaccounts", "pods")]


@pytest.fixture(scope="module")
def places(cluster, installed):
    """Namespaces with labels and ServiceAccounts, by their full names."""
    prefix = f"p{secrets.token_hex(3)}"
    labels = {f"{prefix}-{name}": value for name, value in selecting.NAMESPACES.items()}
    for name, wanted in labels.items():
        body = {"metadata": {"name": name, "labels": wanted}}
        assert cluster.api.request("POST", "/api/v1/namespaces", body)[0] == 201
        for number, account in enumerate(selecting.ACCOUNTS):
            if account == "default":
                continue
            body = {"metadata": {"name": account}}
            if number % 3 == 1:
                body["imagePullSecrets"] = [{"name": "theirs"}]
            if account == "a":
                body["imagePullSecrets"] = [{"name": "theirs"}, {"name": installed.secret_name}]
            path = f"/api/v1/namespaces/{name}/serviceaccounts"
            assert cluster.api.request("POST", path, body)[0] == 201
        await_condition(
            f"{name} has its default ServiceAccount",
            lambda name=name: cluster.api.has_default_service_account(name),
            timeout=60,
        )
    yield {name: {**own, "kubernetes.io/metadata.name": name} for name, own in labels.items()}
    for name in labels:
        cluster.api.delete_namespace(name)


@pytest.fixture(scope="module")
def longest(cluster):
    """A namespace with the longest name that there can be, which meets a glob again and again."""
    name = f"p{secrets.token_hex(3)}".ljust(63, "a")
    cluster.create_namespace(name)
    yield name
    cluster.api.delete_namespace(name)


@pytest.fixture(scope="module")
def shown(cluster, installed, places):
    shown = Shown(cluster, next(iter(places)))
    try:
        shown.start()
        await_acting(shown, next(iter(places)))
        yield shown
    finally:
        shown.stop()


def await_acting(shown, place):
    """Wait for the chart's own policies, which may be read a moment after the witness."""
    shown.put(EVERYWHERE | {"serviceAccounts": {"include": ["*"]}})
    shown.settle()
    for request in (account(place, "x"), pod(place, "default")):
        await_condition(
            "the policies act",
            lambda request=request: names_in(shown.ask([request])[0][1]),
            timeout=60,
        )
    shown.clear()


@pytest.fixture
def show(shown):
    """Have the policies see just these specs."""

    def put(*specs, deleting=False):
        for spec in specs:
            shown.put(spec, deleting=deleting)
        shown.settle()

    yield put
    shown.clear()


def account(place, name, entries=None, annotations=None, method="POST"):
    """A request for a ServiceAccount."""
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    if entries is not None:
        body["imagePullSecrets"] = entries
    if annotations is not None:
        body["metadata"]["annotations"] = annotations
    path = f"/api/v1/namespaces/{place}/serviceaccounts"
    return method, path if method == "POST" else f"{path}/{name}", body


def pod(place, service_account=None, entries=None, **metadata):
    """A request for a Pod."""
    spec = {"containers": CONTAINERS}
    if service_account is not None:
        spec["serviceAccountName"] = service_account
    if entries is not None:
        spec["imagePullSecrets"] = entries
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", **metadata}, "spec": spec}
    return "POST", f"/api/v1/namespaces/{place}/pods", body


def names_in(answer):
    """What the list of a ServiceAccount or a Pod names."""
    there = answer.get("spec", answer).get("imagePullSecrets") or []
    return [each.get("name", "") for each in there]


def outcome(obj):
    """What the policies may change, as far as it makes a difference."""
    metadata = obj["metadata"]
    kept = dict(metadata.get("annotations") or {})
    marked = marks.read_names({"metadata": metadata}, marks.ATTACHED_BY_OPERATOR)
    kept.pop(marks.ATTACHED_BY_OPERATOR, None)
    return names_in(obj), kept, sorted(marked)


# One selection, told twice: in core/operator/select, and in CEL


def requests(places, secret):
    place = st.sampled_from(sorted(places))
    listed = selecting.entries(secret)
    fresh = st.builds(
        account,
        place,
        st.sampled_from([*selecting.ACCOUNTS, "new"]).map(lambda name: f"{name}-x")
        | st.just("new.one"),
        listed,
        selecting.annotations(secret),
    )
    there = st.builds(
        account,
        place,
        st.sampled_from(selecting.ACCOUNTS),
        listed,
        selecting.annotations(secret),
        st.just("PUT"),
    )
    # In a Pod the names are the keys of a map.
    unique = listed.map(
        lambda each: None if each is None else [dict(t) for t in {tuple(e.items()) for e in each}]
    )
    pods = st.builds(pod, place, st.none() | st.sampled_from(selecting.ACCOUNTS), unique)
    return fresh | there | pods


def test_policies_select_as_the_core_does(cluster, installed, policies, places, shown):
    secret, met, differences = installed.secret_name, {True: 0, False: 0}, []
    lists = {}
    for name in places:
        status, content = shown.ask([("GET", f"/api/v1/namespaces/{name}/serviceaccounts", None)])[
            0
        ]
        assert status == 200
        for each in content["items"]:
            lists[name, each["metadata"]["name"]] = each.get("imagePullSecrets")

    def expected(request, pullcredentials):
        _, path, body = request
        place = path.split("/")[4]
        resource = "pods" if body["kind"] == "Pod" else "serviceaccounts"
        if resource == "pods":  # ServiceAccount admission is there before
            spec = {"serviceAccountName": "default", **body["spec"]}
            if not spec.get("imagePullSecrets"):
                spec["imagePullSecrets"] = lists[place, spec["serviceAccountName"]] or []
            body = {**body, "spec": spec}
        question = reviews.question(secret, resource, place, body)
        patch = admission.decide(question, pullcredentials, places[place], "")
        met[bool(patch)] += 1
        return outcome(apply(body, patch))

    # Every name in every namespace, beside objects of all sorts.
    all_names = [
        each
        for place, name in product(sorted(places), selecting.ACCOUNTS)
        for each in (account(place, name, method="PUT"), pod(place, name))
    ]

    def look(specs, asked=()):
        asked = [*asked, *all_names]
        try:
            for spec, chance in specs:
                shown.put(spec, deleting=chance == 0)
            shown.settle()
            there = [parse(obj) for obj in shown.there()]
            assert all(each.problem is None for each in there)
            for request, (status, found) in zip(asked, shown.ask(asked), strict=True):
                wanted = expected(request, there)
                if status not in (200, 201) or outcome(found) != wanted:
                    told = found.get("message") or outcome(found)
                    differences.append(f"{request}\nis {told}\nwanted {wanted}\nby {there}")
        finally:
            shown.clear()

    @given(
        st.lists(
            st.tuples(selecting.specs(sorted(places)), st.integers(0, 9)), min_size=1, max_size=2
        ),
        st.lists(requests(places, secret), min_size=OBJECTS, max_size=OBJECTS),
    )
    @settings(
        max_examples=SETS,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def compare(specs, asked):
        look(specs, asked)

    everyone = EVERYWHERE | {"serviceAccounts": {"include": ["*"]}}
    for corner in selecting.CORNERS:
        look([(everyone | corner, 1)])
    look([(everyone, 0)])
    compare()
    assert not differences, f"{len(differences)}, the first is\n{differences[0]}"
    # Neither side says always yes or always no, and no error was passed over in silence.
    assert min(met.values()) > SETS * OBJECTS / 20, met
    assert set(checks(cluster, policies)) == {"no_error"}


@pytest.mark.parametrize("worst", ["stars", "pieces"])
def test_the_largest_that_the_crd_takes_is_evaluated(
    cluster, policies, longest, show, shown, worst
):
    """CEL has a budget: a PullCredential over it would select nothing, and nobody would hear.

    Each glob is as long as it may be, and would have one that tries again try for ever: only its
    end does not fit. The names are as long as they may be, too.
    """
    before = checks(cluster, policies)
    stars, dotted = ("*" * 61, "*." * 125) if worst == "stars" else ("*a" * 30 + "*", "*a." * 83)
    spaces = [f"{stars}{n:02}" for n in range(63)]
    accounts = [f"{dotted[:250]}{n:02}*" for n in range(63)]
    assert {*map(len, spaces)} == {63}
    assert max(map(len, accounts)) >= 252
    rules = [
        {"key": f"absent-{n}", "operator": "NotIn", "values": [f"{v:063}" for v in range(64)]}
        for n in range(16)
    ]
    largest = EVERYWHERE | {
        "namespaces": {
            "include": [*spaces, f"{longest[:3]}*"],
            "exclude": [f"{stars[1:]}x{n:02}" for n in range(64)],
            "matchExpressions": rules,
        },
        "serviceAccounts": {"include": [*accounts, "a.*.z"]},
    }
    show(largest)
    name = f"{'a.' * 126}z"
    assert len(name) == 253
    (status, found), (_, unmeant) = shown.ask([account(longest, name), account(longest, "a.z")])
    assert status == 201, found
    assert names_in(found)
    assert not names_in(unmeant)
    after = checks(cluster, policies)
    assert set(after) == {"no_error"}
    assert after != before


# Traps


def test_what_exists_is_extended_and_two_add_once(installed, places, shown, show):
    place, ours = min(places), installed.secret_name
    everyone = EVERYWHERE | {"serviceAccounts": {"include": ["*"]}}
    show(everyone, everyone, everyone | {"attach": "Pod"})
    theirs = [{"name": "theirs"}, {"name": "more"}]
    answers = shown.ask(
        [
            account(place, "x", theirs),
            account(place, "default", theirs, method="PUT"),
            account(place, "x"),
            pod(place, entries=theirs),
            pod(place),
        ]
    )
    for (status, found), before in zip(answers, (theirs, theirs, [], theirs, []), strict=True):
        assert status in (200, 201), found
        assert names_in(found) == [*(each["name"] for each in before), ours]


def unnamed(request):
    """The same, with a name that the API server makes."""
    method, path, body = request
    named = {**body, "metadata": {"generateName": "ci-"}}
    return method, path, named


def test_names_that_the_api_server_makes(installed, places, shown, show):
    """It makes them after admission: a ServiceAccount has none yet; that of a Pod is not asked."""
    place, ours = min(places), [installed.secret_name]
    asked = [unnamed(pod(place)), unnamed(account(place, "x"))]
    show(EVERYWHERE | {"serviceAccounts": {"include": ["*"]}})
    for status, found in shown.ask(asked):
        assert status == 201, found
        assert names_in(found) == ours
    shown.clear()
    show(EVERYWHERE | {"serviceAccounts": {"include": ["default", "ci-*"]}})
    (_, its_pod), (status, found) = shown.ask(asked)
    assert status == 201, found
    assert (names_in(its_pod), names_in(found)) == (ours, [])


def test_mirror_pods_are_left_alone(places, shown, show):
    """The API server would refuse one with a pull Secret."""
    show(EVERYWHERE)
    place = min(places)
    mirror = pod(place, annotations={"kubernetes.io/config.mirror": "x"})
    mirror[2]["spec"]["nodeName"] = "n"
    (status, found), (_, ordinary) = shown.ask([mirror, pod(place)])
    assert status == 201, found
    assert not names_in(found)
    assert names_in(ordinary)


def test_one_that_is_being_deleted_selects_nothing(places, shown, show):
    show(EVERYWHERE, deleting=True)
    place = min(places)
    for status, found in shown.ask([pod(place), account(place, "default", method="PUT")]):
        assert status in (200, 201), found
        assert not names_in(found)


def test_the_first_default_has_it(cluster, installed, shown, show):
    """kube-controller-manager makes it, and here runs no operator that would touch it again."""
    name = f"{shown.prefix}-new"
    show(EVERYWHERE)
    cluster.create_namespace(name)
    try:
        path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        ((status, found),) = shown.ask([("GET", path, None)])
        assert status == 200, found
        assert names_in(found) == [installed.secret_name]
        assert marks.read_names(found, marks.ATTACHED_BY_OPERATOR) == {installed.secret_name}
    finally:
        cluster.api.delete_namespace(name)


def test_enforced_mountable_secrets_want_it_on_the_service_account(cluster, places, shown, show):
    place = max(places)
    enforced = account(place, "strict", [{"name": "theirs"}])
    enforced[2]["metadata"]["annotations"] = {"kubernetes.io/enforce-mountable-secrets": "true"}
    assert cluster.api.request(*enforced)[0] == 201
    everyone = EVERYWHERE | {"serviceAccounts": {"include": ["strict"]}}
    show(everyone | {"attach": "Pod"})
    ((status, said),) = shown.ask([pod(place, "strict")])
    assert status == 403
    assert "imagePullSecret" in said["message"]
    # By its ServiceAccount it may: any write has the policy add it.
    show(everyone)
    _, path, body = enforced
    assert cluster.api.request("PUT", f"{path}/strict", body)[0] == 200
    ((status, found),) = shown.ask([pod(place, "strict")])
    assert status == 201, found


# What was added goes again


@pytest.fixture
def world(installed):
    with world_of(installed) as world:
        yield world


def marked(world, secret):
    """(Namespace, name) of ServiceAccounts that still have anything of ours."""
    found = []
    for name in world.namespaces:
        status, content = world.installation.cluster.api.request(
            "GET", f"{world.path(name)}/serviceaccounts"
        )
        assert status == 200, content
        for each in json.loads(content)["items"]:
            noted = marks.read_names(each, marks.ATTACHED_BY_OPERATOR)
            if secret in names_in(each) or secret in noted:
                found.append((name, each["metadata"]["name"]))
    return found


def test_the_operator_attaches_where_the_name_came_too_late(cluster, installed, world):
    world.add_namespaces(["one"], {})
    world.put_pullcredential("main", serviceAccounts={"include": ["ci-*"]})
    with installed.operator("--no-leader-elect") as operator:
        world.await_state("it is Ready", lambda: world.ready() == "1/1")
        status, content = cluster.api.request(*unnamed(account(world.full("one"), "x")))
        assert status == 201, content
        found = json.loads(content)
        assert (found["metadata"]["name"][:3], names_in(found)) == ("ci-", [])
        name, attached = found["metadata"]["name"], {"one": [installed.secret_name]}
        world.await_state("it is attached", lambda: world.lists(name) == attached)
        operator.stop()


def test_undo_sticks_while_others_write(installed, world):
    secret = installed.secret_name
    world.add_namespaces([f"ns-{n}" for n in range(6)], {"app": ["theirs"]})
    stop = threading.Event()

    def rival(name):
        turn = 0
        while not stop.is_set():
            turn += 1

            def tick(obj, turn=turn):
                obj["metadata"].setdefault("labels", {})["turn"] = str(turn)

            for account in ("default", "app"):
                world.change(f"{world.path(name)}/serviceaccounts/{account}", tick)
        return turn

    with installed.operator("--no-leader-elect") as operator, ThreadPoolExecutor(6) as rivals:
        operator.wait_for("Synced")
        turns = [rivals.submit(rival, name) for name in world.namespaces]
        try:
            for _ in range(3):
                world.put_pullcredential("main")
                world.await_state("it is everywhere", lambda: len(marked(world, secret)) == 12)
                world.delete_pullcredential("main")
                world.await_state("it goes", lambda: world.pullcredential("main") is None)
                world.await_state("nothing of it is left", lambda: not marked(world, secret))
        finally:
            stop.set()
        assert all(turn.result() > 3 for turn in turns)
        assert not marked(world, secret)
        assert list(world.lists("app").values()) == [["theirs"]] * 6
        operator.stop()


def test_uninstall_by_an_admin_ends_well(
    cluster, installed, policies, places, shown, world, regcred
):
    """The operator's user may take the entry off; an admin is told what is in the way first."""
    secret = installed.secret_name
    world.add_namespaces(["one", "two"], {"app": ["theirs"]})
    world.put_pullcredential("main")
    with installed.operator("--no-leader-elect") as operator:
        world.await_state("it is everywhere", lambda: world.ready() == "2/2")
        operator.stop()
    uninstall = (
        "operator",
        "--uninstall",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--namespace={installed.namespace}",
        f"--secret-name={secret}",
        f"--lease-name={installed.lease_name}",
    )
    refused = regcred(*uninstall, check=1).stderr.decode()
    assert refused.count("admission gives ServiceAccount") == 1
    hint = "kubectl delete mutatingadmissionpolicybindings -l app.kubernetes.io/part-of=regcred"
    assert hint in refused
    assert FINALIZER in world.pullcredential("main")["metadata"]["finalizers"]
    # As the hint says, but those of others.
    bindings = [f"{ADMISSION}/mutatingadmissionpolicybindings/{name}" for name in policies]
    kept = [json.loads(cluster.api.request("GET", path)[1]) for path in bindings]
    for path, binding in zip(bindings, kept, strict=True):
        assert binding["metadata"]["labels"]["app.kubernetes.io/part-of"] == "regcred"
        assert cluster.api.request("DELETE", path)[0] == 200
    try:
        regcred(*uninstall)
        assert not marked(world, secret)
        assert not world.logins()
        assert "finalizers" not in world.pullcredential("main")["metadata"]
    finally:
        for binding in kept:
            for field in ("resourceVersion", "uid", "creationTimestamp"):
                del binding["metadata"][field]
            where = f"{ADMISSION}/mutatingadmissionpolicybindings"
            assert cluster.api.request("POST", where, binding)[0] == 201
        await_acting(shown, next(iter(places)))


# Many at once


@pytest.mark.timeout(3600 if SOAK else 300)
def test_many_new_namespaces_need_nobody(cluster, installed, policies, shown, show):
    """No operator runs, and no ServiceAccount is written but by the request that makes it."""
    label = f"many-{secrets.token_hex(4)}"
    names, labels = [f"{label}-{n}" for n in range(MANY)], {"regcred-test": label}
    everyone = {"namespaces": {"matchLabels": labels}, "serviceAccounts": {"include": ["*"]}}
    show(EVERYWHERE | everyone)
    try:
        assert not slipped(cluster, names, labels, installed.secret_name)
        assert set(checks(cluster, policies)) == {"no_error"}
    finally:
        take_away(cluster, names)
