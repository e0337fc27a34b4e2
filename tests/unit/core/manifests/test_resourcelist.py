import pytest
import yaml

from regcred.core.errors import InvalidManifest
from regcred.core.manifests import resourcelist
from regcred.core.manifests.resourcelist import Result

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
SAID = [Result("said: a\u2028b \x7f", "info")]
MADE = {"message": "said: a\u2028b \x7f", "severity": "info"}


def answered(text, results=SAID):
    return resourcelist.read(text).edited([], results)


@pytest.mark.parametrize(
    "before",
    [
        HEAD + "items: []\n",
        HEAD + "items: []",
        HEAD + "items: [] # no line break",
        HEAD + "items: [] \n# comment\n...\n",
        HEAD + "items:\n- a: |\n    text\n",
        "# comment\n--- # again\n" + HEAD,
        "".join(f"  {line}\n" for line in (HEAD + "items: []").splitlines()),
        HEAD + "results: []\n",
        HEAD + "results: [\n  ]\n",
        HEAD + "results:\nitems: []\n",
        HEAD + "results: # none\nitems: []\n",
        HEAD + "results: null\nitems: []\n",
        "{apiVersion: config.kubernetes.io/v1, kind: ResourceList, results: }",
        "{apiVersion: config.kubernetes.io/v1, kind: ResourceList}",
        '{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","results":null}',
        '{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","results":[]}',
        '{\n  "apiVersion": "config.kubernetes.io/v1",\n  "kind": "ResourceList"\n}\n',
    ],
)
def test_results_in_a_list_without_any(before):
    assert yaml.safe_load(answered(before)) == yaml.safe_load(before) | {"results": [MADE]}
    assert answered(before, []) == before


@pytest.mark.parametrize(
    "former",
    [
        "results:\n- message: x\n",
        "results:\n  - message: x\n",
        "results:\n  - message: x # y\nitems: []\n",
        "results: [{message: x}]\n",
        "results: [\n  {message: x},\n]\n",
        "results: &a [{message: x}]\n",
    ],
)
def test_former_results_stay_before(former):
    assert yaml.safe_load(answered(HEAD + former))["results"] == [{"message": "x"}, MADE]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("results: x\n", "3:10: results is not a list"),
        ("results: {items: []}\n", "3:10: results is not a list"),
        ("x: &x []\nresults: *x\n", "results is not a list"),
        ("items:\n- a: |\n    text", "there is no line for results"),
        ("results:\n- message: |\n    x", "there is no line for results"),
    ],
)
def test_where_results_have_no_place(text, problem):
    with pytest.raises(InvalidManifest, match=problem):
        answered(HEAD + text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not nothing"),
        ("# only a comment\n", "not nothing"),
        ("text", "not this"),
        ("- a\n", "not this"),
        ("a: b\n", "not this"),
        (HEAD + "---\n" + HEAD, "not 2 documents"),
        ("apiVersion: apps/v1\nkind: Deployment\n", "not apps/v1 Deployment"),
        ("apiVersion: config.kubernetes.io/v1\nkind: List\n", "not config.kubernetes.io/v1 List"),
        ("apiVersion: other.io/v1\nkind: ResourceList\n", "not other.io/v1 ResourceList"),
        (HEAD + "items: []\nitems: []\n", "^the input:4:1: the key 'items' stands twice"),
        ('{"a": [}', "^the input:1:8: "),
        ("a: [\n", "^the input:2:1: "),
        ("{{ .Values.all }}", "^the input:1:1: '{{' stands"),
    ],
)
def test_what_is_no_resource_list(text, problem):
    with pytest.raises(InvalidManifest, match=problem) as caught:
        resourcelist.read(text)
    assert caught.value.hint


def test_items_and_the_annotations_of_orchestrators():
    text = (
        HEAD
        + """\
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: a
    namespace: x
    annotations:
      internal.config.kubernetes.io/path: new.yaml
      config.kubernetes.io/path: old.yaml
      internal.config.kubernetes.io/index: '3'
      internal.config.kubernetes.io/previousNames: b,c
- kind: Pod
  metadata: {generateName: a-, annotations: {config.kubernetes.io/path: old.yaml}}
- kind: Pod
  metadata: {annotations: {config.kubernetes.io/index: -1}}
- &alias {kind: Pod, metadata: null}
- *alias
- text
"""
    )
    a, b, c, d, same = resourcelist.read(text).items
    assert (a.key, a.namespace, a.file, a.index) == ("pod/a", "x", "new.yaml", 3)
    assert a.reference == {"apiVersion": "v1", "kind": "Pod", "name": "a", "namespace": "x"}
    assert (a.former, b.former) == (("b", "c"), ())
    assert (b.key, b.file, b.index, b.reference) == ("pod/a-*", "old.yaml", 0, None)
    assert (c.file, c.index) == ("", 0)
    assert d == same


@pytest.mark.parametrize("items", ["", "items:\n", "items: text\n", "items: {a: b}\n"])
def test_no_items(items):
    assert resourcelist.read(HEAD + items).items == []


@pytest.mark.parametrize("config", ["", "functionConfig:\n", "functionConfig: null\n"])
def test_no_functionconfig(config):
    found = resourcelist.read(HEAD + config)
    assert (found.config, found.config_item()) == (None, None)


def test_a_functionconfig_that_is_no_object():
    found = resourcelist.read(HEAD + "functionConfig: text\n")
    assert found.config is not None
    assert found.config_item() is None


def test_places():
    text = HEAD + "items:\n- kind: Pod\n  x: y\n- kind: Pod\n"
    found = resourcelist.read(text)
    first, second = found.items
    assert found.item_at(text.index("x: y")) == first
    assert found.item_at(text.rindex("kind: Pod")) == second
    assert found.item_at(0) is None


def test_results_as_text_for_a_person():
    text = HEAD + "items: [{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {}}}, {}]\n"
    named, nameless = resourcelist.read(text).items
    assert str(Result("m", "info", named)) == "pod/a: m"
    assert str(Result("m", "info", nameless)) == str(Result("m", "info")) == "m"
    text = text.replace("name: a", "namespace: x").replace("{}}", "{config.kubernetes.io/path: f}}")
    (there, _) = resourcelist.read(text).items
    assert str(Result("m", "info", there)) == "in x (f): m"
    # A field is one of an object that has a name.
    assert Result("m", "info", there, "spec").as_object() == {
        "message": "m",
        "severity": "info",
        "file": {"path": "f", "index": 0},
    }
