"""How inserted text looks: « and » stand around it."""

import re

import pytest

from tests.support.injecting import check_marked, injected, refusal

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
TWO = ("regcred", "other")


def texts(table):
    return [pytest.param(text, id=name) for name, text in table.items()]


NEW_LISTS = {
    "before the first key": """\
spec:
«  imagePullSecrets:
  - name: regcred
  - name: other
»  containers: []
""",
    "above the comments of the first key": """\
spec:  # of the Pod
«  imagePullSecrets:
  - name: regcred
  - name: other
»
  # the only one
    # really
  containers: []
""",
    "indented by four": """\
spec:
«    imagePullSecrets:
    - name: regcred
    - name: other
»    containers: []
""",
    "dashes as in the lists beside it": """\
spec:
«  imagePullSecrets:
    - name: regcred
    - name: other
»  hostNetwork: true
  containers:
    - name: a
""",
    "dashes as in other lists": """\
other:
   - a
spec:
«  imagePullSecrets:
     - name: regcred
     - name: other
»  hostNetwork: true
""",
    "dashes behind an anchor or tag count as well": """\
other: &a
  - a
spec:
«  imagePullSecrets:
    - name: regcred
    - name: other
»  containers: !!seq
    - name: a
""",
    "behind the key in which it is nested": """\
? spec
: hostNetwork: true
  containers: []
«  imagePullSecrets:
  - name: regcred
  - name: other
»other: x
""",
    "behind an explicit key": """\
spec:
«  imagePullSecrets:
  - name: regcred
  - name: other
»  ? hostNetwork
  : true
""",
    "behind anchor and tag": """\
spec: &spec !!map  # shared
«  imagePullSecrets:
  - name: regcred
  - name: other
»  # c
  hostNetwork: true
""",
    "anchor on a line of its own": """\
spec:
  &spec
«  imagePullSecrets:
  - name: regcred
  - name: other
»  ? hostNetwork
  : true
""",
    "first key with an anchor": """\
spec:
«  imagePullSecrets:
  - name: regcred
  - name: other
»  &key hostNetwork: true
""",
    "first key in quotes": """\
spec:
«  imagePullSecrets:
  - name: regcred
  - name: other
»  "hostNetwork": true
""",
    "in braces": "spec: {«imagePullSecrets: [{name: regcred}, {name: other}], »containers: []}\n",
    "in braces with quotes": (
        'spec: {«"imagePullSecrets": [{"name": "regcred"}, {"name": "other"}], »"containers": []}\n'
    ),
    "in braces with quotes, no spaces": (
        'spec: {«"imagePullSecrets":[{"name":"regcred"},{"name":"other"}],»"containers":[]}\n'
    ),
    "in braces with spaces": (
        "spec: { «imagePullSecrets: [{name: regcred}, {name: other}], »containers: [] }\n"
    ),
    "in braces on lines": """\
spec: {
«  imagePullSecrets: [{name: regcred}, {name: other}],
»  containers: []
}
""",
    "in braces behind a comment": """\
spec: {«imagePullSecrets: [{name: regcred}, {name: other}], » # c
  containers: []
}
""",
    "in braces before an explicit key": """\
spec: {«imagePullSecrets: [{name: regcred}, {name: other}], »? containers : []}
""",
    "in empty braces": "spec: {«imagePullSecrets: [{name: regcred}, {name: other}]»}\n",
    "in blank braces": "spec: {«imagePullSecrets: [{name: regcred}, {name: other}]» }\n",
    "behind a merge key": """\
other: &base {hostNetwork: true}
spec:
  <<: *base  # c
«  imagePullSecrets:
  - name: regcred
  - name: other
»  containers: []
""",
    "behind a merge key with lines": """\
spec:
  <<:
    hostNetwork: true
«  imagePullSecrets:
  - name: regcred
  - name: other
»  containers: []
""",
    "behind a merge key in braces": """\
spec: {<<: {hostNetwork: true}«, imagePullSecrets: [{name: regcred}, {name: other}]», a: []}
""",
    "no line end": """\
spec:
  <<: {hostNetwork: true}«
  imagePullSecrets:
  - name: regcred
  - name: other»""",
}


@pytest.mark.parametrize("text", texts(NEW_LISTS))
def test_new_lists(text):
    check_marked(POD + text, *TWO)
    check_marked((POD + text).replace("\n", "\r\n"), *TWO)


