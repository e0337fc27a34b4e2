"""The function as an orchestrator sees it: a ResourceList in, a ResourceList out."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidManifest
from regcred.core.manifests import krm

# As kpt writes it, but for annotations that only it reads.
ITEMS = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- # head
  apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web # the name
    annotations:
      config.kubernetes.io/index: '1'
      config.kubernetes.io/path: 'apps/web.yaml'
      internal.config.kubernetes.io/index: '1'
      internal.config.kubernetes.io/path: 'apps/web.yaml'
  spec:
    template:
      spec:
        # whose list counts
        serviceAccountName: "web"
        containers: [{name: web, image: nginx}]
- apiVersion: v1
  kind: ServiceAccount
  metadata:
    name: web
    annotations:
      config.kubernetes.io/path: 'web.yaml'
  imagePullSecrets: [{name: old}]
"""
CONFIG_MAP = """\
functionConfig:
  apiVersion: v1
  kind: ConfigMap
  metadata:
    name: function-input
  data: {settings}
"""
SECRET = {"REGCRED_SECRET": "regcred"}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def config_map(**data):
    settings = {key.replace("_", "-"): value for key, value in data.items()}
    return CONFIG_MAP.replace("{settings}", json.dumps(settings))


def loaded(text):
    return yaml.load(text, yaml.CSafeLoader)


def secrets(text):
    """The pull Secrets of each kind of item, wherever it has them."""
    found = {}
    for item in loaded(text)["items"]:
        spec = item
        for key in ("spec", "template", "spec"):
            spec = spec.get(key, spec)
        found[item["kind"]] = [entry["name"] for entry in spec["imagePullSecrets"]]
    return found


def of(kind, name, /, account="", namespace="", **metadata):
    """A Pod template in an object of some kind, as one line of a block sequence."""
    metadata = {"name": name, "namespace": namespace} | metadata
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {key: value for key, value in metadata.items() if value},
        "spec": {"template": {"spec": {"serviceAccountName": account or None}}},
    }


def resource_list(*items, **fields):
    head = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList"}
    return yaml.safe_dump({**head, "items": list(items), **fields}, sort_keys=False)


def test_lines_are_inserted_and_nothing_else_and_the_results_stand_behind():
    before = ITEMS + config_map(secrets="regcred")
    after = krm.run(before, {})
    added = ["        imagePullSecrets:", "        - name: regcred"]
    lines = before.splitlines()
    place = lines.index("        # whose list counts")
    lines[place:place] = added
    text, _, results = after.text.partition("results:\n")
    assert text.splitlines() == lines
    assert loaded(results) == loaded(after.text)["results"]


def test_results_name_the_object_the_field_and_the_file():
    changed, lost = loaded(krm.run(ITEMS + config_map(secrets="a, b"), {}).text)["results"]
    where = {
        "resourceRef": DEPLOYMENT,
        "field": {"path": "spec.template.spec.imagePullSecrets"},
        "file": {"path": "apps/web.yaml", "index": 1},
    }
    message = "pull Secrets a, b added"
    assert changed == {"message": message, "severity": "info", **where}
    assert lost["severity"] == "warning"
    assert lost["message"].startswith("its Pods no longer get old from ServiceAccount web")
    assert "keep-serviceaccount-secrets: true" in lost["message"]
    assert {key: lost[key] for key in where} == where


def test_nothing_to_do_leaves_every_byte():
    once = krm.run(ITEMS, SECRET)
    items = once.text.partition("results:")[0]
    assert krm.run(items, SECRET) == krm.Answer(items)


def test_the_serviceaccounts_secrets_are_kept():
    settings = config_map(secrets="regcred", keep_serviceaccount_secrets="true")
    answer = krm.run(ITEMS + settings, {})
    assert secrets(answer.text) == {"Deployment": ["old", "regcred"], "ServiceAccount": ["old"]}
    assert [(r.severity, r.message) for r in answer.results] == [
        ("info", "pull Secrets old, regcred added")
    ]


def test_serviceaccounts_get_theirs():
    items = ITEMS.replace('"web"', "other")
    answer = krm.run(items + config_map(secrets="a", serviceaccounts="true"), {})
    assert secrets(answer.text) == {"Deployment": ["a"], "ServiceAccount": ["old", "a"]}
    field = {r.as_object()["resourceRef"]["kind"]: r.field for r in answer.results[:-1]}
    assert field == {
        "Deployment": "spec.template.spec.imagePullSecrets",
        "ServiceAccount": "imagePullSecrets",
    }


