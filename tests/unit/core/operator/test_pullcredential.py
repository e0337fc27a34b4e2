from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidPullCredential
from regcred.core.operator.pcspec import ACCOUNT_NAME
from regcred.core.operator.pullcredential import (
    Attach,
    LabelRule,
    NamespaceSelector,
    Rescue,
    SecretRef,
    SourceSpec,
    Spec,
    parse,
    parse_spec,
)
from tests.support.pullcredentials import (
    MINIMAL,
    REFUSED_BY_CORE,
    REFUSED_SPECS,
    TAKEN_SPECS,
)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["registries", "source", "basic", "secretRef", "name", "namespaces",
                         "include", "matchExpressions", "matchLabels", "key", "attach", "rescue"]),
        inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


def full(**spec):
    metadata = {
        "name": "asia-gcr",
        "uid": "u",
        "generation": 3,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "finalizers": ["regcred.dev/undo"],
    }
    return {"metadata": metadata, "spec": MINIMAL | spec}


def test_a_whole_object():
    found = parse(
        full(
            registries=["asia.gcr.io", "https://asia.gcr.io/", "*.pkg.dev/p"],
            source={"googleServiceAccount": {"secretRef": {"name": "key", "key": "k.json"}}},
            namespaces={
                "include": ["team-*"],
                "exclude": ["team-x*"],
                "matchLabels": {"pull": "yes"},
                "matchExpressions": [{"key": "env", "operator": "In", "values": ["a", "b"]}],
            },
            serviceAccounts={"include": ["*"]},
            attach="Pod",
            rescue="Evict",
        )
    )
    assert (found.name, found.uid, found.generation) == ("asia-gcr", "u", 3)
    assert found.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.rank == (found.created, "asia-gcr")
    assert (found.deleting, found.finalizers, found.problem) == (False, ("regcred.dev/undo",), None)
    assert found.spec == Spec(
        ("asia.gcr.io", "*.pkg.dev/p"),
        SourceSpec(
            "googleServiceAccount",
            {"secretRef": {"name": "key", "key": "k.json"}},
            SecretRef("key", "k.json"),
        ),
        NamespaceSelector(
            ("team-*",), ("team-x*",), (("pull", "yes"),), (LabelRule("env", "In", ("a", "b")),)
        ),
        ("*",),
        Attach.POD,
        Rescue.EVICT,
    )


def test_defaults_are_those_of_the_crd():
    spec = parse(full()).spec
    assert spec is not None
    assert spec.namespaces == NamespaceSelector(("*",))
    assert (spec.service_accounts, spec.attach) == (("default",), Attach.SERVICE_ACCOUNT)
    assert spec.rescue is Rescue.OFF
    assert spec.source.secret == SecretRef("login", "")


def test_a_source_that_mints():
    settings = {"projects": ["a"], "days": 2, "secretRef": {"name": "login"}}
    source = parse(full(source={"harbor": settings})).spec.source
    assert (source.kind, source.settings) == ("harbor", settings)
    assert source.secret == SecretRef("login", "")
    ambient = parse(full(source={"ecr": {}})).spec.source
    assert ambient == SourceSpec("ecr", {})
    keyless = {"robot": "a+b", "identity": {"serviceAccount": "puller.of-quay"}}
    assert parse(full(source={"quay": keyless})).spec.source == SourceSpec("quay", keyless)


@pytest.mark.parametrize(
    ("identity", "field", "why"),
    [
        ({}, "identity.serviceAccount", "Required value"),
        ({"serviceAccount": "../secrets/login"}, "identity.serviceAccount", ACCOUNT_NAME),
        ({"serviceAccount": "Puller"}, "identity.serviceAccount", ACCOUNT_NAME),
        ({"serviceAccount": ""}, "identity.serviceAccount", ACCOUNT_NAME),
        ({"serviceAccount": 7}, "identity.serviceAccount", "must be of type string"),
        ("puller", "identity", "must be of type object"),
    ],
)
def test_what_becomes_a_part_of_a_url_is_a_name(identity, field, why):
    with pytest.raises(InvalidPullCredential) as caught:
        parse_spec(MINIMAL | {"source": {"quay": {"robot": "a+b", "identity": identity}}}, "a")
    assert caught.value.problems[0] == (f"spec.source.quay.{field}", why)


def test_one_on_its_way_out():
    obj = full()
    obj["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert parse(obj).deleting


@pytest.mark.parametrize("spec", TAKEN_SPECS)
def test_taken(spec):
    assert parse_spec(spec, "a")


@pytest.mark.parametrize(("spec", "field", "why"), REFUSED_SPECS)
def test_refused_with_the_field_and_the_reason(spec, field, why):
    with pytest.raises(InvalidPullCredential) as caught:
        parse_spec(spec, "asia-gcr")
    assert caught.value.problems == ((field, why),)
    assert caught.value.message == f"PullCredential asia-gcr: {field}: {why}"
    assert caught.value.hint == "kubectl edit pullcredentials.regcred.dev asia-gcr"


@pytest.mark.parametrize("text", REFUSED_BY_CORE)
def test_what_the_crd_lets_pass_is_refused_here(text):
    with pytest.raises(InvalidPullCredential):
        parse_spec(MINIMAL | {"registries": [text]}, "a")


def test_all_that_is_wrong_is_told():
    with pytest.raises(InvalidPullCredential, match="and 2 more") as caught:
        parse_spec({"attach": "x"}, "a")
    assert [field for field, _ in caught.value.problems] == [
        "spec.source",
        "spec.namespaces",
        "spec.attach",
    ]


def test_a_wrong_spec_leaves_the_rest():
    found = parse(full(attach="Node"))
    assert found.spec is None
    assert found.problem is not None
    assert found.name == "asia-gcr"


def test_a_source_of_a_later_version_is_kept():
    spec = parse(full(source={"ecr": {"region": "eu-west-1"}})).spec
    assert spec is not None
    assert (spec.source.kind, spec.source.settings) == ("ecr", {"region": "eu-west-1"})
    assert spec.source.secret is None


@given(junk)
def test_whatever_comes_is_understood_or_refused(spec):
    found = parse({"metadata": {"name": "a"}, "spec": spec})
    assert (found.spec is None) != (found.problem is None)


@pytest.mark.parametrize("finalizers", [None, 1, "x", {"a": 1}, [1, None]])
def test_finalizers_that_are_none(finalizers):
    assert parse({"metadata": {"name": "a", "finalizers": finalizers}}).finalizers == ()
