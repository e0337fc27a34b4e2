import pytest

from regcred.core.logins.registrykey import parse_registry
from regcred.core.pods import stuck
from regcred.core.pods.stuck import StuckPod, Waiting

GCR = [parse_registry("asia.gcr.io")]


def pod(
    image="asia.gcr.io/p/app:1",
    reason="ErrImagePull",
    *,
    containers="containers",
    secrets=(),
    **metadata,
):
    statuses = {
        "containers": "containerStatuses",
        "initContainers": "initContainerStatuses",
        "ephemeralContainers": "ephemeralContainerStatuses",
    }[containers]
    return {
        "metadata": {"namespace": "a", "name": "web-1", "uid": "u"} | metadata,
        "spec": {
            containers: [{"name": "c", "image": image}],
            "imagePullSecrets": [{"name": s} for s in secrets],
        },
        "status": {statuses: [{"name": "c", "state": {"waiting": {"reason": reason}}}]},
    }


@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
@pytest.mark.parametrize("reason", sorted(stuck.WAITING))
def test_finds_what_waits_for_an_image(containers, reason):
    (found,) = stuck.find_stuck([pod(reason=reason, containers=containers)], GCR)
    assert found == StuckPod("a", "web-1", "u", ("asia.gcr.io/p/app:1",), "default", (), None)


@pytest.mark.parametrize(
    "other",
    [
        pod(reason="ContainerCreating"),
        pod(image="eu.gcr.io/p/app:1"),
        pod(image="Not An Image"),
        pod(deletionTimestamp="2026-11-22T00:00:00Z"),
        {"metadata": {"namespace": "a", "name": "new"}, "spec": {"containers": []}},
        pod() | {"status": {"phase": "Running"}},
        pod(secrets=["other"]) | {"status": {"phase": "Pending"}},
    ],
)
def test_leaves_out_everything_else(other):
    assert stuck.find_stuck([other], GCR) == []


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Pending"},
        {"phase": "Pending", "containerStatuses": []},
        {
            "phase": "Pending",
            "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}
            ],
        },
    ],
)
def test_a_pod_without_any_pull_secret_need_not_have_failed_yet(status):
    assert stuck.find_stuck([pod() | {"status": status}], GCR)


def test_image_volumes_count_for_the_containers_that_mount_them():
    waits = pod(image="public.example.com/app")
    waits["spec"]["containers"][0]["volumeMounts"] = [{"name": "model"}, {"name": "tmp"}]
    waits["spec"]["volumes"] = [
        {"name": "model", "image": {"reference": "asia.gcr.io/p/model:1"}},
        {"name": "unused", "image": {"reference": "asia.gcr.io/p/unused:1"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    (found,) = stuck.find_stuck([waits], GCR)
    assert found.images == ("asia.gcr.io/p/model:1",)


@pytest.mark.parametrize(
    ("key", "image", "found"),
    [
        ("https://index.docker.io/v1/", "me/app", True),
        ("https://index.docker.io/v1/", "asia.gcr.io/me/app", False),
        ("docker.io", "nginx", True),
        ("https://index.docker.io/v1/", "localhost/app", True),
        ("https://index.docker.io/v1/", "localhost:5000/app", False),
        ("docker.io", "localhost/app", False),
        ("*.gcr.io", "asia.gcr.io/p/app", True),
    ],
)
def test_matches_as_kubelet_does(key, image, found):
    assert bool(stuck.find_stuck([pod(image=image)], [parse_registry(key)])) is found


def test_knows_the_frozen_list_and_the_owner():
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
    aside = {"apiVersion": "v1", "kind": "Node", "name": "n"}
    (found,) = stuck.find_stuck([pod(secrets=["x", "y"], ownerReferences=[aside, owner])], GCR)
    assert found.pull_secrets == ("x", "y")
    assert found.owner == ("apps/v1", "ReplicaSet", "web")


LIST = '{"imagePullSecrets":[{"name":"regcred"}]}'
IN_TEMPLATE = f'-p \'{{"spec":{{"template":{{"spec":{LIST}}}}}}}\''
ANEW = "kubectl get pod web-1 -n a -o yaml | kubectl replace --force -f -"
ATTACH = "regcred attach regcred -n a --serviceaccount builder"


def waiting(kind, name="web", *, serviceaccount="default", pull_secrets=(), **facts):
    image = "asia.gcr.io/p/app:1"
    stuck_pod = StuckPod("a", "web-1", "u", (image,), serviceaccount, pull_secrets, None)
    return Waiting((stuck_pod,), kind, name, **facts)


@pytest.mark.parametrize(
    ("found", "hint", "restart"),
    [
        (waiting("Deployment"), "kubectl rollout restart deployment/web -n a", True),
        (
            waiting("StatefulSet"),
            "kubectl rollout restart statefulset/web -n a && kubectl delete pod web-1 -n a",
            True,
        ),
        (
            waiting("DaemonSet", on_delete=True),
            "kubectl rollout restart daemonset/web -n a && kubectl delete pod web-1 -n a",
            True,
        ),
        (
            waiting("Deployment", paused=True),
            "kubectl rollout resume deployment/web -n a && "
            "kubectl rollout restart deployment/web -n a",
            False,
        ),
        (
            waiting("Deployment", newer=True),
            "kubectl rollout status deployment/web -n a",
            False,
        ),
        (waiting("Job"), "kubectl delete pod web-1 -n a", False),
        (waiting("Pod", "web-1"), ANEW, False),
        (
            waiting("Pod", "web-1", pull_secrets=("own",)),
            "kubectl get pod web-1 -n a -o yaml | "
            f"kubectl patch --local -f - -o yaml -p '{{\"spec\":{LIST}}}' | "
            "kubectl replace --force -f -",
            False,
        ),
        (
            waiting("Deployment", serviceaccount="builder"),
            f"{ATTACH} && kubectl rollout restart deployment/web -n a",
            False,
        ),
        (waiting("Pod", "web-1", serviceaccount="builder"), f"{ATTACH} && {ANEW}", False),
        (
            waiting("Deployment", template_secrets=("own",)),
            f"kubectl patch deployment/web -n a {IN_TEMPLATE}",
            False,
        ),
        (
            waiting("Deployment", template_secrets=("own",), paused=True),
            "kubectl rollout resume deployment/web -n a && "
            f"kubectl patch deployment/web -n a {IN_TEMPLATE}",
            False,
        ),
        *(
            (
                waiting(kind, template_secrets=("own",), on_delete=kind == "DaemonSet"),
                f"kubectl patch {kind.lower()}/web -n a {IN_TEMPLATE}"
                " && kubectl delete pod web-1 -n a",
                False,
            )
            for kind in ("StatefulSet", "DaemonSet", "ReplicaSet")
        ),
    ],
)
def test_advice_names_the_command_that_mends_it(found, hint, restart):
    advice = stuck.advise(found, secret="regcred", attached={"default"})
    assert advice.hint == hint
    assert advice.restart is restart
    assert "asia.gcr.io/p/app:1" in advice.message


def test_what_kubelet_did_not_get():
    found = stuck.refused(pod(image="eu.gcr.io/p/app:1", secrets=["a"]))
    assert found is not None
    assert (found.images, found.pull_secrets) == (("eu.gcr.io/p/app:1",), ("a",))
    # What is not tried yet may come.
    assert stuck.refused(pod(reason="ContainerCreating") | {"status": {"phase": "Pending"}}) is None
