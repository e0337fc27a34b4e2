"""``regcred why``: a real API server, real registries; what kubelet says the tests write."""

import asyncio
import base64
import json
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from cluster.waiting import await_condition
from regcred.core.errors import Conflict
from regcred.core.pods.stuck import StuckPod
from regcred.kube import config as kubeconfigs
from regcred.kube.client import Client
from regcred.kube.mending import Mender
from tests.support.between import Gateway
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal

REFUSED = (
    'Back-off pulling image "{0}": ErrImagePull: failed to pull and unpack image "{0}": failed to '
    'resolve reference "{0}": pull access denied, repository does not exist or may require '
    "authorization: authorization failed: no basic auth credentials"
)


class Stage:
    """A namespace with workloads whose Pods fail as kubelet would say it."""

    def __init__(self, world, registry):
        self.world, self.registry, self.namespace = world, registry, world.namespace
        self.image = registry.image
        self.api = world.cluster.api

    def request(self, method, path, body=None, expect=(200, 201)):
        status, content = self.api.request(method, path, body)
        assert status in expect, content
        return json.loads(content)

    def path(self, kind, name=""):
        group = {"pods": "api/v1", "jobs": "apis/batch/v1", "resourcequotas": "api/v1"}
        found = f"/{group.get(kind, 'apis/apps/v1')}/namespaces/{self.namespace}/{kind}"
        return f"{found}/{name}" if name else found

    def get(self, kind, name):
        return self.request("GET", self.path(kind, name))

    def login(self, name="pull", password=None, **fields):
        """A pull Secret for the registry."""
        who = {"username": self.registry.username, "password": password or self.registry.password}
        return self.config(name, {self.registry.address: who}, **fields)

    def config(self, name, auths, **fields):
        content = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
        kind = "kubernetes.io/dockerconfigjson"
        data = {".dockerconfigjson": content}
        return self.world.create("secrets", name, type=kind, data=data, **fields)

    def attach(self, *names, account="default"):
        obj = self.world.get("serviceaccounts", account)
        obj["imagePullSecrets"] = [{"name": name} for name in names]
        assert self.world.put("serviceaccounts", obj) == 200

    def spec(self, *secrets, image=None, **spec):
        """No node takes it: only what the tests write becomes of it."""
        spec.setdefault("nodeSelector", {"no": "such"})
        containers = [{"name": "app", "image": image or self.image}]
        spec |= {"containers": containers, "terminationGracePeriodSeconds": 1}
        if secrets:
            spec["imagePullSecrets"] = [{"name": name} for name in secrets]
        return spec

    def pod(self, name, *secrets, metadata=None, **spec):
        """A bare Pod that fails."""
        body = {"metadata": {"name": name, **(metadata or {})}, "spec": self.spec(*secrets, **spec)}
        self.refuse(self.request("POST", self.path("pods"), body))

    def refuse(self, pod, state="ImagePullBackOff", message=REFUSED):
        """Say of a Pod what kubelet says of one that is refused."""
        image = pod["spec"]["containers"][0]["image"]
        waiting = {"reason": state, "message": message.format(image)}
        status = {"name": "app", "image": "", "imageID": "", "ready": False, "restartCount": 0}
        pod["status"] = {
            "phase": "Pending",
            "containerStatuses": [{**status, "state": {"waiting": waiting}}],
        }
        name = pod["metadata"]["name"]
        self.request("PUT", self.path("pods", name) + "/status", pod)

    def workload(self, plural, name, *secrets, replicas=1, **more):
        """What makes Pods, and its Pods fail."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": self.spec(*secrets)}
        spec = {"selector": {"matchLabels": labels}, "replicas": replicas, "template": template}
        if plural == "jobs":
            template["spec"]["restartPolicy"] = "Never"
            spec = {"template": template}
        if plural == "statefulsets":
            spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
        self.request("POST", self.path(plural), {"metadata": {"name": name}, "spec": spec | more})
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.refuse, self.await_pods(replicas, name)))

    def pods(self, prefix=""):
        items = self.request("GET", self.path("pods"))["items"]
        return [
            pod
            for pod in items
            if pod["metadata"]["name"].startswith(prefix)
            and not pod["metadata"].get("deletionTimestamp")
        ]

    def await_pods(self, count, prefix=""):
        await_condition(
            f"there are {count} Pods", lambda: len(self.pods(prefix)) == count, timeout=60
        )
        return self.pods(prefix)

    def lists(self, prefix=""):
        """The pull Secrets of the Pods."""
        return [
            [each["name"] for each in pod["spec"].get("imagePullSecrets", [])]
            for pod in self.pods(prefix)
        ]

    def user(self, *rules):
        """The kubeconfig of a ServiceAccount that may do this and nothing else."""
        return self.world.user(dict(rules))


@pytest.fixture
def stage(world, htpasswd_registry):
    return Stage(world, htpasswd_registry)


@pytest.fixture
def why(regcred, stage):
    """Ask in the test's namespace."""

    def run(*args, **options):
        return regcred("why", *args, "-n", stage.namespace, **options)

    return run