@pytest.mark.parametrize(("keep", "severity"), [("yes", "warning"), ("no", "info")])
def test_serviceaccounts_that_are_not_there_are_named_once(keep, severity):
    items = [of("Deployment", f"d{i}", account="web", namespace="x") for i in range(1007)]
    env = SECRET | {"REGCRED_KEEP_SERVICEACCOUNT_SECRETS": keep}
    *_, last, said = krm.run(resource_list(*items, of("Job", "j")), env).results
    assert (last.severity, last.item) == (severity, None)
    assert last.message == (
        "ServiceAccount web in namespace x is not among the resources: if it has pull Secrets "
        "in the cluster, Pods of deployment/d0, deployment/d1, deployment/d2, deployment/d3, "
        "deployment/d4 and 1,002 more no longer get them"
    )
    assert said.message.startswith("ServiceAccount default is not among")
    assert said.message.endswith("Pods of job/j no longer get them")


def test_a_serviceaccount_without_secrets_loses_nobody_any():
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}}
    items = resource_list(of("Deployment", "d", account="web", namespace="x"), account)
    answer = krm.run(items, SECRET | {"REGCRED_NAMESPACE": "x"})
    assert [r.severity for r in answer.results] == ["info"]


def account(name, *entries, former=""):
    annotations = {"internal.config.kubernetes.io/previousNames": former} if former else {}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "annotations": annotations},
        "imagePullSecrets": [{"name": entry} for entry in entries],
    }


KEEP = SECRET | {"REGCRED_KEEP_SERVICEACCOUNT_SECRETS": "true"}


@pytest.mark.parametrize(
    ("accounts", "listed"),
    [
        ([account("my-web", "old", former="web,web")], ["old", "regcred"]),
        ([account("my-web", "old", former="x"), account("web", "own")], ["own", "regcred"]),
        # The name as it is goes before a name that was.
        ([account("my-web", "old", former="web"), account("web", "own")], ["own", "regcred"]),
        # Two that were of one name: the same list, or nobody knows which.
        ([account(n, "old", former="web") for n in ("a-web", "b-web")], ["old", "regcred"]),
        ([account(n, n, former="web") for n in ("a-web", "b-web")], ["regcred"]),
    ],
)
def test_serviceaccounts_that_kustomize_has_renamed(accounts, listed):
    answer = krm.run(resource_list(of("Deployment", "d", account="web"), *accounts), KEEP)
    assert secrets(answer.text)["Deployment"] == listed
    assert ("not among the resources" in str(answer.results[-1])) == (listed == ["regcred"])


def test_a_list_that_was_there_is_only_extended():
    deployment = of("Deployment", "d")
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "own"}]
    answer = krm.run(resource_list(deployment), SECRET)
    assert secrets(answer.text) == {"Deployment": ["own", "regcred"]}
    assert [r.severity for r in answer.results] == ["info"]


def test_objects_without_a_name_are_named_as_far_as_can_be():
    path = {"internal.config.kubernetes.io/path": "job.yaml"}
    job = of("Job", "", generateName="run-", annotations=path)
    result, _ = krm.run(resource_list(job), SECRET).results
    assert result.as_object() == {
        "message": "job/run-*: pull Secret regcred added",
        "severity": "info",
        "file": {"path": "job.yaml", "index": 0},
    }


def test_objects_of_one_name_are_told_by_their_place():
    names = [
        of("Job", "x", annotations={"config.kubernetes.io/path": "1.yaml"}),
        of("Job", "x", annotations={"config.kubernetes.io/path": "2.yaml"}),
    ]
    first, second, _ = krm.run(resource_list(*names), SECRET).results
    assert (first.item.file, second.item.file) == ("1.yaml", "2.yaml")
    assert first.field == second.field == "spec.template.spec.imagePullSecrets"


def test_objects_in_a_list_that_is_an_item():
    items = {"apiVersion": "v1", "kind": "List", "items": [of("Job", "x")]}
    result, _ = krm.run(resource_list(items), SECRET).results
    assert result.as_object() == {
        "message": "job/x: pull Secret regcred added",
        "severity": "info",
    }
    result, _ = krm.run(json.dumps(loaded(resource_list(items))), SECRET).results
    assert result.item is not None
    assert result.item.kind == "List"


