"""Where admission refuses, or is in the way: the way out is what the pages and the hints say."""

import base64
import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import Cluster
from cluster.paths import CHECKOUT
from cluster.waiting import await_condition
from tests.integration.test_admission_policies import account, names_in, pod
from tests.integration.test_admission_webhook import (
    CONFIGURATIONS,
    OPERATOR,
    WITHOUT_POLICIES,
    Webhooks,
    await_ready,
)
from tests.integration.test_chart import own_deploy
from tests.support.admissionworld import KIND, PULLCREDENTIALS, SOURCE
from tests.support.installed import free_port
from tests.support.operatorprocess import OperatorProcess
from tests.support.operatorworld import Installation, world_of
from tests.support.outages import API_SERVER, Outages
from tests.support.release import CHART, CRD, helm
from tools.plainyaml import NAMESPACE

PAGE = CHECKOUT / "docs" / "how-to" / "webhook.md"


# Policies


@pytest.fixture
def strict():
    """A cluster of its own: without the CRD nobody else could be there."""
    with Cluster() as cluster:
        yield cluster


@pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")
def test_without_the_crd_fail_refuses_all_but_the_exempt(strict, helm_program, tmp_path):
    installed, outages = Installation(strict, helm_program, tmp_path), Outages(strict)
    for place in ("exempt", "other"):
        strict.create_namespace(place)
    values = {
        "admission.mode": "Policy",
        "admission.failurePolicy": "Fail",
        "admission.exemptNamespaces": "{kube-system,exempt}",
    }

    def asked(place):
        requests = account(place, "app"), pod(place)
        asked = [
            strict.api.request(method, f"{path}?dryRun=All", body)
            for method, path, body in requests
        ]
        return [(status, json.loads(content)) for status, content in asked]

    def said():
        return [(status, found.get("message", "")) for status, found in asked("other")]

    def admitted():
        return [status for status, _ in said()] == [201, 201]

    def refused():
        return all(s == 403 and "resource referenced by paramKind" in text for s, text in said())

    try:
        installed.install(**values)
        await_condition("it is admitted", admitted, timeout=120, log=lambda: str(said()))
        strict.kubectl("delete", "-f", str(CRD))
        # One that knew the CRD goes by the PullCredentials that it saw last: none.
        outages.kill(API_SERVER)
        outages.start(API_SERVER)
        await_condition("it is refused", refused, timeout=120, log=lambda: str(said()))
        for place in ("kube-system", "exempt"):
            assert [status for status, _ in asked(place)] == [201, 201], asked(place)
        # Its Pods have to keep to the level "restricted": this one gets as far as that.
        made, early = asked(installed.namespace)
        assert made[0] == 201, made
        assert "violates PodSecurity" in early[1]["message"]
    finally:
        installed.uninstall()


# The webhook


@pytest.fixture(scope="module")
def old():
    """A cluster whose API server has no MutatingAdmissionPolicy."""
    with Cluster(api_server_flags=WITHOUT_POLICIES) as cluster:
        yield cluster


@pytest.fixture
def webhooks(old, helm_program, tmp_path):
    webhooks = Webhooks(old, helm_program, tmp_path)
    webhooks.installed.install(**{"admission.mode": "Webhook"})
    yield webhooks
    webhooks.installed.uninstall()


@pytest.fixture
def world(webhooks):
    with world_of(webhooks.installed) as world:
        yield world


