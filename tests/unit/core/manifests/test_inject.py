"""What is asked for: which Pods, which names; what is said of them."""

import pytest

from regcred.core.formats.documents import Document
from regcred.core.manifests.inject import Change, Request, image_matches, inject
from tests.support.injecting import check_marked, injected, results

TWO_PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
«  imagePullSecrets:
  - name: regcred
»  containers: [{image: registry.example.com/a}, {image: b}]
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {containers: [{image: c}]}
"""


@pytest.mark.parametrize(
    ("image", "glob"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx", "docker.io/*"),
        ("nginx", "nginx"),
        ("nginx:1", "docker.io/library/nginx"),
        ("nginx:1", "docker.io/library/nginx:1"),
        ("nginx:1", "nginx:?"),
        ("r.example.com/a/b@sha256:" + "0" * 64, "r.example.com/*"),
        ("r.example.com:5000/a", "r.example.com:5000/a"),
        ("$IMAGE", "$IMAGE"),
    ],
)
def test_images_that_match(image, glob):
    assert image_matches(image, ["x", glob])


@pytest.mark.parametrize(
    ("image", "glob"),
    [("nginx", "ngin"), ("nginx", "library/nginx"), ("", "x"), ("$A", "docker.io/*"), ("A", "a")],
)
def test_images_that_do_not_match(image, glob):
    assert not image_matches(image, [glob])


@pytest.mark.parametrize("glob", ["registry.example.com/*", "b", "docker.io/library/b:latest"])
def test_only_pods_that_use_an_image(glob):
    check_marked(TWO_PODS, images=(glob,))
    found = results(TWO_PODS.replace("«", "").replace("»", ""), images=(glob,))
    assert [(result.found, result.unmatched) for result in found] == [(1, 0), (1, 1)]


@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
def test_all_containers_count(containers):
    text = f"apiVersion: v1\nkind: Pod\nspec: {{{containers}: [{{image: a}}, {{}}, text]}}\n"
    assert injected(text, images=("b",)) == text
    assert injected(text, images=("a",)) != text


def test_serviceaccounts_have_no_images():
    check_marked(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n"
        "«imagePullSecrets:\n- name: regcred\n»",
        images=("b",),
        serviceaccounts=True,
    )


ATTACHED = {("here", "default"): ("one", "two"), ("there", "app"): ("three", "regcred")}


@pytest.mark.parametrize(
    ("metadata", "spec", "added", "accounts"),
    [
        pytest.param("", "", ("one", "two", "regcred"), (("here", "default"),), id="default"),
        pytest.param(
            ", namespace: there",
            "serviceAccountName: app, ",
            ("three", "regcred"),
            (("there", "app"),),
            id="another",
        ),
        pytest.param(
            ", namespace: there",
            "serviceAccount: app, ",
            ("three", "regcred"),
            (("there", "app"),),
            id="by its old name",
        ),
        pytest.param(
            "",
            "serviceAccountName: b, ",
            ("regcred",),
            (("here", "b"),),
            id="one that is not known",
        ),
        pytest.param("", "imagePullSecrets: [{name: old}], ", ("regcred",), (), id="a list"),
        pytest.param(
            "",
            "imagePullSecrets: [], ",
            ("one", "two", "regcred"),
            (("here", "default"),),
            id="an empty list",
        ),
        pytest.param(
            "", "<<: {imagePullSecrets: [{name: old}]}, ", ("regcred",), (), id="a merged list"
        ),
    ],
)
def test_those_of_the_serviceaccount_are_kept(metadata, spec, added, accounts):
    text = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a{metadata}}}\n"
        f"spec: {{{spec}containers: []}}\n"
    )
    (result,) = results(text, namespace="here", attached=ATTACHED, keep=True)
    (change,) = result.changes
    assert (change.added, change.serviceaccounts) == (added, accounts)
    for name in added:
        assert f"{{name: {name}}}" in result.text
    # Without being asked to, they are only named.
    (result,) = results(text, namespace="here", attached=ATTACHED)
    assert result.changes[0].added == ("regcred",)
    assert result.changes[0].serviceaccounts == accounts


def test_what_is_said_of_a_change():
    document = Document(
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n"
        "spec: {jobTemplate: {spec: {template: {spec: {}}}}}\n",
        12,
    )
    result = inject(document, Request(("regcred",), namespace="here"))
    assert result.changes == (
        Change(
            "cronjob/a",
            "here",
            16,
            ("regcred",),
            (("here", "default"),),
            ".spec.jobTemplate.spec.template.spec",
            result.insertions[0].at,
        ),
    )
    assert (result.found, result.unmatched, result.open_end) == (1, 0, False)


@pytest.mark.parametrize(
    ("text", "open_end"),
    [
        ("a: |\n  b", True),
        ("a: >+\n  b", True),
        ("a: |\n  b\n", False),
        ("a: b", False),
        ("a: |\n  b\n...", False),
        ("apiVersion: v1\nkind: Pod\nspec:\n  a: |\n    b", True),
        ("apiVersion: v1\nkind: Pod\nspec:\n  a: |\n    b\n", False),
    ],
)
def test_texts_that_go_on(text, open_end):
    (result,) = results(text)
    assert result.open_end == open_end


def test_nothing_asked_for():
    text = TWO_PODS.replace("«", "").replace("»", "")
    found = [inject(Document(part), Request(())) for part in [text]]
    assert [result.text for result in found] == [text]