@pytest.fixture
def asked(why):
    """The document, of something that fails."""

    def run(*args, check=1, **options):
        return json.loads(why(*args, "-o", "json", check=check, **options).stdout)

    return run


def reasons(document):
    return {
        (each.get("name", ""), each.get("container", "")): each["causes"][0]["reason"]
        for each in document["pods"]
    }


def results(document):
    return [(each["result"], each["object"]) for each in document["results"]]


def test_what_runs_is_said_to(why, stage, world):
    done = why()
    assert done.stdout.decode() == f"there is no Pod in {stage.namespace}\n"
    stage.workload("deployments", "web", replicas=0)
    world.create("pods", "new", spec=stage.spec())
    assert b"no pull has failed" in why().stdout
    assert b"has not come to its pulls yet" in why("new").stdout
    assert f"deployment/web in {stage.namespace} has no Pod" in why("deploy/web").stdout.decode()
    assert json.loads(why("new", "-o", "json").stdout) == {"pods": [], "unread": []}
    done = why("new", "deploy/web")
    assert len(done.stdout.splitlines()) == 2
    for form in ("text", "table"):
        assert why("new", "deploy/web", "-o", form).stdout == done.stdout


def test_what_has_its_images_is_not_said_to_run(why, stage):
    def running(name, restarts, **state):
        stage.pod(name)
        pod = stage.get("pods", name)
        pod["status"]["phase"] = "Running"
        app = pod["status"]["containerStatuses"][0]
        app |= {"state": state, "restartCount": restarts, "ready": not restarts}
        stage.request("PUT", stage.path("pods", name) + "/status", pod)

    running("good", 0, running={"startedAt": "2026-11-01T00:00:00Z"})
    said = f"no pull fails in {stage.namespace} (1 Pod)\n"
    assert why().stdout.decode() == said
    assert why("good").stdout.decode() == f"pod/good in {stage.namespace} has no pull that fails\n"
    running("crash", 4, terminated={"exitCode": 0})
    hint = f"kubectl describe pod crash -n {stage.namespace}\n"
    ended = f"container app has ended, and is to be started again: {hint}"
    place = f"pod/crash in {stage.namespace}"
    assert why("crash").stdout.decode() == f"{place} has no pull that fails; {ended}"
    everything = why().stdout.decode()
    assert everything == said.replace("1 Pod", "2 Pods") + f"{place} {ended}"


