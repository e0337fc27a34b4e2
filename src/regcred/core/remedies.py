"""Which commands mend a login that is missing or wrong, for the Pod at hand.

A Pod's list is frozen, but not what its Secrets hold: where the Pod names a Secret that a person
may change, the login goes into that and kubelet's next try takes it. Only where it names none has
the Pod to be made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core import marks, mend
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from regcred.core.facts import Facts, Login
    from regcred.core.mend import Mend

#: What has a template that a patch may change, and Pods that follow it.
_PATCHABLE = frozenset({*mend.RESTARTABLE, "ReplicaSet", "ReplicationController", "Pod"})

#: Secrets that have to be made anew, as nothing can be merged into them.
_BEYOND_REPAIR = (Reason.SECRET_MALFORMED, Reason.WRONG_SECRET_TYPE)

KEPT_BY_OPERATOR = (
    "the operator keeps this Secret: mend the source of its PullCredential "
    "(kubectl get pullcredentials)"
)

#: The owner of a static Pod is its node; what stands in a file there can name no Secret.
_STATIC = "Node"
_STATIC_HINT = (
    "a static Pod gets no pull Secret: the node itself needs the login, in kubelet's docker config "
    "or by a credential provider plugin"
)


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
            return self._new_login(), ""
        known = self._facts.secrets.get(secret)
        kept_by = known.kept_by if known else ""
        if kept_by == marks.OPERATOR:
            return (), KEPT_BY_OPERATOR
        exists = reason is not Reason.SECRET_MISSING
        if reason in _BEYOND_REPAIR:
            again = self._login(secret, adopt=False)
            lost = "what else is in the Secret is lost with it: look first, and log in to that too"
            return (mend.remove(self._namespace, secret), again), lost
        return (self._login(secret, adopt=exists and kept_by != marks.LOGIN),), ""

    def without(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Out of the way with a Secret that spoils the others; kubelet passes over missing ones."""
        known = self._facts.secrets.get(secret)
        if known and known.kept_by == marks.OPERATOR:
            return (), KEPT_BY_OPERATOR
        return (
            (mend.remove(self._namespace, secret),),
            "what else is in the Secret is lost with it; or mend what does not decode",
        )

    def anew(self) -> tuple[Mend, ...]:
        """The Pod made anew, as its owner makes it now."""
        return (mend.restart(self._facts.owner),)

    def attach(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Give the Pod a Secret that is there already."""
        if self._facts.owner.template_secrets or self._facts.pod.template.secrets:
            return self.add(secret)
        return (mend.attach(self._namespace, self._account, secret), *self.anew()), ""

    def add(self, secret: str) -> tuple[tuple[Mend, ...], str]:
        """Give the Pod a Secret besides those of its own list."""
        owner = self._facts.owner
        if owner.kind in _PATCHABLE:
            return (mend.add_to_template(owner, secret),), ""
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

    def _new_login(self) -> tuple[Mend, ...]:
        owner = self._facts.owner
        restarts = isinstance(mend.restart(owner).step, mend.Restart)
        login = mend.login(self._registry, self._namespace, self._account, restart=restarts)
        return (login,) if restarts else (login, *self.anew())

    def _login(self, secret: str, *, adopt: bool) -> Mend:
        return mend.login(self._registry, self._namespace, self._account, name=secret, adopt=adopt)


def secret_of(login: Login, namespace: str, source: str) -> str:
    """The name of the Secret that messages call `source`; empty for none of `login`."""
    for secret in login.own.secrets:
        if secret.source == source and secret.namespace == namespace:
            return secret.name
    return ""
