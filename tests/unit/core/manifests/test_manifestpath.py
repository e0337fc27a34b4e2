import pytest

from regcred.core.errors import UsageError
from regcred.core.manifests.manifestpath import KindPath, parse_kind_path, parse_path, show


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".spec.template.spec", ("spec", "template", "spec")),
        ("spec.template.spec", ("spec", "template", "spec")),
        ("{.spec.template.spec}", ("spec", "template", "spec")),
        ("{ $.spec }", ("spec",)),
        ("$['spec']", ("spec",)),
        (" .spec ", ("spec",)),
        (".spec.imagePullSecrets", ("spec",)),
        (".spec.jobs[*].template", ("spec", "jobs", "*", "template")),
        (".spec.jobs.[*].template", ("spec", "jobs", "*", "template")),
        (".spec.*.template", ("spec", "*", "template")),
        ("[*].spec", ("*", "spec")),
        ("['a.b'].[\"c'd\"].e-f_g/h", ("a.b", "c'd", "e-f_g/h")),
    ],
)
def test_paths(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (".spec.jobs[0].template", "[0].template"),
        (".spec.jobs[?(@.a)].template", "[?(@.a)].template"),
        (".spec..template", "..template"),
        (".spec.", "."),
        (".spec template", " template"),
        (".spec['a", "['a"),
        ("{.spec", "{.spec"),
    ],
)
def test_what_is_no_path(text, rest):
    with pytest.raises(UsageError) as caught:
        parse_path(text)
    assert caught.value.message.startswith(
        f"the path {text!r} cannot be read from {(rest if rest[0] in '.[ ' else '.' + rest)!r} on"
    )
    assert "--path" in caught.value.hint


@pytest.mark.parametrize("text", ["", "  ", "{}", "$", ".imagePullSecrets"])
def test_paths_to_nothing(text):
    with pytest.raises(UsageError, match="names no Pod spec"):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("Rollout=.spec", KindPath("Rollout", None, ("spec",)), "Rollout=.spec"),
        (
            "Job.batch.volcano.sh=spec.tasks[*].template.spec",
            KindPath("Job", "batch.volcano.sh", ("spec", "tasks", "*", "template", "spec")),
            "Job.batch.volcano.sh=.spec.tasks[*].template.spec",
        ),
    ],
)
def test_kinds_with_paths(text, expected, shown):
    assert parse_kind_path(text) == expected
    assert str(expected) == shown
    assert parse_kind_path(shown) == expected


@pytest.mark.parametrize("text", ["", ".spec", "rollout=.spec", "Roll out=.spec", "R.=.spec"])
def test_what_is_no_kind_with_a_path(text):
    with pytest.raises(UsageError, match=r"is not KIND=PATH") as caught:
        parse_kind_path(text)
    assert repr(text) in caught.value.message


def test_of_a_path_without_end_a_part_is_shown():
    for text in ("['" * 5000, "A=" + "['a']" * 5000 + "!"):
        with pytest.raises(UsageError) as caught:
            parse_kind_path(text)
        assert len(caught.value.message) < 1000


def test_paths_as_kubectl_writes_them():
    assert show(("spec", "jobs", "*", "spec")) == ".spec.jobs[*].spec"