@pytest.mark.parametrize(
    "answers", [False, True], ids=["nobody answers", "another replica answers"]
)
def test_uninstall_says_what_is_in_the_way(old, webhooks, world, regcred, answers):
    installed = webhooks.installed
    world.add_namespaces(["one", "two"], {"app": ["theirs"]})
    world.put_pullcredential("main")
    uninstall = (
        "operator",
        "--uninstall",
        f"--kubeconfig={old.kubeconfig}",
        f"--namespace={installed.namespace}",
        f"--secret-name={installed.secret_name}",
        f"--lease-name={installed.lease_name}",
    )
    with webhooks.operator() as operator:
        webhooks.send_to(operator.wait_for("WebhookListening")["address"], "Fail")
        await_ready(operator)
        world.await_state("it is everywhere", lambda: world.ready() == "2/2")
        if not answers:
            operator.stop()
        refused = regcred(*uninstall, check=1).stderr.decode()
        said = (
            "the entry again" if answers else 'failed calling webhook "serviceaccounts.regcred.dev"'
        )
        assert said in refused
        hint = "kubectl delete mutatingwebhookconfigurations -l app.kubernetes.io/part-of=regcred"
        assert hint in refused
        old.kubectl(*hint.split()[1:])
        if answers:
            operator.stop()
    regcred(*uninstall)
    assert set(map(tuple, world.lists("app").values())) == {("theirs",)}
    assert not any(world.lists().values())
    assert not world.logins()
    assert "finalizers" not in world.pullcredential("main")["metadata"]


def test_plain_yaml_puts_right_what_that_for_newer_ones_began(old, tmp_path):
    name = f"plain-{secrets.token_hex(4)}"
    own_deploy(tmp_path, name)
    where = ("-n", f"{name}-system")

    def flags():
        asked = ("get", "deployment", name, *where, "-o", "json")
        spec = json.loads(old.kubectl(*asked).stdout)["spec"]["template"]["spec"]
        return {each.partition("=")[0] for each in spec["containers"][0]["args"]}

    try:
        done = old.kubectl("apply", "-k", str(tmp_path), check=False)
        assert done.returncode == 1
        assert b'no matches for kind "MutatingAdmissionPolicy"' in done.stderr
        old.kubectl("apply", "-k", str(tmp_path / "webhook"))
        assert "--webhook" in flags()
        assert "--admission-policies" not in flags()
        # Again, as at an upgrade: what the operator wrote stays.
        made = base64.b64encode(Authority().pem).decode()
        path = "/webhooks/0/clientConfig/caBundle"
        patch = json.dumps([{"op": "add", "path": path, "value": made}])
        kind = "mutatingwebhookconfigurations"
        old.kubectl("patch", kind, name, "--type=json", "-p", patch)
        old.kubectl("apply", "-k", str(tmp_path / "webhook"))
        found = json.loads(old.kubectl("get", kind, name, "-o", "json").stdout)
        assert [each["clientConfig"].get("caBundle") for each in found["webhooks"]] == [made, None]
    finally:
        rendered = old.kubectl("kustomize", str(tmp_path / "webhook")).stdout
        objects = [o for o in yaml.safe_load_all(rendered) if "Custom" not in o["kind"]]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
        gone = ("--ignore-not-found", "--wait=false")
        old.kubectl("delete", *gone, "-f", "-", stdin=listed)


# The page's own configuration


@pytest.fixture
def shown():
    """The MutatingWebhookConfiguration that docs/how-to/webhook.md shows."""
    _, _, rest = PAGE.read_text().partition("```yaml\n# webhook.yaml\n")
    return yaml.safe_load(rest.partition("```")[0])


def test_the_page_shows_that_of_the_chart(shown, helm_program, tmp_path):
    where = ("template", "regcred", str(CHART), f"--namespace={NAMESPACE}")
    done = helm(helm_program, *where, "--set=admission.mode=Webhook", home=tmp_path)
    objects = [obj for obj in yaml.safe_load_all(done) if obj]
    (wanted,) = [obj for obj in objects if obj["kind"] == "MutatingWebhookConfiguration"]
    for each in wanted["webhooks"]:
        assert each.pop("clientConfig")
    for each in shown["webhooks"]:
        assert list(each.pop("clientConfig")) == ["url"]
    assert shown["webhooks"] == wanted["webhooks"]
    assert shown["metadata"]["labels"].items() <= wanted["metadata"]["labels"].items()


