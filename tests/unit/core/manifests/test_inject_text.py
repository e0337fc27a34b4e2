"""What `inject` makes of texts, byte for byte; and what it refuses, where and why."""

from itertools import pairwise

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.formats.documents import Document, split
from regcred.core.manifests import manifesttree
from regcred.core.manifests.inject import Injector, Request, image_matches, inject
from regcred.core.manifests.manifestpath import parse_kind_path

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"


def injected(text, *secrets, **request):
    """The stream `text` with `secrets` in it."""
    asked = Request(secrets or ("new",), **request)
    return "".join(inject(document, asked, "f").text for document in split([text]))


def refused(text, **request):
    """Message and hint of the refusal of `text`."""
    with pytest.raises(InvalidManifest) as error:
        injected(text, **request)
    assert error.value.exit_code == 2
    return error.value.message, error.value.hint


TEXTS = {
    "below spec, above its comments": (
        f"{POD}spec: # c\n  # about\n\n  containers: []\n",
        f"{POD}spec: # c\n  imagePullSecrets:\n  - name: new\n  # about\n\n  containers: []\n",
    ),
    "dashes as far in as those beside it": (
        f"{POD}spec:\n  containers:\n    - image: x\n",
        f"{POD}spec:\n  imagePullSecrets:\n    - name: new\n  containers:\n    - image: x\n",
    ),
    "dashes as far in as elsewhere": (
        f"{POD}x:\n   - a\nspec:\n  nodeName: b\n",
        f"{POD}x:\n   - a\nspec:\n  imagePullSecrets:\n     - name: new\n  nodeName: b\n",
    ),
    "CRLF": (
        f"{POD}spec:\n  nodeName: b".replace("\n", "\r\n"),
        f"{POD}spec:\n  imagePullSecrets:\n  - name: new\n  nodeName: b".replace("\n", "\r\n"),
    ),
    "CR alone": (
        "kind: Pod\rapiVersion: v1\rspec:\r  nodeName: b\r",
        "kind: Pod\rapiVersion: v1\rspec:\r  imagePullSecrets:\r  - name: new\r  nodeName: b\r",
    ),
    "a line end that only YAML knows": (
        f"{POD}spec: # c\x85  nodeName: b\n",
        f"{POD}spec: # c\x85  imagePullSecrets:\n  - name: new\n  nodeName: b\n",
    ),
    "a comment that holds such a line end": (
        f"{POD}spec:\n  # c\x85  nodeName: b\n",
        f"{POD}spec:\n  # c\x85  imagePullSecrets:\n  - name: new\n  nodeName: b\n",
    ),
    "behind a byte order mark": (
        f"\ufeff{POD}spec: {{}}",
        f"\ufeff{POD}spec: {{imagePullSecrets: [{{name: new}}]}}",
    ),
    "flow mapping": (
        f"{POD}spec: {{ containers: [] }}\n",
        f"{POD}spec: {{ imagePullSecrets: [{{name: new}}], containers: [] }}\n",
    ),
    "flow mapping over several lines": (
        f"{POD}spec: {{\r\n  containers: [] }}\r\n",
        f"{POD}spec: {{\r\n  imagePullSecrets: [{{name: new}}],\r\n  containers: [] }}\r\n",
    ),
    "flow mapping with a comment first": (
        f"{POD}spec: {{ # c\n  containers: [] }}\n",
        f"{POD}spec: {{imagePullSecrets: [{{name: new}}],  # c\n  containers: [] }}\n",
    ),
    "flow mapping with quoted keys": (
        f'{POD}spec: {{"containers":[]}}\n',
        f'{POD}spec: {{"imagePullSecrets":[{{"name":"new"}}],"containers":[]}}\n',
    ),
    "empty list": (
        f"{POD}spec:\n  imagePullSecrets: []\n",
        f"{POD}spec:\n  imagePullSecrets: [{{name: new}}]\n",
    ),
    "nothing behind the key": (
        f"{POD}spec:\n  imagePullSecrets: # none\n  nodeName: b\n",
        f"{POD}spec:\n  imagePullSecrets: # none\n  - name: new\n  nodeName: b\n",
    ),
    "nothing behind the key, in braces": (
        f"{POD}spec: {{imagePullSecrets: , nodeName: b}}\n",
        f"{POD}spec: {{imagePullSecrets: [{{name: new}}] , nodeName: b}}\n",
    ),
    "block list": (
        f"{POD}spec:\n  imagePullSecrets:\n    - name: old # c\n    # d\n  nodeName: b\n",
        f"{POD}spec:\n  imagePullSecrets:\n    - name: old # c\n    - name: new\n    # d\n"
        "  nodeName: b\n",
    ),
    "block list with a tag": (
        f"{POD}spec:\n  imagePullSecrets: !!seq\n  - name: old",
        f"{POD}spec:\n  imagePullSecrets: !!seq\n  - name: old\n  - name: new",
    ),
    "flow list": (
        f"{POD}spec:\n  imagePullSecrets: [ {{ name: old }} ]\n",
        f"{POD}spec:\n  imagePullSecrets: [ {{ name: old }}, {{ name: new }} ]\n",
    ),
    "flow list, a line an entry": (
        f"{POD}spec:\n  imagePullSecrets: [\n    {{name: old}},\n  ]\n",
        f"{POD}spec:\n  imagePullSecrets: [\n    {{name: old}},\n    {{name: new}},\n  ]\n",
    ),
    "flow list of pairs without braces": (
        f"{POD}spec:\n  imagePullSecrets: [name: old]\n",
        f"{POD}spec:\n  imagePullSecrets: [name: old, {{name: new}}]\n",
    ),
    "entries over several lines, the last brace not on its own": (
        f"{POD}spec: {{imagePullSecrets: [{{\n  name: old}}]}}\n",
        f"{POD}spec: {{imagePullSecrets: [{{\n  name: old}}, {{\n  name: new}}]}}\n",
    ),
    "what stands there stays": (
        f"{POD}spec:\n  imagePullSecrets: [{{name: new}}]\n",
        f"{POD}spec:\n  imagePullSecrets: [{{name: new}}]\n",
    ),
    "anchor and tag before the first key": (
        f"{POD}spec: &a !!map # c\n  # d\n  &b nodeName: c\n",
        f"{POD}spec: &a !!map # c\n  imagePullSecrets:\n  - name: new\n  # d\n  &b nodeName: c\n",
    ),
    "explicit keys": (
        f"{POD}spec:\n  ? nodeName\n  : b\n",
        f"{POD}spec:\n  imagePullSecrets:\n  - name: new\n  ? nodeName\n  : b\n",
    ),
    "an explicit key without a value at the end": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  labels:\n    ? a\nx: y\n",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  labels:\n    ? a\n"
        "imagePullSecrets:\n- name: new\nx: y\n",
    ),
    "an anchored Pod spec once": (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, spec: &p {nodeName: b}}\n"
        "- {apiVersion: v1, kind: Pod, spec: *p}\n",
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, spec: &p {imagePullSecrets: [{name: new}], nodeName: b}}\n"
        "- {apiVersion: v1, kind: Pod, spec: *p}\n",
    ),
    "an anchored list once": (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, spec: {imagePullSecrets: &l [{name: old}]}}\n"
        "- {apiVersion: v1, kind: Pod, spec: {imagePullSecrets: *l}}\n",
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, spec: {imagePullSecrets: &l [{name: old}, {name: new}]}}\n"
        "- {apiVersion: v1, kind: Pod, spec: {imagePullSecrets: *l}}\n",
    ),
    "entries and names by alias": (
        f"{POD}x: &e {{name: &n old}}\nspec:\n  imagePullSecrets:\n  - *e\n  - name: *n\n",
        f"{POD}x: &e {{name: &n old}}\nspec:\n  imagePullSecrets:\n  - *e\n  - name: *n\n"
        "  - name: new\n",
    ),
    "a list that a merge key brings in is written out": (
        f"{POD}x: &x {{imagePullSecrets: [{{name: old}}]}}\nspec:\n  <<: *x\n  nodeName: b\n",
        f"{POD}x: &x {{imagePullSecrets: [{{name: old}}]}}\nspec:\n  <<: *x\n"
        "  imagePullSecrets:\n  - name: old\n  - name: new\n  nodeName: b\n",
    ),
    "a merge key in braces": (
        f"{POD}x: &x {{a: b}}\nspec: {{<<: *x, nodeName: b}}\n",
        f"{POD}x: &x {{a: b}}\nspec: {{<<: *x, imagePullSecrets: [{{name: new}}], nodeName: b}}\n",
    ),
    "a Pod spec that a merge key brings to another": (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Pod\n  spec: &p\n    nodeName: b\n"
        "- apiVersion: v1\n  kind: Pod\n  spec:\n    <<: [*p, {a: b}]\n    c: d\n",
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Pod\n  spec: &p\n    imagePullSecrets:\n    - name: new\n"
        "    nodeName: b\n"
        "- apiVersion: v1\n  kind: Pod\n  spec:\n    <<: [*p, {a: b}]\n    imagePullSecrets:\n"
        "    - name: new\n    c: d\n",
    ),
    "a merge key in quotes is a key": (
        f"{POD}spec:\n  '<<': {{imagePullSecrets: x}}\n",
        f"{POD}spec:\n  imagePullSecrets:\n  - name: new\n  '<<': {{imagePullSecrets: x}}\n",
    ),
    "an alias as a key": (
        "&k spec: x\nmetadata: {name: a}\nkind: Pod\napiVersion: v1\ny:\n  *k : {}\n",
        "&k spec: x\nmetadata: {name: a}\nkind: Pod\napiVersion: v1\ny:\n  *k : {}\n",
    ),
    "made where it is missing": (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec:\n    pipelineRef:\n        name: x\n",
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec:\n    taskRunTemplate:\n"
        "        podTemplate:\n            imagePullSecrets:\n            - name: new\n"
        "    pipelineRef:\n        name: x\n",
    ),
    "made where it is missing, in JSON": (
        '{"apiVersion":"tekton.dev/v1","kind":"TaskRun","spec":{\n "a":1}}',
        '{"apiVersion":"tekton.dev/v1","kind":"TaskRun","spec":{\n'
        ' "podTemplate":{"imagePullSecrets":[{"name":"new"}]},\n "a":1}}',
    ),
    "only extended": (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec:\n  taskRunTemplate:\n"
        "    podTemplate: {imagePullSecrets: [{name: new}]}\n  taskRunSpecs:\n"
        "  - podTemplate: {imagePullSecrets: [{name: old}]}\n  - podTemplate: {}\n",
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec:\n  taskRunTemplate:\n"
        "    podTemplate: {imagePullSecrets: [{name: new}]}\n  taskRunSpecs:\n"
        "  - podTemplate: {imagePullSecrets: [{name: old}, {name: new}]}\n  - podTemplate: {}\n",
    ),
    "JSON, compact, two values": (
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\\ud83d\\ude00"},"spec":{"a":[true]}}'
        '{"kind":"Pod","apiVersion":"v1","spec":{"imagePullSecrets":[{"name":"old"}]}} ',
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\\ud83d\\ude00"},"spec":'
        '{"imagePullSecrets":[{"name":"new"}],"a":[true]}}'
        '{"kind":"Pod","apiVersion":"v1","spec":{"imagePullSecrets":[{"name":"old"},'
        '{"name":"new"}]}} ',
    ),
    "JSON, empty list": (
        '---\n{"apiVersion": "v1", "kind": "Pod", "spec": {"imagePullSecrets": []}}',
        '---\n{"apiVersion": "v1", "kind": "Pod", "spec": {"imagePullSecrets": [{"name": "new"}]}}',
    ),
    "JSON over lines": (
        '{\n\t"apiVersion": "v1", "kind": "Pod",\n\t"spec": {\n\t\t"a": {}\n\t}\n}\n',
        '{\n\t"apiVersion": "v1", "kind": "Pod",\n\t"spec": {\n\t\t"imagePullSecrets": [\n\t\t\t{\n'
        '\t\t\t\t"name": "new"\n\t\t\t}\n\t\t],\n\t\t"a": {}\n\t}\n}\n',
    ),
    "JSON over lines, a list with entries": (
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"imagePullSecrets": [\n  {\n    "name": "old"'
        "\n  }\n]}}",
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"imagePullSecrets": [\n  {\n    "name": "old"'
        '\n  },\n  {\n    "name": "new"\n  }\n]}}',
    ),
    "YAML in braces is no JSON": (
        "{apiVersion: v1, kind: Pod, spec: {}}",
        "{apiVersion: v1, kind: Pod, spec: {imagePullSecrets: [{name: new}]}}",
    ),
    "items of a typed list": (
        "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{spec: {template: {spec: {}}}}]\n",
        "apiVersion: apps/v1\nkind: DeploymentList\n"
        "items: [{spec: {template: {spec: {imagePullSecrets: [{name: new}]}}}}]\n",
    ),
    "ServiceAccounts behind their metadata": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n\nsecrets: []\n",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\nimagePullSecrets:\n"
        "- name: new\n\nsecrets: []\n",
    ),
    "ServiceAccounts of a list, without line end": (
        "apiVersion: v1\nkind: ServiceAccountList\nitems:\n- metadata: {name: a}",
        "apiVersion: v1\nkind: ServiceAccountList\nitems:\n- metadata: {name: a}\n"
        "  imagePullSecrets:\n  - name: new",
    ),
    "an end within a block scalar is no place": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  annotations:\n    a: |\n      b",
        "imagePullSecrets:\n- name: new\n"
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  annotations:\n    a: |\n      b",
    ),
    "documents, directives and comments": (
        f"%YAML 1.1\n--- # a\n{POD}spec: {{}}\n...\n# b\n---\n---\nnull\n--- text\n",
        f"%YAML 1.1\n--- # a\n{POD}spec: {{imagePullSecrets: [{{name: new}}]}}\n"
        "...\n# b\n---\n---\nnull\n--- text\n",
    ),
    "another group's Deployment": (
        "apiVersion: example.com/v1\nkind: Deployment\nspec: {template: {spec: {}}}\nspec: x\n",
        "apiVersion: example.com/v1\nkind: Deployment\nspec: {template: {spec: {}}}\nspec: x\n",
    ),
    "no version of the core group": (
        "apiVersion: foo\nkind: Pod\nspec: {}\n",
        "apiVersion: foo\nkind: Pod\nspec: {}\n",
    ),
    "a Pod spec that a merge key brings in": (
        f"{DEPLOYMENT}x: &x {{a: 1}}\nspec: {{template: {{<<: {{spec: {{}}}}, b: 2}}}}\n",
        f"{DEPLOYMENT}x: &x {{a: 1}}\n"
        "spec: {template: {<<: {spec: {imagePullSecrets: [{name: new}]}}, b: 2}}\n",
    ),
    "a list that merges of merges bring in": (
        f"{POD}x: &x {{imagePullSecrets: [{{name: old}}]}}\ny: &y [{{<<: *x}}, *x]\n"
        "spec: {<<: *y}\n",
        f"{POD}x: &x {{imagePullSecrets: [{{name: old}}]}}\ny: &y [{{<<: *x}}, *x]\n"
        "spec: {<<: *y, imagePullSecrets: [{name: old}, {name: new}]}\n",
    ),
    "a key of its own that says what the merge key behind it says": (
        "x: &x {kind: Pod}\nkind: Pod\n<<: *x\napiVersion: v1\nspec: {}\n",
        "x: &x {kind: Pod}\nkind: Pod\n<<: *x\napiVersion: v1\n"
        "spec: {imagePullSecrets: [{name: new}]}\n",
    ),
    "replicas that a merge key brings in": (
        "apiVersion: kubeflow.org/v1\nkind: TFJob\n"
        "spec: {tfReplicaSpecs: {<<: {Worker: {template: {spec: {}}}}}}\n",
        "apiVersion: kubeflow.org/v1\nkind: TFJob\nspec: {tfReplicaSpecs: {<<: "
        "{Worker: {template: {spec: {imagePullSecrets: [{name: new}]}}}}}}\n",
    ),
    "a quoted key in an entry": (
        f'{POD}spec: {{imagePullSecrets: [{{"name":"old"}}, {{}}]}}\n'.replace(", {}]", "]"),
        f'{POD}spec: {{imagePullSecrets: [{{"name":"old"}},{{"name":"new"}}]}}\n',
    ),
    "a Pod spec that is none": (f"{POD}spec: text\n", f"{POD}spec: text\n"),
    "keys that are no strings": (
        f"{POD}? [a]\n: b\nx: {{[a]: b, {{a: b}}: c, d: e}}\nspec: {{? [c] : d}}\n",
        f"{POD}? [a]\n: b\nx: {{[a]: b, {{a: b}}: c, d: e}}\n"
        "spec: {imagePullSecrets: [{name: new}], ? [c] : d}\n",
    ),
    "comments above the first line": (
        "# c\n\n" + f"{POD}spec: {{}}\n",
        "# c\n\n" + f"{POD}spec: {{imagePullSecrets: [{{name: new}}]}}\n",
    ),
    "entries that are no mappings": (
        f"{POD}x: &x {{imagePullSecrets: [{{name: a}}]}}\nspec: {{<<: [*x]}}\n",
        f"{POD}x: &x {{imagePullSecrets: [{{name: a}}]}}\n"
        "spec: {<<: [*x], imagePullSecrets: [{name: a}, {name: new}]}\n",
    ),
    "a line of comments with such a line end": (
        f"{POD}spec:\n  # c\x85  # d\n  nodeName: b\n",
        f"{POD}spec:\n  # c\x85  # d\n  imagePullSecrets:\n  - name: new\n  nodeName: b\n",
    ),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "wanted"), TEXTS.values(), ids=TEXTS)
