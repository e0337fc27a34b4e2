"""Anchors, aliases and merge keys: changed where all gain from it, else refused."""

import pytest

from regcred.core.manifests import shares
from tests.support.injecting import check_marked, injected, refusal

LIST = "apiVersion: v1\nkind: List\nitems:\n"
HINT = "write it out in place of the alias"


def shared(place, name="pod/a"):
    return (
        f"it.yaml:{place}: imagePullSecrets of {name} is shared by an anchor with something that "
        "does not get it: the one cannot be changed without the other",
        HINT,
    )


RIGHT = {
    "a Pod spec, changed once": """\
- apiVersion: v1
  kind: Pod
  spec: &spec
«    imagePullSecrets:
    - name: regcred
»    containers: []
- apiVersion: v1
  kind: Pod
  spec: *spec
- {apiVersion: v1, kind: Pod, spec: *spec}
""",
    "a template": """\
- apiVersion: apps/v1
  kind: Deployment
  spec:
    template: &template
      spec: {«imagePullSecrets: [{name: regcred}]»}
- apiVersion: apps/v1
  kind: StatefulSet
  spec:
    template: *template
""",
    "a list": """\
- apiVersion: v1
  kind: Pod
  spec:
    imagePullSecrets: &list
    - name: old
«    - name: regcred
»- apiVersion: v1
  kind: Pod
  spec:
    imagePullSecrets: *list
""",
    "an object": """\
- &pod {apiVersion: v1, kind: Pod, spec: {«imagePullSecrets: [{name: regcred}]»}}
- *pod
""",
    "anchors that share no more than parts": """\
- apiVersion: v1
  kind: Pod
  metadata: &meta {labels: &labels {a: b}}
  spec:
«    imagePullSecrets:
    - name: regcred
»    nodeSelector: *labels
    containers: &containers []
- apiVersion: v1
  kind: Pod
  metadata: *meta
  spec:
«    imagePullSecrets:
    - name: regcred
»    containers: *containers
""",
    "a scalar": """\
- apiVersion: &v v1
  kind: &k Pod
  spec: {«imagePullSecrets: [{name: regcred}], »nodeName: &n n}
- {apiVersion: *v, kind: *k, spec: {«imagePullSecrets: [{name: regcred}], »nodeName: *n}}
""",
    "a merged list, hidden by one that has all": """\
- apiVersion: v1
  kind: Pod
  spec: &spec {imagePullSecrets: [{name: old}«, {name: regcred}»]}
- apiVersion: v1
  kind: Pod
  spec:
    <<: *spec
«    imagePullSecrets:
    - name: old
    - name: regcred
»    containers: []
""",
    "a mapping that is merged": """\
- apiVersion: v1
  kind: Pod
  spec: &spec {«imagePullSecrets: [{name: regcred}], »a: b}
- apiVersion: v1
  kind: Pod
  spec: {<<: *spec«, imagePullSecrets: [{name: regcred}]», containers: []}
""",
    "a mapping that is merged by one that has the entry": """\
- apiVersion: v1
  kind: Pod
  spec: &spec {«imagePullSecrets: [{name: regcred}], »a: b}
- apiVersion: v1
  kind: Pod
  spec: {<<: *spec, imagePullSecrets: [{name: regcred}]}
""",
    "mappings that are merged one by the other": """\
- {apiVersion: v1, kind: Pod, spec: &a {«imagePullSecrets: [{name: regcred}], »a: b}}
- {apiVersion: v1, kind: Pod, spec: &b {<<: *a«, imagePullSecrets: [{name: regcred}]»}}
- {apiVersion: v1, kind: Pod, spec: {<<: [*b, *a, {c: d}]«, imagePullSecrets: [{name: regcred}]»}}
""",
    "a template that a merge key brings in": """\
- apiVersion: apps/v1
  kind: Deployment
  spec: &spec
    template: {spec: {«imagePullSecrets: [{name: regcred}]»}}
- apiVersion: apps/v1
  kind: Deployment
  spec:
    <<: *spec
    replicas: 2
""",
    "one that a merge key brings in, behind one of a list": """\
- apiVersion: apps/v1
  kind: Deployment
  spec:
    <<: [{replicas: 2}, {template: {spec: {«imagePullSecrets: [{name: regcred}]»}}}]
""",
    "workers that a merge key brings in": """\
- apiVersion: kubeflow.org/v1
  kind: PyTorchJob
  spec:
    pytorchReplicaSpecs:
      Worker: {template: {spec: {«imagePullSecrets: [{name: regcred}]»}}}
      <<:
        Master: {template: {spec: {«imagePullSecrets: [{name: regcred}]»}}}
""",
    "names that merge keys and aliases bring in": """\
- apiVersion: v1
  kind: Pod
  spec:
    imagePullSecrets:
    - {name: &name regcred}
    - &entry {<<: {name: other}}
- apiVersion: v1
  kind: Pod
  spec:
    imagePullSecrets: [{name: *name}, *entry, {name: &new third}]
- apiVersion: v1
  kind: Pod
  spec:
    imagePullSecrets:
    - name: *new
«    - name: regcred
    - name: other
»""",
    "a key that is an alias": """\
- apiVersion: v1
  kind: Pod
  metadata: {name: &field imagePullSecrets}
  spec: {*field : [{name: a}«, {name: regcred}, {name: other}»]}
- apiVersion: v1
  kind: Pod
  metadata: {&spec spec: 1}
  *spec : {«imagePullSecrets: [{name: regcred}, {name: other}]»}
""",
    "tagged merge keys": """\
- apiVersion: v1
  kind: Pod
  spec: {!!merge "<<": {imagePullSecrets: [{name: a}]}«, imagePullSecrets: [{name: a}, \
{name: regcred}, {name: other}]»}
- apiVersion: v1
  kind: Pod
  spec: {! "<<": {imagePullSecrets: [{name: a}]}«, imagePullSecrets: [{name: a}, \
{name: regcred}, {name: other}]»}
""",
    "a key that is no merge key": """\
- apiVersion: v1
  kind: Pod
  spec: {«imagePullSecrets: [{name: regcred}, {name: other}], »a: b, "<<": {imagePullSecrets: [a]}}
""",
    "it holds itself": """\
- apiVersion: v1
  kind: ConfigMap
  data: &data {a: *data}
- apiVersion: v1
  kind: Pod
  spec: {«imagePullSecrets: [{name: regcred}, {name: other}], »a: &b [*b]}
""",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in RIGHT.items()])
def test_right_in_all_places(text):
    secrets = ("regcred", "other") if "other" in text else ("regcred",)
    check_marked(LIST + text, *secrets)


