"""Hypothesis strategies: what PullCredentials select by, and the objects that meet them.

Globs are made of the very names that are there, so that about as many match as do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from regcred.core import marks
from tests.support.admissionworld import SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

Strategy = st.SearchStrategy

#: Of namespaces, after a prefix, with their labels.
NAMESPACES: dict[str, dict[str, str]] = {
    "a": {},
    "team-a": {"env": "prod", "team": "a"},
    "team-ab": {"env": "dev", "team": "ab"},
    "b-team": {"env": "", "example.com/x": "1"},
    "0": {"team": "a", "example.com/x": ""},
    "a-a-a": {"env": "prod"},
}
#: Of ServiceAccounts: some would match another's name if a dot were any character.
ACCOUNTS = ("default", "build-bot", "build.bot", "a", "ci.a-b.c", "ci-a-b-c", "0.0")

_KEYS = ("env", "team", "example.com/x", "absent", "kubernetes.io/metadata.name")
_VALUES = ("prod", "dev", "", "a", "ab", "1")
_NAMESPACE_GLOB = re.compile(r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?")
_ACCOUNT_GLOB = re.compile(r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?(\.[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?)*")


def _by_label(operator: str, *values: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"key": "env", "operator": operator}
    return {"namespaces": {"matchExpressions": [rule | ({"values": values} if values else {})]}}


#: What a spec may say, each by itself, in place of the same words of one that selects everything.
CORNERS: list[dict[str, Any]] = [
    {},
    _by_label("In", "prod", ""),
    _by_label("NotIn", "prod", "x"),
    _by_label("Exists"),
    _by_label("DoesNotExist"),
    {"namespaces": {"matchLabels": {"env": "prod", "team": "a"}}},
    {"namespaces": {"matchLabels": {"env": ""}}},
    {"namespaces": {"include": ["*-team-a", "*-0"]}},
    {"namespaces": {"include": ["*a*m-*b*"]}},
    {"namespaces": {"exclude": ["*-team-*", "*-a"]}},
    {"namespaces": {"exclude": ["*"]}},
    {"serviceAccounts": {"include": ["build.b*"]}},
    {"serviceAccounts": {"include": ["*.*", "def*"]}},
    {"serviceAccounts": {"include": ["ci*a-b*c", "build-bot"]}},
    {"serviceAccounts": {}},
    {"attach": "Pod"},
    {"attach": "None"},
]


def globs(names: Sequence[str], taken: re.Pattern[str]) -> Strategy[str]:
    """Names, with stars in place of some of their parts."""
    return _globs(names).filter(lambda glob: bool(taken.fullmatch(glob)))


@st.composite
def _globs(draw: st.DrawFn, names: Sequence[str]) -> str:
    text = draw(st.sampled_from(names))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, len(text)))
        text = text[:start] + draw(st.sampled_from("***a")) + text[end:]
    return text


def _some(each: Strategy[Any], low: int = 0, high: int = 3) -> Strategy[list[Any]]:
    return st.lists(each, min_size=low, max_size=high, unique=True)


def _rules() -> Strategy[dict[str, Any]]:
    key, values = st.sampled_from(_KEYS), _some(st.sampled_from(_VALUES), 1)
    with_values = st.fixed_dictionaries(
        {"key": key, "operator": st.sampled_from(["In", "NotIn"]), "values": values}
    )
    without = st.fixed_dictionaries(
        {"key": key, "operator": st.sampled_from(["Exists", "DoesNotExist"])},
        optional={"values": st.just([])},
    )
    return with_values | without


def specs(namespaces: Sequence[str]) -> Strategy[dict[str, Any]]:
    """Specs of PullCredentials.

    Args:
        namespaces: their full names.
    """
    names = globs(namespaces, _NAMESPACE_GLOB)
    selector = st.fixed_dictionaries(
        {},
        optional={
            "include": _some(names, 1),
            "exclude": _some(names, 0, 2),
            "matchLabels": st.dictionaries(
                st.sampled_from(_KEYS), st.sampled_from(_VALUES), max_size=2
            ),
            "matchExpressions": st.lists(_rules(), max_size=2),
        },
    )
    accounts = st.fixed_dictionaries(
        {}, optional={"include": _some(globs(ACCOUNTS, _ACCOUNT_GLOB), 1)}
    )
    return st.fixed_dictionaries(
        {
            "registries": st.just(["registry.example.com"]),
            "source": st.just(SOURCE),
            "namespaces": selector,
        },
        optional={
            "serviceAccounts": accounts,
            "attach": st.sampled_from(["ServiceAccount"] * 3 + ["Pod", "Pod", "None"]),
        },
    )


def entries(secret: str) -> Strategy[list[dict[str, str]] | None]:
    """Lists of pull Secrets; None for none."""
    names = st.sampled_from(["theirs", "other", secret])
    return st.none() | st.lists(names.map(lambda name: {"name": name}) | st.just({}), max_size=3)


def annotations(secret: str) -> Strategy[dict[str, str] | None]:
    """Annotations of a ServiceAccount, our mark among them; None for none."""
    marked = st.sampled_from(["", secret, "other", f"other,{secret}", "a,zz", f"{secret}-x"])
    others = st.sampled_from([{}, {"example.com/a.b": "c"}, {marks.ATTACHED: secret}])
    ours = st.just({}) | marked.map(lambda names: {marks.ATTACHED_BY_OPERATOR: names})
    return st.none() | st.builds(lambda a, b: {**a, **b}, others, ours)
