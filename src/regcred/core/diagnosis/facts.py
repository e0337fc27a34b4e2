"""All that was found out about one image that does not come: what `diagnose` judges.

Whoever gathers the facts says for each that is missing why it is (`Unread`), so that nothing is
taken for absent that nobody was allowed to see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regcred.core.diagnosis.giver import Giver
    from regcred.core.diagnosis.verdict import Verdict
    from regcred.core.logins.lookup import Lookup
    from regcred.core.pods.effective import Effective
    from regcred.core.pods.failing import FailingPod, Failure
    from regcred.core.pods.pulltext import PullError
    from regcred.core.pods.stuck import Waiting


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that nobody was allowed, or able, to read.

    Args:
        what: ``Secret team-a/regcred``, ``events in team-a``.
        right: what RBAC would have to allow: ``get secrets in team-a``; empty where it is not
            for a missing right.
        why: the reason where it is another one, a clause: ``the API server does not answer``.
    """

    what: str
    right: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A Secret that is named by the Pod, or by its ServiceAccount.

    Args:
        name: its name.
        exists: None where that could not be read.
        created: when it was made.
        changed: when its content was last written, as far as its managed fields say.
        kept_by: ``login``, ``operator``, or empty for a Secret that regcred does not keep.
        expires: when its logins end, as regcred's own mark says.
        is_fixed: whether no login can be merged into it: it is immutable, or of the legacy type.
        givers: what the registry is (`regcred.core.logins.claim.identity`) → the
            PullCredential that its login came from, as the operator's mark says.
        ends: registry → when its login ends, as login's mark says.
    """

    name: str
    exists: bool | None = None
    created: datetime | None = None
    changed: datetime | None = None
    kept_by: str = ""
    is_fixed: bool = False
    expires: datetime | None = None
    givers: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The Pod's ServiceAccount as it is now.

    Args:
        name: its name.
        names: its list of pull Secrets; None where it could not be read.
        exists: None where that could not be read.
        changed: when its list was last written, as far as its managed fields say.
    """

    name: str
    names: tuple[str, ...] | None = None
    exists: bool | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """How often kubelet has tried, as the Pod's events tell.

    Args:
        last: when it last tried; None where no event says so.
        count: how often; 0 for unknown.
        next: when it tries again, at about; None for unknown.
        missing: names of pull Secrets that kubelet said it could not retrieve.
        message: the text of its last failure, where the Pod's status has only that it waits; raw.
    """

    last: datetime | None = None
    count: int = 0
    next: datetime | None = None
    missing: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """What one list of pull Secrets comes to, for the image.

    Args:
        own: the Secrets.
        lookup: what kubelet finds in them.
        verdict: that and the registry's answers; None where the registry was not asked.
    """

    own: Effective
    lookup: Lookup
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One image of one Pod.

    Args:
        pod: the Pod.
        failure: what fails of it; one with `is_pull`.
        now: the time.
        said: kubelet's text, read.
        frozen: what the list comes to that the Pod has, and keeps.
        anew: what the list comes to that a Pod gets which is made now by the same owner; None
            where the Pod has no owner that makes it anew.
        cut_off: what those Secrets of its ServiceAccount come to that it does not get, since it has
            a list of its own; None where there are none.
        others: what the pull Secrets of its namespace come to that stand neither on the Pod nor on
            its ServiceAccount; None where there are none, or they could not be read.
        account: its ServiceAccount.
        secrets: by name, those of its list and of its ServiceAccount's.
        elsewhere: Secret's name → other namespaces that have a pull Secret of that name; only for
            Secrets that its own namespace does not have.
        owner: what makes the Pod, up to the Deployment.
        tries: how often kubelet has tried.
        unread: what could not be read.
        not_probed: why the registry was not asked, a clause; empty where it was.
        givers: all PullCredentials; None where they could not be read, or nobody looked.
        operators: the name of the operator's Secret in the namespace; empty where none is known.
        outdated: whether its owner makes newer Pods already, and takes it away when these run.
    """

    pod: FailingPod
    failure: Failure
    now: datetime
    said: PullError
    frozen: Login
    anew: Login | None
    account: AccountFacts
    owner: Waiting
    secrets: Mapping[str, SecretFacts] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tries: Tries = field(default_factory=Tries)
    cut_off: Login | None = None
    others: Login | None = None
    unread: tuple[Unread, ...] = ()
    not_probed: str = ""
    givers: tuple[Giver, ...] | None = ()
    operators: str = ""
    outdated: bool = False