REFUSED = {
    "written where nothing is to change": """\
- {apiVersion: v1, kind: ConfigMap, data: ^&spec {a: b}}
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: *spec}
""",
    "brought where nothing is to change": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: ConfigMap, data: ^*spec}
""",
    "inside what is brought where nothing is to change": """\
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: {template: &template {spec: {a: b}}}
- {apiVersion: v1, kind: ConfigMap, data: [[^*template]]}
""",
    "brought by way of another alias": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: ConfigMap, data: &data [1, ^*spec]}
- {apiVersion: v1, kind: ConfigMap, data: *data}
""",
    "where an alias stands for another": """\
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: {template: &template {spec: {a: b}}}
- {apiVersion: v1, kind: ConfigMap, data: &spec {template: ^*template}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}, spec: *spec}
""",
    "a list of another object": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {imagePullSecrets: &list []}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, imagePullSecrets: ^*list}
""",
    "merged by a Pod with a list before the merge key": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: Pod, spec: {imagePullSecrets: [{name: regcred}], <<: ^*spec}}
""",
    "merged by something else": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: ConfigMap, data: {<<: ^*spec}}
""",
    "merged by what is merged": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: ConfigMap, data: &data {<<: ^*spec}}
- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {<<: *data}}
""",
    "merged by one that gets its list elsewhere": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: a}, spec: {<<: ^*spec}}
