import itertools

import pytest

from regcred.core.operator import select
from regcred.core.operator.pullcredential import parse
from tests.support.operating import pullcredential


@pytest.mark.parametrize(
    ("selector", "name", "labels", "selected"),
    [
        ({}, "anything", {}, True),
        ({"include": ["team-*"]}, "team-a", {}, True),
        ({"include": ["team-*"]}, "xteam-a", {}, False),
        ({"include": ["a", "b"]}, "b", {}, True),
        ({"include": []}, "a", {}, False),
        ({"include": ["team-*"], "exclude": ["team-x*"]}, "team-x1", {}, False),
        ({"include": ["team-*"], "exclude": ["*-a", "b"]}, "team-b", {}, True),
        ({"matchLabels": {"pull": "yes"}}, "a", {"pull": "yes"}, True),
        ({"matchLabels": {"pull": "yes", "env": "dev"}}, "a", {"pull": "yes"}, False),
        ({"matchLabels": {"pull": ""}}, "a", {}, False),
        ({"include": ["b"], "matchLabels": {"pull": "yes"}}, "a", {"pull": "yes"}, False),
    ],
)
def test_namespaces(selector, name, labels, selected):
    assert select.namespace(pullcredential(namespaces=selector), name, labels) is selected


@pytest.mark.parametrize(
    ("operator", "there", "other", "absent"),
    [
        ("In", True, False, False),
        ("NotIn", False, True, True),
        ("Exists", True, True, False),
        ("DoesNotExist", False, False, True),
    ],
)
def test_expressions(operator, there, other, absent):
    values = {"values": ["dev", "test"]} if "In" in operator else {}
    rule = {"key": "env", "operator": operator} | values
    one = pullcredential(namespaces={"matchExpressions": [rule]})
    answers = [select.namespace(one, "a", labels) for labels in ({"env": "dev"}, {"env": "x"}, {})]
    assert answers == [there, other, absent]


def test_all_expressions_must_hold():
    rules = [{"key": key, "operator": "Exists"} for key in "ab"]
    one = pullcredential(namespaces={"matchExpressions": rules})
    for keys in itertools.product(["a", None], ["b", None]):
        labels = {key: "" for key in keys if key}
        assert select.namespace(one, "x", labels) == (len(labels) == 2)


def test_one_that_is_being_deleted_selects_nothing():
    assert not select.namespace(pullcredential(deleting=True), "a", {})


def test_one_that_cannot_be_understood_selects_nothing():
    assert not select.namespace(parse({"metadata": {"name": "a"}, "spec": {}}), "a", {})


@pytest.mark.parametrize(
    ("attach", "include", "name", "selected"),
    [
        ("ServiceAccount", ["default"], "default", True),
        ("ServiceAccount", ["default"], "builder", False),
        ("ServiceAccount", ["ci.*", "b*"], "builder", True),
        ("Pod", ["*"], "default", False),
        ("None", ["*"], "default", False),
    ],
)
def test_service_accounts(attach, include, name, selected):
    spec = pullcredential(attach=attach, serviceAccounts={"include": include}).spec
    assert select.service_account(spec, name) is selected
