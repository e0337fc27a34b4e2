import json

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.formats.documents import split
from regcred.core.manifests import plainobjects
from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.manifests.plainobjects import Other, Reader

DEPLOYMENT = """\
# a comment
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  template:
    spec:
      nodeSelector: {kubernetes.io/arch: arm64, disk: ssd}
      imagePullSecrets: [{name: a}]
      containers:
      - name: app
        image: gcr.io/x:1
        imagePullPolicy: Never
        env: [{name: X, value: "1"}]
      volumes: [{name: data, image: {reference: gcr.io/y, pullPolicy: Always}}]
"""


def read(text, **options):
    reader = Reader("in.yaml", **options)
    return [obj for document in split([text]) for obj in reader.read(document)]


def contents(text, **options):
    return [obj.content for obj in read(text, **options)]


def test_what_a_pull_depends_on_is_kept():
    (found,) = read(DEPLOYMENT)
    assert (found.kind, found.api_version, found.line) == ("Deployment", "apps/v1", 2)
    spec = found.content["spec"]["template"]["spec"]
    assert spec == {
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "imagePullSecrets": [{"name": "a"}],
        "containers": [{"name": "app", "image": "gcr.io/x:1", "imagePullPolicy": "Never"}],
        "volumes": [{"name": "data", "image": {"reference": "gcr.io/y", "pullPolicy": "Always"}}],
    }
    assert found.content["metadata"] == {"name": "web"}
    assert spec["containers"][0]["image"].line == 13


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_stream(end):
    text = f"\ufeff---\n{DEPLOYMENT}---\n{DEPLOYMENT}".replace("\n", end)
    if end == "\r":
        text = text.replace("\r---", "\n---")  # a document is told by lines that end so
    lines = [
        o.content["spec"]["template"]["spec"]["containers"][0]["image"].line for o in read(text)
    ]
    assert lines == [14, 14 + 17]


def test_lists_secrets_and_serviceaccounts():
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "type": "t"}
    listed = {
        "kind": "List",
        "apiVersion": "v1",
        "items": [
            secret | {"data": {"a": "eA=="}, "stringData": {"b": "c", "n": 1}},
            {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "b"}},
            {"kind": "ServiceAccount", "apiVersion": "v1", "imagePullSecrets": None},
        ],
    }
    found = contents(json.dumps(listed))
    assert [obj["kind"] for obj in found] == ["Secret", "ServiceAccount"]
    assert (found[0]["data"], found[0]["type"]) == ({"a": "eA=="}, "t")
    assert found[0]["stringData"] == {"b": "c", "n": Other("1")}
    assert str(found[0]["stringData"]["n"]) == "1"
    assert found[1]["imagePullSecrets"] is None


def test_items_take_the_kind_of_their_list():
    (found,) = read("kind: PodList\napiVersion: v1\nitems: [{spec: {containers: []}}]")
    assert (found.kind, found.api_version) == ("Pod", "v1")


def test_scalars_are_strings_only_where_yaml_says_so():
    text = "kind: Secret\napiVersion: v1\nstringData: {a: 2001-01-01, b: yes, c: ~, d: 'yes', e: x}"
    (found,) = contents(text)
    assert found["stringData"] == {
        "a": "2001-01-01",
        "b": Other("yes"),
        "c": None,
        "d": "yes",
        "e": "x",
    }


def test_anchors_and_merge_keys():
    text = """\
kind: Pod
apiVersion: v1
spec:
  containers:
  - &one {name: one, image: a, imagePullPolicy: Never}
  - {<<: *one, name: two}
  - *one
"""
    (found,) = contents(text)
    one = {"name": "one", "image": "a", "imagePullPolicy": "Never"}
    assert found["spec"]["containers"] == [one, one | {"name": "two"}, one]