def test_targets(asked, stage):
    stage.workload("deployments", "web", replicas=2)
    stage.workload("statefulsets", "db")
    stage.workload("daemonsets", "ds", replicas=0)
    stage.workload("jobs", "job")
    stage.workload("replicasets", "rs")
    stage.pod("bare")
    found = asked()
    owners = {each.get("owner", "") for each in found["pods"]}
    assert owners == {"deployment/web", "statefulset/db", "job/job", "replicaset/rs", ""}
    assert len(found["pods"]) == 6
    for spelling in ("deploy/web", "deployment/web", "deployments.apps/web"):
        (one,) = asked(spelling)["pods"]
        assert one["owner"] == "deployment/web"
    names = [one["name"] for one in asked("sts/db", "pod/bare", "bare", "rs/rs", "job/job")["pods"]]
    assert len(names) == 4
    assert {"db-0", "bare"} < set(names)


def test_the_newest_pod_of_a_workload_and_all_are_mended(asked, stage):
    stage.workload("statefulsets", "db", replicas=2, updateStrategy={"type": "OnDelete"})
    stage.login()
    stage.attach("pull")
    (one,) = asked("sts/db")["pods"]
    (cause,) = one["causes"]
    assert cause["reason"] == "PodOlderThanAttachment"
    assert "db-0" in cause["commands"][0]
    assert "db-1" in cause["commands"][0]


def test_what_does_not_exist(why, stage):
    stage.pod("web-7d4f-aaaaa")
    stage.pod("db-0")
    done = why("web-7d4f-bbbbb", check=1)
    assert b"pod/web-7d4f-bbbbb does not exist" in done.stderr
    assert b"hint: is it one of pod/web-7d4f-aaaaa?" in done.stderr
    done = why("deploy/nothing", "db-0", check=1)
    assert b"deployment/nothing does not exist" in done.stderr
    assert b"pod/db-0 in" in done.stdout
    assert b"is nothing that pulls images" in why("service/web", check=2).stderr
    assert b"hint: did you mean deploy/web?" in why("deplyo/web", check=2).stderr
    assert b"hint: regcred why deployment/web;" in why("deployment", "web", check=2).stderr
    assert b"hint: deploy is a kind: regcred why deploy/NAME" in why("deploy", check=1).stderr


def test_what_makes_pods_is_named_where_no_pod_is_called_so(why, stage):
    for plural in ("deployments", "statefulsets"):
        stage.workload(plural, "web", replicas=0)
    stage.pod("db")
    done = why("web", "db", check=1)
    assert b"error: pod/web does not exist" in done.stderr
    said = f"hint: regcred why deployment/web statefulset/web -n {stage.namespace}\n"
    assert said in done.stderr.decode()
    assert b"pod/db in" in done.stdout


def test_a_namespace_that_does_not_exist(regcred):
    done = regcred("why", "-n", "nowhere-at-all", check=1)
    assert b"namespace nowhere-at-all does not exist" in done.stderr
    assert b"does not exist" in regcred("why", "web", "-n", "nowhere-at-all", check=1).stderr


def test_wrong_usage(regcred):
    for arguments in (
        ("-A", "-n", "a"),
        ("-A", "web"),
        ("web", "-n", "a", "-n", "b"),
        ("", "-n", "a"),
        ("--yes",),
        ("--dry-run=client",),
        ("--fix", "-n", "a"),
    ):
        assert b"error:" in regcred("why", *arguments, check=2).stderr


def test_cluster_that_does_not_answer_or_does_not_let_in(cluster, tmp_path, stage):
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "gone").write_text(yaml.safe_dump(config))
    run_regcred("why", env={"KUBECONFIG": str(tmp_path / "gone")}, check=3)
    token = str(cluster.users.with_token("no-token-of-ours"))
    run_regcred("why", env={"KUBECONFIG": token}, check=3)
    stranger = {"KUBECONFIG": str(cluster.users.stranger)}
    for arguments in (("-n", stage.namespace), ("web", "-n", stage.namespace), ("-A",)):
        done = run_regcred("why", *arguments, env=stranger, check=3)
        assert b"is forbidden" in done.stderr
        assert done.stdout == b""