def test_text(text, wanted):
    assert injected(text, serviceaccounts=True) == wanted
    assert injected(wanted, serviceaccounts=True) == wanted


def test_names_that_yaml_would_read_as_something_else():
    wanted = '- name: "1e3"\n  - name: "null"\n  - name: a.b-c\n'
    assert wanted in injected(f"{POD}spec:\n  a: b\n", "1e3", "null", "a.b-c")


def test_a_pod_spec_behind_a_dash():
    path = parse_kind_path("Runs.example.com=.spec.runs[*]")
    text = "apiVersion: example.com/v1\nkind: Runs\nspec:\n  runs:\n  - a: b\n    c: d\n  - e: f"
    assert injected(text, paths=(path,)) == (
        "apiVersion: example.com/v1\nkind: Runs\nspec:\n  runs:\n  - a: b\n    c: d\n"
        "    imagePullSecrets:\n    - name: new\n  - e: f\n    imagePullSecrets:\n    - name: new"
    )


REFUSED = {
    "null": (
        f"{POD}spec:\n  imagePullSecrets: ~\n",
        "5:21: imagePullSecrets of pod/a is null, not a list",
        "take imagePullSecrets out, or write imagePullSecrets: []",
    ),
    "a string": (
        f"{POD}spec:\n  imagePullSecrets: x\n",
        "5:21: imagePullSecrets of pod/a is a string, not a list",
        "write imagePullSecrets: [{name: NAME}]",
    ),
    "a mapping": (
        f"{POD}spec:\n  imagePullSecrets: {{name: x}}\n",
        "5:21: imagePullSecrets of pod/a is a mapping, not a list",
        "write imagePullSecrets: [{name: NAME}]",
    ),
    "an entry without name": (
        f"{POD}spec:\n  imagePullSecrets:\n  - name: x\n  - nom: y\n",
        "7:5: an entry of imagePullSecrets of pod/a has no name",
        "an entry is a mapping, like {name: NAME}",
    ),
    "a key twice": (
        f"{POD}spec:\n  a: {{b: 1, c: {{d: 1, d: 2}}}}\n",
        "5:23: the key 'd' stands twice in one mapping",
        "take one of them out",
    ),
    "a kind twice": (
        "kind: Service\nkind: Pod\n",
        "2:1: the key 'kind' stands twice in one mapping",
        "take one of them out",
    ),
    "a key twice in JSON": (
        '{"apiVersion":"v1","kind":"Pod","spec":{"a":{"b":1,"b":2}}}',
        "1:45: the key 'b' stands twice in one mapping",
        "take one of them out",
    ),
    "an alias of nothing": ("a: *b\n", "1:4: alias *b has no anchor before it", ""),
    "shared with what is no Pod": (
        f"{POD}x: &x {{}}\nspec: *x\n",
        "4:4: imagePullSecrets of pod/a is shared by an anchor with something that does not get "
        "it: the one cannot be changed without the other",
        "write it out in place of the alias",
    ),
    "shared with a Pod that is not asked for": (
        f"{DEPLOYMENT}spec:\n  template:\n    spec: &s {{containers: []}}\n  x: *s\n",
        "7:6: imagePullSecrets of deployment/web is shared by an anchor with something that does "
        "not get it: the one cannot be changed without the other",
        "write it out in place of the alias",
    ),
    "a made key that is no mapping": (
        "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: t}\nspec: {podTemplate: x}\n",
        "4:21: podTemplate of taskrun/t is no mapping",
        "take podTemplate out, or write podTemplate: {}",
    ),
    "a merged entry that is no mapping": (
        f"{POD}x: &x {{imagePullSecrets: [a]}}\nspec: {{<<: *x}}\n",
        "4:27: an entry of imagePullSecrets of pod/a has no name",
        "an entry is a mapping, like {name: NAME}",
    ),
    "a circle": (f"{POD}spec: &a\n  <<: *a\n", "5:7: its aliases lead on and on", ""),
    "a merge key of something else": (
        f"{POD}spec:\n  <<: x\n",
        "5:7: a merge key brings in something that is no mapping",
        "",
    ),
    "what a merged entry says besides": (
        f"{POD}x: &x {{imagePullSecrets: [{{name: a, b: c}}]}}\nspec: {{<<: *x}}\n",
        "4:27: an entry of the imagePullSecrets that pod/a merges in has more than a name",
        "write the imagePullSecrets of pod/a out",
    ),
    "what readers differ about": (
        f"x: &x {{kind: Service}}\n{POD}<<: *x\nspec: {{}}\n",
        "3:7: kind stands before a merge key that brings another: kubectl takes the one, most "
        "readers of YAML the other",
        "write the merge key first",
    ),
    "one mapping for two things": (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: tekton.dev/v1, kind: TaskRun, spec: &s {}}\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: *s}\n",
        "4:52: pod/a shares by an anchor what taskrun/* has for something else: no "
        "imagePullSecrets can be right for both",
        "",
    ),
    "lists of lists of lists": (
        "apiVersion: v1\nkind: List\na: &a {}\n"
        + "".join(
            f"{key}: &{key} {{apiVersion: v1, kind: List, items: [{', '.join(9 * [f'*{of}'])}]}}\n"
            for of, key in pairwise("abcdefgh")
        )
        + "items: [*h]\n",
        None,
        "",
    ),
    "merge keys that merge merge keys": (
        f"{POD}a: &a {{}}\n"
        + "".join(
            f"{below}: &{below} {{<<: [{', '.join(9 * [f'*{of}'])}]}}\n"
            for of, below in pairwise("abcdefgh")
        )
        + "spec: {imagePullSecrets: [], <<: *h}\n",
        None,
        None,
    ),
    "a key without value in braces": (
        f"{POD}spec: {{imagePullSecrets}}\n",
        "4:24: imagePullSecrets has no ':' behind it",
        "write imagePullSecrets: []",
    ),
    "a tab": ("a:\n\tb: c\n", "2:1: found character that cannot start any token", None),
    "an open quote": (
        'a: b\nc: "d\n',
        "2:4: found unexpected end of stream while scanning a quoted scalar",
        "",
    ),
    "two roots": ("a: b\n- c\n", "2:1: did not find expected key", ""),
    "a control character": ("a: \x01\n", "1:4: control characters are not allowed: #x0001", ""),
    "a second byte order mark": (
        "\ufeff\ufeffa: b\n",
        "1:2: a second byte order mark",
        "take it out",
    ),
    "too deep": ("[" * 300, "1:201: it is nested more than 200 levels deep", ""),
    "lists too deep": (
        "apiVersion: v1\nkind: List\n" + "items: [{" * 110 + "}]" * 110 + "\n",
        "3:900: it is nested more than 200 levels deep",
        "",
    ),
    "lists too deep in JSON": (
        '{"items":[' * 110 + "]}" * 110,
        "1:1010: it is nested more than 200 levels deep",
        "",
    ),
    "a kind twice in JSON": (
        '{"kind":"Pod","kind":"Pod"}',
        "1:15: the key 'kind' stands twice in one mapping",
        "take one of them out",
    ),
    "a kind twice behind another key": (
        "a: b\na: c\nkind: Pod\nkind: Pod\nkind: Pod\n",
        "4:1: the key 'kind' stands twice in one mapping",
        "take one of them out",
    ),
    "too deep in JSON": (
        # Python's own reader ends that, from 3.12 on much later.
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "1:6: it is nested more than 200 levels deep",
        "",
    ),
    "a template": (
        f"{DEPLOYMENT}spec:\n  replicas: {{{{ .Values.x }}}}\n",
        "5:13: this is the source of a template, not YAML: '{{' stands where YAML has a value",
        "render it first: helm template … | regcred inject --secret NAME",
    ),
    "a template of Jinja": (
        "{% set a = 1 %}\nkind: Pod\n",
        "1:2: this is the source of a template, not YAML: found character that cannot start any "
        "token",
        "render it first: helm template … | regcred inject --secret NAME",
    ),
    "a template's statement": (
        f"{DEPLOYMENT}spec:\n{{{{- if x }}}}\n",
        None,
        "render it first: helm template … | regcred inject --secret NAME",
    ),
}


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_refused(text, message, hint):
    said, advice = refused(text)
    assert said.startswith("f:")
    if message is not None:
        assert said == f"f:{message}"
    if hint is not None:
        assert advice.endswith(hint) if hint else advice == ""


