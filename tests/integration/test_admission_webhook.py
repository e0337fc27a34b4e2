"""The admission webhook, asked by a real API server that has no admission policies for it."""

import base64
import json
import os
import re
import secrets
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cluster import Cluster
from cluster.waiting import await_condition
from regcred.core.errors import RegcredError
from regcred.core.operator import admission
from regcred.core.operator.pullcredential import parse
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.operator import certificates
from regcred.operator.identity import Identity
from tests.integration.test_admission_policies import (
    MANY,
    account,
    names_in,
    outcome,
    pod,
    requests,
)
from tests.integration.test_operator_rescue import await_figures
from tests.support import reviews, selecting
from tests.support.admissionworld import KIND, PULLCREDENTIALS, SOURCE, Shown
from tests.support.newnamespaces import slipped, take_away
from tests.support.operatorworld import Installation, world_of
from tests.support.patching import apply
from tests.support.release import CHART, helm
from tests.support.strandedpods import Strander

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
#: PullCredentials that act together, and objects that each set of them is shown.
SETS, OBJECTS = (100, 100) if SOAK else (12, 40)
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
#: Selects many, so that neither answer is rare.
BROAD = {
    "registries": ["registry.example.com"],
    "source": SOURCE,
    "namespaces": {"matchExpressions": [{"key": "env", "operator": "Exists"}]},
    "serviceAccounts": {"include": ["*"]},
}
GUARD = "ValidatingAdmissionPolicy"
MARK = "regcred.dev/attached-by-operator"
GROUP = "admissionregistration.k8s.io/v1"
_OFF = ",".join(f"{GROUP}/mutatingadmission{kind}=false" for kind in ("policies", "policybindings"))
#: Flags of an API server; the plugin would wait for ever for what is not served.
WITHOUT_POLICIES = (
    f"--runtime-config={_OFF}",
    "--disable-admission-plugins=MutatingAdmissionPolicy",
)
OPERATOR = ("--webhook", "--webhook-address=127.0.0.1:0", "--no-leader-elect")


@pytest.fixture(scope="module")
def old():
    """A cluster whose API server has no MutatingAdmissionPolicy."""
    with Cluster(api_server_flags=WITHOUT_POLICIES) as cluster:
        yield cluster


class Webhooks:
    """The chart on such a cluster, and the webhooks of operators that run here."""

    def __init__(self, cluster, helm_program, home):
        self.cluster = cluster
        self.installed = Installation(cluster, helm_program, home)
        self.secret = self.installed.secret_name
        self.path = f"{CONFIGURATIONS}/{self.secret}"

    def operator(self, *args):
        name = f"--webhook-name={self.secret}"
        return self.installed.operator(*OPERATOR, name, *args)

    def configuration(self):
        return json.loads(self.cluster.api.request("GET", self.path)[1])

    def bundles(self):
        """The certificates that each webhook trusts."""
        return [
            x509.load_pem_x509_certificates(base64.b64decode(each["clientConfig"]["caBundle"]))
            if each["clientConfig"].get("caBundle")
            else []
            for each in self.configuration()["webhooks"]
        ]

    def send_to(self, address, failure="Ignore"):
        """Have the API server ask here: this machine has no way to the address of a Service."""

        def change(webhook):
            webhook["failurePolicy"] = failure
            webhook["timeoutSeconds"] = 10
            webhook["clientConfig"].pop("service", None)
            webhook["clientConfig"]["url"] = f"https://{address}/mutate"

        self._change(change)

    @contextmanager
    def without_conditions(self, operator):
        """Have an operator asked about everything, as by a configuration of somebody else's."""
        each = self.configuration()["webhooks"]
        conditions = {webhook["name"]: webhook["matchConditions"] for webhook in each}
        there = account("default", "there", [{"name": self.secret}])
        reviews = 'regcred_admission_reviews_total{outcome="allowed",resource="serviceaccounts"}'

        def is_asked():
            before = metric(operator, reviews)
            method, path, body = there
            assert self.cluster.api.request(method, f"{path}?dryRun=All", body)[0] == 201
            return metric(operator, reviews) > before

        self._change(lambda webhook: webhook.pop("matchConditions"))
        try:
            await_condition("it is asked about everything", is_asked, timeout=60)
            yield
        finally:
            self._change(
                lambda webhook: webhook.update(matchConditions=conditions[webhook["name"]])
            )

    def trust(self, pem):
        """As whoever brings certificates does."""
        bundle = base64.b64encode(pem).decode()
        self._change(lambda webhook: webhook["clientConfig"].update(caBundle=bundle))

    def _change(self, change):
        while True:
            found = self.configuration()
            for each in found["webhooks"]:
                change(each)
            status, content = self.cluster.api.request("PUT", self.path, found)
            if status != 409:
                assert status == 200, content
                return


