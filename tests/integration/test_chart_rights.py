"""What the chart's ServiceAccount may do, and what not: real requests with a token of its own.

Refused is what RBAC refuses, and what the guard does: admission policies of the chart, for what
RBAC cannot say.
"""

import base64
import json
import secrets
from itertools import product

import pytest

from cluster.waiting import await_condition
from tests.integration.conftest import World
from tests.support.release import Release

CORE, APPS, RBAC = "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
PULL_CREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PULL, TOKEN = "kubernetes.io/dockerconfigjson", "kubernetes.io/service-account-token"
CONFIG = base64.b64encode(b'{"auths":{}}').decode()
GUARD = "ValidatingAdmissionPolicy"
ONLY_OURS = "fieldSelector=metadata.name%3Dregcred"


def secret(name="regcred", type_=PULL, **metadata):
    data = {".dockerconfigjson": CONFIG} if type_ == PULL else {}
    metadata = {"name": name, **metadata}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": type_,
        "data": data,
    }


def pull_credential(name):
    return {
        "apiVersion": "regcred.dev/v1alpha1",
        "kind": "PullCredential",
        "metadata": {"name": name},
        "spec": {
            "registries": ["registry.example.com"],
            "source": {"basic": {"secretRef": {"name": "no-such-source"}}},
            "namespaces": {"include": [f"no-such-{name}"]},
        },
    }


@pytest.fixture(scope="module")
def release(cluster, helm_program, tmp_path_factory):
    name = f"rights-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp("helm")
    release = Release(cluster, helm_program, name, f"{name}-system", home)
    try:
        release.install("--set=replicas=0")
        yield release
    finally:
        release.uninstall()


@pytest.fixture(scope="module")
def operator(release, cluster):
    """The ServiceAccount, once its rights and the guard are known to the API server."""
    operator = release.operator()
    cluster.create_namespace(place := f"{release.name}-probe")
    bad = secret("not-regcred")

    def guarded():
        path = f"{CORE}/namespaces/{place}/secrets?dryRun=All"
        return GUARD in operator.ask("POST", path, bad)[1]

    def may_agree():
        path = f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases?dryRun=All"
        return operator.ask("POST", path, {"metadata": {"name": "x"}})[0] == 201

    def object_guarded(plural, body):
        return GUARD in operator.ask("PATCH", f"{plural}?dryRun=All", body, patch="merge")[1]

    labels = {"metadata": {"labels": {"x": "y"}}}
    default = f"{CORE}/namespaces/{place}/serviceaccounts/default"
    made = pull_credential(f"{release.name}-probe")
    assert cluster.api.request("POST", PULL_CREDENTIALS, made)[0] == 201
    try:
        await_condition("the guard on Secrets stands", guarded, timeout=30)
        await_condition("the Role is known", may_agree, timeout=30)
        for plural in (default, f"{PULL_CREDENTIALS}/{release.name}-probe"):
            await_condition(
                f"the guard on {plural} stands",
                lambda plural=plural: object_guarded(plural, labels),
                timeout=30,
            )
        yield operator
    finally:
        cluster.api.request("DELETE", f"{PULL_CREDENTIALS}/{release.name}-probe")
        cluster.api.delete_namespace(place)


def furnish(world):
    """What is somebody else's, and a Secret of ours; the namespace's path."""
    world.create("secrets", "theirs", stringData={"password": "x"})
    world.create("secrets", "regcred", type=PULL, data={".dockerconfigjson": CONFIG})
    annotations = {"eks.amazonaws.com/role-arn": "a"}
    world.create(
        "serviceaccounts",
        "app",
        metadata={"annotations": annotations, "labels": {"app": "x"}},
        imagePullSecrets=[{"name": "theirs"}],
    )
    return f"{CORE}/namespaces/{world.namespace}"


@pytest.fixture
def place(world):
    """A namespace of somebody else."""
    return furnish(world)


