"""The Helm chart: rendered, linted, its values refused where they are wrong, installed."""

import json
import re
import secrets

import pytest
import yaml

from cluster.waiting import await_condition
from regcred import __version__
from tests.support.release import CHART, CRD, Release, helm
from tools import rightsref
from tools.plainyaml import DEPLOY, MODES, NAMESPACE, RELEASE, plain

CRD_KIND = "CustomResourceDefinition"
#: What Kubernetes has from 1.36 on.
KNOWN = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"


@pytest.fixture
def template(helm_program, tmp_path):
    """The objects that the chart renders with some values, for a cluster that has policies."""

    def render(values=None, *arguments, known=KNOWN):
        file = tmp_path / "values.yaml"
        file.write_text(json.dumps(values or {}))
        done = helm(
            helm_program,
            "template",
            RELEASE,
            str(CHART),
            f"--namespace={NAMESPACE}",
            f"--values={file}",
            *([known] if known else []),
            *arguments,
            home=tmp_path,
        )
        return [obj for obj in yaml.safe_load_all(done) if obj]

    return render


@pytest.fixture
def refusal(template):
    """What Helm says about values that the schema does not take."""

    def say(values):
        with pytest.raises(AssertionError) as refused:
            template(values)
        return str(refused.value)

    return say


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("Policy", "Admission: Policy. The API server itself"),
        ("Webhook", "Admission: Webhook. The operator adds"),
        ("Off", "Admission: Off. ServiceAccounts get the Secret's name a moment after"),
        ("Auto", ", chosen by Auto. "),
    ],
)
def test_the_notes_say_who_adds_the_name(helm_program, tmp_path, mode, says):
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"admission": {"mode": mode}}))
    arguments = ("install", RELEASE, str(CHART), f"--values={values}", "--dry-run=client")
    notes = helm(helm_program, *arguments, home=tmp_path).partition("NOTES:")[2]
    assert says in notes
    assert notes.count("Admission: ") == 1


def one(objects, kind):
    (found,) = [obj for obj in objects if obj["kind"] == kind]
    return found


def kinds(objects):
    return {obj["kind"] for obj in objects}


def pod_of(objects):
    return one(objects, "Deployment")["spec"]["template"]["spec"]


def test_lint(helm_program, tmp_path):
    said = helm(helm_program, "lint", "--strict", str(CHART), home=tmp_path)
    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_defaults(template):
    objects = template()
    assert sorted(obj["kind"] for obj in objects) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Deployment",
        *["MutatingAdmissionPolicy"] * 2,
        *["MutatingAdmissionPolicyBinding"] * 2,
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        *["ValidatingAdmissionPolicy"] * 3,
        *["ValidatingAdmissionPolicyBinding"] * 3,
    ]
    assert one(objects, CRD_KIND) == yaml.safe_load(CRD.read_text())
    (container,) = pod_of(objects)["containers"]
    assert container["image"] == f"ghcr.io/regcred/regcred:{__version__}"
    assert container["args"] == [
        "operator",
        "--secret-name=regcred",
        "--leader-elect",
        "--lease-name=regcred-operator",
        "--metrics-address=:8080",
        "--log-format=json",
        "--log-level=info",
        "--admission-policies",
    ]


