"""Which kinds make Pods: read from KINDS by hand, so that a slip there shows here."""

import pytest

from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.manifests.manifesttree import ALL
from regcred.core.manifests.podplaces import KINDS, places, wanted
from tests.support.injecting import injected, results

TEMPLATE = ".spec.template.spec"
REPLICAS = {
    "TFJob": "tf",
    "PyTorchJob": "pytorch",
    "XGBoostJob": "xgb",
    "MXJob": "mx",
    "MPIJob": "mpi",
    "PaddleJob": "paddle",
    "JAXJob": "jax",
}
JOB_SET = "replicatedJobs[*].template.spec.template.spec"

# apiVersion, kind → where the lists are.
PLACES = {
    ("v1", "Pod"): [".spec"],
    ("v1", "PodTemplate"): [".template.spec"],
    ("v1", "ReplicationController"): [TEMPLATE],
    ("apps/v1", "Deployment"): [TEMPLATE],
    ("apps/v1beta2", "ReplicaSet"): [TEMPLATE],
    ("apps/v1", "DaemonSet"): [TEMPLATE],
    ("apps/v1", "StatefulSet"): [TEMPLATE],
    ("extensions/v1beta1", "Deployment"): [TEMPLATE],
    ("batch/v1", "Job"): [TEMPLATE],
    ("batch/v1beta1", "CronJob"): [".spec.jobTemplate.spec.template.spec"],
    ("argoproj.io/v1alpha1", "Rollout"): [TEMPLATE],
    ("argoproj.io/v1alpha1", "Workflow"): [".spec"],
    ("argoproj.io/v1alpha1", "WorkflowTemplate"): [".spec"],
    ("argoproj.io/v1alpha1", "ClusterWorkflowTemplate"): [".spec"],
    ("argoproj.io/v1alpha1", "CronWorkflow"): [".spec.workflowSpec"],
    ("serving.knative.dev/v1", "Service"): [TEMPLATE],
    ("serving.knative.dev/v1", "Configuration"): [TEMPLATE],
    ("serving.knative.dev/v1", "Revision"): [".spec"],
    ("serving.kserve.io/v1beta1", "InferenceService"): [
        ".spec.predictor",
        ".spec.predictor.workerSpec",
        ".spec.transformer",
        ".spec.explainer",
    ],
    ("serving.kserve.io/v1alpha1", "ServingRuntime"): [".spec", ".spec.workerSpec"],
    ("serving.kserve.io/v1alpha1", "ClusterServingRuntime"): [".spec", ".spec.workerSpec"],
    **{
        ("kubeflow.org/v1", kind): [f".spec.{name}ReplicaSpecs[*].template.spec"]
        for kind, name in REPLICAS.items()
    },
    ("kubeflow.org/v1", "Notebook"): [TEMPLATE],
    ("trainer.kubeflow.org/v1alpha1", "TrainingRuntime"): [f".spec.template.spec.{JOB_SET}"],
    ("trainer.kubeflow.org/v1alpha1", "ClusterTrainingRuntime"): [f".spec.template.spec.{JOB_SET}"],
    ("tekton.dev/v1", "TaskRun"): [".spec.podTemplate"],
    ("tekton.dev/v1", "PipelineRun"): [
        ".spec.taskRunTemplate.podTemplate",
        ".spec.taskRunSpecs[*].podTemplate",
    ],
    ("tekton.dev/v1beta1", "PipelineRun"): [
        ".spec.podTemplate",
        ".spec.taskRunSpecs[*].taskPodTemplate",
    ],
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): [f".spec.{JOB_SET}"],
    ("keda.sh/v1alpha1", "ScaledJob"): [".spec.jobTargetRef.template.spec"],
    ("batch.volcano.sh/v1alpha1", "Job"): [".spec.tasks[*].template.spec"],
    ("ray.io/v1", "RayCluster"): [
        ".spec.headGroupSpec.template.spec",
        ".spec.workerGroupSpecs[*].template.spec",
    ],
    ("ray.io/v1", "RayJob"): [
        ".spec.rayClusterSpec.headGroupSpec.template.spec",
        ".spec.rayClusterSpec.workerGroupSpecs[*].template.spec",
        ".spec.submitterPodTemplate.spec",
    ],
    ("ray.io/v1", "RayService"): [
        ".spec.rayClusterConfig.headGroupSpec.template.spec",
        ".spec.rayClusterConfig.workerGroupSpecs[*].template.spec",
    ],
    ("apps.openshift.io/v1", "DeploymentConfig"): [TEMPLATE],
}


