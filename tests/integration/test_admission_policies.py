"""The chart's admission policies, on the real API server: the entry is there before the Pod is."""

import os
import secrets

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cluster.waiting import await_condition
from regcred.core import admission, marks
from regcred.core.pullcredential import parse
from tests.support import selecting
from tests.support.admissionworld import SOURCE, Shown, checks
from tests.support.operatorworld import Installation
from tests.support.patching import apply

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
#: PullCredentials that act together, and objects that each set of them is shown.
SETS, OBJECTS = (100, 100) if SOAK else (12, 40)
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
            if number % 3 == 2:
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
def shown(cluster, installed, places):
    shown = Shown(cluster, next(iter(places)))
    try:
        shown.start()
        # The witness acts; the chart's own policies may be read a moment after it.
        shown.put(EVERYWHERE | {"serviceAccounts": {"include": ["*"]}})
        shown.settle()
        place = next(iter(places))
        for request in (account(place, "x"), pod(place, "default")):
            await_condition(
                "the policies act",
                lambda request=request: names_in(shown.ask([request])[0][1]),
                timeout=60,
            )
        shown.clear()
        yield shown
    finally:
        shown.stop()


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


# One selection, told twice: in core/select, and in CEL


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
        status, content = shown.ask([("GET", f"/api/v1/namespaces/{name}/serviceaccounts", None)])[0]
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
        question = admission.Question("x", resource, place, "admin", body)
        patch = admission.decide(question, pullcredentials, places[place], secret)
        met[bool(patch)] += 1
        return outcome(apply(body, patch))

    @given(
        st.lists(st.tuples(selecting.specs(sorted(places)), st.integers(0, 9)), max_size=3),
        st.lists(requests(places, secret), min_size=OBJECTS, max_size=OBJECTS),
    )
    @settings(
        max_examples=SETS,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def compare(specs, asked):
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

    compare()
    assert not differences, f"{len(differences)}, the first is\n{differences[0]}"
    # Neither side says always yes or always no, and no error was passed over in silence.
    assert min(met.values()) > SETS * OBJECTS / 20, met
    assert set(checks(cluster, policies)) == {"no_error"}
