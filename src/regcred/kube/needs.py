"""Which rights the verbs take, in the order in which they meet them.

For who has too few of them (`regcred.kube.rights`), and only then: nobody is asked beforehand.
``docs/reference/rights.md`` has them for those who grant them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.kube.grants import Need
from regcred.kube.resources import NAMESPACES, SECRETS, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.kube.selection import Selection

_READING = ("get", "list")


def log_in(secret: str, selection: Selection) -> list[Need]:
    """For ``login``: ServiceAccounts are looked for, the Secret is written, and attached.

    Args:
        secret: its name.
        selection: the ServiceAccounts.
    """
    return [*_find(selection), *write(secret), *_change(selection)]


def log_out(secret: str) -> list[Need]:
    """For ``logout`` from the Secret of this name, which is changed or goes."""
    return [
        Need("get", SECRETS, secret),
        Need("list", SERVICEACCOUNTS),
        Need("patch", SERVICEACCOUNTS),
        Need("patch", SECRETS, secret),
        Need("delete", SECRETS, secret),
    ]


def attach(selection: Selection) -> list[Need]:
    """For ``attach`` and ``detach``."""
    return [*_find(selection), *_change(selection)]


def write(secret: str) -> list[Need]:
    """For ``secret``: the one of this name is made, or changed."""
    return [Need(verb, SECRETS, secret) for verb in ("get", "create", "patch")]


def tried(needs: Sequence[Need], dry_run: str) -> list[Need]:
    """What of it a run takes that may change nothing (``--dry-run``)."""
    return [need for need in needs if dry_run != "client" or need.verb in _READING]


def _find(selection: Selection) -> list[Need]:
    if selection.namespace_selector:
        return [Need("list", NAMESPACES), Need("list", SERVICEACCOUNTS)]
    if selection.everywhere or not selection.exact:
        return [Need("list", SERVICEACCOUNTS)]
    return [Need("get", SERVICEACCOUNTS, name) for name in selection.patterns]


def _change(selection: Selection) -> list[Need]:
    by_name = selection.exact and not selection.everywhere
    names = selection.patterns if by_name else [""]
    return [Need("patch", SERVICEACCOUNTS, name) for name in names]
