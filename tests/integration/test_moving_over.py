"""The pages on moving over, typed as they stand: what another tool leaves is on a real API server,
as its source says, the operator runs beside it, and no namespace is ever without a login.

What the other tools do on their own when something changes is not here: they do not run. The pages
say of each what it does, with a link to the line, and stop it before they take anything away.
"""

import base64
import json
import re
import threading
from contextlib import contextmanager

import pytest

from cluster import Cluster
from cluster.paths import CHECKOUT
from tests.integration.conftest import World
from tests.support.clusters import PytestProgress
from tests.support.continuity import Continuity
from tests.support.operatorprocess import OperatorProcess
from tests.support.pages import Reader, read_page
from tests.support.providers import aws
from tests.support.providers.serving import Clock, serve
from tests.support.release import CRD, Release

PAGES = CHECKOUT / "docs" / "how-to"
REGISTRY = "registry.example.com"
MIRROR = "mirror.example.com"
THEIRS = {MIRROR: ("mirror", "hush-4711-theirs")}
JSON = "kubernetes.io/dockerconfigjson"


@pytest.fixture(scope="module")
def cluster(request):
    """One of its own: operators and detach -A are about all of a cluster."""

    with Cluster(registries=True, progress=PytestProgress(request.config)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def registry(cluster):
    return cluster.registries["token"]


class Mover(Reader):
    """Who moves over; the registry of the pages is one of the cluster's.

    Args:
        cluster: where.
        folder: with the page's files.
        helm_program: Helm.
        registry: takes the place of registry.example.com.
        namespaces: of the page.
    """

    def __init__(self, cluster, folder, helm_program, registry, namespaces):
        super().__init__(
            cluster,
            folder,
            namespaces=(*namespaces, "team-*", "regcred-system"),
            programs={"helm": helm_program},
        )
        self.registry = registry
        self.namespaces = {name: World(cluster, self.own(name)) for name in namespaces}
        self.release = Release(cluster, helm_program, self.name, self.namespace, folder)
        self.operator, self.env_of_operator = None, {}
        #: How a command begins → what is done before it.
        self.acts = {}
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
        cluster.kubectl("wait", "--for=condition=Established", "-f", str(CRD), "--timeout=30s")
        for name in namespaces:
            cluster.create_namespace(self.own(name))

    def mine(self, text, heading=""):
        text = super().mine(text).replace(REGISTRY, self.registry.address)
        return text.replace(f"managed-by={self.name}-", "managed-by=")

    def theirs(self, text):
        return super().theirs(text.replace(self.registry.address, REGISTRY))

    def type(self, step, extra=""):
        """Do what the page expects to be done by others, too."""
        for beginning, act in self.acts.items():
            if step.command.startswith(beginning):
                act(step)
        if step.command.startswith("helm install"):
            done = super().type(step, f" --set crds.install=false,fullnameOverride={self.name}")
            self.start(*re.findall(r"secretName=(\S+)", step.command))
            return done
        if step.command.startswith("kubectl rollout status"):
            with self.kubelet():
                return super().type(step)
        return super().type(step, extra)

    @contextmanager
    def kubelet(self):
        """Meanwhile each Pod becomes ready, as on a node that has pulled its image."""
        done = threading.Event()

        def run():
            while not done.wait(0.1):
                for world in self.namespaces.values():
                    be_ready(world)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def start(self, secret_name="regcred"):
        """The operator, with the rights of the chart's ServiceAccount."""
        kubeconfig = self.cluster.users.with_token(self.release.token())
        where = (f"--namespace={self.namespace}", f"--secret-name={secret_name}")
        operator = OperatorProcess(kubeconfig, *where, env=self.env_of_operator)
        self.operator = operator.__enter__()
        self.operator.wait_for("Leading")

    def write(self, name):
        """The page, its files written."""
        page = read_page(PAGES / name)
        for file, text in page.files.items():
            (self.folder / file).write_text(self.mine(text))
        return page

    @property
    def login(self):
        return {self.registry.address: (self.registry.username, self.registry.password)}

    def continuity(self, *accounts, deployments=(), registry="", passwords=None):
        """From now on, for ServiceAccounts of worlds, and Deployments of worlds."""
        return Continuity(
            self.cluster,
            [(world.namespace, name) for world, name in accounts],
            registry or self.registry.address,
            passwords or [self.registry.password],
            deployments=[world.namespace for world in deployments],
        )

    def walk(self, page, until="", after=""):
        """Type all commands from one heading (without it) to another (without it)."""
        headings = list(dict.fromkeys(step.heading for step in page.steps))
        assert {until, after} <= {*headings, ""}, headings
        first = headings.index(after) + 1 if after else 0
        last = headings.index(until) if until else len(headings)
        for step in page.steps:
            if step.heading in headings[first:last]:
                self.type(step)

    def end(self, *pullcredentials):
        if self.operator is not None:
            self.operator.kill()
        for name in pullcredentials:
            free = '{"metadata": {"finalizers": null}}'
            self.cluster.kubectl("patch", "pcred", name, "--type=merge", "-p", free, check=False)
            self.cluster.kubectl("delete", "pcred", name, "--wait=false", check=False)
        if self.operator is not None:
            self.release.helm("uninstall", "regcred")
            self.cluster.api.delete_namespace(self.namespace)
        for name in self.namespaces:
            self.cluster.api.delete_namespace(self.own(name))


def config(**auths):
    """registry=(user, password), as the data of a Secret."""
    entries = {
        registry: {
            "username": user,
            "password": password,
            "auth": base64.b64encode(f"{user}:{password}".encode()).decode(),
        }
        for registry, (user, password) in auths.items()
    }
    text = json.dumps({"auths": entries})
    return {".dockerconfigjson": base64.b64encode(text.encode()).decode()}


def secret(world, name, auths, **metadata):
    return world.create("secrets", name, type=JSON, data=config(**auths), metadata=metadata)


def patch(world, *names, account="default"):
    """As ``kubectl patch serviceaccount default`` does."""
    listed = {"imagePullSecrets": [{"name": name} for name in names]}
    where = ("serviceaccount", account, "-n", world.namespace)
    world.cluster.kubectl("patch", *where, "-p", json.dumps(listed))


def deployment(world, name, image, *pull_secrets):
    spec = {"containers": [{"name": "app", "image": image}]}
    if pull_secrets:
        spec["imagePullSecrets"] = [{"name": each} for each in pull_secrets]
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": world.namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    # As somebody does who has applied it from a file.
    world.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body).encode())


