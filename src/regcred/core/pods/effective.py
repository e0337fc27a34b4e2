"""Which pull Secrets a Pod gets: its own list, else that of its ServiceAccount.

ServiceAccount admission copies the names when a Pod is made, and only where it has none of its
own. What could not be read is unknown: never taken for missing, and never for empty.

Source: Kubernetes v1.37 plugin/pkg/admission/serviceaccount/admission.go
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from regcred.core.logins.pullsecret import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.logins.pullsecret import PullSecret
    from regcred.core.pods.podtemplate import PodTemplate
    from regcred.core.pods.stuck import Waiting

    #: Namespace and name.
    Place = tuple[str, str]


class Given(StrEnum):
    """Who says which Secrets count."""

    #: The lists of Pods and ServiceAccounts.
    LISTS = "lists"
    #: A person, with ``--secret-file``.
    FILES = "files"
    #: Nobody: there is no cluster to ask, and no Secret is given.
    NOBODY = "nobody"


@dataclass(slots=True)
class World:
    """What is known of a cluster and of what is about to be deployed there.

    Args:
        accounts: ServiceAccounts → the names in their lists.
        declared: ServiceAccounts that the deploy brings without a list: they keep the one that
            they have, and where they do not exist yet it is empty.
        secrets: Secrets; those that are known not to exist have no data.
        assumed: Secrets, by name, that are taken to exist in every namespace.
        placed: those of `secrets` that are taken to exist in one.
        unknown_accounts: ServiceAccounts that could not be read → why, a clause.
        unknown_secrets: likewise.
        account_hints: what makes an unknown ServiceAccount known; may be empty.
        secret_hints: likewise.
        waiting: (namespace, ``deployment/web``) → its Pods that did not get an image.
        pull_secrets: namespace → the pull Secrets in it, where one that is named is missing.
        given: who says which Secrets count.
    """

    accounts: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    declared: set[Place] = field(default_factory=set)
    secrets: dict[Place, PullSecret] = field(default_factory=dict)
    assumed: dict[str, PullSecret] = field(default_factory=dict)
    placed: dict[Place, PullSecret] = field(default_factory=dict)
    unknown_accounts: dict[Place, str] = field(default_factory=dict)
    unknown_secrets: dict[Place, str] = field(default_factory=dict)
    account_hints: dict[Place, str] = field(default_factory=dict)
    secret_hints: dict[Place, str] = field(default_factory=dict)
    waiting: dict[Place, Waiting] = field(default_factory=dict)
    pull_secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    given: Given = Given.LISTS

    def others(self, namespace: str) -> tuple[str, ...]:
        """The pull Secrets that could be named in a namespace, as far as they are known."""
        brought = (
            name
            for (place, name), secret in self.secrets.items()
            if place == namespace and secret.data is not None and secret.type in KEYS
        )
        return tuple(sorted({*self.pull_secrets.get(namespace, ()), *brought}))

    def secret(self, namespace: str, name: str) -> PullSecret | None:
        """The Secret, as far as it is known."""
        if (namespace, name) in self.secrets:
            return self.secrets[namespace, name]
        assumed = self.assumed.get(name)
        return assumed and replace(assumed, namespace=namespace)


@dataclass(frozen=True, slots=True)
class Effective:
    """The pull Secrets of a Pod.

    Args:
        secrets: in the order of the list; those that are missing included.
        unknown: what could not be read, and why; a clause each.
        cut_off: names in the list of its ServiceAccount that it does not get, since it has a
            list of its own.
        account: (namespace, name) of that ServiceAccount.
        hints: what makes the unknown known.
        template: what the Pod is made from; None where nobody says.
        waiting: its Pods that did not get an image; None for none.
        given: who says which Secrets count.
        others: pull Secrets that could be named in place of one that is missing, as far as they
            are known; none where none is missing.
    """

    secrets: tuple[PullSecret, ...]
    unknown: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    account: Place = ("", "")
    hints: tuple[str, ...] = ()
    template: PodTemplate | None = None
    waiting: Waiting | None = None
    given: Given = Given.LISTS
    others: tuple[str, ...] = ()


def needed_account(template: PodTemplate) -> Place | None:
    """The ServiceAccount that decides about the Pods of `template`; None for one that exists."""
    return None if template.exists else (template.namespace, template.account)


def list_of(template: PodTemplate, accounts: Mapping[Place, tuple[str, ...]]) -> tuple[str, ...]:
    """The names that a Pod of `template` ends up with, as far as is known."""
    if template.has_list or template.exists:
        return template.secrets
    return accounts.get((template.namespace, template.account), ())


def effective(template: PodTemplate, world: World) -> Effective:
    """The pull Secrets of a Pod made from `template`."""
    account = template.namespace, template.account
    unknown, hints, secrets = [], [], []
    if not template.has_list and not template.exists and account not in world.accounts:
        unknown.append(
            f"serviceaccount/{template.account}{_in(template.namespace)}"
            f"{_why(world.unknown_accounts, account)}"
        )
        hints.append(world.account_hints.get(account, ""))
    for name in list_of(template, world.accounts):
        secret = world.secret(template.namespace, name)
        if secret is None:
            why = _why(world.unknown_secrets, (template.namespace, name))
            unknown.append(f"secret/{name}{_in(template.namespace)}{why}")
            hints.append(world.secret_hints.get((template.namespace, name), ""))
        else:
            secrets.append(secret)
    cut_off: tuple[str, ...] = ()
    if template.has_list and not template.exists:
        theirs = world.accounts.get(account, ())
        cut_off = tuple(name for name in theirs if name not in template.secrets)
    return Effective(
        tuple(secrets),
        tuple(unknown),
        cut_off,
        account,
        tuple(dict.fromkeys(filter(None, hints))),
        template,
        world.waiting.get((template.namespace, template.object)),
        world.given,
        world.others(template.namespace) if any(s.data is None for s in secrets) else (),
    )


def _in(namespace: str) -> str:
    return f" in {namespace}" if namespace else ""


def _why(reasons: Mapping[Place, str], place: Place) -> str:
    return f" ({reasons[place]})" if place in reasons else ""