""",
    "merged before the list that counts": """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: b}}
- {apiVersion: v1, kind: Pod, spec: {<<: [^*spec, {imagePullSecrets: [{name: regcred}]}]}}
""",
    "a part of what is merged": """\
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: &spec {template: {spec: {a: b}}}
- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {<<: ^*spec}}
""",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in REFUSED.items()])
def test_refused(text):
    name = "deployment/a" if "Deployment" in text else "pod/a"
    before = (LIST + text).partition("^")[0]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert refusal(LIST + text.replace("^", "")) == shared(place, name)


def test_images_that_were_not_asked_for():
    text = LIST + (
        "- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec {a: &list []}}\n"
        "- {apiVersion: v1, kind: Pod, spec: {containers: [{image: b}], imagePullSecrets: *list}}\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {containers: [{image: c}],"
        " imagePullSecrets: *list}}\n"
    )
    assert injected(text, images=("a",)) == text
    assert refusal(text, images=("c",)) == shared("4:68", "pod/c")


def test_a_pod_that_is_not_asked_for_may_hide_what_it_merges():
    check_marked(
        LIST
        + """\
- apiVersion: v1
  kind: Pod
  spec: &spec {«imagePullSecrets: [{name: regcred}], »containers: [{image: a}]}
- apiVersion: v1
  kind: Pod
  spec: {<<: *spec, imagePullSecrets: [], containers: [{image: b}]}
""",
        images=("a",),
    )


def test_a_list_shared_by_pods_of_serviceaccounts_with_different_ones():
    text = (
        LIST
        + """\
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {imagePullSecrets: &list []}}
- apiVersion: v1
  kind: Pod
  metadata: {name: b}
  spec: {serviceAccountName: b, imagePullSecrets: *list}
"""
    )
    attached = {("", "default"): ("one",), ("", "b"): ("two",)}
    check_marked(text.replace("[]", "[«{name: regcred}»]"), attached=attached)
    message, hint = refusal(text, attached=attached, keep=True)
    assert (message, hint) == shared("4:77", "pod/b")
    attached = {("", "default"): ("one",), ("", "b"): ("one",)}
    check_marked(
        text.replace("[]", "[«{name: one}, {name: regcred}»]"), attached=attached, keep=True
    )


def test_a_list_that_is_only_extended_is_not_filled_by_way_of_an_alias():
    text = """\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: a}
spec:
  taskRunTemplate: {podTemplate: {imagePullSecrets: &list []}}
  taskRunSpecs: [{podTemplate: {imagePullSecrets: *list}}, {podTemplate: {a: b}}]
"""
    assert refusal(text) == shared("6:51", "pipelinerun/a")
    check_marked(text.replace("[]", "[{name: a}«, {name: regcred}»]"))


def test_one_mapping_for_two_purposes():
    text = LIST + (
        "- {apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: a}, spec: &spec {}}\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: *spec}\n"
    )
    message, _ = refusal(text)
    assert message == (
        "it.yaml:4:73: pod/b shares by an anchor what taskrun/a has for something else: "
        "no imagePullSecrets can be right for both"
    )


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        pytest.param(
            "kind: Pod\nspec:\n  imagePullSecrets: []\n  <<: {imagePullSecrets: []}\n",
            "4:21",
            "imagePullSecrets",
            id="list",
        ),
        pytest.param("kind: Pod\nspec: {}\n<<: {spec: {}}\n", "3:7", "spec", id="spec"),
        pytest.param("kind: Pod\n<<: {kind: Service}\n", "2:7", "kind", id="kind"),
        pytest.param(
            "kind: Pod\nspec:\n  imagePullSecrets: [{name: a, <<: [{b: c}, {name: d}]}]\n",
            "4:29",
            "name",
            id="name",
        ),
    ],
)
def test_keys_before_a_merge_key_that_brings_them_too(text, place, key):
    assert refusal("apiVersion: v1\n" + text) == (
        f"it.yaml:{place}: {key} stands before a merge key that brings another: kubectl takes the "
        "one, most readers of YAML the other",
        "write the merge key first",
    )


def test_keys_before_a_merge_key_that_brings_the_same():
    check_marked(
        """\
