"""What ``regcred status`` keeps of the objects that it reads: no password, and only what counts.

A large cluster's Pods do not fit into memory, so each object is read as it comes, and what is
kept of it is a few names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.logins.serviceaccount import attached_names
from regcred.core.namespace.statussecret import see_secret
from regcred.core.pods import podstate

if TYPE_CHECKING:
    from regcred.core.namespace.statussecret import SeenSecret

#: The ServiceAccount that every namespace has, and every Pod gets that names none.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class RefusedPod:
    """A Pod that fails to pull.

    Args:
        name: its name.
        images: the images that it waits for, as they stand in its spec.
        pull_secrets: its frozen list.
    """

    name: str
    images: tuple[str, ...]
    pull_secrets: tuple[str, ...] = ()


@dataclass(slots=True)
class NamespaceFacts:
    """What is in one namespace.

    Args:
        name: its name.
        secrets: its pull Secrets, by name.
        other_secrets: those of other types that something names; None where that is not known.
        accounts: ServiceAccount → the names in its list.
        runs_as: the ServiceAccounts that its Pods run as.
        named: Secret → how many Pods name it.
        refused: the Pods that fail to pull.
        unread: what could not be listed: ``secrets``, ``serviceaccounts``, ``pods``.
        for_pods: PullCredentials with ``attach: Pod``, whose Secret admission names on Pods alone.
    """

    name: str
    secrets: dict[str, SeenSecret] = field(default_factory=dict)
    other_secrets: set[str] | None = field(default_factory=set)
    accounts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    runs_as: set[str] = field(default_factory=set)
    named: Counter[str] = field(default_factory=Counter)
    refused: list[RefusedPod] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    for_pods: frozenset[str] = frozenset()

    def add_secret(self, obj: dict[str, Any]) -> None:
        """Note a pull Secret."""
        seen = see_secret(obj)
        self.secrets[seen.name] = seen

    def add_account(self, obj: dict[str, Any]) -> None:
        """Note a ServiceAccount."""
        self.accounts[obj["metadata"]["name"]] = _names(obj)

    def add_pod(self, obj: dict[str, Any]) -> None:
        """Note a Pod, unless it is on its way out.

        Which pulls fail is for `regcred.core.pods.podstate` to say, so that ``why`` says the same.
        """
        if obj["metadata"].get("deletionTimestamp"):
            return
        spec = obj["spec"]
        self.runs_as.add(spec.get("serviceAccountName") or DEFAULT)
        names = _names(spec)
        self.named.update(names)
        failures = failing.failures if (failing := podstate.read(obj)) else ()
        if images := tuple(dict.fromkeys(each.image for each in failures if each.is_pull)):
            self.refused.append(RefusedPod(obj["metadata"]["name"], images, names))

    @property
    def absent(self) -> list[str]:
        """The Secrets that something names and that are no pull Secrets here."""
        wanted = {name for names in self.accounts.values() for name in names} | set(self.named)
        return sorted(wanted - set(self.secrets))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found, not even the ServiceAccount that every namespace has."""
        return not (self.secrets or self.accounts or self.runs_as)


def _names(obj: dict[str, Any]) -> tuple[str, ...]:
    """The names in the ``imagePullSecrets`` of a ServiceAccount or of a Pod's spec, once each."""
    return tuple(dict.fromkeys(filter(None, attached_names(obj))))