def test_every_object_that_has_a_namespace_says_which(template):
    everything = {
        "networkPolicy": {"enabled": True},
        "metrics": {"serviceMonitor": {"enabled": True}},
    }
    objects = template(everything, "--api-versions=monitoring.coreos.com/v1")
    without = kinds(obj for obj in objects if "namespace" not in obj["metadata"])
    assert without == {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    assert {o["metadata"].get("namespace", NAMESPACE) for o in objects} == {NAMESPACE}


@pytest.mark.parametrize("file", MODES)
def test_plain_yaml_is_the_chart_with_its_defaults(helm_program, file):
    assert (DEPLOY / file).read_text() == plain(helm_program, MODES[file]), "make generated"


def test_the_page_on_rights_has_those_of_the_chart(helm_program):
    assert rightsref.PAGE.read_text() == rightsref.page(helm_program), "make generated"


@pytest.mark.parametrize(("folder", "known"), [(".", KNOWN), ("webhook", "")])
def test_kubectl_kustomize_gives_the_objects_of_the_chart(kubectl, template, folder, known):
    by_kubectl = [*yaml.safe_load_all(kubectl("kustomize", str(DEPLOY / folder)).stdout)]
    namespace = one(by_kubectl, "Namespace")
    assert namespace["metadata"]["name"] == NAMESPACE

    def key(obj):
        return obj["kind"], obj["metadata"]["name"]

    by_kubectl.remove(namespace)
    assert sorted(by_kubectl, key=key) == sorted(template(known=known), key=key)


def test_names_of_two_releases_differ(template):
    def names(objects):
        return {(o["kind"], o["metadata"]["name"]) for o in objects if o["kind"][:6] != "Custom"}

    ours = names(template())
    assert not ours & names(template({"fullnameOverride": "other"}))
    assert {name for _, name in ours} == {
        "regcred",
        "regcred-metrics",
        "regcred-secrets",
        "regcred-serviceaccounts",
        "regcred-pods",
        "regcred-pullcredentials",
    }


@pytest.mark.parametrize("full", ["a" * 63, f"{'a' * 54}-{'b' * 8}"])
def test_names_made_of_the_longest_are_names(template, full):
    """Of Services, and so of what a certificate is for, 63 characters; of a subject 64."""
    values = {
        "fullnameOverride": full,
        "admission": {"mode": "Webhook", "webhook": {"certManager": True}},
        "metrics": {"serviceMonitor": {"enabled": True}},
    }
    objects = template(values, "--api-versions=monitoring.coreos.com/v1")
    services = [o["metadata"]["name"] for o in objects if o["kind"] == "Service"]
    for name in services:
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name), name
        assert "--" not in name
    (called,) = {
        each["clientConfig"]["service"]["name"]
        for each in one(objects, "MutatingWebhookConfiguration")["webhooks"]
    }
    assert called in services
    assert f"--webhook-service={called}" in pod_of(objects)["containers"][0]["args"]
    ca, own = sorted(
        (o["spec"] for o in objects if o["kind"] == "Certificate"), key=lambda s: "isCA" not in s
    )
    assert f"{called}.{NAMESPACE}.svc" in own["dnsNames"]
    assert len(ca["commonName"]) <= 64


def test_image(template):
    digest = f"sha256:{'a' * 64}"
    values = {
        "image": {"repository": "r.example.com/x", "tag": "2", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "own"}],
    }
    pod = pod_of(template(values))
    assert pod["containers"][0]["image"] == "r.example.com/x:2"
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["imagePullSecrets"] == [{"name": "own"}]
    values["image"]["digest"] = digest
    assert pod_of(template(values))["containers"][0]["image"] == f"r.example.com/x@{digest}"


def test_settings_are_flags(template):
    values = {
        "secretName": "pulls",
        "concurrency": 32,
        "resync": "1h",
        "log": {"format": "console", "level": "debug"},
        "metrics": {"port": 9090},
        "leaderElection": {"leaseName": "ours"},
    }
    objects = template(values)
    assert pod_of(objects)["containers"][0]["args"][1:] == [
        "--secret-name=pulls",
        "--leader-elect",
        "--lease-name=ours",
        "--metrics-address=:9090",
        "--log-format=console",
        "--log-level=debug",
        "--admission-policies",
        "--concurrency=32",
        "--resync=1h",
    ]
    assert pod_of(objects)["containers"][0]["ports"][0]["containerPort"] == 9090
    assert one(objects, "Service")["spec"]["ports"][0]["port"] == 9090
    named = [
        rule["resourceNames"]
        for kind in ("ClusterRole", "Role")
        for rule in one(objects, kind)["rules"]
        if "resourceNames" in rule
    ]
    assert named == [["pulls"], ["ours"]]