def test_with_the_right_to_one_pod_alone(asked, why, stage):
    stage.pod("bare", "pull")
    stage.login()
    env = {"KUBECONFIG": str(stage.user(("pods", ("get",))))}
    found = asked("bare", env=env)
    space = stage.namespace
    (one,) = found["pods"]
    assert one["causes"]
    assert {each["right"] for each in found["unread"]} == {
        f"get secrets in {space}",
        f"list secrets in {space}",
        f"get serviceaccounts in {space}",
        f"list events in {space}",
        "list pullcredentials",
    }
    said = why("bare", env=env, check=1)
    for each in found["unread"]:
        assert said.stdout.decode().count(each["right"]) == 1
    assert b"warning" not in said.stderr
    why(env=env, check=3)


def test_with_the_right_to_list_pods_alone(asked, why, stage):
    stage.workload("deployments", "web", replicas=2)
    env = {"KUBECONFIG": str(stage.user(("pods", ("list",))))}
    found = asked(env=env)
    assert [each["owner"].partition("/")[0] for each in found["pods"]] == ["replicaset"] * 2
    rights = [each["right"] for each in found["unread"]]
    assert len(set(rights)) == len(rights)
    lists = "cronjobs, daemonsets, deployments, jobs, replicasets, replicationcontrollers"
    assert f"list {lists}, statefulsets in {stage.namespace}" in rights
    assert f"list events in {stage.namespace}" in rights
    assert asked("deploy/web", env=env)["pods"]
    for gone in ("deploy/gone", "sts/gone"):
        done = why(gone, env=env, check=3)
        assert done.stdout == b""
        resource = {"deploy": "deployments", "sts": "statefulsets"}[gone.partition("/")[0]]
        assert f'cannot get resource "{resource}"' in done.stderr.decode()
        assert f"kubectl auth can-i get {resource}.apps/gone -n" in done.stderr.decode()
    name = stage.pods("web-")[0]["metadata"]["name"]
    assert [each["name"] for each in asked(name, env=env)["pods"]] == [name]
    assert b"pod/gone does not exist" in why("gone", env=env, check=1).stderr
    assert b"Pods that their owners cannot create" in why(env=env, check=1).stderr


def test_facts_come_from_the_cluster_and_the_registry(asked, stage, world):
    stage.pod("older")
    stage.login()
    stage.attach("pull")
    stage.pod("right")
    stage.pod("cut-off", "other")
    stage.config("other", {"elsewhere.example.com": {"username": "a", "password": "b"}})
    stage.login("wrong", password="not-it")
    world.with_list("lonely")
    stage.pod("wrong", "wrong", serviceAccountName="lonely")
    found = asked()
    assert reasons(found) == {
        ("older", "app"): "PodOlderThanAttachment",
        ("right", "app"): "BackOffOnly",
        ("cut-off", "app"): "ListCutsOffServiceAccount",
        ("wrong", "app"): "Unauthorized",
    }
    (older,) = (each for each in found["pods"] if each["name"] == "older")
    assert older["image"] == stage.image
    assert older["state"] == "ImagePullBackOff"
    facts = {(each["source"], each["fact"]) for each in older["evidence"]}
    place = f"ServiceAccount {stage.namespace}/default"
    assert (place, "has the pull Secrets pull now") in facts
    assert f"registry {stage.registry.address}" in {source for source, _ in facts}
    unasked = asked("--no-probe")
    sources = {each["source"] for pod in unasked["pods"] for each in pod["evidence"]}
    assert f"registry {stage.registry.address}" not in sources


def test_when_things_were_written(asked, stage, world):
    world.with_list("build", "pull")
    stage.login()
    stage.pod("bare", serviceAccountName="build")
    stage.attach("pull", "more", account="build")
    secret = world.secret("pull")
    secret["data"]["more"] = "YQ=="
    assert world.put("secrets", secret) == 200
    (one,) = asked()["pods"]
    facts = [f"{each['source']}: {each['fact']}" for each in one["evidence"]]
    for said in (
        f"ServiceAccount {stage.namespace}/build: has the pull Secrets pull, more now, since 20",
        f"Secret {stage.namespace}/pull: exists, made at 20",
    ):
        assert any(fact.startswith(said) for fact in facts)