def be_ready(world):
    """As kubelet says that Pods run."""
    api, path = world.cluster.api, f"/api/v1/namespaces/{world.namespace}/pods"
    for pod in json.loads(api.request("GET", path)[1])["items"]:
        conditions = [{"type": "Ready", "status": "True"}]
        if pod.get("status", {}).get("conditions") != conditions:
            pod["status"] = {"phase": "Running", "conditions": conditions}
            api.request("PUT", f"{path}/{pod['metadata']['name']}/status", pod)


def keeper(world, name="regcred"):
    return (world.secret(name)["metadata"].get("annotations") or {}).get("regcred.dev/kept-by")


class TestKubectl:
    """docs/how-to/from-kubectl.md."""

    @pytest.fixture
    def mover(self, cluster, helm_program, registry, tmp_path):
        mover = Mover(cluster, tmp_path, helm_program, registry, ("team-a", "team-b", "shop"))
        (tmp_path / "password.txt").write_text(registry.password)
        team_a, team_b, shop = mover.namespaces.values()
        for world in (team_a, team_b):
            secret(world, "registry-login", mover.login)
        secret(team_a, "theirs", THEIRS)
        secret(shop, "regcred", mover.login | {MIRROR: ("mirror", "hush-4711-mirror")})
        patch(team_a, "theirs", "registry-login")
        patch(shop, "regcred")
        deployment(team_a, "api", registry.image)
        deployment(team_b, "web", registry.image, "registry-login")
        yield mover
        mover.end("registry", "mirror")

    def test_the_page(self, mover, registry):
        page = mover.write("from-kubectl.md")
        team_a, team_b, shop = worlds = mover.namespaces.values()
        one = {registry.address}
        uid = shop.secret()["metadata"]["uid"]
        with mover.continuity(
            (team_a, "default"), (shop, "default"), deployments=[team_b]
        ) as continuity:
            mover.walk(page, until="The way back")
            assert [keeper(world) for world in worlds] == ["operator"] * 3
            assert team_a.attached() == ["theirs", "regcred"]
            assert (team_b.attached(), shop.attached()) == (["regcred"], ["regcred"])
            assert [world.secret("registry-login") for world in (team_a, team_b)] == [None, None]
            assert [set(w.logins()) for w in worlds] == [one, one, one | {MIRROR}]
            assert shop.secret()["metadata"]["uid"] == uid

            mover.walk(page, after="Nothing was lost", until="Without the operator")
            assert team_a.attached() == ["theirs", "registry-login"]
            assert team_b.attached() == ["registry-login"]
            assert shop.attached() == ["regcred", "before"]
            assert [world.secret() for world in worlds] == [None] * 3
            mover.walk(page, after="The way back")
            assert continuity.require() > 20
        assert keeper(team_a, "registry-login") == "login"
        assert set(team_a.logins("registry-login")) == one