LONGER_LISTS = {
    "lines": """\
spec:
  imagePullSecrets:
  - name: old
«  - name: regcred
  - name: other
»  containers: []
""",
    "lines, dashes further right": """\
spec:
  imagePullSecrets:  # c
       - name: old  # c
«       - name: regcred
       - name: other
»
  # c
  containers: []
""",
    "lines in another style": """\
spec:
  imagePullSecrets:
  -
    # c
    "name":
      'old'
«  - name: regcred
  - name: other
»  containers: []
""",
    "lines behind an anchor": """\
spec:
  imagePullSecrets: &list !!seq  # c
    # c
    - &entry
      name: old
«    - name: regcred
    - name: other
»""",
    "lines behind an explicit key": """\
spec:
  ? imagePullSecrets
  : - name: old
«    - name: regcred
    - name: other
»""",
    "lines with braces": """\
spec:
  imagePullSecrets:
  - {name: old}
«  - name: regcred
  - name: other
»""",
    "a block scalar at the end": """\
spec:
  imagePullSecrets:
  - name: |+
      old

«  - name: regcred
  - name: other
»  # c
""",
    "no line end": """\
spec:
  imagePullSecrets:
  - name: old  # c«
  - name: regcred
  - name: other»""",
    "brackets": "spec: {imagePullSecrets: [{name: old}«, {name: regcred}, {name: other}»]}\n",
    "brackets with spaces": """\
spec:
  imagePullSecrets: [ { name: old }«, { name: regcred }, { name: other }» ]
""",
    "brackets with quotes": """\
spec: {"imagePullSecrets": [{"name": "old"}«, {"name": "regcred"}, {"name": "other"}»]}
""",
    "brackets with quotes, no spaces": """\
spec: {"imagePullSecrets":[{"name":"old"}«,{"name":"regcred"},{"name":"other"}»]}
""",
    "brackets with a comma at the end": """\
spec: {imagePullSecrets: [{name: old}«, {name: regcred}, {name: other}»,]}
""",
    "brackets with an alias at the end": """\
other: &old {name: old}
spec: {imagePullSecrets: [*old«, {name: regcred}, {name: other}»]}
""",
    "brackets, and a mapping without braces": """\
spec: {imagePullSecrets: [name: old«, {name: regcred}, {name: other}»]}
""",
    "brackets, an entry a line": """\
spec:
  imagePullSecrets: [
    {name: old}«,
    {name: regcred},
    {name: other}»
  ]
""",
    "brackets, entries on lines": """\
spec:
  imagePullSecrets: [
    {
      name: old
    }«,
    {
      name: regcred
    },
    {
      name: other
    }»
  ]
""",
    "brackets, several in the last line": """\
spec:
  imagePullSecrets: [{name: old},
    {name: older}«,
    {name: regcred},
    {name: other}»]
""",
    "empty brackets": "spec: {imagePullSecrets: [«{name: regcred}, {name: other}»]}\n",
    "blank brackets": "spec: {imagePullSecrets: [«{name: regcred}, {name: other}» ]}\n",
    "brackets with a comment": """\
spec:
  imagePullSecrets: [«{name: regcred}, {name: other}» # c
  ]
""",
    "nothing": """\
spec:
  imagePullSecrets:
«  - name: regcred
  - name: other
»  containers: []
""",
    "nothing but a comment": """\
spec:
  imagePullSecrets:  # c
«    - name: regcred
    - name: other
»  # d
  containers:
    - name: a
""",
    "nothing behind an explicit key": """\
spec:
  ? imagePullSecrets
  :
«  - name: regcred
  - name: other
»""",
    "nothing, no line end": """\
spec:
  imagePullSecrets:«
  - name: regcred
  - name: other»""",
    "nothing in braces": "spec: {imagePullSecrets:« [{name: regcred}, {name: other}]» , a: b}\n",
}


@pytest.mark.parametrize("text", texts(LONGER_LISTS))
def test_longer_lists(text):
    check_marked(POD + text, *TWO)
    check_marked((POD + text).replace("\n", "\r\n"), *TWO)


ACCOUNTS = {
    "behind the metadata": """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: a  # c
«imagePullSecrets:
- name: regcred
»
# c
secrets: []
""",
    "metadata in braces": """\
metadata: {name: a}
«imagePullSecrets:
- name: regcred
»apiVersion: v1
kind: ServiceAccount
""",
    "no metadata": """\
«imagePullSecrets:
- name: regcred
»# c
apiVersion: v1
kind: ServiceAccount
metadata:
""",
    "explicit keys": """\
? apiVersion
: v1
? kind
: ServiceAccount
? metadata
: name: a
«imagePullSecrets:
- name: regcred
»""",
    "an item": """\
apiVersion: v1
kind: List
items:
  - kind: ServiceAccount
    apiVersion: v1
    metadata: {name: a}
«    imagePullSecrets:
      - name: regcred
»  - metadata: {name: b}
«    imagePullSecrets:
      - name: regcred
»    kind: ServiceAccount
    apiVersion: v1
""",
    "in braces": """\
{«imagePullSecrets: [{name: regcred}], »apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}
""",
    "behind the marker": """\
---
«imagePullSecrets:
- name: regcred
»apiVersion: v1
kind: ServiceAccount
""",
    "below a directive": """\
%YAML 1.1
---  # c
«imagePullSecrets:
- name: regcred
»
# c
apiVersion: v1
kind: ServiceAccount
...
""",
}