kind: &kind Pod
apiVersion: v1
spec:
  containers: []
  <<: {a: b}
«  imagePullSecrets:
  - name: regcred
»<<: {kind: *kind, apiVersion: v1, metadata: {name: a}}
"""
    )


def test_images_and_names_before_a_merge_key_are_taken_as_most_readers_do():
    check_marked(
        """\
kind: Pod
apiVersion: v1
metadata: {name: a, <<: {name: b}}
spec:
  containers: [{image: a, <<: {image: b}}]
  <<: {c: d}
«  imagePullSecrets:
  - name: regcred
»""",
        images=("a",),
    )


@pytest.mark.parametrize("merge", ["text", "[text]", "[{}, []]", "", "[*list]"])
def test_merge_keys_that_bring_no_mapping(merge):
    text = f"kind: Pod\napiVersion: v1\nlist: &list []\nspec:\n  <<: {merge}\n"
    message, _ = refusal(text)
    assert message.endswith(": a merge key brings in something that is no mapping")


def test_merged_entries_with_more_than_a_name():
    assert refusal(
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\n"
        "spec:\n  <<: {imagePullSecrets: [{name: b}, {name: c, d: e}]}\n"
    ) == (
        "it.yaml:5:38: an entry of the imagePullSecrets that pod/a merges in has more than a name",
        "write the imagePullSecrets of pod/a out",
    )


def test_two_merge_keys():
    message, _ = refusal("kind: Pod\napiVersion: v1\n<<: {spec: {}}\n<<: {a: b}\n")
    assert message == "it.yaml:4:1: the key '<<' stands twice in one mapping"


LAUGHS = {
    "lists": "x0: &x0 {apiVersion: v1, kind: Pod, spec: {}}\n"
    + "".join(
        f"x{n}: &x{n} {{apiVersion: v1, kind: List, items: [*x{n - 1}, *x{n - 1}, *x{n - 1}]}}\n"
        for n in range(1, 40)
    )
    + "apiVersion: v1\nkind: List\nitems: [*x39]\n",
    "merge keys": "x0: &x0 {a: b}\n"
    + "".join(f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}\n" for n in range(1, 40))
    + "apiVersion: v1\nkind: Pod\nspec: {<<: *x39}\n",
    "a list that holds itself": "&l\napiVersion: v1\nkind: List\nitems: [*l]\n",
    "a merge key that holds itself": "apiVersion: v1\nkind: Pod\nspec: &s {<<: *s, a: b}\n",
    "merge keys that hold themselves": "apiVersion: v1\nkind: Pod\nspec: &s {<<: [*s, *s], a: b}\n",
    "an entry that holds itself": (
        "apiVersion: v1\nkind: Pod\nspec: {imagePullSecrets: [&e {<<: *e}]}\n"
    ),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in LAUGHS.items()])
def test_aliases_that_lead_on_and_on(text):
    message, _ = refusal(text)
    assert message.endswith(": its aliases lead on and on")


def test_laughs_that_nobody_looks_at_are_none():
    laughs = "x0: &x0 lol\n" + "".join(
        f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}, *x{n - 1}]\n" for n in range(1, 40)
    )
    check_marked(
        laughs + "apiVersion: v1\nkind: Pod\nspec:\n«  imagePullSecrets:\n"
        "  - name: regcred\n»  a: *x39\n"
    )


def test_merge_keys_have_a_greatest_number(monkeypatch):
    monkeypatch.setattr(shares, "MAX_MERGED", 5)
    bases = "".join(f"x{n}: &x{n} {{a{n}: b}}\n" for n in range(6))
    text = f"{bases}apiVersion: v1\nkind: Pod\nspec: {{<<: [*x0, *x1, *x2, *x3, *x4, *x5]}}\n"
    assert refusal(text)[0] == "it.yaml:9:12: its merge keys lead on and on"
