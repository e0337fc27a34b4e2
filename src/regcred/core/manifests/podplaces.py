"""Which kinds make Pods, and where they say which pull Secrets those get.

Kubernetes' own kinds, and custom resources that embed a Pod spec; any other is named by
``--path``. A Flux HelmRelease or an Argo CD Application makes no Pods itself and is none.

Sources: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ and, beside each
group, the types that its project publishes.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from regcred.core.manifests.manifestpath import FIELD, KindPath, Path
from regcred.core.manifests.manifesttree import ALL, Wanted

_POD_IMAGES: tuple[Path, ...] = (
    ("containers", "*", "image"),
    ("initContainers", "*", "image"),
    ("ephemeralContainers", "*", "image"),
)


#: Versions of the core group, which has no name. Nothing says that what has another is a Pod.
_CORE_VERSION = re.compile(r"v1((alpha|beta)[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Part:
    """Mappings in a place that make Pods of their own, with settings that others there lack.

    Args:
        path: from the end of the place's path to them.
        account: from the settings to the name of their ServiceAccount.
        inherited: from the end of the place's path to the name that they have without it, if that
            is not the place's.
        settings: from the end of the place's path to settings that are kept apart, each for one of
            them; empty where the mappings themselves hold theirs.
        named: keys of the name that the two have in common: in the settings, in the mapping.
        below: from the settings to what may hold a list in place of the place's.
    """

    path: Path
    account: Path = ("serviceAccountName",)
    inherited: Path = ()
    settings: Path = ()
    named: tuple[str, str] = ("", "")
    below: Path = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping that holds ``imagePullSecrets``, in objects of one kind.

    Args:
        path: from the object to a mapping that must be there.
        below: keys from there to the mapping that holds the list; made where they are missing.
        images: from the end of `path` to the images of its Pods.
        accounts: from the end of `path` to the name of their ServiceAccount, and to those that
            some of them have instead.
        only_extend: leave it alone where it has no list, since it then inherits another's.
        parts: which of its Pods have what instead.
    """

    path: Path
    below: Path = ()
    images: tuple[Path, ...] = _POD_IMAGES
    accounts: tuple[Path, ...] = (("serviceAccountName",),)
    only_extend: bool = False
    parts: tuple[Part, ...] = ()

    def part(self, path: Path) -> Part | None:
        """The innermost of `parts` that an image of `images` is in."""
        around = [part for part in self.parts if path[: len(part.path)] == part.path]
        return max(around, key=lambda part: len(part.path), default=None)


SERVICE_ACCOUNT = Place((), images=(), accounts=())

_POD = (Place(("spec",)),)
_SERVING_RUNTIME = (*_POD, Place(("spec", "workerSpec")))
_TEMPLATE = (Place(("spec", "template", "spec")),)
_JOB_SET: Path = ("replicatedJobs", "*", "template", "spec", "template", "spec")
_TRAINING_RUNTIME = (Place(("spec", "template", "spec", *_JOB_SET)),)
_JOB_TEMPLATE = (Place(("spec", "jobTemplate", "spec", "template", "spec")),)
_ARGO_DEFAULT = ("templateDefaults", "serviceAccountName")
_ARGO_TEMPLATES: tuple[Path, ...] = (
    ("templates", "*"),
    ("templateDefaults",),
    ("templates", "*", "dag", "tasks", "*", "inline"),
    ("templates", "*", "steps", "*", "*", "inline"),
)
_ARGO_IMAGES: tuple[Path, ...] = tuple(
    (*templates, *image)
    for templates in _ARGO_TEMPLATES
    for image in (
        ("container", "image"),
        ("script", "image"),
        ("sidecars", "*", "image"),
        ("initContainers", "*", "image"),
        ("containerSet", "containers", "*", "image"),
    )
)
_ARGO_ACCOUNTS: tuple[Path, ...] = (
    ("serviceAccountName",),
    *((*templates, "serviceAccountName") for templates in _ARGO_TEMPLATES),
)
# What is inline inherits nothing of the template that it stands in.
_ARGO_PARTS = tuple(Part(templates, inherited=_ARGO_DEFAULT) for templates in _ARGO_TEMPLATES)


def _argo(path: Path) -> tuple[Place, ...]:
    return (Place(path, images=_ARGO_IMAGES, accounts=_ARGO_ACCOUNTS, parts=_ARGO_PARTS),)


_ARGO_WORKFLOW = _argo(("spec",))
_STEPS: tuple[Path, ...] = (
    ("steps", "*", "image"),
    ("sidecars", "*", "image"),
    ("stepTemplate", "image"),
)
_TASK_IMAGES = tuple(("taskSpec", *steps) for steps in _STEPS)
_PIPELINE_IMAGES = tuple(
    ("pipelineSpec", tasks, "*", "taskSpec", *steps)
    for tasks in ("tasks", "finally")
    for steps in _STEPS
)


