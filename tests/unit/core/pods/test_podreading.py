import pytest

from regcred.core.errors import InvalidInput
from regcred.core.formats import documents
from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.manifests.plainobjects import Reader, Text
from regcred.core.pods.podreading import names, templates
from regcred.core.pods.podtemplate import Container


def only(obj, **options):
    (found,) = templates(obj, **options)
    return found


def pod(**spec):
    spec = {"containers": [{"name": "app", "image": "a"}]} | spec
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec}


def test_a_pod():
    found = only(pod())
    assert (found.object, found.namespace, found.account) == ("pod/p", "", "default")
    assert (found.secrets, found.containers) == ((), (Container("app", "a"),))
    assert (found.path, found.file, found.exists) == (".spec", "", False)


def test_everything_that_is_pulled():
    spec = {
        "containers": [{"name": "a", "image": Text("1", 7), "imagePullPolicy": "Never"}],
        "initContainers": [{"name": "b", "image": "2"}, {"name": "no-image"}],
        "ephemeralContainers": [{"name": "c", "image": "3"}],
        "volumes": [
            {"name": "v", "image": {"reference": "4", "pullPolicy": "Always"}},
            {"name": "w", "emptyDir": {}},
        ],
    }
    assert only(pod(**spec)).containers == (
        Container("a", "1", "Never", 7),
        Container("b", "2"),
        Container("c", "3"),
        Container("volume/v", "4", "Always"),
    )