@pytest.fixture(scope="module")
def webhooks(old, helm_program, tmp_path_factory):
    """The chart chooses the webhook by itself."""
    webhooks = Webhooks(old, helm_program, tmp_path_factory.mktemp("helm"))
    webhooks.installed.install(**{"admission.mode": "Auto", "rescue.rights": "Evict"})
    yield webhooks
    webhooks.installed.uninstall()


@pytest.fixture
def world(webhooks):
    """Namespaces and PullCredentials whose source gives something."""
    with world_of(webhooks.installed) as world:
        yield world


def ready(operator):
    """Status and text of /readyz."""
    status, text = operator.get("/readyz")
    return status, text.strip()


def metric(operator, name):
    """The sum of all that a metric of the operator counts, which may be given with labels."""
    return counted(operator.get("/metrics")[1], name)


def fail_open(cluster):
    """How often the API server has let something in without an answer of a webhook of ours."""
    status, content = cluster.api.request("GET", "/metrics")
    assert status == 200, content
    name = 'apiserver_admission_webhook_fail_open_count{name="[a-z]*.regcred.dev"'
    return counted(content.decode(), name)


def counted(page, name):
    found = re.findall(rf"^{name}.* (\S+)$", page, re.MULTILINE)
    return sum(map(float, found))


def pem_of(bundles):
    """What `Webhooks.trust` takes, of what `Webhooks.bundles` gives."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in bundles[0])


def await_ready(operator):
    await_condition("the operator is ready", lambda: ready(operator)[0] == 200, timeout=60)


@pytest.fixture
def serving(webhooks):
    """An operator whose webhook the API server asks, and takes no failure for an answer."""
    with webhooks.operator() as operator:
        webhooks.send_to(operator.wait_for("WebhookListening")["address"], "Fail")
        await_ready(operator)
        yield operator
        webhooks.send_to(operator.said("WebhookListening")[0]["address"])


class Witnessed(Shown):
    """PullCredentials that the webhook is to see; it sees them in order, the witness last."""

    def __init__(self, cluster, secret):
        self.place = f"witness-{secrets.token_hex(4)}"
        super().__init__(cluster, self.place)
        self._secret = secret

    def start(self):
        cluster = self._cluster
        assert (
            cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.place}})[0]
            == 201
        )
        body = {**KIND, "metadata": {"name": self.prefix}, "spec": self._spec()}
        self._expect(cluster.api.request("POST", PULLCREDENTIALS, body))
        self.settle()

    def stop(self):
        super().stop()
        self._cluster.api.delete_namespace(self.place)

    def settle(self):
        self._turn += 1
        path = f"{PULLCREDENTIALS}/{self.prefix}"
        answer = 409, b""
        while answer[0] == 409:  # the operator writes its status
            obj = json.loads(self._cluster.api.request("GET", path)[1])
            obj["spec"] = self._spec()
            answer = self._cluster.api.request("PUT", path, obj)
        self._expect(answer)
        asked = [account(self.place, f"turn-{self._turn}")]
        await_condition("the webhook sees it", lambda: names_in(self.ask(asked)[0][1]), timeout=60)

    def put(self, spec, *, deleting=False):
        """As it is, but that it does not select the witness's namespace."""
        namespaces = dict(spec["namespaces"])
        namespaces["exclude"] = [*namespaces.get("exclude", ()), self.place]
        return super().put(spec | {"namespaces": namespaces}, deleting=deleting)

    def _spec(self):
        return {
            "registries": ["registry.example.com"],
            "source": SOURCE,
            "namespaces": {"include": [self.place]},
            "serviceAccounts": {"include": [f"turn-{self._turn}"]},
        }