def test_one_replica_without_leader_election(template):
    objects = template({"replicas": 1, "leaderElection": {"enabled": False}})
    assert "--no-leader-elect" in pod_of(objects)["containers"][0]["args"]
    assert "PodDisruptionBudget" not in kinds(objects)
    rules = one(objects, "Role")["rules"]
    assert [rule["resources"] for rule in rules] == [["secrets"]]


def test_service_account_of_somebody_else(template):
    objects = template({"serviceAccount": {"create": False, "name": "theirs"}})
    assert "ServiceAccount" not in kinds(objects)
    assert pod_of(objects)["serviceAccountName"] == "theirs"
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        assert [s["name"] for s in one(objects, kind)["subjects"]] == ["theirs"]
    guards = [o for o in objects if o["kind"] == "ValidatingAdmissionPolicy"]
    told = {guard["spec"]["matchConditions"][0]["expression"] for guard in guards}
    assert told == {f'request.userInfo.username == "system:serviceaccount:{NAMESPACE}:theirs"'}


@pytest.mark.parametrize(
    ("mode", "known", "made"),
    [
        ("Auto", KNOWN, "MutatingAdmissionPolicy"),
        ("Auto", "", "MutatingWebhookConfiguration"),
        ("Policy", "", "MutatingAdmissionPolicy"),
        ("Webhook", KNOWN, "MutatingWebhookConfiguration"),
        ("Off", KNOWN, None),
    ],
)
def test_admission_is_what_the_cluster_knows(template, mode, known, made):
    objects = template({"admission": {"mode": mode, "failurePolicy": "Fail"}}, known=known)
    mutating = [obj for obj in objects if obj["kind"].startswith("Mutating")]
    assert {obj["kind"].removesuffix("Binding") for obj in mutating} == ({made} if made else set())
    if made == "MutatingAdmissionPolicy":
        policies = [obj for obj in mutating if obj["kind"] == made]
        assert {each["spec"]["failurePolicy"] for each in policies} == {"Fail"}
        bound = {o["spec"]["policyName"] for o in mutating if o["kind"] == f"{made}Binding"}
        assert bound == {each["metadata"]["name"] for each in policies}

    told = "--admission-policies" in pod_of(objects)["containers"][0]["args"]
    assert told == (made == "MutatingAdmissionPolicy")


@pytest.mark.parametrize("mode", ["Policy", "Webhook"])
@pytest.mark.parametrize(
    ("values", "exempt"),
    [
        ({}, None),
        ({"exemptNamespaces": ["a"]}, None),
        ({"failurePolicy": "Fail"}, ["kube-system", NAMESPACE]),
        ({"failurePolicy": "Fail", "exemptNamespaces": []}, [NAMESPACE]),
        ({"failurePolicy": "Fail", "exemptNamespaces": [NAMESPACE, "a"]}, [NAMESPACE, "a"]),
    ],
)
def test_fail_leaves_a_way_back(template, mode, values, exempt):
    objects = template({"admission": {"mode": mode, **values}})
    if mode == "Policy":
        policies = [obj for obj in objects if obj["kind"] == "MutatingAdmissionPolicy"]
        asked = [each["spec"]["matchConstraints"] for each in policies]
    else:
        asked = one(objects, "MutatingWebhookConfiguration")["webhooks"]
    rule = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": exempt}
    wanted = {"matchExpressions": [rule]} if exempt else None
    assert [each.get("namespaceSelector") for each in asked] == [wanted] * 2