def test_pods_that_are_not_made(asked, why, stage):
    stage.request(
        "POST",
        stage.path("resourcequotas"),
        {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}},
    )
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": stage.spec()}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    stage.request("POST", stage.path("deployments"), {"metadata": {"name": "web"}, "spec": spec})

    def refused():
        return any(
            each["type"] == "ReplicaFailure"
            for each in stage.get("deployments", "web").get("status", {}).get("conditions", [])
        )

    await_condition("the Deployment is refused its Pods", refused, timeout=60)
    (one,) = asked()["pods"]
    assert one["owner"] == "deployment/web"
    assert "name" not in one
    assert "exceeded quota" in one["causes"][0]["message"]
    (same,) = asked("deploy/web")["pods"]
    assert "exceeded quota" in same["causes"][0]["message"]
    assert why(check=1).stdout.decode().startswith(f"deployment/web in {stage.namespace}\n")


def test_pods_of_one_owner_are_one_entry_of_text(why, asked, stage):
    stage.workload("deployments", "web", replicas=3)
    text = why(check=1).stdout.decode()
    first, second, *_ = text.splitlines()
    assert first.endswith(f" and 2 more in {stage.namespace}: {stage.image}")
    assert second.startswith("  NoCredential: ")
    assert f"    regcred login {stage.registry.address} -n {stage.namespace} --restart" in text
    assert text.count("NoCredential: no pull") == 1
    assert len(asked()["pods"]) == 3


def test_requests_do_not_grow_with_the_pods(stage, new_world):
    counts = []
    for each, replicas in ((Stage(new_world(), stage.registry), 2), (stage, 300)):
        each.login()
        each.attach("pull")
        each.workload("deployments", "web", "gone", replicas=replicas)
        requests, found = asyncio.run(_through_gateway(each))
        assert len(found["pods"]) == replicas
        assert not [one for one in requests if "/pods/" in one]
        counts.append(len(requests))
    assert counts[0] == counts[1] < 25


async def _through_gateway(stage):
    config = kubeconfigs.load(kubeconfig=str(stage.world.cluster.kubeconfig), env={})
    tls = ssl.create_default_context(cadata=config.tls.ca.decode())
    where = stage.world.cluster.folder.root / "gateway"
    where.mkdir(exist_ok=True)
    pair = where / "admin.pem"
    pair.write_bytes(config.auth.certificate + b"\n" + config.auth.key.reveal().encode())
    tls.load_cert_chain(pair)
    async with Gateway(config.server, tls).running() as gateway:
        front = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": gateway.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
            "current-context": "c",
        }
        path = where / "kubeconfig"
        path.write_text(yaml.safe_dump(front))
        done = await asyncio.to_thread(
            run_regcred,
            *("why", "-n", stage.namespace, "-o", "json"),
            env={"KUBECONFIG": str(path)},
            check=1,
        )
        return gateway.requests, json.loads(done.stdout)


# --fix


def test_fix_attaches_and_restarts(asked, why, stage, world):
    stage.workload("deployments", "web", replicas=2)
    stage.login()
    found = asked("--fix", "--yes", check=0)
    assert results(found) == [
        ("Attached", "serviceaccount/default"),
        ("Restarted", "deployment/web"),
    ]
    assert world.attached() == ["pull"]
    account = world.get("serviceaccounts", "default")
    assert account["metadata"]["annotations"]["regcred.dev/attached"] == "pull"
    await_condition("new Pods have the Secret", lambda: ["pull"] in stage.lists("web-"), timeout=60)