#: Of registry-creds, as far as its owner references need it.
CLUSTER_PULL_SECRETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusterpullsecrets.ops.alexellis.io"},
    "spec": {
        "group": "ops.alexellis.io",
        "names": {"kind": "ClusterPullSecret", "plural": "clusterpullsecrets"},
        "scope": "Cluster",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


class TestPatchers:
    """docs/how-to/from-patchers.md; the Secrets and entries of all three at once."""

    PATCHER = "imagepullsecret-patcher"

    @pytest.fixture
    def owner(self, cluster):
        """The ClusterPullSecret, as the owner of its Secrets."""
        manifest = json.dumps(CLUSTER_PULL_SECRETS).encode()
        cluster.kubectl("apply", "-f", "-", stdin=manifest)
        wait = (
            "wait",
            "--for=condition=Established",
            "crd",
            CLUSTER_PULL_SECRETS["metadata"]["name"],
        )
        cluster.kubectl(*wait, "--timeout=30s")
        api, kind = "ops.alexellis.io/v1", "ClusterPullSecret"
        body = {"apiVersion": api, "kind": kind, "metadata": {"name": "dockerhub"}}
        path = f"/apis/{api}/clusterpullsecrets"
        status, content = cluster.api.request("POST", path, body)
        assert status == 201, content
        yield {
            "apiVersion": api,
            "kind": kind,
            "name": "dockerhub",
            "uid": json.loads(content)["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        cluster.kubectl("delete", "-f", "-", "--ignore-not-found", stdin=manifest)

    @pytest.fixture
    def mover(self, cluster, helm_program, registry, tmp_path, owner):
        names = ("team-a", "team-b", self.PATCHER, "registry-creds-system")
        mover = Mover(cluster, tmp_path, helm_program, registry, names)
        team_a, team_b, patcher, creds = mover.namespaces.values()
        label = {"app.kubernetes.io/managed-by": self.PATCHER}
        for world in (team_a, team_b):
            self.put(world, registry)
            secret(world, "global-imagepullsecret", mover.login, annotations=label, labels=label)
            secret(world, "dockerhub-registrycreds", mover.login, ownerReferences=[owner])
            secret(world, "theirs", THEIRS)
            patched = ("image-pull-secret", "global-imagepullsecret", "dockerhub-registrycreds")
            patch(world, "theirs", *patched)
        team_a.with_list("builder", "image-pull-secret", "dockerhub-registrycreds")
        deployment(team_a, "api", registry.image)
        deployment(
            patcher, mover.own(self.PATCHER), "quay.io/titansoft/imagepullsecret-patcher:v0.14"
        )
        name = "registry-creds-registry-creds-controller"
        deployment(creds, name, "ghcr.io/alexellis/registry-creds:0.3.2-rc1")
        mover.acts[
            "kubectl scale deployment imagepullsecret-patcher -n imagepullsecret-patcher "
            "--replicas=1"
        ] = lambda step: self.start_again(mover)
        yield mover
        mover.end("registry")

    def put(self, world, registry):
        login = {registry.address: (registry.username, registry.password)}
        managed = {"app.kubernetes.io/managed-by": self.PATCHER}
        secret(world, "image-pull-secret", login, annotations=managed)

    def start_again(self, mover):
        """What the patcher does then."""
        for world in list(mover.namespaces.values())[:2]:
            self.put(world, mover.registry)
            for name in ("default", "builder")[
                : 2 if world.get("serviceaccounts", "builder") else 1
            ]:
                patch(world, *world.attached(name), "image-pull-secret", account=name)

    def test_the_page(self, mover, registry):
        page = mover.write("from-patchers.md")
        worlds = team_a, team_b = list(mover.namespaces.values())[:2]
        served = [(team_a, "default"), (team_b, "default"), (team_a, "builder")]
        with mover.continuity(*served, deployments=[team_a]) as continuity:
            mover.walk(page, until="The way back")
            assert [world.attached() for world in worlds] == [["theirs", "regcred"]] * 2
            assert team_a.attached("builder") == ["regcred"]
            for world in worlds:
                kept = {name for plural, name in world.snapshot() if plural == "secrets"}
                assert kept == {"regcred", "theirs"}
            mover.walk(page, after="Nothing was lost")
            served = [(team_a, "default"), (team_b, "default")]
            assert [w.attached() for w in worlds] == [["theirs", "image-pull-secret"]] * 2
            assert [world.secret() for world in worlds] == [None] * 2
            assert continuity.require() > 20


class TestReplicators:
    """docs/how-to/from-replicators.md."""

    @pytest.fixture
    def mover(self, cluster, helm_program, registry, tmp_path):
        names = ("team-a", "team-b", "shop", "infra", "kube-system")
        mover = Mover(cluster, tmp_path, helm_program, registry, names)
        team_a, team_b, shop, infra, system = mover.namespaces.values()
        mittwald, emberstack = "replicator.v1.mittwald.de", "reflector.v1.k8s.emberstack.com"
        order = {
            f"{mittwald}/replicate-to": team_a.namespace,
            f"{mittwald}/replication-allowed": "true",
            f"{mittwald}/replication-allowed-namespaces": team_b.namespace,
            f"{emberstack}/reflection-allowed": "true",
            f"{emberstack}/reflection-auto-enabled": "true",
            f"{emberstack}/reflection-auto-namespaces": shop.namespace,
        }
        made = secret(infra, "registry-login", mover.login, annotations=order)
        version, source = made["metadata"]["resourceVersion"], f"{infra.namespace}/registry-login"
        pushed = {
            f"{mittwald}/replicated-at": "2026-11-01T08:00:00Z",
            f"{mittwald}/replicated-from-version": version,
            f"{mittwald}/replicated-keys": ".dockerconfigjson",
        }
        reflected = {
            f"{emberstack}/auto-reflects": "True",
            f"{emberstack}/reflects": source,
            f"{emberstack}/reflected-version": version,
            f"{emberstack}/reflected-at": "2026-11-01T08:00:00.0000000+00:00",
        }
        asking = pushed | {f"{mittwald}/replicate-from": source}
        for world, marks in ((team_a, pushed), (team_b, asking), (shop, reflected)):
            secret(world, "registry-login", mover.login, annotations=marks)
        secret(shop, "tls", THEIRS, annotations=reflected)
        deployment(team_a, "api", registry.image, "registry-login")
        patch(team_b, "registry-login")
        patch(shop, "tls", "registry-login")
        deployment(system, "replicator-kubernetes-replicator", "quay.io/mittwald/example")
        yield mover
        mover.end("registry")

    def test_the_page(self, mover):
        page = mover.write("from-replicators.md")
        worlds = team_a, team_b, shop = list(mover.namespaces.values())[:3]
        uids = [world.secret("registry-login")["metadata"]["uid"] for world in worlds]
        lists = [world.attached() for world in worlds]
        with mover.continuity(
            (team_b, "default"), (shop, "default"), deployments=[team_a]
        ) as continuity:
            mover.walk(page, until="The way back")
            for world in worlds:
                assert keeper(world, "registry-login") == "operator"
                annotations = world.secret("registry-login")["metadata"]["annotations"]
                assert not [key for key in annotations if "mittwald" in key or "ember" in key]
            assert shop.secret("tls")["metadata"]["annotations"]  # of the one, and of no other
            assert mover.namespaces["infra"].secret("registry-login") is None
            mover.walk(page, after="Nothing was lost")
            left = [world.secret("registry-login")["metadata"]["uid"] for world in worlds]
            assert left == uids
            assert [keeper(world, "registry-login") for world in worlds] == [None] * 3
            assert [world.attached() for world in worlds] == lists
            assert continuity.require() > 10


class TestEcr:
    """docs/how-to/from-ecr-cron.md; AWS is the one of the minters' tests."""

    REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

    @pytest.fixture
    def cloud(self):
        with aws.moto() as account:
            yield aws.Aws(account, Clock())

    @pytest.fixture
    def mover(self, cluster, helm_program, registry, tmp_path, cloud):
        mover = Mover(
            cluster, tmp_path, helm_program, registry, ("team-a", "team-b", "kube-system")
        )
        team_a, team_b, system = mover.namespaces.values()
        (tmp_path / "access-key-id").write_text(cloud._account.puller.id)
        (tmp_path / "secret-access-key").write_text(cloud._account.puller.secret)
        old = cloud._token()["authorizationToken"]
        password = base64.b64decode(old).decode().partition(":")[2]
        secret(team_a, "ecr-registry", {self.REGISTRY: ("AWS", password)})
        patch(team_a, "ecr-registry")
        self.cron_job(team_a)
        deployment(team_a, "api", f"{self.REGISTRY}/team/app:1")
        of_ecr = {f"https://{self.REGISTRY}": {"auth": old, "email": "none"}}
        for name, found in (
            ("awsecr-cred", {"auths": of_ecr}),
            ("dpr-secret", {}),
            ("acr-secret", {}),
        ):
            data = base64.b64encode(json.dumps(found).encode()).decode()
            team_b.create("secrets", name, type=JSON, data={".dockerconfigjson": data})
        team_b.create("secrets", "gcr-secret")
        secret(team_b, "theirs", THEIRS)
        patched = ("gcr-secret", "awsecr-cred", "dpr-secret", "acr-secret")
        patch(team_b, "theirs", *patched)
        deployment(system, "registry-creds", "upmcenterprises/registry-creds:1.9")
        with serve(cloud.app) as served:
            mover.env_of_operator = {
                "AWS_ENDPOINT_URL_ECR": served.url,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            yield mover
            mover.end("ecr")

    def cron_job(self, world):
        """As they are commonly written."""
        script = "kubectl delete secret ecr-registry; kubectl create secret docker-registry …"
        containers = [{"name": "renew", "image": "aws-kubectl", "args": ["-c", script]}]
        pod = {"serviceAccountName": "ecr-login", "restartPolicy": "Never"}
        job = {"template": {"spec": pod | {"containers": containers}}}
        kinds = [
            (
                "batch/v1",
                "CronJob",
                {"spec": {"schedule": "0 */10 * * *", "jobTemplate": {"spec": job}}},
            ),
            ("v1", "ServiceAccount", {}),
            ("rbac.authorization.k8s.io/v1", "Role", {"rules": []}),
            (
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                {
                    "roleRef": {
                        "apiGroup": "rbac.authorization.k8s.io",
                        "kind": "Role",
                        "name": "ecr-login",
                    }
                },
            ),
        ]
        metadata = {"metadata": {"name": "ecr-login"}}
        items = [{"apiVersion": api, "kind": kind} | metadata | more for api, kind, more in kinds]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        where = ("-n", world.namespace)
        world.cluster.kubectl("create", *where, "-f", "-", stdin=manifest.encode())

    def test_the_page(self, mover, cloud):
        page = mover.write("from-ecr-cron.md")
        team_a, team_b = list(mover.namespaces.values())[:2]
        with mover.continuity(
            (team_a, "default"),
            (team_b, "default"),
            deployments=[team_a],
            registry=self.REGISTRY,
            passwords=cloud.tokens,
        ) as continuity:
            mover.walk(page, until="The way back")
            assert (team_a.attached(), team_b.attached()) == (["regcred"], ["theirs", "regcred"])
            logins = {world.logins()[self.REGISTRY] for world in (team_a, team_b)}
            assert len(logins) == 1
            assert logins <= {("AWS", token) for token in cloud.tokens}
            for world, kept in ((team_a, {"regcred"}), (team_b, {"regcred", "theirs"})):
                found = {name for plural, name in world.snapshot() if plural == "secrets"}
                assert found == kept
            assert continuity.require() > 10
        mover.walk(page, after="Nothing was lost")
        assert (team_a.attached(), team_b.attached()) == ([], ["theirs"])