@pytest.fixture(scope="module")
def untouched(cluster, release):
    """One more, for all tests after which it is as before."""
    cluster.create_namespace(name := f"{release.name}-untouched")
    yield furnish(World(cluster, name))
    cluster.api.delete_namespace(name)


@pytest.fixture(scope="module")
def pull_credentials(cluster):
    """A PullCredential that selects nothing."""
    name = f"rights-{secrets.token_hex(4)}"
    status, content = cluster.api.request("POST", PULL_CREDENTIALS, pull_credential(name))
    assert status == 201, content
    path = f"{PULL_CREDENTIALS}/{name}"
    yield path
    cluster.api.request("DELETE", path)
    found = json.loads(cluster.api.request("GET", path)[1])
    if finalizers := found.get("metadata", {}).get("finalizers"):
        assert finalizers == ["regcred.dev/undo"]
        del found["metadata"]["finalizers"]
        cluster.api.request("PUT", path, found)


def denied(answer, why=""):
    """Whether the API server refused, by RBAC or (with `why`) by the guard."""
    status, content = answer
    said = json.loads(content)
    by_guard = GUARD in said["message"]
    return said["status"] == "Failure" and (
        by_guard and why in said["message"] if why else status == 403 and not by_guard
    )


# What it may


def test_reads_namespaces_and_service_accounts(operator, place):
    for path in (
        f"{CORE}/namespaces",
        place,
        f"{CORE}/namespaces?watch=true&timeoutSeconds=1",
        f"{CORE}/serviceaccounts",
        f"{place}/serviceaccounts/app",
        f"{CORE}/serviceaccounts?watch=true&timeoutSeconds=1",
        PULL_CREDENTIALS,
        f"{PULL_CREDENTIALS}?watch=true&timeoutSeconds=1",
    ):
        assert operator.ask("GET", path)[0] == 200, path


def test_reads_its_own_secrets_everywhere(operator, place):
    assert operator.ask("GET", f"{place}/secrets/regcred")[0] == 200
    for where in (CORE, place):
        status, content = operator.ask("GET", f"{where}/secrets?{ONLY_OURS}")
        assert status == 200
        assert {item["metadata"]["name"] for item in json.loads(content)["items"]} == {"regcred"}
    initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    path = f"{CORE}/secrets?{ONLY_OURS}&watch=true&timeoutSeconds=1&{initial}"
    status, content = operator.ask("GET", path)
    events = [json.loads(line) for line in content.splitlines()]
    assert status == 200
    assert {e["object"]["metadata"].get("name", "") for e in events} == {"regcred", ""}
    assert "theirs" not in content


def test_writes_its_own_secrets_everywhere(operator, place):
    path = f"{place}/secrets/regcred"
    assert operator.ask("DELETE", path)[0] == 200
    assert operator.ask("POST", f"{place}/secrets", secret())[0] == 201
    applied = secret(labels={"app.kubernetes.io/managed-by": "regcred"})
    force = f"{path}?fieldManager=regcred&force=true"
    assert operator.ask("PATCH", force, applied, patch="apply")[0] == 200
    status, content = operator.ask("GET", path)
    assert status == 200
    assert operator.ask("PUT", path, json.loads(content))[0] == 200
    assert operator.ask("DELETE", path)[0] == 200
    assert operator.ask("PATCH", force, applied, patch="apply")[0] == 201
    legacy = {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}}
    assert operator.ask("DELETE", path)[0] == 200
    assert operator.ask("POST", f"{place}/secrets", secret() | legacy)[0] == 201


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "regcred"}}],
        [{"op": "add", "path": "/imagePullSecrets/0", "value": {"name": "regcred"}}],
        [
            {"op": "add", "path": "/imagePullSecrets/-", "value": {"name": "regcred"}},
            {
                "op": "add",
                "path": "/metadata/annotations/regcred.dev~1attached-by-operator",
                "value": "regcred",
            },
        ],
    ],
)
def test_attaches_and_detaches(operator, place, world, patch):
    path = f"{place}/serviceaccounts/app"
    assert operator.ask("PATCH", path, patch, patch="json")[0] == 200
    attached = world.attached("app")
    assert sorted(attached) == ["regcred", "theirs"]
    undo = [{"op": "remove", "path": f"/imagePullSecrets/{attached.index('regcred')}"}]
    if len(patch) > 1:
        undo.append({"op": "remove", "path": patch[1]["path"]})
    assert operator.ask("PATCH", path, undo, patch="json")[0] == 200
    assert world.attached("app") == ["theirs"]