def test_what_is_restarted_already_is_not_to_be_again(asked, why, stage):
    """Until the new Pods run the old ones are there, and fail."""
    stage.workload("deployments", "web", replicas=2)
    stage.login()
    asked("--fix", "--yes", check=0)

    def pods():
        return {each["name"]: each["causes"][0] for each in asked()["pods"]}

    assert len(pods()) == 2
    for cause in pods().values():
        assert cause["reason"] == "PodOlderThanAttachment"
        assert cause["message"].endswith("and deployment/web makes newer Pods already")
        assert "commands" not in cause
        assert "kubectl rollout status deployment/web" in cause["hint"]
    assert b"rollout restart" not in why(check=1).stdout
    before = stage.get("deployments", "web")["metadata"]["generation"]
    assert {result for result, _ in results(asked("--fix", "--yes", check=0))} == {"Waiting"}
    assert stage.get("deployments", "web")["metadata"]["generation"] == before
    # A rollout that is paused goes nowhere, and nothing is under way.
    patch = {"spec": {"paused": True}}
    stage.world.cluster.kubectl(
        "patch", "deployment", "web", "-n", stage.namespace, "-p", json.dumps(patch)
    )
    assert all("commands" in cause for cause in pods().values())


def test_fix_restarts_a_statefulset_with_its_pods(asked, stage):
    stage.workload("statefulsets", "db", replicas=2)
    old = {pod["metadata"]["uid"] for pod in stage.pods("db-")}
    stage.login()
    stage.attach("pull")
    assert results(asked("sts/db", "--fix", "--yes", check=0)) == [("Restarted", "statefulset/db")]
    await_condition(
        "both Pods are new", lambda: stage.lists("db-") == [["pull"], ["pull"]], timeout=60
    )
    assert not old & {pod["metadata"]["uid"] for pod in stage.pods("db-")}


@pytest.mark.parametrize("plural", ["deployments"])
def test_fix_adds_to_a_list_of_its_own(asked, stage, plural):
    stage.config("other", {"elsewhere.example.com": {"username": "a", "password": "b"}})
    stage.login()
    stage.attach("pull")
    stage.workload(plural, "web", "other")
    found = asked("--fix", "--yes", check=0)
    assert results(found) == [("Updated", f"{plural[:-1]}/web")]
    template = stage.get(plural, "web")["spec"]["template"]["spec"]
    assert {each["name"] for each in template["imagePullSecrets"]} == {"other", "pull"}
    both = [{"other", "pull"}]
    await_condition(
        "its Pod has both",
        lambda: both[0] in [set(each) for each in stage.lists("web-")],
        timeout=60,
    )


def test_fix_deletes_what_is_made_anew(asked, stage):
    stage.workload("replicasets", "web")
    (old,) = stage.pods("web-")
    stage.login()
    stage.attach("pull")
    assert results(asked("--fix", "--yes", check=0)) == [
        ("Deleted", f"pod/{old['metadata']['name']}")
    ]
    await_condition("its Pod has it", lambda: stage.lists("web-") == [["pull"]], timeout=60)


def test_fix_deletes_no_pod_that_a_job_counts_as_failed(asked, stage):
    stage.workload("jobs", "job")
    (old,) = stage.pods("job-")
    stage.login()
    stage.attach("pull")
    assert results(asked("--fix", "--yes", check=1)) == [("Left", f"pod/{old['metadata']['name']}")]
    assert stage.pods("job-")[0]["metadata"]["uid"] == old["metadata"]["uid"]


def test_fix_makes_bare_pods_anew(asked, stage):
    stage.config("other", {"elsewhere.example.com": {"username": "a", "password": "b"}})
    stage.pod("older", metadata={"labels": {"keep": "me"}})
    stage.login()
    stage.attach("pull")
    stage.pod("cut-off", "other")
    old = {pod["metadata"]["uid"] for pod in stage.pods()}
    found = asked("--fix", "--yes", check=0)
    assert sorted(results(found)) == [("Recreated", "pod/cut-off"), ("Recreated", "pod/older")]
    assert not old & {pod["metadata"]["uid"] for pod in stage.pods()}
    assert stage.lists("older") == [["pull"]]
    assert stage.lists("cut-off") == [["other", "pull"]]
    (older,) = stage.pods("older")
    assert older["metadata"]["labels"] == {"keep": "me"}
    assert older["spec"]["nodeSelector"] == {"no": "such"}