@pytest.fixture(scope="module")
def places(old, webhooks):
    """Namespaces with labels and ServiceAccounts, by their full names."""
    prefix = f"p{secrets.token_hex(3)}"
    labels = {f"{prefix}-{name}": value for name, value in selecting.NAMESPACES.items()}
    for name, wanted in labels.items():
        body = {"metadata": {"name": name, "labels": wanted}}
        assert old.api.request("POST", "/api/v1/namespaces", body)[0] == 201
        for each in selecting.ACCOUNTS:
            if each != "default":
                path = f"/api/v1/namespaces/{name}/serviceaccounts"
                assert old.api.request("POST", path, {"metadata": {"name": each}})[0] == 201
        await_condition(
            f"{name} has its default ServiceAccount",
            lambda name=name: old.api.has_default_service_account(name),
            timeout=60,
        )
    yield {name: {**own, "kubernetes.io/metadata.name": name} for name, own in labels.items()}
    for name in labels:
        old.api.delete_namespace(name)


# What it does


def inherits_nothing(body):
    """Whether the list of its ServiceAccount, which the operator changes, is not copied."""
    return body["kind"] != "Pod" or bool(body["spec"].get("imagePullSecrets"))


@pytest.mark.parametrize("conditions", [True, False])
def test_it_selects_as_the_core_does(old, webhooks, serving, places, conditions):
    secret, met, differences = webhooks.secret, {True: 0, False: 0}, []
    shown = Witnessed(old, secret)

    def expected(request, pullcredentials):
        _, path, body = request
        place = path.split("/")[4]
        resource = "pods" if body["kind"] == "Pod" else "serviceaccounts"
        if resource == "pods":  # ServiceAccount admission is there before
            body = {**body, "spec": {"serviceAccountName": "default", **body["spec"]}}
        question = reviews.question(secret, resource, place, body)
        patch = admission.decide(question, pullcredentials, places[place], "")
        met[bool(patch)] += 1
        return outcome(apply(body, patch))

    @given(
        st.lists(st.tuples(selecting.specs(sorted(places)), st.integers(0, 9)), max_size=3),
        st.lists(requests(places, secret), min_size=OBJECTS, max_size=OBJECTS),
        st.booleans(),
    )
    @settings(
        max_examples=SETS,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def compare(specs, asked, broad):
        try:
            if broad:
                shown.put(BROAD)
            for spec, chance in specs:
                shown.put(spec, deleting=chance == 0)
            shown.settle()
            there = [parse(obj) for obj in shown.there()]
            asked = [each for each in asked if inherits_nothing(each[2])]
            for request, (status, found) in zip(asked, shown.ask(asked), strict=True):
                wanted = expected(request, there)
                if status not in (200, 201) or outcome(found) != wanted:
                    told = found.get("message") or outcome(found)
                    differences.append(f"{request}\nis {told}\nwanted {wanted}\nby {there}")
        finally:
            shown.clear()

    with nullcontext() if conditions else webhooks.without_conditions(serving):
        shown.start()
        try:
            compare()
        finally:
            shown.stop()
    assert not differences, f"{len(differences)}, the first is\n{differences[0]}"
    assert min(met.values()) > SETS * OBJECTS / 20, met
    assert not serving.said("InternalError")


@pytest.fixture
def wanted(old):
    """Create a PullCredential for the label of this test; its label and name."""
    name = f"wanted-{secrets.token_hex(4)}"
    spec = {
        "registries": ["registry.example.com"],
        "source": SOURCE,
        "namespaces": {"matchLabels": {"regcred-test": name}},
        "serviceAccounts": {"include": ["*"]},
    }
    made = []

    def namespace():
        made.append(f"{name}-{len(made)}")
        body = {"metadata": {"name": made[-1], "labels": {"regcred-test": name}}}
        assert old.api.request("POST", "/api/v1/namespaces", body)[0] == 201
        return made[-1]

    path = f"{PULLCREDENTIALS}/{name}"
    body = {**KIND, "metadata": {"name": name}, "spec": spec}
    assert old.api.request("POST", PULLCREDENTIALS, body)[0] == 201
    yield path, namespace
    status, content = old.api.request("DELETE", path)
    status, content = old.api.request("GET", path)
    if status == 200:
        obj = json.loads(content)
        obj["metadata"].pop("finalizers", None)
        old.api.request("PUT", path, obj)
    for each in made:
        old.api.delete_namespace(each)


def create(cluster, request):
    """Create for good; the object as the API server has it."""
    method, path, body = request
    status, content = cluster.api.request(method, path, body)
    assert status == 201, content
    return json.loads(content)


def await_seen(cluster, webhooks, place):
    """Wait until the webhook sees the PullCredential; nothing is kept."""
    method, path, body = account(place, "seen")
    await_condition(
        "the webhook sees the PullCredential",
        lambda: names_in(json.loads(cluster.api.request(method, f"{path}?dryRun=All", body)[1])),
        timeout=60,
    )


def test_a_namespace_that_is_brand_new(old, webhooks, serving, wanted):
    _, namespace = wanted
    await_seen(old, webhooks, namespace())
    for _ in range(20):
        place = namespace()
        made = create(old, account(place, "app"))
        assert names_in(made) == [webhooks.secret]
        assert made["metadata"]["annotations"][MARK] == webhooks.secret
        assert names_in(create(old, pod(place, "app"))) == [webhooks.secret]


def test_undo_sticks(old, webhooks, serving, wanted):
    path, namespace = wanted
    place = namespace()
    await_seen(old, webhooks, place)
    paths = []
    for n in range(30):
        create(old, request := account(place, f"app-{n}", [{"name": "theirs"}]))
        paths.append(f"{request[1]}/app-{n}")
    await_condition(
        "the operator has its finalizer",
        lambda: json.loads(old.api.request("GET", path)[1])["metadata"].get("finalizers"),
        timeout=60,
    )
    old.api.request("DELETE", path)
    await_condition(
        "the PullCredential is gone", lambda: old.api.request("GET", path)[0] == 404, timeout=60
    )
    for each in paths:
        obj = json.loads(old.api.request("GET", each)[1])
        assert names_in(obj) == ["theirs"]
        assert MARK not in obj["metadata"].get("annotations", {})
        obj["metadata"]["labels"] = {"touched": "yes"}
        status, content = old.api.request("PUT", each, obj)
        assert status == 200
        assert names_in(json.loads(content)) == ["theirs"]


def test_what_the_operator_writes_stays_whatever_it_is_asked(old, webhooks, serving, wanted):
    _, namespace = wanted
    place, secret = namespace(), webhooks.secret
    await_seen(old, webhooks, place)
    method, collection, body = account(place, "app", [{"name": "theirs"}])
    assert names_in(create(old, (method, collection, body))) == ["theirs", secret]
    path = f"{collection}/app?dryRun=All"
    undo = [{"op": "replace", "path": "/imagePullSecrets", "value": [{"name": "theirs"}]}]
    with webhooks.without_conditions(serving):
        operator = webhooks.installed._release.operator()
        status, content = operator.ask("PATCH", path, undo, patch="json")
        assert status == 200, content
        assert names_in(json.loads(content)) == ["theirs"]
        status, content = old.api.request("PUT", path, body)
        assert status == 200, content
        assert names_in(json.loads(content)) == ["theirs", secret]


@pytest.mark.parametrize("attach", ["ServiceAccount", "Pod"])
def test_what_slipped_by_is_reported_and_mended(old, webhooks, world, attach):
    secret, pods = webhooks.secret, Strander(world)
    patched = 'regcred_api_requests_total{code="200",resource="serviceaccounts",verb="patch"}'

    def started(operator):
        webhooks.send_to(operator.wait_for("WebhookListening")["address"], "Ignore")
        await_ready(operator)

    with webhooks.operator() as operator:
        started(operator)
        world.put_pullcredential("main", attach=attach, rescue="Report")
        world.await_state("it is seen", lambda: world.ready() == "0/0")
        world.add_namespaces(["early"], {})
        pods.make("early", "web")
        assert pods.lists("early", "web") == [[secret]]
        world.await_state("Ready", lambda: world.ready() == "1/1")
        # Nothing is left to do for the operator, and so it counts nothing.
        assert metric(operator, patched) == 0
        assert not operator.said("Attached")
        operator.stop()
    passed = fail_open(old)
    world.add_namespaces(["late"], {})
    pods.make("late", "web")
    assert fail_open(old) > passed
    assert pods.lists("late", "web") == [[]]
    pods.strand("late", "web")
    before = pods.uids("late", "web")
    with webhooks.operator() as operator:
        started(operator)
        await_figures(world, 1, 0, reason="PodsStuck")
        world.await_state("Ready", lambda: world.ready() == "2/2")
        # What did not pass by admission is there for all to see where a ServiceAccount is mended.
        mended = [world.full("late")] if attach == "ServiceAccount" else []
        assert [line["namespace"] for line in operator.said("Attached")] == mended
        assert metric(operator, patched) == len(mended)
        assert pods.uids("late", "web") == before
        world.put_pullcredential("main", attach=attach, rescue="Evict")
        await_figures(world, 0, 1, reason="NothingStuck")
        world.await_state("another is there", lambda: len(pods.uids("late", "web")) == 1)
        operator.stop()
    assert not pods.uids("late", "web") & before
    assert pods.lists("late", "web") == [[secret]]
    assert (world.lists()["late"] == [secret]) is (attach == "ServiceAccount")


def test_while_it_is_down_ignore_lets_in_and_the_operator_repairs(old, webhooks, wanted):
    _, namespace = wanted
    with webhooks.operator() as operator:
        address = operator.wait_for("WebhookListening")["address"]
        webhooks.send_to(address, "Ignore")
        await_ready(operator)
        await_seen(old, webhooks, namespace())
    place = namespace()
    request = account(place, "app")
    assert names_in(create(old, request)) == []
    assert names_in(create(old, pod(place, "app"))) == []
    with webhooks.operator():
        await_condition(
            "the operator attaches it",
            lambda: (
                names_in(json.loads(old.api.request("GET", f"{request[1]}/app")[1]))
                == [webhooks.secret]
            ),
            timeout=60,
        )


@pytest.mark.timeout(3600 if SOAK else 300)
def test_many_new_namespaces(old, webhooks, world):
    """It hears of a namespace, and of its labels, a moment after the API server made it."""
    places = [world.full(f"many-{n}") for n in range(MANY)]
    with webhooks.operator() as operator:
        webhooks.send_to(operator.wait_for("WebhookListening")["address"], "Ignore")
        await_ready(operator)
        world.put_pullcredential("main", serviceAccounts={"include": ["*"]})
        world.await_state("it is seen", lambda: world.ready() == "0/0")
        passed = fail_open(old)
        try:
            assert not slipped(old, places, world.label, webhooks.secret)
            assert fail_open(old) == passed
            world.await_state("Ready", lambda: world.ready() == f"{MANY}/{MANY}", timeout=600)
            assert not operator.said("Attached")
            assert metric(operator, 'regcred_admission_reviews_total{outcome="undecided"') == 0
            operator.stop()
        finally:
            take_away(old, places)


# Its certificate


@pytest.fixture
def files(webhooks, tmp_path):
    """Write a certificate as cert-manager's would be there; the API server trusts them all."""
    bundles, trusted = webhooks.bundles(), []

    def write(made):
        (tmp_path / "tls.crt").write_bytes(made.pem)
        (tmp_path / "tls.key").write_bytes(made.key)
        trusted.append(made.pem)
        webhooks.trust(b"".join(trusted))
        return f"--webhook-cert-dir={tmp_path}"

    yield write
    webhooks.trust(pem_of(bundles))


def test_one_that_has_expired_is_told_of_and_may_be_replaced(old, webhooks, wanted, files):
    _, namespace = wanted
    now, end = datetime.now(UTC), "regcred_webhook_certificate_expiry_seconds"
    names = ["127.0.0.1"]
    folder = files(certificates.make(names, "old", now - certificates.LIFETIME - timedelta(days=1)))
    with webhooks.operator(folder) as operator:
        address = operator.wait_for("WebhookListening")["address"]
        said = operator.wait_for("WebhookTrouble")["message"]
        assert "tls.crt" in said
        assert "expired at" in said
        assert said.endswith("cert-manager writes them: kubectl get certificate -A")
        operator.wait_for("Synced")
        assert ready(operator) == (503, "waiting for webhook certificate")
        assert -90_000 < metric(operator, end) < -86_000
        # The API server does not take it.
        webhooks.send_to(address, "Fail")
        method, path, body = account(namespace(), "app")

        def refused():
            status, content = old.api.request(method, f"{path}?dryRun=All", body)
            return status == 500 and b"certificate has expired" in content

        await_condition("the API server refuses the certificate", refused, timeout=60)
        # What is let in without it, the operator puts right.
        webhooks.send_to(address, "Ignore")

        def let_in():
            return old.api.request(method, f"{path}?dryRun=All", body)[0] == 201

        await_condition("objects are let in", let_in, timeout=60)
        assert names_in(create(old, (method, path, body))) == []
        await_condition(
            "the operator attaches it",
            lambda: (
                names_in(json.loads(old.api.request("GET", f"{path}/app")[1])) == [webhooks.secret]
            ),
            timeout=60,
        )
        # Somebody mends what renews it.
        files(certificates.make(names, "new", now))
        operator.wait_for("CertificateRenewed")
        await_ready(operator)
        assert metric(operator, end) > 86_400
        webhooks.send_to(address, "Fail")
        await_seen(old, webhooks, namespace())
        webhooks.send_to(address)
        operator.stop()


async def test_its_own_that_expired_in_its_sleep_is_replaced(webhooks):
    """First of all it is shown: nobody takes the one that is known."""
    kubeconfig, asleep = webhooks.installed.kubeconfig, timedelta(days=31)
    now, owner = datetime.now(UTC), f"asleep-{secrets.token_hex(4)}"

    def published():
        return [
            [each for each in bundle if owner in each.subject.rfc4514_string()]
            for bundle in webhooks.bundles()
        ]

    before = webhooks.bundles()
    async with Client(load(kubeconfig=str(kubeconfig), env={})) as client:
        try:
            identity = Identity(["x"], owner, configuration=webhooks.secret, folder=None)
            await identity.keep(client, now)
            assert {len(each) for each in published()} == {1}
            first, shown = published(), identity.context
            await identity.keep(client, now + asleep)
            assert identity.context is not shown
            assert {len(each) for each in published()} == {1}
            for old, (new,) in zip(first, published(), strict=True):
                assert new not in old
                assert new.not_valid_after_utc > now + asleep
        finally:
            webhooks.trust(pem_of(before))
        # So it is where the API server cannot be told.
        untold = Identity(["x"], owner, configuration="no-such", folder=None)
        shown = untold.context
        for late, same in ((timedelta(days=29), True), (asleep, False)):
            with pytest.raises(RegcredError):
                await untold.keep(client, now + late)
            assert (untold.context is shown) is same
            assert not untold.is_known


async def test_a_bundle_that_somebody_empties_is_not_taken_for_ours(webhooks):
    """Also while it cannot be mended."""

    def refuse():
        raise RegcredError("nobody may write")

    config = load(kubeconfig=str(webhooks.installed.kubeconfig), env={})
    before, now = webhooks.bundles(), datetime.now(UTC)
    identity = Identity(["x"], "emptied", configuration=webhooks.secret, folder=None)
    async with Client(config) as client, Client(config, fence=refuse) as reader:
        try:
            await identity.keep(client, now)
            assert identity.is_known
            webhooks.trust(b"")
            with pytest.raises(RegcredError):
                await identity.keep(reader, now)
            assert not identity.is_known
            await identity.keep(client, now)
            assert identity.is_known
            await identity.keep(reader, now)  # nothing is to be done
            assert identity.is_known
        finally:
            webhooks.trust(pem_of(before))


def test_every_replica_is_trusted_also_a_standby(old, webhooks, wanted):
    _, namespace = wanted
    args = ("--leader-elect",)
    with webhooks.operator(*args) as first:
        first.wait_for("Leading")
        await_ready(first)
        with webhooks.operator(*args) as second:
            second.wait_for("Standby")
            await_ready(second)
            for operator in (first, second):
                address = operator.wait_for("WebhookListening")["address"]
                webhooks.send_to(address, "Fail")
                await_seen(old, webhooks, namespace())
                for bundle in webhooks.bundles():
                    owners = [each.subject.rfc4514_string() for each in bundle]
                    assert any(address in owner for owner in owners)
            assert not second.said("Leading")
            webhooks.send_to(address)
    webhooks.installed.drop_lease()


def test_several_that_start_at_once_are_all_told(webhooks):
    with webhooks.operator() as a, webhooks.operator() as b, webhooks.operator() as c:
        addresses = [each.wait_for("WebhookListening")["address"] for each in (a, b, c)]
        for each in (a, b, c):
            await_ready(each)
            assert not each.said("WebhookTrouble")
        for bundle in webhooks.bundles():
            owners = " ".join(each.subject.rfc4514_string() for each in bundle)
            assert all(address in owners for address in addresses)


def test_it_is_not_ready_before_the_api_server_knows_it(webhooks):
    with webhooks.installed.operator(*OPERATOR, "--webhook-name=no-such") as operator:
        operator.wait_for("Synced")
        operator.wait_for("WebhookTrouble")
        assert ready(operator) == (503, "waiting for webhook certificate")
        operator.stop()


def test_an_upgrade_keeps_the_bundle(old, helm_program, tmp_path):
    webhooks = Webhooks(old, helm_program, tmp_path)
    webhooks.installed.install(**{"admission.mode": "Webhook"})
    try:
        with webhooks.operator() as operator:
            await_ready(operator)
            before = webhooks.bundles()
            assert all(before)
            release = webhooks.installed._release
            values = "--reuse-values", "--set=admission.webhook.timeoutSeconds=3"
            release.helm("upgrade", release.name, str(CHART), *values)
            assert [each["timeoutSeconds"] for each in webhooks.configuration()["webhooks"]] == [
                3,
                3,
            ]
            assert webhooks.bundles() == before
    finally:
        webhooks.installed.uninstall()


# What the operator may


def test_it_may_change_the_bundle_of_its_webhooks_and_nothing_else(old, webhooks):
    operator = webhooks.installed._release.operator()
    before = webhooks.configuration()
    assert operator.ask("GET", webhooks.path)[0] == 200
    own = certificates.make(["x.example.com"], "x", datetime.now(UTC))
    bundle = base64.b64encode(own.pem).decode()
    good = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
    status, content = operator.ask("PATCH", f"{webhooks.path}?dryRun=All", good, patch="json")
    assert status == 200, content
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    for path, value in (
        ("/webhooks/0/clientConfig/url", "https://evil.example.com"),
        ("/webhooks/0/rules/0", rule),
        ("/webhooks/0/rules/-", rule),
        ("/webhooks/0/failurePolicy", "Ignore" if _fails(before) else "Fail"),
        ("/webhooks/0/timeoutSeconds", 30),
        ("/webhooks/0/matchConditions", []),
        ("/webhooks/0/namespaceSelector", {"matchLabels": {"a": "b"}}),
        ("/webhooks/0/objectSelector", {"matchLabels": {"a": "b"}}),
        ("/webhooks/0/reinvocationPolicy", "Never"),
        ("/webhooks/0/matchPolicy", "Exact"),
        ("/webhooks/-", before["webhooks"][0] | {"name": "more.regcred.dev"}),
        ("/webhooks", []),
        ("/metadata/labels", {"a": "b"}),
        ("/metadata/annotations", {"a": "b"}),
    ):
        patch = [{"op": "add", "path": path, "value": value}]
        if path.endswith("/url"):
            client = before["webhooks"][0]["clientConfig"]
            if "service" in client:
                patch.append({"op": "remove", "path": "/webhooks/0/clientConfig/service"})
        status, content = operator.ask("PATCH", f"{webhooks.path}?dryRun=All", patch, patch="json")
        assert status in (403, 422), (path, status)
        assert GUARD in content, (path, content)
    for method, path in (
        ("GET", CONFIGURATIONS),
        ("POST", CONFIGURATIONS),
        ("DELETE", webhooks.path),
        ("PUT", webhooks.path),
    ):
        body = before if method in ("POST", "PUT") else None
        assert operator.ask(method, path, body)[0] == 403, method


def _fails(configuration):
    return configuration["webhooks"][0]["failurePolicy"] == "Fail"


# The chart


@pytest.fixture
def template(helm_program, tmp_path):
    def render(*arguments):
        done = helm(
            helm_program,
            "template",
            "regcred",
            str(CHART),
            "--namespace=ops",
            *arguments,
            home=tmp_path,
        )
        return [obj for obj in yaml.safe_load_all(done) if obj]

    return render


def kinds(objects):
    return {obj["kind"] for obj in objects}


def one(objects, kind):
    (found,) = [obj for obj in objects if obj["kind"] == kind]
    return found


def touches_webhooks(objects):
    return [
        rule
        for obj in objects
        if obj["kind"] in ("Role", "ClusterRole")
        for rule in obj["rules"]
        if "mutatingwebhookconfigurations" in rule["resources"]
    ]


def test_the_chart_chooses_by_what_the_cluster_has(template):
    policies = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
    for arguments, webhook in (
        ((), True),
        ((policies,), False),
        ((policies, "--set=admission.mode=Webhook"), True),
        (("--set=admission.mode=Policy",), False),
        (("--set=admission.mode=Off",), False),
    ):
        objects = template(*arguments)
        assert ("MutatingWebhookConfiguration" in kinds(objects)) is webhook
        rights = touches_webhooks(objects)
        args = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
        assert ("--webhook" in args) is webhook
        assert bool(rights) is webhook
        for rule in rights:
            assert (rule["resourceNames"], rule["verbs"]) == (["regcred"], ["get", "patch"])


def test_the_service_leads_to_the_webhook(template):
    objects = template("--set=admission.webhook.port=9999,networkPolicy.enabled=true")
    (service,) = [
        o for o in objects if o["kind"] == "Service" and o["metadata"]["name"] == "regcred-webhook"
    ]
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    (port,) = service["spec"]["ports"]
    assert ports[port["targetPort"]] == 9999
    assert "--webhook-address=:9999" in container["args"]
    for each in one(objects, "MutatingWebhookConfiguration")["webhooks"]:
        wanted = {"name": "regcred-webhook", "namespace": "ops", "path": "/mutate", "port": 443}
        assert each["clientConfig"] == {"service": wanted}
        assert (each["failurePolicy"], each["sideEffects"]) == ("Ignore", "None")
        assert "namespaceSelector" not in each
    ingress = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert {"ports": [{"protocol": "TCP", "port": "webhook"}]} in ingress


def test_cert_manager_does_all_of_it(template):
    objects = template("--set=admission.webhook.certManager=true")
    assert touches_webhooks(objects) == []
    certificate, ca = sorted(
        (obj for obj in objects if obj["kind"] == "Certificate"), key=lambda o: "isCA" in o["spec"]
    )
    annotations = one(objects, "MutatingWebhookConfiguration")["metadata"]["annotations"]
    name = certificate["metadata"]["name"]
    assert annotations == {"cert-manager.io/inject-ca-from": f"ops/{name}"}
    assert "regcred-webhook.ops.svc" in certificate["spec"]["dnsNames"]
    # Certificates come and go, each with a key of its own; the CA and its key stay.
    issuers = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Issuer"}
    signed_by = issuers[certificate["spec"]["issuerRef"]["name"]]
    assert signed_by == {"ca": {"secretName": ca["spec"]["secretName"]}}
    assert issuers[ca["spec"]["issuerRef"]["name"]] == {"selfSigned": {}}
    assert ca["spec"]["secretName"] != certificate["spec"]["secretName"]
    policies = [o["spec"]["privateKey"]["rotationPolicy"] for o in (certificate, ca)]
    assert (ca["spec"]["isCA"], policies) == (True, ["Always", "Never"])
    pod_spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,), (mount,) = pod_spec["volumes"], pod_spec["containers"][0]["volumeMounts"]
    assert volume["secret"]["secretName"] == certificate["spec"]["secretName"]
    assert f"--webhook-cert-dir={mount['mountPath']}" in pod_spec["containers"][0]["args"]