def _task_runs(account: str, pod: str) -> tuple[Part, ...]:
    """The tasks of a PipelineRun: `account` and `pod` are the keys of what they have of their own.

    One that has no list inherits that of the run.
    """
    return tuple(
        Part(
            ("pipelineSpec", tasks, "*"),
            (account,),
            settings=("taskRunSpecs", "*"),
            named=("pipelineTaskName", "name"),
            below=(pod,),
        )
        for tasks in ("tasks", "finally")
    )


def _replicas(field: str) -> tuple[Place, ...]:
    return (Place(("spec", field, "*", "template", "spec")),)


def _ray(path: Path) -> tuple[Place, ...]:
    return (
        Place((*path, "headGroupSpec", "template", "spec")),
        Place((*path, "workerGroupSpecs", "*", "template", "spec")),
    )


#: (kind, API group) → its places. A group that has several versions with the same places stands
#: once; ``group/version`` wins over ``group``.
KINDS: dict[tuple[str, str], tuple[Place, ...]] = {
    ("Pod", ""): _POD,
    ("PodTemplate", ""): (Place(("template", "spec")),),
    ("ReplicationController", ""): _TEMPLATE,
    **{
        (kind, group): _TEMPLATE
        for kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet")
        for group in ("apps", "extensions")
    },
    ("Job", "batch"): _TEMPLATE,
    ("CronJob", "batch"): _JOB_TEMPLATE,
    # https://argo-rollouts.readthedocs.io/en/stable/features/specification/
    ("Rollout", "argoproj.io"): _TEMPLATE,
    # https://argo-workflows.readthedocs.io/en/latest/fields/#workflowspec
    ("Workflow", "argoproj.io"): _ARGO_WORKFLOW,
    ("WorkflowTemplate", "argoproj.io"): _ARGO_WORKFLOW,
    ("ClusterWorkflowTemplate", "argoproj.io"): _ARGO_WORKFLOW,
    ("CronWorkflow", "argoproj.io"): _argo(("spec", "workflowSpec")),
    # https://knative.dev/docs/serving/reference/serving-api/
    ("Service", "serving.knative.dev"): _TEMPLATE,
    ("Configuration", "serving.knative.dev"): _TEMPLATE,
    ("Revision", "serving.knative.dev"): _POD,
    # https://kserve.github.io/website/docs/reference/crd-api: components inline a Pod spec, and
    # a model server keeps its image one level deeper (model, or a framework's name).
    ("InferenceService", "serving.kserve.io"): tuple(
        Place(("spec", component, *worker), images=(*_POD_IMAGES, ("*", "image")))
        for component in ("predictor", "transformer", "explainer")
        for worker in ((), ("workerSpec",))
        if component == "predictor" or not worker
    ),
    ("ServingRuntime", "serving.kserve.io"): _SERVING_RUNTIME,
    ("ClusterServingRuntime", "serving.kserve.io"): _SERVING_RUNTIME,
    # https://www.kubeflow.org/docs/components/trainer/legacy-v1/reference/
    ("TFJob", "kubeflow.org"): _replicas("tfReplicaSpecs"),
    ("PyTorchJob", "kubeflow.org"): _replicas("pytorchReplicaSpecs"),
    ("XGBoostJob", "kubeflow.org"): _replicas("xgbReplicaSpecs"),
    ("MXJob", "kubeflow.org"): _replicas("mxReplicaSpecs"),
    ("MPIJob", "kubeflow.org"): _replicas("mpiReplicaSpecs"),
    ("PaddleJob", "kubeflow.org"): _replicas("paddleReplicaSpecs"),
    ("JAXJob", "kubeflow.org"): _replicas("jaxReplicaSpecs"),
    ("Notebook", "kubeflow.org"): _TEMPLATE,
    # https://www.kubeflow.org/docs/components/trainer/operator-guides/runtime/: a JobSet's template
    ("TrainingRuntime", "trainer.kubeflow.org"): _TRAINING_RUNTIME,
    ("ClusterTrainingRuntime", "trainer.kubeflow.org"): _TRAINING_RUNTIME,
    # https://tekton.dev/docs/pipelines/podtemplates/: a task's own template inherits the list of
    # the run where it has none.
    ("TaskRun", "tekton.dev"): (Place(("spec",), ("podTemplate",), _TASK_IMAGES),),
    ("PipelineRun", "tekton.dev/v1beta1"): (
        Place(
            ("spec",),
            ("podTemplate",),
            _PIPELINE_IMAGES,
            (("serviceAccountName",), ("taskRunSpecs", "*", "taskServiceAccountName")),
            parts=_task_runs("taskServiceAccountName", "taskPodTemplate"),
        ),
        Place(("spec", "taskRunSpecs", "*", "taskPodTemplate"), images=(), only_extend=True),
    ),
    ("PipelineRun", "tekton.dev"): (
        Place(
            ("spec",),
            ("taskRunTemplate", "podTemplate"),
            _PIPELINE_IMAGES,
            (
                ("taskRunTemplate", "serviceAccountName"),
                ("taskRunSpecs", "*", "serviceAccountName"),
            ),
            parts=_task_runs("serviceAccountName", "podTemplate"),
        ),
        Place(("spec", "taskRunSpecs", "*", "podTemplate"), images=(), only_extend=True),
    ),
    # https://jobset.sigs.k8s.io/docs/reference/jobset.v1alpha2/
    ("JobSet", "jobset.x-k8s.io"): (Place(("spec", *_JOB_SET)),),
    # https://keda.sh/docs/latest/reference/scaledjob-spec/
    ("ScaledJob", "keda.sh"): (Place(("spec", "jobTargetRef", "template", "spec")),),
    # https://volcano.sh/en/docs/vcjob/
    ("Job", "batch.volcano.sh"): (Place(("spec", "tasks", "*", "template", "spec")),),
    # https://ray-project.github.io/kuberay/reference/api/
    ("RayCluster", "ray.io"): _ray(("spec",)),
    ("RayJob", "ray.io"): (
        *_ray(("spec", "rayClusterSpec")),
        Place(("spec", "submitterPodTemplate", "spec")),
    ),
    ("RayService", "ray.io"): _ray(("spec", "rayClusterConfig")),
    # https://docs.redhat.com/en/documentation/openshift_container_platform/ (DeploymentConfig)
    ("DeploymentConfig", "apps.openshift.io"): _TEMPLATE,
}


