"""What a person asks ``regcred why`` about."""

import pytest

from regcred.core.errors import UsageError
from regcred.kube.podtargets import alike, is_kind, parse, parse_all


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("web-1", "pod/web-1"),
        ("po/web-1", "pod/web-1"),
        ("Pods/web-1", "pod/web-1"),
        ("deploy/web", "deployment/web"),
        ("deployments.apps/web", "deployment/web"),
        ("deployment.v1.apps/web", "deployment/web"),
        ("sts/db", "statefulset/db"),
        ("ds/agent", "daemonset/agent"),
        ("job/once", "job/once"),
        ("cj/nightly", "cronjob/nightly"),
        ("cronjob/nightly", "cronjob/nightly"),
        ("rs/web-1", "replicaset/web-1"),
        ("rc/old", "replicationcontroller/old"),
    ],
)
def test_as_kubectl_writes_it(given, shown):
    assert str(parse(given)) == shown


@pytest.mark.parametrize(
    "given", ["service/web", "/web", "pod/", "a/b/c", "Web", "deploy/we b", ""]
)
def test_what_is_nothing_of_the_kind(given):
    with pytest.raises(UsageError) as caught:
        parse(given)
    assert "did you mean" not in caught.value.hint


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("deplyo/web", "deploy/web"),
        ("Deploymnt/web", "deployment/web"),
        ("statefullset/db", "statefulset/db"),
        ("pdo/web-1", "po/web-1"),
    ],
)
def test_a_kind_with_a_slip(given, meant):
    with pytest.raises(UsageError) as caught:
        parse(given)
    assert caught.value.hint == f"did you mean {meant}?"


def test_each_target_once():
    given = ("web-1", "deploy/web", "pod/web-1", "deployment/web")
    assert [str(each) for each in parse_all(given)] == ["pod/web-1", "deployment/web"]
    assert parse_all(()) == []
    assert [str(each) for each in parse_all(("job",))] == ["pod/job"]
    assert len(parse_all(("job", "deploy/web"))) == 2


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (("deployment", "web"), "regcred why deployment/web;"),
        (("sts", "db", "db2"), "regcred why sts/db sts/db2;"),
        (("Pod", "web-1"), "regcred why Pod/web-1;"),
    ],
)
def test_a_kind_and_names(given, hint):
    with pytest.raises(UsageError) as caught:
        parse_all(given)
    assert caught.value.hint.startswith(hint)
    assert is_kind(given[0])


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("web-7d4-aaa", ["web-7d4-bbb", "web-9f2-ccc", "db-0"], ["web-7d4-bbb"]),
        ("web", ["web-9f2-ccc", "web-7d4-bbb"], ["web-7d4-bbb", "web-9f2-ccc"]),
        ("db", ["db-0", "dc-0"], ["db-0"]),
        ("web-1", ["we"], []),
        ("web-1", ["other"], []),
        ("web-1", [], []),
        ("a" * 5, [f"aaaaa-{n}" for n in range(9)], [f"aaaaa-{n}" for n in range(5)]),
    ],
)
def test_names_that_begin_alike(name, names, expected):
    assert alike(name, names) == expected