def test_the_page_is_enough_for_an_operator_outside(old, shown):
    """Its user is the admin; so whoever else writes is somebody."""
    old.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    old.kubectl("wait", "--for=condition=Established", "-f", str(CRD), "--timeout=30s")
    whoami = json.loads(old.kubectl("auth", "whoami", "-o", "json").stdout)
    user, address = whoami["status"]["userInfo"]["username"], f"127.0.0.1:{free_port()}"
    name, somebody = f"outside-{secrets.token_hex(4)}", ("--as=me", "--as-group=system:masters")
    text = json.dumps(shown).replace("system:serviceaccount:regcred-system:regcred", user)
    configuration = json.loads(text.replace("10.0.0.7:9443", address))
    configuration["metadata"]["name"] = name
    old.create_namespace(name)
    spec = {
        "registries": ["registry.example.com"],
        "source": SOURCE,
        "namespaces": {"include": [name]},
        "serviceAccounts": {"include": ["*"]},
    }
    wanted = {**KIND, "metadata": {"name": name}, "spec": spec}
    own = f"--namespace={name}", f"--webhook-name={name}", f"--webhook-address={address}"

    def made(*who):
        asked = ("create", "serviceaccount", "app", "-n", name, "--dry-run=server", "-o", "json")
        return names_in(json.loads(old.kubectl(*asked, *who).stdout))

    try:
        assert old.api.request("POST", CONFIGURATIONS, configuration)[0] == 201
        assert old.api.request("POST", PULLCREDENTIALS, wanted)[0] == 201
        with OperatorProcess(old.kubeconfig, *OPERATOR, *own) as operator:
            await_ready(operator)
            await_condition("it is asked", lambda: made(*somebody) == ["regcred"], timeout=60)
            assert made() == []
            method, path, body = pod(name, entries=[{"name": "theirs"}])
            status, content = old.api.request(method, f"{path}?dryRun=All", body)
            assert status == 201, content
            assert names_in(json.loads(content)) == ["theirs", "regcred"]
            old.kubectl("delete", "pullcredential", name, "--timeout=60s")
            operator.stop()
    finally:
        old.api.request("DELETE", f"{CONFIGURATIONS}/{name}")
        old.api.delete_namespace(name)


# cert-manager


class Authority:
    """A CA as the chart has cert-manager make it, and what that signs for this machine."""

    def __init__(self):
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), name_of("regcred-ca")
        self.pem = self.renewed()

    def renewed(self):
        """Another certificate for the same key."""
        return pem_of(self._sign(self._key, self._name, x509.BasicConstraints(True, None)))

    def write(self, folder):
        """A new key with its certificate, put in its place as kubelet does."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        version = folder / secrets.token_hex(4)
        version.mkdir()
        (version / "tls.crt").write_bytes(pem_of(self._sign(key, name_of("leaf"), address)))
        (version / "tls.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        for name in ("tls.crt", "tls.key"):
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(Path("..data", name))
        (folder / "..data_tmp").symlink_to(version.name)
        (folder / "..data_tmp").rename(folder / "..data")

    def _sign(self, key, subject, extension):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key())
        return (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def name_of(common):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_a_renewal_is_noticed_by_nobody(old, webhooks, world, tmp_path):
    """The API server trusts the CA, whichever of its certificates a replica has by then."""
    authority, folder, stop = Authority(), tmp_path / "certificate", threading.Event()
    folder.mkdir()
    authority.write(folder)
    webhooks.trust(authority.pem)
    world.add_namespaces(["one"], {})
    world.put_pullcredential("main")
    method, path, body = account(world.full("one"), "app")
    found = []

    def ask():
        while not stop.is_set():
            status, content = old.api.request(method, f"{path}?dryRun=All", body)
            found.append((status, names_in(json.loads(content))))

    def more():
        there = len(found)
        await_condition("it is asked again", lambda: len(found) > there + 100, timeout=60)

    wanted = 201, [webhooks.secret]
    with webhooks.operator(f"--webhook-cert-dir={folder}") as operator:
        webhooks.send_to(operator.wait_for("WebhookListening")["address"], "Fail")
        await_ready(operator)
        with ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(ask)
                await_condition("it is asked", lambda: found[-1:] == [wanted], timeout=60)
                begun = len(found)
                # A bundle that is another one has the API server connect anew.
                webhooks.trust(authority.renewed())
                more()
                authority.write(folder)
                operator.wait_for("CertificateRenewed")
                webhooks.trust(authority.pem)
                more()
            finally:
                stop.set()
        assert set(map(repr, found[begun:])) == {repr(wanted)}
        operator.stop()