@pytest.mark.parametrize(
    ("rights", "granted"),
    [
        ("Off", []),
        ("Report", [("pods", "list"), ("pods", "watch")]),
        ("Evict", [("pods", "list"), ("pods", "watch"), ("pods/eviction", "create")]),
    ],
)
def test_rights_for_rescue_are_a_role_of_their_own(template, rights, granted):
    objects = template({"rescue": {"rights": rights}, "serviceAccount": {"name": "theirs"}})
    mine = [obj for obj in objects if obj["metadata"]["name"].endswith("-rescue")]
    assert kinds(mine) == ({"ClusterRole", "ClusterRoleBinding"} if granted else set())
    rules = [rule for obj in mine for rule in obj.get("rules", ())]
    pairs = [(r, verb) for rule in rules for r in rule["resources"] for verb in rule["verbs"]]
    assert pairs == granted
    for obj in mine:
        for subject in obj.get("subjects", ()):
            assert (subject["name"], subject["namespace"]) == ("theirs", NAMESPACE)
    roles = [obj for obj in objects if obj["kind"] == "ClusterRole" and obj not in mine]
    assert "pods" not in json.dumps([each["rules"] for each in roles])


def test_policies_name_the_secret_and_the_operator(template):
    values = {"secretName": "pulls", "serviceAccount": {"create": False, "name": "theirs"}}
    policies = [o for o in template(values) if o["kind"] == "MutatingAdmissionPolicy"]
    for policy in policies:
        assert '"regcred"' not in json.dumps(policy["spec"]).replace('\\"', '"')
    accounts = next(p for p in policies if p["metadata"]["name"].endswith("-serviceaccounts"))
    user = f'request.userInfo.username != "system:serviceaccount:{NAMESPACE}:theirs"'
    assert user in accounts["spec"]["matchConditions"][0]["expression"]


def test_without_the_crd_and_the_guard(template):
    objects = template({"crds": {"install": False}, "guard": {"enabled": False}})
    assert not [k for k in kinds(objects) if k.startswith(("Custom", "Validating"))]