def test_custom_kinds():
    kind = parse_kind_path("Fleet=.spec.jobs[*].podSpec")
    text = "kind: Fleet\napiVersion: a/v1\nspec: {jobs: [{podSpec: {containers: [{image: a}]}}]}"
    assert contents(text) == []
    (found,) = contents(text, extra=(kind,))
    assert found["spec"]["jobs"] == [{"podSpec": {"containers": [{"image": "a"}]}}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Pod\napiVersion: v1\nkind: Pod", "in.yaml:3:1: the key 'kind' stands twice"),
        ("kind: Pod\napiVersion: v1\nspec: {a: 1, a: 2}", "in.yaml:3:14: the key 'a' stands"),
        ("a: [", "in.yaml:1:5: "),
        ('{"a": ', "in.yaml:1:7: it is not JSON"),
        ("{a: {{ .Values.x }}}", "in.yaml:1:5: this is the source of a template"),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(InvalidManifest) as error:
        read(text, verb="check -f -")
    assert error.value.message.startswith(message)
    if "template" in message:
        assert error.value.hint == "render it first: helm template … | regcred check -f -"


def test_broken_yaml_beside_a_template():
    with pytest.raises(InvalidManifest) as error:
        read("a: {{ x }}\nb: [", verb="check -f -")
    assert "regcred check -f -" in error.value.hint
    with pytest.raises(InvalidManifest) as error:
        read("# {{ x }}\nb: [", verb="check -f -")
    assert error.value.hint.startswith("if this is the source of a template, render it first")


def test_yaml_in_braces_is_no_json():
    (found,) = contents("{kind: Pod, apiVersion: v1, spec: {containers: [{image: a}]}}")
    assert found["spec"] == {"containers": [{"image": "a"}]}


def test_keys_that_stand_twice_elsewhere_are_not_ours():
    assert contents("kind: ConfigMap\napiVersion: v1\ndata: {a: 1, a: 2}") == []


def test_an_object_that_aliases_blow_up(monkeypatch):
    monkeypatch.setattr(plainobjects, "MAX_VALUES", 50)
    names = ", ".join("*one" for _ in range(20))
    text = f"kind: Pod\napiVersion: v1\nspec: {{x: &one {{image: a}}, containers: [{names}]}}"
    with pytest.raises(InvalidManifest, match="an object has more than 50 values"):
        read(text.replace("x: &one {image: a}", "initContainers: [&one {image: a, name: b}]"))


def test_an_error_about_an_object():
    (found,) = read("\nkind: Pod\napiVersion: v1")
    error = Reader().wrong(found, "it is wrong", "mend it")
    assert (error.message, error.hint) == ("the input:2:1: it is wrong", "mend it")


WIDGET = """\
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec: {pods: {containers: [{name: c, image: gcr.io/x:1}]}}
"""


def strangers(text, **options):
    reader = Reader("in.yaml", **options)
    for document in split([text]):
        assert list(reader.read(document)) is not None
    return [(each.kind, each.name, each.line) for each in reader.strangers]


def test_kinds_that_seem_to_make_pods():
    assert strangers(DEPLOYMENT + "---\n" + WIDGET) == [("Widget.example.com", "w", 18)]
    two = {"apiVersion": "v1", "kind": "Fleet", "containers": [{"image": "x"}]}
    items = {"apiVersion": "v1", "kind": "List", "items": [two, {"kind": "Service"}]}
    assert strangers(json.dumps(items)) == [("Fleet", "", 1)]
    known = (parse_kind_path("Widget=.spec.pods"),)
    assert strangers(WIDGET, extra=known) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("kind: Widget", "kind: ConfigMap"),
        ("kind: Widget", "kind: CustomResourceDefinition"),
        ("example.com/v1", "kyverno.io/v1"),
        ("example.com/v1", "constraints.gatekeeper.sh/v1"),
        ("kind: Widget", "type: Widget"),
        ("containers:", "boxes:"),
        ("image: gcr.io/x:1", "image: {type: string}"),
    ],
)
def test_objects_that_only_speak_of_pods(said, instead):
    assert strangers(WIDGET.replace(said, instead)) == []


def test_a_long_list_is_no_trick():
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "gcr.io/x:1"}]}}
    every = {"apiVersion": "v1", "kind": "List", "items": [pod] * 5000}
    assert len(read(json.dumps(every))) == 5000


def count(text):
    reader = Reader("in.yaml")
    assert all(list(reader.read(document)) is not None for document in split([text]))
    return reader.count


def test_how_many_objects_there_are():
    assert count(f"{DEPLOYMENT}---\n{WIDGET}---\nkind: ConfigMap\n") == 3
    two = {"apiVersion": "v1", "kind": "List", "items": [{"kind": "Service"}, {"kind": "Pod"}]}
    assert count(json.dumps(two)) == 2
    for nothing in ("", "# a\n---\n", "a: 1", "[]", "{}", "null", "- op: add", "kind: List"):
        assert count(nothing) == 0, nothing


@pytest.mark.parametrize("text", ["just text", '"text"', "7", "no such chart\n"])
def test_text_is_no_object(text):
    with pytest.raises(InvalidManifest, match=r"in\.yaml:1:1: this is text, and no object"):
        read(text)


@pytest.mark.parametrize("kind", ["List", "PodList"])
def test_lists_of_objects_that_are_none(kind):
    head = f"kind: {kind}\napiVersion: v1\nitems: "
    for items in ("x", "{a: b}", "7"):
        with pytest.raises(InvalidManifest, match=rf"in\.yaml:3:8: items of the {kind} is no list"):
            read(head + items)
    for items in ("[x]", "[[]]", "[null]"):
        with pytest.raises(
            InvalidManifest, match=f":3:9: the {kind} has an item that is no object"
        ):
            read(head + items)
    for items in ("", "null", "[]"):
        assert read(head + items) == []


def test_lists_of_what_is_no_object():
    assert read("kind: AllowList\napiVersion: example.com/v1\nitems: [10.0.0.0/8]") == []