def test_fix_deletes_no_pod_that_could_not_be_made_anew(asked, stage, kubectl):
    stage.pod("older", hostNetwork=True)
    stage.login()
    stage.attach("pull")
    (old,) = stage.pods()
    restrict = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", stage.namespace, restrict)
    (failed,) = asked("--fix", "--yes")["results"]
    assert (failed["result"], failed["object"]) == ("Failed", "pod/older")
    assert "violates PodSecurity" in failed["message"]
    (pod,) = stage.pods()
    assert pod["metadata"]["uid"] == old["metadata"]["uid"]


def test_fix_copies_no_login_out_of_another_namespace(asked, stage, new_world, world):
    other = Stage(new_world(), stage.registry)
    name = f"pull-{other.namespace}"
    other.login(name)
    stage.pod("bare", name)
    found = asked("--fix", "--yes", check=1)
    assert results(found) == [("Left", "pod/bare")]
    (cause,) = found["pods"][0]["causes"]
    assert cause["reason"] == "SecretInOtherNamespace"
    assert world.secret(name) is None


def test_only_the_very_pod_is_made_anew_or_deleted(stage, cluster):
    stage.pod("bare")
    (pod,) = stage.pods()
    stale = StuckPod(stage.namespace, "bare", "another-uid", (), "default", (), None)
    config = kubeconfigs.load(kubeconfig=str(cluster.kubeconfig), env={})

    async def run():
        async with Client(config) as client:
            mender = Mender(client, None)
            await mender.delete([stale])
            with pytest.raises(Conflict, match="made anew in between"):
                await mender.recreate(stale, [])

    asyncio.run(run())
    assert stage.pods()[0]["metadata"]["uid"] == pod["metadata"]["uid"]


@pytest.mark.parametrize("mode", ["client", "server"])
def test_fix_dry_run_changes_nothing(why, stage, world, mode):
    stage.workload("deployments", "web")
    stage.pod("bare")
    stage.login()
    before = world.snapshot(), stage.get("deployments", "web")["metadata"]["generation"]
    pods = {pod["metadata"]["uid"] for pod in stage.pods()}
    done = why("--fix", f"--dry-run={mode}", check=0).stdout.decode()
    said = {"client": "(dry run)", "server": "(server dry run)"}[mode]
    for line in (
        "Attached  serviceaccount/default",
        "Restarted deployment/web",
        "Recreated pod/bare",
    ):
        assert any(each.startswith(line) and each.endswith(said) for each in done.splitlines())
    assert (world.snapshot(), stage.get("deployments", "web")["metadata"]["generation"]) == before
    assert {pod["metadata"]["uid"] for pod in stage.pods()} == pods


def test_what_needs_a_password_is_left(asked, why, stage, world):
    stage.workload("deployments", "web")
    before = world.snapshot()
    found = asked("--fix", "--yes")
    (left,) = found["results"]
    assert left["result"] == "Left"
    assert left["hint"] == f"regcred login {stage.registry.address} -n {stage.namespace} --restart"
    assert world.snapshot() == before


def test_one_that_fails_stops_its_own_steps_only(asked, stage, world):
    stage.workload("deployments", "web")
    world.with_list("ready")
    stage.pod("older", serviceAccountName="ready")
    stage.login()
    stage.attach("pull", account="ready")
    kubeconfig = stage.user(
        ("pods", ("get", "list", "create", "delete")),
        ("secrets", ("get", "list")),
        ("serviceaccounts", ("get",)),
    )
    (old,) = stage.pods("web-")
    found = asked("--fix", "--yes", env={"KUBECONFIG": str(kubeconfig)})
    by_object = {each["object"]: each for each in found["results"]}
    assert by_object["pod/older"]["result"] == "Recreated"
    assert stage.lists("older") == [["pull"]]
    assert by_object["serviceaccount/default"]["result"] == "Failed"
    assert "is forbidden" in by_object["serviceaccount/default"]["message"]
    left = by_object[f"pod/{old['metadata']['name']}"]
    assert left["result"] == "Left"
    assert left["hint"].startswith("kubectl delete pod web-")
    assert world.attached() == []
    assert stage.pods("web-") == [old]