def test_service_monitor_only_where_it_is_known(template):
    values = {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prom"}}}}
    assert "ServiceMonitor" not in kinds(template(values))
    known = template(values, "--api-versions=monitoring.coreos.com/v1")
    monitor, service = one(known, "ServiceMonitor"), one(known, "Service")
    assert monitor["metadata"]["labels"]["release"] == "prom"
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_network_policy(template):
    peers = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    egress = [{"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]}]
    spec = one(template({"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"protocol": "TCP", "port": "metrics"}]}]
    assert [[p["port"] for p in rule["ports"]] for rule in spec["egress"]] == [
        [443, 6443],
        [53, 53],
    ]
    values = {"networkPolicy": {"enabled": True, "from": peers, "egress": egress}}
    spec = one(template(values), "NetworkPolicy")["spec"]
    assert (spec["ingress"][0]["from"], spec["egress"]) == (peers, egress)
    servers = [{"ipBlock": {"cidr": "10.0.0.0/28"}}]
    values["admission"] = {"mode": "Webhook", "webhook": {"from": servers}}
    _, asked = one(template(values), "NetworkPolicy")["spec"]["ingress"]
    assert asked == {"ports": [{"protocol": "TCP", "port": "webhook"}], "from": servers}


def test_what_is_added_to_the_pod(template):
    values = {
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "company-ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/certs", "readOnly": True}],
        "podLabels": {"team": "platform"},
        "podAnnotations": {"note": "x"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "system-cluster-critical",
    }
    objects = template(values)
    pod = pod_of(objects)
    (container,) = pod["containers"]
    assert container["env"] == values["extraEnv"]
    assert container["volumeMounts"] == values["extraVolumeMounts"]
    assert pod["volumes"] == values["extraVolumes"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "system"}
    for name in ("tolerations", "affinity", "topologySpreadConstraints", "priorityClassName"):
        assert pod[name] == values[name]
    metadata = one(objects, "Deployment")["spec"]["template"]["metadata"]
    assert metadata["labels"]["team"] == "platform"
    assert metadata["annotations"]["note"] == "x"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 2}, "'replica' not allowed"),
        ({"image": {"name": "x"}}, "'name' not allowed"),
        ({"image": {"digest": "sha256:abc"}}, "/image/digest"),
        ({"image": {"tag": "a/b"}}, "/image/tag"),
        ({"replicas": "2"}, "want integer"),
        ({"replicas": 2, "leaderElection": {"enabled": False}}, "maximum"),
        ({"leaderElection": {"enabled": False}}, "maximum"),
        ({"secretName": "Regcred"}, "/secretName"),
        ({"secretName": ""}, "/secretName"),
        ({"secretName": ["a", "b"]}, "want string"),
        ({"leaderElection": {"leaseName": "*"}}, "/leaderElection/leaseName"),
        ({"concurrency": 0}, "/concurrency"),
        ({"concurrency": 1001}, "/concurrency"),
        ({"resync": "hourly"}, "/resync"),
        ({"resync": "0s"}, "/resync"),
        ({"resync": "500ms"}, "/resync"),
        ({"log": {"level": "verbose"}}, "/log/level"),
        ({"metrics": {"port": 80}}, "/metrics/port"),
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable"),
        ({"serviceAccount": {"create": False}}, "/serviceAccount/name"),
        ({"podLabels": {"app.kubernetes.io/name": "x"}}, "invalid propertyName"),
        ({"podLabels": {"a": 1}}, "want string"),
        ({"imagePullSecrets": ["own"]}, "want object"),
        ({"extraVolumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "'hostPath' not allowed"),
        ({"extraVolumes": [{"name": "h"}]}, "minProperties"),
        ({"extraVolumeMounts": [{"name": "h", "mountPath": "x"}]}, "mountPath"),
        ({"extraEnv": [{"value": "x"}]}, "name"),
        ({"networkPolicy": {"from": [{}]}}, "minProperties"),
        ({"admission": {"webhook": {"from": [{"cidr": "10.0.0.0/8"}]}}}, "'cidr' not allowed"),
        ({"admission": {"exemptNamespaces": ["kube-*"]}}, "/admission/exemptNamespaces"),
        ({"securityContext": {"privileged": True}}, "'securityContext' not allowed"),
    ],
)
def test_schema_refuses(refusal, values, said):
    assert said in refusal(values)


def test_every_mapping_of_the_schema_is_closed():
    """But for what Kubernetes itself checks."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def opened(node, path):
        if isinstance(node, dict):
            if "properties" in node and "type" in node and "additionalProperties" not in node:
                yield path
            for key, value in node.items():
                yield from opened(value, f"{path}/{key}")

    assert list(opened(schema["properties"], "")) == []
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)


@pytest.fixture(scope="module")
def release(cluster, helm_program, tmp_path_factory):
    name = f"chart-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp("helm")
    release = Release(cluster, helm_program, name, f"{name}-system", home)
    try:
        release.install(
            "--set=networkPolicy.enabled=true,extraVolumes[0].name=tmp,"
            "extraVolumes[0].emptyDir.medium=Memory"
        )
        yield release
    finally:
        release.uninstall()


def test_pods_are_made_under_the_level_restricted(release, kubectl):
    """The controller makes both Pods: Pod Security refuses none. No node takes them here."""

    def replicas():
        found = kubectl("get", "deployment", release.name, "-n", release.namespace, "-o", "json")
        return json.loads(found.stdout).get("status", {}).get("replicas", 0)

    await_condition("both Pods are made", lambda: replicas() == 2, timeout=30)
    pods = json.loads(kubectl("get", "pods", "-n", release.namespace, "-o", "json").stdout)
    for pod in pods["items"]:
        assert pod["spec"]["serviceAccountName"] == release.name
        (mounted,) = [v for v in pod["spec"]["volumes"] if "projected" in v]
        assert mounted["name"].startswith("kube-api-access")


def test_a_pod_that_is_not_restricted_would_be_refused(release, kubectl):
    """So that the test above proves something."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "free"},
        "spec": {"containers": [{"name": "app", "image": "example.com/app"}]},
    }
    where = ("-n", release.namespace, "-f", "-")
    done = kubectl(
        "create", "--dry-run=server", *where, stdin=json.dumps(pod).encode(), check=False
    )
    assert b'violates PodSecurity "restricted' in done.stderr


def test_warns_of_nothing(release, kubectl, template):
    """The API server takes what deploy/ has, word for word, and has no remark on it."""
    values = {"fullnameOverride": f"{release.name}-plain", "crds": {"install": False}}
    kinds_there = kubectl("api-resources", "--api-group=admissionregistration.k8s.io").stdout
    objects = template(values, known=KNOWN if b"MutatingAdmissionPolicy" in kinds_there else "")
    for obj in objects:
        if "namespace" in obj["metadata"]:
            obj["metadata"]["namespace"] = release.namespace
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    done = kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=listed)
    assert done.stderr == b""
    assert len(done.stdout.splitlines()) == len(objects)


def own_deploy(folder, name):
    """What is in deploy/, under names of its own, since others may be at work there."""
    for file in DEPLOY.rglob("*.yaml"):
        own = file.read_text().replace(NAMESPACE, f"{name}-system")
        own = re.sub(r"((?:n|N)ame: |-system:)regcred(?=[-\n\"])", rf"\g<1>{name}", own)
        own = re.sub(r"(--webhook-\w+=)regcred", rf"\g<1>{name}", own)
        target = folder / file.relative_to(DEPLOY)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(own)


@pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")
def test_plain_yaml_is_applied(cluster, kubectl, tmp_path):
    """``kubectl apply -k deploy``; `test_admission_ways_out` has that of deploy/webhook."""
    name = f"plain-{secrets.token_hex(4)}"
    own_deploy(tmp_path, name)
    rendered = kubectl("kustomize", str(tmp_path)).stdout
    objects = [o for o in yaml.safe_load_all(rendered) if o["kind"] != CRD_KIND]
    assert {o["metadata"]["name"].split("-")[1] for o in objects} == {name.split("-")[1]}
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    try:
        kubectl("apply", "-k", str(tmp_path))
        done = kubectl("get", "-f", "-", "-o", "name", stdin=listed)
        assert len(done.stdout.splitlines()) == len(objects)
        where = ("-n", f"{name}-system")
        wanted = "--for=jsonpath={.status.replicas}=2"
        kubectl("wait", f"deployment/{name}", *where, wanted, "--timeout=60s")
    finally:
        kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=listed)