def test_templates_of_other_kinds():
    job = {
        "kind": "CronJob",
        "apiVersion": "batch/v1",
        "metadata": {"generateName": "j-", "namespace": "n"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": pod()["spec"]}}}},
    }
    found = only(job, namespace="other", file="f.yaml", exists=True)
    assert (found.object, found.namespace, found.file) == ("cronjob/j-*", "n", "f.yaml")
    assert found.path == ".spec.jobTemplate.spec.template.spec"
    assert not found.exists  # its Pods are still to be made
    assert only(pod(), exists=True, namespace="other").exists
    assert only(pod(), namespace="other").namespace == "other"


def test_list_account_and_nodes():
    selector = {"kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux"}
    found = only(
        pod(
            imagePullSecrets=[{"name": "a"}, {}, None, {"name": "b"}, {"name": "a"}],
            serviceAccountName="builder",
            nodeSelector=selector,
        )
    )
    assert (found.secrets, found.account) == (("a", "b"), "builder")
    assert (found.os, found.architecture) == ("linux", "arm64")
    assert only(pod(serviceAccountName="", serviceAccount="old")).account == "old"


@pytest.mark.parametrize(
    ("listed", "has_list"),
    [
        (None, False),
        ([], False),
        ([{}], True),
        ([None], True),
        ([{"name": ""}], True),
        ([{"name": "a"}, {}], True),
    ],
)
def test_a_list_without_names_is_a_list(listed, has_list):
    assert only(pod(imagePullSecrets=listed)).has_list is has_list


def test_kinds_that_nest_deeper():
    run = {
        "kind": "TaskRun",
        "apiVersion": "tekton.dev/v1",
        "metadata": {"name": "t"},
        "spec": {
            "podTemplate": {"imagePullSecrets": [{"name": "a"}]},
            "taskSpec": {"steps": [{"image": "x"}]},
        },
    }
    found = only(run)
    assert (found.secrets, found.path) == (("a",), ".spec.podTemplate")
    nested = pod() | {"kind": "Own", "apiVersion": "a/v1"}
    extra = (parse_kind_path("Own.a=.spec"),)
    assert only(nested, extra=extra).containers == (Container("app", "a"),)


def read(text):
    """The templates in YAML, so that what is read of it is enough."""
    reader = Reader()
    return [
        template
        for document in documents.split([text])
        for obj in reader.read(document)
        for template in templates(obj.content)
    ]


THEIRS = "{imagePullSecrets: [{name: theirs}]}"


def whose(found):
    return {template.account: [c.image for c in template.containers] for template in found}


WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata: {{name: w}}
spec: {before}{{
  serviceAccountName: main,
  {defaults}
  volumes: [{{name: v, image: {{reference: volume}}}}],
  templates: [
    {{name: a, container: {{image: a}}}},
    {{name: b, serviceAccountName: builder, container: {{image: b}}, sidecars: [{{image: c}}]}},
    {{name: d, serviceAccountName: other, dag: {{tasks: [
      {{inline: {{container: {{image: d}}}}}},
      {{inline: {{serviceAccountName: builder, script: {{image: e}}}}}},
    ]}}}},
    {{name: f, serviceAccountName: other, steps: [[{{inline: {{container: {{image: f}}}}}}]]}},
  ]}}{after}
"""


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("Workflow", "", ""), ("CronWorkflow", "{workflowSpec: ", "}")],
)
def test_templates_of_argo_have_their_own_accounts(kind, before, after):
    text = WORKFLOW.format(kind=kind, before=before, after=after, defaults="{defaults}")
    assert whose(read(text.replace("{defaults}", ""))) == {
        "main": ["a", "d", "f", "volume"],
        "builder": ["b", "c", "e"],
    }
    defaults = "templateDefaults: {serviceAccountName: usual, container: {image: u}},"
    assert whose(read(text.replace("{defaults}", defaults))) == {
        "usual": ["a", "u", "d", "f"],
        "builder": ["b", "c", "e"],
        "main": ["volume"],
    }


@pytest.mark.parametrize(
    ("version", "own", "account", "pod"),
    [
        (
            "v1",
            f"taskRunTemplate: {{serviceAccountName: main, podTemplate: {THEIRS}}}",
            "serviceAccountName",
            "podTemplate",
        ),
        (
            "v1beta1",
            f"serviceAccountName: main\n  podTemplate: {THEIRS}",
            "taskServiceAccountName",
            "taskPodTemplate",
        ),
    ],
)
def test_tasks_of_tekton_have_their_own_accounts_and_lists(version, own, account, pod):
    found = read(f"""
apiVersion: tekton.dev/{version}
kind: PipelineRun
metadata: {{name: r}}
spec:
  {own}
  taskRunSpecs:
  - {{pipelineTaskName: b, {account}: builder}}
  - {{pipelineTaskName: c, {pod}: {{imagePullSecrets: [{{name: mine}}]}}}}
  - {{pipelineTaskName: d, {account}: builder, {pod}: {{imagePullSecrets: []}}}}
  - {{{account}: nobody}}
  pipelineSpec:
    tasks:
    - {{name: a, taskSpec: {{steps: [{{image: a}}]}}}}
    - {{name: b, taskSpec: {{steps: [{{image: b}}], sidecars: [{{image: bb}}]}}}}
    - {{name: c, taskSpec: {{steps: [{{image: c}}]}}}}
    - {{taskSpec: {{steps: [{{image: e}}]}}}}
    finally:
    - {{name: d, taskSpec: {{steps: [{{image: d}}]}}}}
""")
    assert [(t.account, t.secrets, [c.image for c in t.containers]) for t in found] == [
        ("main", ("theirs",), ["a", "e"]),
        ("builder", ("theirs",), ["b", "bb"]),
        ("main", ("mine",), ["c"]),
        ("builder", (), ["d"]),
    ]


def test_places_that_have_no_images_of_their_own():
    run = {
        "kind": "PipelineRun",
        "apiVersion": "tekton.dev/v1",
        "spec": {"taskRunSpecs": [{"podTemplate": {"imagePullSecrets": [{"name": "a"}]}}]},
    }
    assert list(templates(run)) == []


@pytest.mark.parametrize("obj", [{"kind": "ConfigMap", "apiVersion": "v1"}, pod(containers=[]), {}])
def test_nothing_to_pull(obj):
    assert list(templates(obj)) == []


@pytest.mark.parametrize("listed", ["regcred", {"name": "x"}, ["regcred"]])
def test_lists_that_are_none(listed):
    with pytest.raises(InvalidInput, match="imagePullSecrets of pod/p is no list of names"):
        only(pod(imagePullSecrets=listed))


def test_a_list_that_is_null():
    assert names(None, "x") == []
