"""Which objects are found, what is known of them, and what changes for them."""

import pytest

from regcred.core.formats.documents import Document
from regcred.core.manifests.inject import Change, Injector, Request
from tests.support.injecting import check_marked, injected, refusal, results

NEW = "«imagePullSecrets: [{name: regcred}]»"
POD = "{apiVersion: v1, kind: Pod, spec: {%s}}"

LISTS = {
    "of anything": f"""\
apiVersion: v1
kind: List
items:
- {POD % NEW}
- {{apiVersion: v1, kind: ConfigMap, spec: {{}}}}
- {{apiVersion: v1, kind: List, items: [{POD % NEW}]}}
- {{kind: Pod, spec: {{}}}}
- {{spec: {{}}}}
""",
    "of a kind": f"""\
apiVersion: v1
kind: PodList
items:
- {{spec: {{{NEW}}}}}
- {POD % NEW}
- {{apiVersion: v1, kind: Service, spec: {{}}}}
- {{apiVersion: apps/v1, kind: Deployment, spec: {{template: {{spec: {{{NEW}}}}}}}}}
""",
    "of a kind in a group": f"""\
apiVersion: apps/v1
kind: DeploymentList
items: [{{spec: {{template: {{spec: {{{NEW}}}}}}}}}, {{spec: {{}}}}]
""",
    "of a kind that is not ours": f"""\
apiVersion: example.com/v1
kind: PodList
items: [{{spec: {{}}}}, {POD % NEW}]
""",
    "that has no items": "apiVersion: example.com/v1\nkind: AllowList\nspec: {}\n",
    "that is none by its name": """\
apiVersion: example.com/v1
kind: Basket
items: [{apiVersion: v1, kind: Pod, spec: {}}]
""",
    "of functions": f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig: {{apiVersion: v1, kind: Pod, spec: {{}}}}
items: [{POD % NEW}]
""",
    "of functions, older": f"""\
apiVersion: config.kubernetes.io/v1beta1
kind: ResourceList
items: [{POD % NEW}]
""",
    "of nothing": "apiVersion: v1\nkind: List\nitems: text\n",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in LISTS.items()])
def test_lists(text):
    check_marked(text)


def test_lists_of_serviceaccounts():
    text = """\
apiVersion: v1
kind: ServiceAccountList
items: [{«imagePullSecrets: [{name: regcred}], »metadata: {name: a}}]
"""
    check_marked(text, serviceaccounts=True)
    before = text.replace("«imagePullSecrets: [{name: regcred}], »", "")
    assert injected(before) == before


@pytest.mark.parametrize(
    ("metadata", "name", "namespace"),
    [
        ("{name: web}", "pod/web", "here"),
        ("{name: web, namespace: there}", "pod/web", "there"),
        ("{name: 12, namespace: null}", "pod/12", "here"),
        ("{generateName: web-}", "pod/web-*", "here"),
        ("{name: [web]}", "pod/*", "here"),
        ("{<<: {name: web}}", "pod/web", "here"),
        ("text", "pod/*", "here"),
        ("", "pod/*", "here"),
    ],
)
def test_names_of_objects(metadata, name, namespace):
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec:\n  a: b\n"
    (result,) = results(text, namespace="here")
    assert result.changes == (
        Change(
            name,
            namespace,
            5,
            ("regcred",),
            ((namespace, "default"),),
            ".spec",
            result.insertions[0].at,
        ),
    )


def test_lines_of_changes_are_those_of_the_stream():
    pod = "apiVersion: v1\nkind: Pod\nspec:\n  a: b\n"
    workers = (
        "---\napiVersion: kubeflow.org/v1\nkind: TFJob\nspec: {tfReplicaSpecs: {\n"
        "  a: {template: {spec: {}}},\n  b: {template: {spec: {}}},\n}}\n"
    )
    found = results(f"{pod}---\n{pod}{workers}")
    assert [change.line for result in found for change in result.changes] == [4, 9, 14, 15]
    assert [(result.found, result.unmatched) for result in found] == [(1, 0), (1, 0), (2, 0)]


def test_all_users_of_a_shared_spec_are_named():
    text = f"apiVersion: v1\nkind: List\nitems: [{POD % 'a: b'}, *]\n"
    text = text.replace("spec: {", "metadata: {name: a}, spec: &s {").replace(
        "*]", "{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: *s}]"
    )
    (result,) = results(text)
    assert [change.object for change in result.changes] == ["pod/a", "pod/b"]
    assert len(result.insertions) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metadata: {name: a}\nimagePullSecrets: [{name: b}, {nom: c}, {name: d}]\n", ("b", "d")),
        ("metadata: {name: a}\nimagePullSecrets: []\n", ()),
        ("metadata: {name: a}\nimagePullSecrets: text\n", ()),
        ("metadata: {name: a}\nimagePullSecrets:\n", ()),
        ("metadata: {name: a}\n", ()),
        ("metadata: {name: a}\n<<: {imagePullSecrets: [{name: b}]}\n", ("b",)),
    ],
)
def test_serviceaccounts_in_a_document(text, names):
    injector = Injector(Request(("regcred",), namespace="here"))
    document = Document(f"\ufeffapiVersion: v1\nkind: ServiceAccount\n{text}")
    assert injector.serviceaccounts(document) == {("here", "a"): names}


def test_serviceaccounts_in_a_list_and_elsewhere():
    injector = Injector(Request(("regcred",)))
    text = """\
apiVersion: v1
kind: ServiceAccountList
items:
- {metadata: {name: a, namespace: there}, imagePullSecrets: [{name: b}]}
- {metadata: {name: c}}
---
apiVersion: example.com/v1
kind: ServiceAccount
"""
    assert injector.serviceaccounts(Document(text)) == {("there", "a"): ("b",), ("", "c"): ()}
    assert injector.serviceaccounts(Document("kind: Pod\n- not read\n")) == {}


@pytest.mark.parametrize("value", ["text", "[]", "", "null"])
def test_what_is_made_has_to_be_a_mapping(value):
    text = (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: a}\n"
        f"spec:\n  taskRunTemplate: {value}\n"
    )
    message, hint = refusal(text)
    assert message.endswith(": taskRunTemplate of pipelinerun/a is no mapping")
    assert hint == "take taskRunTemplate out, or write taskRunTemplate: {}"
