"""What ``regcred status`` says: rows, and what they come to.

None is what could not be read: unknown, which is neither missing nor empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.namespace.statusfacts import NamespaceFacts
    from regcred.core.namespace.statussecret import SeenSecret
    from regcred.core.problem import Reason

#: Names of Pods, in the order in which they were listed; None for unknown.
Pods = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """Which ServiceAccounts name a Secret.

    Meant are ``default`` and every ServiceAccount that a Pod of the namespace runs as.

    Args:
        meant: those that are meant; None where Pods could not be read.
        attached: those of them that name the Secret, or all where it is not known who is meant;
            None where ServiceAccounts could not be read.
        others: those that name it although no Pod runs as them.
    """

    meant: tuple[str, ...] | None = ()
    attached: tuple[str, ...] | None = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One registry of one Secret; or a Secret without one, or a registry without one.

    Args:
        namespace: the namespace.
        registry: the registry key, or the host of an image that a Pod fails to pull without a
            Secret for it in its list; empty for none, None for unknown.
        secret: the Secret's name; empty for none, None for unknown.
        attachment: of the Secret; None where there is none.
        reason: what is wrong with the Secret or the entry; None where nothing is.
        message: the same in words.
        managed_by: who keeps the Secret; empty where that is not known.
        expires: when the password expires, where that is known.
        expired: whether it has.
        static: whether it never does.
        short_lived: whether it does within an hour or so, nobody knows when.
        pods: how many Pods name the Secret; None for unknown.
        failing: the Pods that name the Secret and fail to pull an image which the registry key
            matches; all that name it and fail, of a Secret of which kubelet reads nothing; without
            a Secret those that name none for the registry.
        giver: the PullCredential that the login came from; empty for none.
        for_pods: whether that has admission name the Secret on Pods, and no ServiceAccount.
    """

    namespace: str
    registry: str | None = ""
    secret: str | None = ""
    attachment: Attachment | None = None
    reason: Reason | None = None
    message: str = ""
    managed_by: str = ""
    expires: datetime | None = None
    expired: bool = False
    static: bool = False
    short_lived: bool = False
    pods: int | None = None
    failing: Pods = ()
    giver: str = ""
    for_pods: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON: what does not apply is left out, null is unknown."""
        found: dict[str, Any] = {"namespace": self.namespace}
        found |= {k: v for k in ("registry", "secret") if (v := getattr(self, k)) != ""}
        if self.reason:
            found |= {"reason": str(self.reason), "message": self.message}
        if self.managed_by:
            found["managedBy"] = self.managed_by
        if self.giver:
            found["pullCredential"] = self.giver
        if self.expires:
            found["expiresAt"] = f"{self.expires.replace(tzinfo=None).isoformat('T', 'seconds')}Z"
        flags = {"expired": self.expired, "static": self.static, "shortLived": self.short_lived}
        flags["byAdmission"] = self.for_pods
        found |= {name: True for name, holds in flags.items() if holds}
        if at := self.attachment:
            found["serviceAccounts"] = {
                "meant": _listed(at.meant),
                "attached": _listed(at.attached),
                "others": _listed(at.others),
            }
            found["pods"] = self.pods
        return found | {"failing": _listed(self.failing)}


@dataclass(slots=True)
class Summary:
    """What there is in all.

    Args:
        namespaces: how many there are.
        complete: whether that is all; False where namespaces could not be listed.
        with_login: how many of them have a login that kubelet can use; None for unknown.
        failing: how many Pods fail to pull; None for unknown.
        failing_in: in how many namespaces.
    """

    namespaces: int = 0
    complete: bool = True
    with_login: int | None = 0
    failing: int | None = 0
    failing_in: int = 0

    @classmethod
    def of(cls, facts: Iterable[NamespaceFacts], *, complete: bool = True) -> Summary:
        """The sums over namespaces."""
        made = cls(complete=complete)
        for each in facts:
            made.namespaces += 1
            if "secrets" in each.unread:
                made.with_login = None
            elif made.with_login is not None:
                made.with_login += any(map(_usable, each.secrets.values()))
            if "pods" in each.unread:
                made.failing = None
            elif made.failing is not None:
                made.failing += len(each.refused)
                made.failing_in += bool(each.refused)
        return made

    def __str__(self) -> str:
        count = f"{'' if self.complete else 'at least '}{self.namespaces:,}"
        said = f"{count} namespace{'s' * (self.namespaces != 1)}"
        if self.with_login is not None:
            without = self.namespaces - self.with_login
            said += f": {self.with_login:,} with a login, {without:,} without"
        if self.failing is None:
            return said
        if not self.failing:
            return f"{said}; no Pod fails to pull"
        fail = "Pod fails" if self.failing == 1 else "Pods fail"
        return f"{said}; {self.failing:,} {fail} to pull in {self.failing_in:,}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON; null is unknown."""
        return {
            "namespaces": self.namespaces,
            "complete": self.complete,
            "withLogin": self.with_login,
            "failingPods": self.failing,
            "failingNamespaces": None if self.failing is None else self.failing_in,
        }


def _usable(secret: SeenSecret) -> bool:
    return any(not login.useless for login in secret.logins)


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)