def flow(value):
    """`value` in braces."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(below)}" for key, below in value.items()) + "}"
    return f"[{', '.join(map(flow, value))}]" if isinstance(value, list) else value


def with_path(into, path):
    """Put a list with one entry at `path`."""
    key, _, rest = path.partition(".")
    if not rest:
        into.setdefault(key, {})["imagePullSecrets"] = [{"name": "old"}]
    elif key.endswith("[*]"):
        into[key[:-3]] = [{}]
        with_path(into[key[:-3]][0], rest)
    else:
        with_path(into.setdefault(key, {}), rest)


@pytest.mark.parametrize("kind", PLACES, ids="/".join)
def test_where_the_lists_are(kind):
    document = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "a"}}
    for path in PLACES[kind]:
        with_path(document, path.removeprefix("."))
    text = flow(document)
    (result,) = results(text)
    assert [change.path for change in result.changes] == PLACES[kind]
    assert result.found == len(PLACES[kind])
    assert result.text == text.replace("{name: old}", "{name: old}, {name: regcred}")


def test_all_kinds_are_in_the_table():
    groups = {
        (kind, version if (kind, version) in KINDS else version.rpartition("/")[0])
        for version, kind in PLACES
    }
    assert {*KINDS} - groups == {
        (kind, "extensions") for kind in ("ReplicaSet", "DaemonSet", "StatefulSet")
    }


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("argoproj.io/v1alpha1", "Application"),
        ("example.com/v1", "Deployment"),
        ("apps/v1", "Pod"),
        ("v1", "Deployment"),
        ("v2", "Pod"),
        ("Pod", "v1"),
        ("", "Pod"),
        ("/v1", "Pod/"),
        ("v1", "Service"),
        ("v1", ""),
        ("apps/v1", "deployment"),
    ],
)
def test_other_kinds_and_groups_are_not_ours(version, kind):
    assert places(kind, version) == ()
    text = f"apiVersion: '{version}'\nkind: '{kind}'\nspec: {{template: {{spec: {{}}}}}}\n"
    (result,) = results(text)
    assert (result.text, result.found) == (text, 0)


EXPERIMENT = """\
apiVersion: argoproj.io/v1alpha1
kind: Experiment
spec:
  a: {imagePullSecrets: [%s]}
  b:
  - c: {%s}
  - c: {imagePullSecrets: [{name: old}%s]}
"""


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], ("", "", "")),
        (["Experiment=.spec.a"], ("{name: regcred}", "", "")),
        (
            ["Experiment.argoproj.io=.spec.b[*].c"],
            ("", "imagePullSecrets: [{name: regcred}]", ", {name: regcred}"),
        ),
        (
            ["Experiment=.spec.a", "Experiment=.spec.b[*].c.imagePullSecrets"],
            ("{name: regcred}", "imagePullSecrets: [{name: regcred}]", ", {name: regcred}"),
        ),
        (["Experiment=.spec.*"], ("{name: regcred}", "", "")),
        (["Experiment=.spec.b"], ("", "", "")),
        (["Experiment.example.com=.spec.a"], ("", "", "")),
        (["Trial=.spec.a"], ("", "", "")),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_paths_name_places_in_any_kind(paths, expected):
    found = injected(EXPERIMENT % ("", "", ""), paths=tuple(map(parse_kind_path, paths)))
    assert found == EXPERIMENT % expected


def test_a_path_to_a_known_place_adds_nothing():
    extra = (parse_kind_path("Pod=.spec"), parse_kind_path("Pod=.spec.other"))
    assert len(places("Pod", "v1", extra)) == 2


def test_what_any_key_leads_to_is_looked_for_behind_named_keys_too():
    tree = wanted((parse_kind_path("A=.*.b.c"), parse_kind_path("A=.spec.*.*.d")))
    assert tree["spec"]["b"]["c"]["imagePullSecrets"] is ALL
    assert tree["spec"]["template"]["spec"]["d"]["imagePullSecrets"] is ALL
    assert tree["spec"]["template"]["spec"]["imagePullSecrets"] is ALL
    assert tree.below("other")["b"]["c"]["imagePullSecrets"] is ALL


def test_a_path_may_lead_through_a_list_of_pull_secrets():
    # Nobody means it, and it may not break what is looked for otherwise.
    tree = wanted((parse_kind_path("A=.spec.imagePullSecrets.spec"),))
    assert tree["spec"]["imagePullSecrets"] is ALL