@pytest.mark.parametrize("text", ['{"a": 1 "b": 2}', '{"a" 1}', '{"\\x": 1}', '{"a": "b'])
def test_neither_json_nor_yaml(text):
    for around in (text, f'{{"items": [{text}]}}'):
        assert refused(around)[0].startswith("f:1:")


@pytest.mark.parametrize("text", ['{1: "x"}', '{"a": NaN}', '{"a": [1 2]}', '{"items": [1 2]}'])
def test_yaml_but_not_json(text):
    assert injected(text) == text


def test_a_pair_without_braces_has_no_room():
    path = parse_kind_path("Runs=.spec.runs[*]")
    text = "apiVersion: example.com/v1\nkind: Runs\nspec:\n  runs: [a: b]\n"
    assert refused(text, paths=(path,))[0] == (
        "f:4:10: a mapping without braces has no place for another key"
    )


def test_the_end_of_a_block_scalar_is_no_place():
    path = parse_kind_path("Runs=.spec.runs[*]")
    text = "apiVersion: example.com/v1\nkind: Runs\nspec:\n  runs:\n  - a: |\n      b"
    assert refused(text, paths=(path,)) == (
        "f:6:8: it ends in a block scalar without a line break",
        "end it with a line break",
    )
    assert injected(text + "\n", paths=(path,)) == (
        f"{text}\n    imagePullSecrets:\n    - name: new\n"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{POD}spec: {{a: &a [{', '.join(20 * ['x'])}]}}\n", "4:54"),
        (f'{{"kind": "List", "items": [{", ".join(20 * ["{}"])}]}}', "1:96"),
    ],
)
def test_more_places_than_memory_is_for(monkeypatch, text, place):
    monkeypatch.setattr(manifesttree, "MAX_NODES", 20)
    assert refused(text) == (
        f"f:{place}: it has more than 20 places to look at",
        "cut it into documents, with '---' between them",
    )


