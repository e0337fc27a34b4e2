from datetime import UTC, datetime

import pytest

from regcred.core import fields


def test_what_is_of_another_kind_reads_as_empty():
    assert (fields.mapping({"a": 1}), fields.mapping([])) == ({"a": 1}, {})
    assert (fields.entries([{"a": 1}, None, "x"]), fields.entries("x")) == ([{"a": 1}], [])
    assert (fields.texts(["a", None, 1]), fields.texts("a")) == (["a"], [])
    assert (fields.text("a"), fields.text(None), fields.text(1)) == ("a", "", "")


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (0, 0), (-1, 7), (True, 7), ("3", 7), (None, 7), (1.5, 7)]
)
def test_numbers_are_whole_and_not_negative(value, expected):
    assert fields.number(value, 7) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23T05:32:14Z", datetime(2026, 11, 23, 5, 32, 14, tzinfo=UTC)),
        ("2026-11-23T05:32:14.123456Z", datetime(2026, 11, 23, 5, 32, 14, 123456, tzinfo=UTC)),
        ("2026-11-23T05:32:14", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_have_a_zone(value, expected):
    assert fields.instant(value) == expected


def test_the_controller_is_the_owner_that_says_so():
    refs = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "c"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "", "controller": True},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True},
    ]
    assert fields.controller({"metadata": {"ownerReferences": refs}}) == (
        "apps/v1",
        "ReplicaSet",
        "web",
    )
    assert fields.controller({"metadata": {"ownerReferences": refs[:1]}}) is None
    assert fields.controller_ref({"metadata": {"ownerReferences": refs}}) == refs[2]
    assert fields.controller_ref({}) == {}


def test_a_mirror_shows_a_static_pod():
    assert fields.is_mirror({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}})
    assert not fields.is_mirror({"metadata": {"annotations": {"mirror": "x"}}})
    assert not fields.is_mirror({"metadata": {"annotations": None}})


def test_a_condition_has_a_type_and_a_status():
    obj = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "x"}]}}
    assert fields.condition(obj, "Ready", "False")["reason"] == "x"
    assert fields.condition(obj, "Ready", "True") is None
    assert fields.condition({}, "Ready", "True") is None


def test_quoted_as_go_quotes():
    assert fields.quoted('a"b\\c') == r'"a\"b\\c"'