@pytest.mark.parametrize("text", texts(ACCOUNTS))
def test_lists_of_serviceaccounts(text):
    check_marked(text, serviceaccounts=True)
    check_marked(text.replace("\n", "\r\n"), serviceaccounts=True)
    before = re.sub("«[^»]*»", "", text)
    assert injected(before) == before


OTHERS = {
    "keys that are missing on the way": """\
apiVersion: tekton.dev/v1
kind: PipelineRun
spec:
«   taskRunTemplate:
      podTemplate:
         imagePullSecrets:
         - name: regcred
»   pipelineRef: {name: a}
""",
    "in braces": """\
{apiVersion: tekton.dev/v1, kind: PipelineRun, spec: {«taskRunTemplate: {podTemplate: \
{imagePullSecrets: [{name: regcred}]}}, »pipelineRef: {name: a}}}
""",
    "some of them are there": """\
apiVersion: tekton.dev/v1
kind: PipelineRun
spec:
  taskRunTemplate:
«    podTemplate:
      imagePullSecrets:
      - name: regcred
»    serviceAccountName: a
""",
    "two lists, one in the other, that end on one line": """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
spec:
  predictor:
    <<:
      workerSpec:
        imagePullSecrets:
        - name: old
«        - name: regcred
»«    imagePullSecrets:
    - name: regcred
»""",
    "two lists, one in the other, without a line end": """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
spec:
  predictor:
    <<:
      workerSpec:
        imagePullSecrets:
        - name: old«
        - name: regcred»«
    imagePullSecrets:
    - name: regcred»""",
    "indented documents": """\
---
   apiVersion: v1
   kind: Pod
   spec:
«     imagePullSecrets:
     - name: regcred
»     hostNetwork: true
""",
    "a byte order mark": """\
\ufeffkind: ServiceAccount
apiVersion: v1
""",
    "other line breaks": """\
# c\u2028apiVersion: v1
kind: Pod
spec: # c\u2028  # c
«  imagePullSecrets:
  - name: regcred
»  hostNetwork: true
""",
    "CR alone": (
        "apiVersion: v1\rkind: Pod\rspec:\r«  imagePullSecrets:\r  - name: regcred\r»"
        "  hostNetwork: true\r--- &a\rapiVersion: v1\rkind: Pod\rspec:\r"
        "  imagePullSecrets: &b\r   - name: a\r«   - name: regcred\r»"
    ),
}


@pytest.mark.parametrize("text", texts(OTHERS))
def test_other_places(text):
    check_marked(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a", "«imagePullSecrets:\n- name: regcred\n»"),
        ("a\r\nb", "«imagePullSecrets:\r\n- name: regcred\r\n»"),
        ("a\rb", "«imagePullSecrets:\r- name: regcred\r»"),
        ("a\u2028b", "«imagePullSecrets:\n- name: regcred\n»"),
    ],
)
def test_line_ends_before_the_first_line(text, mark):
    account = f"{mark}kind: ServiceAccount"
    for line in ["apiVersion: v1", "metadata:"]:
        account += (text[1:-1] or "\n") + line
    check_marked(account, serviceaccounts=True)


@pytest.mark.parametrize(
    ("name", "block", "quotes"),
    [
        ("a-1.b", "a-1.b", '"a-1.b"'),
        ("true", '"true"', '"true"'),
        ("12", '"12"', '"12"'),
        ("1e3", '"1e3"', '"1e3"'),
        ("y", '"y"', '"y"'),
        ("null", '"null"', '"null"'),
        ("2026-11-22", '"2026-11-22"', '"2026-11-22"'),
        ("A b", '"A b"', '"A b"'),
        ('"', '"\\""', '"\\""'),
    ],
)
def test_names_stay_strings(name, block, quotes):
    check_marked(POD + f"spec:\n«  imagePullSecrets:\n  - name: {block}\n»  a: b\n", name)
    check_marked(POD + f"spec: {{«imagePullSecrets: [{{name: {block}}}], »a: b}}\n", name)
    text = '{"apiVersion":"v1","kind":"Pod","spec":{«"imagePullSecrets":[{"name":%s}],»"a":1}}'
    check_marked(text % quotes, name)