def test_attaches_where_there_is_no_list_and_no_annotation(operator, place, world):
    patch = [
        {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "regcred"}]},
        {
            "op": "add",
            "path": "/metadata/annotations",
            "value": {"regcred.dev/attached-by-operator": "regcred"},
        },
    ]
    path = f"{place}/serviceaccounts/default"
    assert operator.ask("PATCH", path, patch, patch="json")[0] == 200
    assert world.attached() == ["regcred"]
    undo = [{"op": "remove", "path": change["path"]} for change in patch]
    assert operator.ask("PATCH", path, undo, patch="json")[0] == 200


def test_keeps_finalizer_and_status(operator, pull_credentials):
    for finalizers in (["regcred.dev/undo"], None):
        patch = {"metadata": {"finalizers": finalizers}}
        assert operator.ask("PATCH", pull_credentials, patch, patch="merge")[0] == 200
    status = {"status": {"observedGeneration": 1}}
    path = f"{pull_credentials}/status"
    assert operator.ask("PATCH", path, status, patch="merge")[0] == 200
    assert json.loads(operator.ask("GET", pull_credentials)[1])["status"] == status["status"]


def test_tells_events(operator, pull_credentials, cluster):
    name = f"rights-{secrets.token_hex(4)}"
    about = pull_credentials.rpartition("/")[2]
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "regcred.dev/operator",
        "reportingInstance": "x",
        "action": "Sync",
        "reason": "Synced",
        "type": "Normal",
        "regarding": {
            "apiVersion": "regcred.dev/v1alpha1",
            "kind": "PullCredential",
            "name": about,
        },
    }
    where = "/apis/events.k8s.io/v1/namespaces/default/events"
    assert operator.ask("POST", where, event)[0] == 201
    series = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}
    assert operator.ask("PATCH", f"{where}/{name}", series, patch="merge")[0] == 200
    cluster.api.request("DELETE", f"{where}/{name}")


def test_reads_sources_and_agrees_in_its_own_namespace(operator, release, cluster):
    own = f"{CORE}/namespaces/{release.namespace}/secrets"
    assert cluster.api.request("POST", own, secret("source"))[0] == 201
    for path in (own, f"{own}/source", f"{own}?watch=true&timeoutSeconds=1"):
        assert operator.ask("GET", path)[0] == 200, path
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases"
    lease = f"{leases}/regcred-operator"
    assert operator.ask("POST", leases, {"metadata": {"name": "regcred-operator"}})[0] == 201
    held = {"spec": {"holderIdentity": "x"}}
    assert operator.ask("PATCH", lease, held, patch="merge")[0] == 200
    assert operator.ask("GET", lease)[0] == 200


# What it may not: by RBAC