def test_fix_asks_on_a_terminal(stage, world, cluster):
    stage.workload("deployments", "web")
    stage.login()
    env = {"KUBECONFIG": str(cluster.kubeconfig), "COLUMNS": "80"}
    with Terminal("why", "-n", stage.namespace, "--fix", env=env) as terminal:
        terminal.expect("run these 2 commands? [y/N]")
        terminal.type("\n")
        assert terminal.finish() == 1
        assert "nothing is changed" in terminal.seen
    assert world.attached() == []
    with Terminal("why", "-n", stage.namespace, "--fix", env=env) as terminal:
        terminal.expect("run these 2 commands? [y/N]")
        terminal.type("perhaps\n")
        terminal.expect("invalid input")
        terminal.interrupt()
        assert terminal.finish() == 130
    assert world.attached() == []
    with Terminal("why", "-n", stage.namespace, "--fix", env=env) as terminal:
        terminal.expect("run these 2 commands? [y/N]")
        terminal.type("\x03y\n")
        assert terminal.finish() == 130
    assert world.attached() == []
    with Terminal("why", "-n", stage.namespace, "--fix", env=env) as terminal:
        terminal.expect("run these 2 commands? [y/N]")
        terminal.type("y\n")
        assert terminal.finish() == 0
    assert world.attached() == ["pull"]


def test_an_interruption_leaves_no_pod_deleted(stage, cluster):
    stage.pod("bare", metadata={"finalizers": ["example.com/keep"]})
    (old,) = stage.pods()
    stage.login()
    stage.attach("pull")

    def release():
        pod = stage.get("pods", "bare")
        pod["metadata"]["finalizers"] = []
        stage.request("PUT", stage.path("pods", "bare"), pod)

    arguments = ("why", "-n", stage.namespace, "--fix", "--yes")
    with Terminal(*arguments, env={"KUBECONFIG": str(cluster.kubeconfig)}) as terminal:
        terminal.expect("waiting for pod/bare to go")
        terminal.interrupt()
        terminal.expect("pod/bare is made anew before this ends; until then it is in")
        release()
        assert terminal.finish() == 130
        assert "Recreated" in terminal.seen
        assert "interrupted: only what is reported is done" in terminal.seen
    (new,) = stage.pods()
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    release()


def test_no_secret_is_ever_shown(why, stage, new_world):
    other = Stage(new_world(), stage.registry)
    marked = [f"Marked-Word-{n}-9aF" for n in range(4)]
    address = stage.registry.address

    def auths(word):
        return {address: {"auth": base64.b64encode(f"user:{word}".encode()).decode()}}

    stage.config("one", auths(marked[0]))
    stage.config("beside", auths(marked[1]))
    other.config(f"two-{other.namespace}", auths(marked[2]))
    stage.attach("one")
    stage.workload("deployments", "web")
    stage.pod("bare", f"two-{other.namespace}")
    stage.pod("talks", "one")
    (talks,) = stage.pods("talks")
    stage.refuse(talks, message=f"GET https://user:{marked[3]}@host/v2/?token={marked[3]}: 401")
    shown = b""
    for arguments in ((), ("-o", "json"), ("-o", "yaml"), ("--no-probe",), ("--fix", "--yes")):
        done = why(*arguments, check=1)
        shown += done.stdout + done.stderr
    for word in (*marked, stage.registry.password):
        forms = (word, f"user:{word}", f"{stage.registry.username}:{word}")
        assert word.encode() not in shown
        for form in forms:
            assert base64.b64encode(form.encode()).rstrip(b"=") not in shown