def test_policies_hold_no_errors_of_type(release, kubectl):
    """The API server checks CEL against the types, and says so in the status."""

    def checked():
        found = kubectl("get", "validatingadmissionpolicies", "-o", "json").stdout
        return [
            item.get("status", {})
            for item in json.loads(found)["items"]
            if item["metadata"]["name"].startswith(release.name)
        ]

    await_condition(
        "all are checked",
        lambda: all("observedGeneration" in status for status in checked()),
        timeout=30,
    )
    # Before Kubernetes 1.36 there is one more: that of the webhook's configuration.
    made = release.helm("get", "manifest", release.name)
    count = len(re.findall(r"^kind: ValidatingAdmissionPolicy$", made, re.M))
    assert len(checked()) == count >= 3
    warnings = [s.get("typeChecking", {}).get("expressionWarnings") for s in checked()]
    assert warnings == [None] * count


def test_upgrade_changes_nothing_that_is_not_asked_for(release, kubectl):
    def generation():
        found = kubectl("get", "deployment", release.name, "-n", release.namespace, "-o", "json")
        return json.loads(found.stdout)["metadata"]["generation"]

    before = generation()
    release.helm("upgrade", release.name, str(CHART), "--reuse-values")
    assert generation() == before
    release.helm("upgrade", release.name, str(CHART), "--reuse-values", "--set=log.level=debug")
    assert generation() == before + 1