def test_line_ends_of_all_kinds_in_front_of_what_is_wrong():
    items = (
        '- {apiVersion: v1, kind: Secret, stringData: {a: "x\ry\u2028z"}}\n'
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n"
        "  spec: {imagePullSecrets: null}\n"
    )
    head = "apiVersion: config.kubernetes.io/v1beta1\nkind: ResourceList\nitems:\n"
    (result,) = krm.run(head + items, SECRET).results
    assert str(result) == "pod/a: imagePullSecrets of pod/a is null, not a list"


def test_an_error_is_a_result_and_the_items_stay():
    before = ITEMS.replace(
        "        containers:", "        imagePullSecrets: old\n        containers:"
    )
    answer = krm.run(before, SECRET)
    assert answer.failed
    assert answer.text.startswith(before)
    (result,) = loaded(answer.text)["results"]
    assert result.pop("message").endswith("is a string, not a list")
    assert result == {
        "severity": "error",
        "resourceRef": DEPLOYMENT,
        "file": {"path": "apps/web.yaml", "index": 1},
    }


def test_an_error_in_the_functionconfig_and_one_outside_of_all_objects():
    config = config_map(secrets="a").replace("name: function-input", "{name: x, name: x}")
    (result,) = krm.run(ITEMS + config, {}).results
    assert result.item.key == "configmap/x"
    assert result.message == "the key 'name' stands twice in one mapping"

    before = ITEMS + "results: [{message: a, message: b}]\n"
    (result,) = krm.run(before, SECRET).results
    line = before.count("\n")
    assert (result.item, result.severity) == (None, "error")
    assert result.message.startswith(f"the input:{line}:24: the key 'message' stands twice")


def test_a_wrong_setting_is_put_down_to_the_functionconfig():
    (result,) = krm.run(ITEMS + config_map(secretz="a"), SECRET).results
    assert result.as_object() == {
        "message": "data.secretz is not known; known are secrets, image, path, serviceaccounts, "
        "keep-serviceaccount-secrets, namespace",
        "severity": "error",
        "resourceRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "function-input"},
        "field": {"path": "data.secretz"},
    }


def test_no_setting_at_all():
    (result,) = krm.run(ITEMS, {}).results
    assert (result.severity, result.item) == ("error", None)
    assert result.message.startswith("no pull Secret is named")


def test_byte_order_mark_and_carriage_returns():
    before = "\ufeff" + ITEMS.replace("\n", "\r\n")
    answer = krm.run(before, SECRET)
    assert answer.text.startswith("\ufeffapiVersion: config.kubernetes.io/v1\r\n")
    assert "imagePullSecrets:\r\n        - name: regcred\r\n" in answer.text


def test_what_is_no_resource_list():
    with pytest.raises(InvalidManifest, match=r"^the input:1:1: .* ResourceList is expected here"):
        krm.run("apiVersion: apps/v1\nkind: Deployment\n", SECRET)


@given(
    st.lists(st.sampled_from(["Deployment", "DaemonSet", "ConfigMap", "Job"]), max_size=6),
    st.sampled_from(["block", "json", "indented json", "flow"]),
)
def test_in_every_style_only_entries_and_results_are_added(kinds, style):
    items = [of(kind, f"n{at}") for at, kind in enumerate(kinds)]
    text = resource_list(*items, functionConfig=loaded(config_map(secrets="a,b"))["functionConfig"])
    if "json" in style:
        text = json.dumps(loaded(text), indent=2 if style == "indented json" else None)
    elif style == "flow":
        text = yaml.safe_dump(loaded(text), default_flow_style=True)
    after = loaded(krm.run(text, {}).text)
    results = after.pop("results", [])
    assert len(results) == sum(kind != "ConfigMap" for kind in kinds) + bool(
        set(kinds) - {"ConfigMap"}
    )
    for item in after["items"]:
        if item["kind"] != "ConfigMap":
            entries = item["spec"]["template"]["spec"].pop("imagePullSecrets")
            assert entries == [{"name": "a"}, {"name": "b"}]
    assert after == loaded(text)
