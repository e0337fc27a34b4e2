"""Who is selected by a PullCredential: the one definition.

Admission policies select in CEL, by the same spec. What they decide is compared with this, so
it uses nothing that CEL has not: globs with ``*`` alone, and labels as Kubernetes' own selectors
have them (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core import glob
from regcred.core.operator.pullcredential import Attach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.operator.pullcredential import (
        LabelRule,
        NamespaceSelector,
        PullCredential,
        Spec,
    )


def namespace(pullcredential: PullCredential, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the namespace gets its registries.

    One that is being deleted selects nothing, and neither does one that cannot be understood;
    the two are not alike (`regcred.core.operator.desired`).
    """
    spec = pullcredential.spec
    return (
        not pullcredential.deleting and spec is not None and matches(spec.namespaces, name, labels)
    )


def namespace_by_name(pullcredential: PullCredential, name: str) -> bool | None:
    """Likewise, of a namespace whose labels are not known; None where they would have to tell."""
    spec = pullcredential.spec
    if pullcredential.deleting or spec is None or not _named(spec.namespaces, name):
        return False
    return None if spec.namespaces.labels or spec.namespaces.rules else True


def matches(selector: NamespaceSelector, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a namespace of this name with these labels is meant."""
    return (
        _named(selector, name)
        and all(labels.get(key) == value for key, value in selector.labels)
        and all(_holds(rule, labels) for rule in selector.rules)
    )


def service_account(spec: Spec, name: str) -> bool:
    """Whether the ServiceAccount, in a namespace that is selected, is to name the Secret."""
    return spec.attach is Attach.SERVICE_ACCOUNT and glob.any_matches(spec.service_accounts, name)


def _named(selector: NamespaceSelector, name: str) -> bool:
    included = glob.any_matches(selector.include, name)
    return included and not glob.any_matches(selector.exclude, name)


def _holds(rule: LabelRule, labels: Mapping[str, str]) -> bool:
    there = rule.key in labels
    match rule.operator:
        case "In":
            return there and labels[rule.key] in rule.values
        case "NotIn":
            return not there or labels[rule.key] not in rule.values
        case "Exists":
            return there
        case _:
            return not there