@pytest.mark.parametrize(
    ("method", "path"),
    [
        # Secrets of others: one, some, all.
        ("GET", "{place}/secrets/theirs"),
        ("GET", "{place}/secrets"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/secrets?watch=true"),
        ("GET", "{place}/secrets?watch=true"),
        ("GET", "/api/v1/secrets?fieldSelector=metadata.name%3Dtheirs"),
        ("GET", "/api/v1/secrets?fieldSelector=metadata.name%21%3Dregcred"),
        ("GET", "/api/v1/secrets?fieldSelector=type%3DOpaque"),
        ("GET", "/api/v1/secrets?labelSelector=a%3Db"),
        ("GET", "/api/v1/watch/secrets"),
        ("PATCH", "{place}/secrets/theirs"),
        ("PUT", "{place}/secrets/theirs"),
        ("DELETE", "{place}/secrets/theirs"),
        ("DELETE", "{place}/secrets"),
        ("DELETE", "{place}/secrets?fieldSelector=metadata.name%3Dregcred"),
        # Its own namespace: sources are read only, other Leases not at all.
        ("PATCH", "{own}/secrets/source"),
        ("PUT", "{own}/secrets/source"),
        ("DELETE", "{own}/secrets/source"),
        ("DELETE", "{own}/secrets"),
        ("GET", "{leases}"),
        ("GET", "{leases}/other"),
        ("PATCH", "{leases}/other"),
        ("DELETE", "{leases}/regcred-operator"),
        ("GET", "/apis/coordination.k8s.io/v1/leases"),
        ("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x"),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"),
        # ServiceAccounts: patched, and nothing else; no token of any.
        ("POST", "{place}/serviceaccounts"),
        ("PUT", "{place}/serviceaccounts/app"),
        ("DELETE", "{place}/serviceaccounts/app"),
        ("DELETE", "{place}/serviceaccounts"),
        ("POST", "{place}/serviceaccounts/app/token"),
        ("POST", "{own}/serviceaccounts/{name}/token"),
        # Namespaces are read.
        ("POST", "/api/v1/namespaces"),
        ("PATCH", "{place}"),
        ("PUT", "{place}"),
        ("DELETE", "{place}"),
        ("PUT", "{place}/finalize"),
        # PullCredentials are people's.
        ("POST", PULL_CREDENTIALS),
        ("PUT", "{pull_credentials}"),
        ("DELETE", "{pull_credentials}"),
        ("DELETE", PULL_CREDENTIALS),
        # Pods, nodes and all that runs.
        ("GET", "/api/v1/pods"),
        ("GET", "{own}/pods"),
        ("GET", "{own}/pods/x/log"),
        ("POST", "{place}/pods"),
        ("DELETE", "{own}/pods/x"),
        ("POST", "{own}/pods/x/exec?command=sh"),
        ("POST", "{own}/pods/x/eviction"),
        ("GET", "/api/v1/nodes"),
        ("GET", "/api/v1/nodes/localhost"),
        ("PATCH", "/api/v1/nodes/localhost"),
        ("GET", "/api/v1/nodes/localhost/proxy/pods"),
        ("GET", "/api/v1/configmaps"),
        ("POST", "{own}/configmaps"),
        ("GET", "/api/v1/services"),
        ("GET", f"{APPS}/deployments"),
        ("PATCH", "/apis/apps/v1/namespaces/{ns}/deployments/{name}"),
        ("GET", f"{APPS}/daemonsets"),
        ("POST", "/apis/batch/v1/namespaces/{ns}/jobs"),
        ("GET", "/apis/events.k8s.io/v1/events"),
        ("POST", "{place}/events"),
        # Admission, the CRD, rights, identities.
        *product(
            ("GET", "POST", "DELETE"),
            [
                f"{ADMISSION}/mutatingwebhookconfigurations",
                f"{ADMISSION}/validatingwebhookconfigurations",
                f"{ADMISSION}/mutatingadmissionpolicies",
                f"{ADMISSION}/mutatingadmissionpolicybindings",
                f"{ADMISSION}/validatingadmissionpolicies",
                f"{ADMISSION}/validatingadmissionpolicybindings",
            ],
        ),
        ("GET", ADMISSION + "/validatingadmissionpolicies/{name}-secrets"),
        ("PATCH", ADMISSION + "/validatingadmissionpolicies/{name}-secrets"),
        ("DELETE", ADMISSION + "/validatingadmissionpolicybindings/{name}-secrets"),
        ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
        (
            "PATCH",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pullcredentials.regcred.dev",
        ),
        *product(
            ("GET", "POST"),
            [
                f"{RBAC}/clusterroles",
                f"{RBAC}/clusterrolebindings",
                RBAC + "/namespaces/{ns}/roles",
                RBAC + "/namespaces/{ns}/rolebindings",
            ],
        ),
        ("PATCH", RBAC + "/clusterroles/{name}"),
        ("PATCH", RBAC + "/namespaces/{ns}/roles/{name}"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
        ("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests"),
        ("GET", "/apis/apiregistration.k8s.io/v1/apiservices"),
        ("GET", "/metrics"),
        ("GET", "/logs"),
    ],
)
def test_refused(operator, release, untouched, pull_credentials, method, path):
    places = {
        "place": untouched,
        "own": f"{CORE}/namespaces/{release.namespace}",
        "leases": f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases",
        "ns": release.namespace,
        "name": release.name,
        "pull_credentials": pull_credentials,
    }
    body = None if method in ("GET", "DELETE") else {}
    answer = operator.ask(
        method, path.format(**places), body, patch="merge" if method == "PATCH" else ""
    )
    assert denied(answer), answer


def test_refused_to_speak_as_others(operator):
    for header in (
        {"Impersonate-User": "admin"},
        {"Impersonate-User": "x", "Impersonate-Group": "system:masters"},
    ):
        assert denied(operator.ask("GET", f"{CORE}/namespaces", headers=header))


def test_nothing_else_of_all_that_there_is(operator, release, cluster):
    """Every verb on every resource that the API server serves, asked of the server itself."""
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    more = {"users": ("impersonate",), "clusterroles": ("bind", "escalate")}

    def get(path):
        return json.loads(cluster.api.request("GET", path)[1])

    groups = {"": "/api/v1"} | {
        group["name"]: f"/apis/{group['preferredVersion']['groupVersion']}"
        for group in get("/apis")["groups"]
    }
    resources = {
        (group, resource["name"])
        for group, path in groups.items()
        for resource in get(path)["resources"]
    } | {("", "users"), ("rbac.authorization.k8s.io", "clusterroles")}
    assert ("", "pods/exec") in resources

    def allowed(where):
        for (group, resource), verb in product(sorted(resources), verbs):
            yield from asked(where, group, resource, verb)
        for group, resource in resources:
            for verb in more.get(resource, ()):
                yield from asked(where, group, resource, verb)

    def asked(where, group, resource, verb):
        plain, _, sub = resource.partition("/")
        attributes = {"group": group, "resource": plain, "subresource": sub, "verb": verb}
        attributes |= {"namespace": where, "name": "anything"}
        review = {"spec": {"resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        status, content = operator.ask("POST", path, review)
        assert status == 201, content
        if json.loads(content)["status"]["allowed"]:
            yield f"{verb} {resource}{'.' + group if group else ''}"

    everybody = {
        "create selfsubjectaccessreviews.authorization.k8s.io",
        "create selfsubjectrulesreviews.authorization.k8s.io",
        "create selfsubjectreviews.authentication.k8s.io",
    }
    if ("certificates.k8s.io", "clustertrustbundles") in resources:  # of newer API servers
        # CAs that are meant for all: every ServiceAccount may read them.
        read = ("get", "list", "watch")
        everybody |= {f"{verb} clustertrustbundles.certificates.k8s.io" for verb in read}
    everywhere = {
        *(f"{verb} namespaces" for verb in ("get", "list", "watch")),
        *(f"{verb} serviceaccounts" for verb in ("get", "list", "watch", "patch")),
        "create secrets",
        *(f"{verb} pullcredentials.regcred.dev" for verb in ("get", "list", "watch", "patch")),
        *(f"{verb} pullcredentials/status.regcred.dev" for verb in ("patch", "update")),
        *(f"{verb} events.events.k8s.io" for verb in ("create", "patch")),
    }
    own = {"get secrets", "list secrets", "watch secrets", "create leases.coordination.k8s.io"}
    assert set(allowed("kube-system")) == everywhere | everybody
    assert set(allowed(release.namespace)) == everywhere | everybody | own


# What it may not: by the guard


@pytest.mark.parametrize(
    "body",
    [
        secret("theirs-too"),
        secret(type_=TOKEN, annotations={"kubernetes.io/service-account.name": "default"}),
        secret(type_="Opaque"),
        {k: v for k, v in secret().items() if k != "type"},
        secret(None, generateName="regcred"),
    ],
    ids=["another name", "a token", "Opaque", "no type", "a generated name"],
)
def test_guard_on_secrets(operator, untouched, body):
    path = f"{untouched}/secrets"  # where one is there already: admission comes first
    assert denied(operator.ask("POST", path, body), "the regcred operator writes")


def test_guard_on_secrets_holds_in_the_own_namespace(operator, release):
    path = f"{CORE}/namespaces/{release.namespace}/secrets"
    assert denied(operator.ask("POST", path, secret("source-2")), "the regcred operator writes")


def test_guard_on_secrets_holds_for_server_side_apply(operator, place, cluster):
    path = f"{place}/secrets/regcred"
    cluster.api.request("DELETE", path)
    applied = secret(type_="Opaque")
    answer = operator.ask("PATCH", f"{path}?fieldManager=regcred", applied, patch="apply")
    assert denied(answer, "the regcred operator writes pull Secrets only")


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"labels": {"app": None}}},
        {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "admin"}}},
        {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": None}}},
        {"metadata": {"annotations": {"iam.gke.io/gcp-service-account": "admin"}}},
        {"metadata": {"annotations": {"evil.regcred.dev/x": "y"}}},
        {"metadata": {"annotations": None}},
        {"metadata": {"finalizers": ["example.com/stay"]}},
        {
            "metadata": {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "no-such"}
                ]
            }
        },
        {"automountServiceAccountToken": True},
        {"automountServiceAccountToken": False},
        {"secrets": [{"name": "theirs"}]},
        {"imagePullSecrets": None},
        {"imagePullSecrets": [{"name": "regcred"}]},
        {"imagePullSecrets": [{"name": "theirs"}, {"name": "more"}]},
        {"imagePullSecrets": [{"name": "theirs"}, {"name": "theirs"}]},
    ],
    ids=json.dumps,
)
def test_guard_on_service_accounts(operator, untouched, cluster, patch):
    path = f"{untouched}/serviceaccounts/app"
    before = cluster.api.request("GET", path)
    answer = operator.ask("PATCH", path, patch, patch="merge")
    assert denied(answer, "the regcred operator"), answer
    assert cluster.api.request("GET", path) == before


def test_guard_on_service_accounts_that_apply_would_create(operator, untouched):
    applied = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "new"}}
    path = f"{untouched}/serviceaccounts/new?fieldManager=regcred"
    assert denied(operator.ask("PATCH", path, applied, patch="apply"))  # it may not create


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"namespaces": {"include": ["*"]}}},
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"finalizers": ["example.com/stay"]}},
    ],
    ids=json.dumps,
)
def test_guard_on_pull_credentials(operator, pull_credentials, patch):
    answer = operator.ask("PATCH", pull_credentials, patch, patch="merge")
    assert denied(answer, "the regcred operator changes nothing of a PullCredential")


def test_guard_is_on_nobody_else(place, cluster, operator):
    """All of it stands, and the admin does what it refuses."""
    status, _ = cluster.api.request("POST", f"{place}/secrets", secret("free", "Opaque"))
    assert status == 201
    account = json.loads(cluster.api.request("GET", f"{place}/serviceaccounts/app")[1])
    account["metadata"]["labels"] = {"free": "yes"}
    assert cluster.api.request("PUT", f"{place}/serviceaccounts/app", account)[0] == 200
