"""The operator's rights in docs/reference/rights.md: every rule that the chart renders, and why."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from cluster.paths import CHECKOUT
from tools.plainyaml import CHART, NAMESPACE, RELEASE
from tools.regions import filled, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PAGE = CHECKOUT / "docs" / "reference" / "rights.md"

#: Values with which there are rules that there are not without them -> how to say so.
_SETTINGS = {
    "": "always",
    "admission.mode=Webhook": "with the webhook, without cert-manager",
    "rescue.rights=Report": "`rescue.rights: Report` or `Evict`",
    "rescue.rights=Evict": "`rescue.rights: Evict`",
    "identities={puller}": "with `identities`",
}
_EVERYWHERE, _OWN = "everywhere", "its own namespace"
#: (Where, resource, only of a name) -> what it is for. One that is missing is an error: a right
#: that nobody can explain is one too many.
_WHY = {
    (_EVERYWHERE, "namespaces", False): "who is selected",
    (_EVERYWHERE, "serviceaccounts", False): "attach and detach",
    (
        _EVERYWHERE,
        "secrets",
        False,
    ): "the merged pull Secret; RBAC cannot limit `create` to a name, an admission policy does",
    (_EVERYWHERE, "secrets", True): "the merged pull Secret, and no other",
    (_EVERYWHERE, "pullcredentials", False): "what is wanted; `patch` is for the finalizer",
    (_EVERYWHERE, "pullcredentials/status", False): "the status",
    (_EVERYWHERE, "events", False): "Events on PullCredentials",
    (_EVERYWHERE, "mutatingwebhookconfigurations", True): "`caBundle` of its own one",
    (_EVERYWHERE, "pods", False): "which Pods from before wait",
    (_EVERYWHERE, "pods/eviction", False): "having them made anew",
    (_OWN, "secrets", False): "the Secrets of sources",
    (_OWN, "serviceaccounts/token", True): "keyless sources: tokens of these ServiceAccounts",
    (_OWN, "leases", False): "leader election; RBAC cannot limit `create` to a name",
    (_OWN, "leases", True): "leader election",
}


def page(helm: Path) -> str:
    """The page as it should be.

    Args:
        helm: the program.

    Raises:
        subprocess.CalledProcessError: the chart does not render.
        ValueError: nobody has said what a rule is for.
    """
    return filled(PAGE.read_text(), "operator", table(_HEAD, _rows(helm)))


_HEAD = "where", "what", "verbs", "for", "when"


def _rows(helm: Path) -> Iterator[tuple[str, ...]]:
    told: set[tuple[str, ...]] = set()
    for setting, when in _SETTINGS.items():
        for rule in _rules(helm, setting):
            if rule not in told:
                told.add(rule)
                where, what, verbs, why = rule
                yield where, what, verbs, why, when


def _rules(helm: Path, setting: str) -> Iterator[tuple[str, str, str, str]]:
    command = [str(helm), "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}"]
    command += ["--set=admission.mode=Policy", *([f"--set={setting}"] if setting else [])]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for obj in yaml.safe_load_all(rendered):
        if obj and obj["kind"] in ("ClusterRole", "Role"):
            for rule in obj["rules"]:
                yield from _told(_EVERYWHERE if obj["kind"] == "ClusterRole" else _OWN, rule)


def _told(where: str, rule: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    names = rule.get("resourceNames", [])
    (group,) = rule["apiGroups"]
    only = f", only `{'`, `'.join(names)}`" if names else ""
    for resource in rule["resources"]:
        why = _WHY.get((where, resource, bool(names)))
        if why is None:
            raise ValueError(f"tools/rightsref.py does not say why {where}: {resource}{only}")
        of = f" ({group})" if group else ""
        yield where, f"{resource}{of}{only}", ", ".join(rule["verbs"]), why