JSON = {
    "empty": '{"apiVersion":"v1","kind":"Pod","spec":{«"imagePullSecrets": [{"name": "regcred"}, '
    '{"name": "other"}]»}}',
    "lines": """\
{
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {
«        "imagePullSecrets": [
            {
                "name": "regcred"
            },
            {
                "name": "other"
            }
        ],
»        "containers": []
    }
}
""",
    "tabs": """\
{
\t"apiVersion": "v1",
\t"kind": "Pod",
\t"spec": {
«\t\t"imagePullSecrets": [
\t\t\t{
\t\t\t\t"name": "regcred"
\t\t\t},
\t\t\t{
\t\t\t\t"name": "other"
\t\t\t}
\t\t],
»\t\t"containers": []
\t}
}
""",
    "no indentation": """\
{
"apiVersion": "v1",
"kind": "Pod",
"spec": {
«"imagePullSecrets": [
{
"name": "regcred"
},
{
"name": "other"
}
],
»"containers": []
}
}
""",
    "a list over lines": """\
{"apiVersion": "v1", "kind": "Pod", "spec": {
  "imagePullSecrets": [
    {
      "name": "old"
    }«,
    {
      "name": "regcred"
    },
    {
      "name": "other"
    }»
  ]
}}
""",
    "an empty list": (
        '{"apiVersion":"v1","kind":"Pod","spec":{"imagePullSecrets":[«{"name":"regcred"},'
        '{"name":"other"}»]}}'
    ),
    "an empty list behind a space": (
        '{"apiVersion":"v1","kind":"Pod","spec":{"imagePullSecrets": [«{"name": "regcred"}, '
        '{"name": "other"}»]}}'
    ),
    "keys that are missing on the way": """\
{
  "apiVersion": "tekton.dev/v1",
  "kind": "TaskRun",
  "spec": {
«    "podTemplate": {"imagePullSecrets": [{"name": "regcred"}, {"name": "other"}]},
»    "taskRef": {}
  }
}
""",
    "behind a marker": """\
---
{"apiVersion": "v1", "kind": "Pod", "spec": {«"imagePullSecrets": [{"name": "regcred"}, \
{"name": "other"}], »"containers": []}}
""",
}


@pytest.mark.parametrize("text", texts(JSON))
def test_json(text):
    check_marked(text, *TWO)
    check_marked(text.replace("\n", "\r\n"), *TWO)
    check_marked(text * 2, *TWO)
    check_marked("\ufeff" + text, *TWO)


def test_json_whose_indentation_goes_backwards():
    check_marked(
        '{"apiVersion": "v1", "kind": "Pod",\n      "spec": {\n'
        '«  "imagePullSecrets": [\n    {\n      "name": "regcred"\n    }\n  ],\n»  "a": 1}}\n'
    )


def test_nothing_is_missing():
    text = POD + "spec:\n  imagePullSecrets:\n  - name: other\n  - name: regcred\n"
    assert injected(text, *TWO) == text
    assert injected(text, "regcred", "regcred") == text


def test_names_are_added_once():
    check_marked(
        POD + "spec:\n  imagePullSecrets:\n  - name: a\n«  - name: b\n  - name: c\n»",
        *("b", "a", "c", "b"),
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            "  imagePullSecrets:\n  - name: |\n      old",
            "it.yaml:7:10: it ends in a block scalar without a line break",
            id="list",
        ),
        pytest.param(
            "  <<:\n    a: |\n      old",
            "it.yaml:7:10: it ends in a block scalar without a line break",
            id="merge key",
        ),
        pytest.param(
            "  ? imagePullSecrets\n",
            "it.yaml:6:1: imagePullSecrets has no ':' behind it",
            id="key alone",
        ),
        pytest.param(
            "  {imagePullSecrets, a: b}\n",
            "it.yaml:5:20: imagePullSecrets has no ':' behind it",
            id="key alone in braces",
        ),
    ],
)
def test_where_there_is_no_place(spec, message):
    found, hint = refusal(POD + "spec:\n" + spec)
    assert found == message
    assert hint


def test_a_mapping_without_braces():
    text = "apiVersion: v1\nkind: ServiceAccountList\nitems: [metadata: {name: a}]\n"
    message, hint = refusal(text, serviceaccounts=True)
    assert message == "it.yaml:3:9: a mapping without braces has no place for another key"
    assert hint == "write the braces"