def places(kind: str, api_version: str, extra: tuple[KindPath, ...] = ()) -> tuple[Place, ...]:
    """The places of an object's kind, with those that ``--path`` names.

    Args:
        kind: of the object.
        api_version: of the object: ``v1``, ``apps/v1``.
        extra: from ``--path``.
    """
    group, slash, version = api_version.rpartition("/")
    if not slash and not _CORE_VERSION.fullmatch(version):
        return ()
    known = KINDS.get((kind, api_version)) or KINDS.get((kind, group), ())
    added = tuple(Place(e.path) for e in extra if e.kind == kind and e.group in (None, group))
    return known + tuple(place for place in added if place not in known)


@functools.cache
def wanted(
    extra: tuple[KindPath, ...] = (),
    *,
    pod: tuple[Path, ...] = (),
    more: tuple[Path, ...] = (),
) -> Wanted:
    """What has to be kept of a document to find all places in it.

    Args:
        extra: from ``--path``.
        pod: more that is looked for, from every place.
        more: likewise, from the object; all that is below.
    """
    root = Wanted()
    for key in ("apiVersion", "kind"):
        _want(root, (key,))
    for key in ("name", "generateName", "namespace"):
        _want(root, ("metadata", key))
    every = [SERVICE_ACCOUNT, *(place for known in KINDS.values() for place in known)]
    for place in (*every, *(Place(e.path) for e in extra)):
        _want(root, (*place.path, *place.below, FIELD))[FIELD] = ALL
        for path in (*place.images, *place.accounts, ("serviceAccount",), *pod):
            _want(root, (*place.path, *path))
        for part in place.parts:
            if part.settings:
                _want(root, (*place.path, *part.settings, part.named[0]))
                _want(root, (*place.path, *part.path, part.named[1]))
    for path in more:
        _want(root, path)[path[-1]] = ALL
    _spread(root)
    root["items"] = Wanted({"*": root})
    return root


def _want(root: Wanted, path: Path) -> Wanted:
    """Add `path` below `root`; the mapping that its last key is in."""
    for key in path[:-1]:
        root = root.setdefault(key, Wanted())
    root.setdefault(path[-1], Wanted())
    return root


def _spread(node: Wanted) -> None:
    """Let what ``*`` leads to be reached by the named keys beside it too."""
    every = node.get("*")
    for below in list(node.values()):
        if every is not None and below is not ALL and below is not every:
            _merge(below, every)
        if below is not ALL:
            _spread(below)


def _merge(into: Wanted, other: Wanted) -> None:
    for key, below in other.items():
        if key not in into or into[key] is ALL or below is ALL:
            into[key] = ALL if below is ALL or into.get(key) is ALL else _copy(below)
        else:
            _merge(into[key], below)


def _copy(node: Wanted) -> Wanted:
    return Wanted({k: v if v is ALL else _copy(v) for k, v in node.items()})
