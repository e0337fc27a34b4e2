"""Which commands mend a login that is missing or wrong, for the Pod at hand.

A Pod's list is frozen, but not what its Secrets hold: where the Pod names a Secret that a person
may change, the login goes into that and kubelet's next try takes it. Only where it names none has
the Pod to be made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core import marks
from regcred.core.logins.pullsecret import KEYS
from regcred.core.names import is_name
from regcred.core.pods import mend
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.diagnosis.facts import Facts, Login
    from regcred.core.pods.mend import Mend
    from regcred.core.pods.stuck import Waiting

#: What has a template that a patch may change, and Pods that follow it.
_PATCHABLE = frozenset({*mend.RESTARTABLE, "Pod"})

#: What has Pods that nobody else keeps.
_KNOWN = frozenset({*_PATCHABLE, "ReplicaSet", "ReplicationController"})

#: Secrets that have to be made anew, as nothing can be merged into them.
_BEYOND_REPAIR = (Reason.SECRET_MALFORMED, Reason.WRONG_SECRET_TYPE)

KEPT_BY_OPERATOR = (
    "the operator keeps this Secret: mend the source of its PullCredential "
    "(kubectl get pullcredentials)"
)

#: There is a Secret, without a login for the registry.
_NOT_IN_IT = (Reason.NO_CREDENTIAL, Reason.NO_MATCHING_REGISTRY)

#: The Secret that `regcred login` writes, and that of an operator that nobody has set up otherwise.
_USUAL = "regcred"
#: What a person's own is called where that name is the operator's.
BESIDE = "regcred-login"

LOST = "what else is in the Secret is lost with it: look first, and log in to that too"

#: The owner of a static Pod is its node; what stands in a file there can name no Secret.
_STATIC = "Node"
_STATIC_HINT = (
    "a static Pod gets no pull Secret: the node itself needs the login, in kubelet's docker config "
    "or by a credential provider plugin"
)


_DEBUGGER = (
    "an ephemeral container cannot be made anew: start another one (kubectl debug) with an image "
    "that the Pod's own logins get, or that needs none"
)
_NO_NAME = "no Secret can have such a name: take it out of the list"


class Remedies:
    """The commands for one image of one Pod."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        pod = facts.pod
        self._namespace = pod.namespace
        self._account = facts.account.name
        reference = facts.frozen.lookup.reference
        self._registry = reference.domain if reference else ""

    def login(self, reason: Reason, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Another login, and a hint where no command gives it.

        Args:
            reason: why the one at hand does not do.
            secret: the name of the Secret that it is in, or that is named; empty for none.
        """
        if self._facts.owner.kind == _STATIC:
            return (), _STATIC_HINT
        if not secret:
            return self._new_login(), self.price
        if not is_name(secret):
            return (), _NO_NAME
        if reason is Reason.SECRET_MISSING and secret == _USUAL and self._own_name:
            return self._beside(), "the operator is to make that Secret: this is another beside it"
        if reason is Reason.WRONG_SECRET_TYPE and self._is_for_else(secret):
            return self._beside(), f"the Secret {secret} is for something else, and stays as it is"
        known = self._facts.secrets.get(secret)
        mends, said = other_login(
            self._registry,
            self._namespace,
            self._account,
            reason,
            secret,
            self._kept_by(secret),
            is_fixed=bool(known and known.is_fixed),
        )
        return (*self._account_first(), *mends) if mends else (), said

    def without(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Out of the way with a Secret that spoils the others; kubelet passes over missing ones."""
        return without(self._namespace, secret, self._kept_by(secret))

    def anew(self) -> tuple[Mend, ...]:
        """The Pod made anew, as its owner makes it now."""
        if self._facts.owner.kind == _STATIC or self._is_debugger:
            return ()
        again = mend.restart(self._facts.owner)
        return (mend.Mend(again.command) if self.price else again,)

    @property
    def price(self) -> str:
        """What is to be known before the Pod is made anew; empty for nothing."""
        owner, pod = self._facts.owner, self._facts.pod
        if owner.kind == _STATIC:
            return _STATIC_HINT
        if self._is_debugger:
            return _DEBUGGER
        if owner.kind == "Job":
            return "a Job counts a deleted Pod as one that failed: see its backoffLimit"
        if owner.kind not in _KNOWN:
            return f"sure only where {owner.kind} {owner.name} makes a deleted Pod anew"
        if owner.kind == "Pod" and pod.is_running:
            return "its other containers run, and end with it, with all that is in an emptyDir"
        return ""

    def attach(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Give the Pod a Secret that is there already."""
        owner = self._facts.owner
        if owner.template_secrets or (owner.kind == "Pod" and self._facts.pod.template.secrets):
            return self.add(secret)
        if not self.anew():
            return (), self.price
        attach = mend.attach(self._namespace, self._account, secret)
        return (*self._account_first(), attach, *self.anew()), self.price

    def add(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Give the Pod a Secret besides those of its own list."""
        owner = self._facts.owner
        if not self.anew():
            return (), self.price
        if owner.kind in _PATCHABLE:
            added = mend.add_to_template(owner, secret)
            return (mend.Mend(added.command) if self.price else added,), self.price
        what = f"{owner.kind.lower()}/{owner.name}"
        return (), (
            f"regcred inject --secret {secret} -f FILE adds it to the manifest of {what}; "
            "apply that"
        )

    def copy(self, secret: str, source: str) -> tuple[Mend, ...]:
        """Bring the Secret over from another namespace."""
        return (mend.copy(secret, source, self._namespace),)

    def pull_it(self) -> tuple[Mend, ...]:
        """Let the node pull the image; for a person, who may have meant what stands there."""
        failure, owner = self._facts.failure, self._facts.owner
        if owner.kind not in mend.RESTARTABLE or failure.kind not in mend.LISTS:
            return ()
        return (mend.set_policy(owner, mend.LISTS[failure.kind], failure.container),)

    def _is_for_else(self, secret: str) -> bool:
        """Whether it is no pull Secret at all, whatever it stands in the list for."""
        found = (each for each in self._facts.frozen.own.secrets if each.name == secret)
        return any(each.type not in KEYS for each in found)

    def _beside(self) -> tuple[Mend, ...]:
        """A login in regcred's own Secret, and that given to the Pod."""
        owner = self._facts.owner
        if not owner.template_secrets and owner.kind != "Pod":
            return self._new_login()
        name = self._own_name
        login = mend.login(self._registry, self._namespace, self._account, name=name)
        return (*self._account_first(), login, *self.add(name or _USUAL)[0])

    def _account_first(self) -> tuple[Mend, ...]:
        """The ServiceAccount made again, where it was deleted after the Pod was made."""
        if self._facts.account.exists is not False:
            return ()
        return (mend.create_account(self._namespace, self._account),)

    def _new_login(self) -> tuple[Mend, ...]:
        whose = self._registry, self._namespace, self._account
        if not self.anew():
            return (mend.login(*whose, name=self._own_name),)
        found = new_login(*whose, self._facts.owner, self._own_name)
        again = self.anew() if len(found) > 1 else ()
        return (*self._account_first(), found[0], *again)

    @property
    def _own_name(self) -> str:
        """What a person's Secret has to be called; empty for as it always is."""
        facts = self._facts
        selected = any(giver.selects for giver in facts.givers or ())
        taken = facts.operators == _USUAL or (selected and not facts.operators)
        return BESIDE if taken else ""

    @property
    def _is_debugger(self) -> bool:
        return self._facts.failure.kind == "ephemeral container"

    def _kept_by(self, secret: str) -> str:
        known = self._facts.secrets.get(secret)
        return known.kept_by if known else ""


def new_login(
    registry: str, namespace: str, account: str, waiting: Waiting | None, name: str = ""
) -> tuple[Mend, ...]:
    """A login that the ServiceAccount gets; Pods that wait are made anew, and get it too."""
    if waiting is None:
        return (mend.login(registry, namespace, account, name=name),)
    anew = mend.restart(waiting)
    restarts = isinstance(anew.step, mend.Restart)
    login = mend.login(registry, namespace, account, name=name, restart=restarts)
    return (login,) if restarts else (login, anew)


def other_login(
    registry: str,
    namespace: str,
    account: str,
    reason: Reason,
    secret: str,
    kept_by: str,
    *,
    is_fixed: bool = False,
) -> tuple[tuple[Mend, ...], str]:
    """A login in place of that in a Secret, and what is to be said besides.

    Args:
        registry: the image's.
        namespace: the Secret's.
        account: the Pod's ServiceAccount.
        reason: why the one at hand does not do.
        secret: its name.
        kept_by: who keeps it (`regcred.core.marks`).
        is_fixed: whether no login can be merged into it: it is immutable, or of the legacy type.
    """
    if kept_by == marks.OPERATOR:
        more = f"the operator keeps this Secret: add {registry} to a PullCredential"
        look = "kubectl get pullcredentials"
        return (), f"{more} ({look})" if reason in _NOT_IN_IT else KEPT_BY_OPERATOR
    if is_fixed or reason in _BEYOND_REPAIR:
        again = mend.login(registry, namespace, account, name=secret)
        return (mend.remove(namespace, secret), again), LOST
    adopt = reason is not Reason.SECRET_MISSING and kept_by != marks.LOGIN
    return (mend.login(registry, namespace, account, name=secret, adopt=adopt),), ""


def without(namespace: str, secret: str, kept_by: str) -> tuple[tuple[Mend, ...], str]:
    """Out of the way with a Secret that spoils the others."""
    if kept_by == marks.OPERATOR:
        return (), KEPT_BY_OPERATOR
    lost = "what else is in the Secret is lost with it; or mend what does not decode"
    return (mend.remove(namespace, secret),), lost


def in_one(mends: Iterable[Mend], said: str = "") -> str:
    """Commands as one line for a shell, and what is to be said besides."""
    commands = " && ".join(mend.command for mend in mends)
    return "; ".join(filter(None, (commands, said)))


def secret_of(login: Login, namespace: str, source: str) -> str:
    """The name of the Secret that messages call `source`; empty for none of `login`."""
    for secret in login.own.secrets:
        if secret.source == source and secret.namespace == namespace:
            return secret.name
    return ""
