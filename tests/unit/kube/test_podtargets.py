"""What a person asks ``regcred why`` about."""

import pytest

from regcred.core.errors import UsageError
from regcred.kube.podtargets import alike, parse


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
    with pytest.raises(UsageError):
        parse(given)


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