def test_serviceaccounts_of_what_cannot_be_read():
    injector = Injector(Request(("new",)), "f")
    with pytest.raises(InvalidManifest, match=r"^f:2:1: "):
        injector.serviceaccounts(Document("kind: ServiceAccount\n- b\n"))


def test_pods_with_an_image():
    text = f"{POD}spec: {{initContainers: [{{image: nginx}}], containers: [{{image: $X}}, {{}}]}}\n"
    for glob in ("docker.io/library/*", "nginx", "docker.io/library/nginx", "$X", "*"):
        assert "name: new" in injected(text, images=(glob,))
    done = inject(Document(text), Request(("new",), images=("gcr.io/*",)))
    assert (done.text, done.found, done.unmatched) == (text, 1, 1)
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n"
    assert "name: new" in injected(account, images=("gcr.io/*",), serviceaccounts=True)
    assert not image_matches("", ["x"])


def test_lists_of_serviceaccounts_are_carried_over():
    attached = {("team", "default"): ("one", "two"), ("team", "build"): ("two", "three")}
    attached["team", "inline"] = ("four",)
    text = POD.replace("{name: a}", "{name: a, namespace: team}") + "spec: {}\n"
    request = Request(("new",), attached=attached, keep=True)
    done = inject(Document(text, line=7), request)
    assert "[{name: one}, {name: two}, {name: new}]" in done.text
    (change,) = done.changes
    assert change.serviceaccounts == (("team", "default"),)
    assert (change.object, change.namespace, change.line) == ("pod/a", "team", 10)
    assert change.added == ("one", "two", "new")
    workflow = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\n"
        "spec:\n  templates: [{serviceAccountName: build}, {serviceAccountName: build},\n"
        "    {dag: {tasks: [{inline: {serviceAccountName: inline}}]}}]\n"
    )
    request = Request(("new",), namespace="team", attached=attached, keep=True)
    (change,) = inject(Document(workflow), request).changes
    assert change.added == ("one", "two", "three", "four", "new")
    assert [name for _, name in change.serviceaccounts] == ["default", "build", "inline"]
    # A Pod that had a list of its own got nothing from its ServiceAccount before.
    done = inject(Document(f"{POD}spec: {{imagePullSecrets: [{{name: old}}]}}\n"), request)
    assert done.changes[0].serviceaccounts == ()
    assert done.changes[0].added == ("new",)
