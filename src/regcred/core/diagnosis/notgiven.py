"""Why a login that a PullCredential is to give is not there, or does not do.

In a Secret that the operator keeps nobody else can mend a login: `regcred login` refuses to write
there, and the operator would put it back. So the cause is what its PullCredential says of itself,
and what mends it is there, too; once it gives another login, kubelet's next try takes that.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from regcred.core import marks
from regcred.core.diagnosis.cause import Cause
from regcred.core.diagnosis.evidence import moment
from regcred.core.logins import claim
from regcred.core.logins.expiry import expires
from regcred.core.logins.registrykey import display
from regcred.core.operator.source import SourceReason
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from regcred.core.diagnosis.facts import Facts, Login, SecretFacts
    from regcred.core.diagnosis.giver import Giver
    from regcred.core.diagnosis.remedies import Remedies
    from regcred.core.logins.keyring import Candidate

#: There is a login, and the registry does not accept it.
REFUSED = frozenset({Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.EXPIRED})
#: There is none for the image.
LACKING = frozenset(
    {
        Reason.NO_CREDENTIAL,
        Reason.NO_MATCHING_REGISTRY,
        Reason.SECRET_MISSING,
        Reason.WRONG_SECRET_TYPE,
    }
)

#: What mends a source that fails, by the reason of the condition.
_MENDS: dict[str, str] = {
    SourceReason.UNREACHABLE: "bring back what it asks, or the way there from the operator",
    SourceReason.BAD_CREDENTIALS: "give its source what the provider accepts",
    SourceReason.NO_PERMISSION: "let who asks for the token do so, at the provider",
    SourceReason.THROTTLED: "the provider wants to be asked less",
}
_MEND = "put its source right"
_NEXT_TRY = "the operator tries again by itself, and kubelet's next try takes what it gets"
_DOES_IT_RUN = "does the operator run? kubectl get pods -A -l app.kubernetes.io/name=regcred"


class NotGiven:
    """The causes that lie with PullCredentials, for one image of one Pod.

    Args:
        facts: what was found out.
        remedies: the commands for the Pod.
    """

    def __init__(self, facts: Facts, remedies: Remedies) -> None:
        self._facts, self._remedies = facts, remedies

    def cause(self, reason: Reason, message: str, secret: str, login: Login) -> Cause | None:
        """The cause, where it is a PullCredential's; else None.

        Args:
            reason: what is wrong with the login.
            message: the same in words.
            secret: the name of the Secret that it is in, or that is named; empty for none.
            login: the list that the Secret stands in.
        """
        known = self._facts.secrets.get(secret)
        if reason in REFUSED and known and known.kept_by == marks.OPERATOR:
            return self._refused(reason, message, known, login)
        if reason in LACKING and (giver := self._lacking()):
            return self._missing(reason, message, secret, giver)
        return None

    def elsewhere(self, reason: Reason) -> str:
        """The PullCredential that gives a login which is missing to other namespaces, as a hint."""
        image = self._facts.frozen.lookup.reference
        for giver in self._facts.givers or ():
            if reason in LACKING and image and giver.selects is False and giver.is_for(image):
                return f"or let PullCredential {giver.name} select the namespace"
        return ""

    @property
    def is_due(self) -> bool:
        """Whether a login is missing that a PullCredential is to give."""
        return self._lacking() is not None

    def _refused(
        self, reason: Reason, message: str, secret: SecretFacts, login: Login
    ) -> Cause | None:
        """The registry does not accept what a PullCredential gave."""
        found = next((c for c in login.lookup.candidates if _is_of(c, secret, login)), None)
        name = found and secret.givers.get(claim.identity(found.registry) or "")
        if not found or not name:
            return None
        gave = f"the credential for {display(found.registry)} that PullCredential {name} gave"
        givers = self._facts.givers
        giver = next((each for each in givers or () if each.name == name), None)
        if giver is None:
            if givers is None:
                return Cause(reason, f"{message}; PullCredential {name} gave it", (), _look(name))
            gone = f"{message}; PullCredential {name}, which gave it, does not exist any more"
            return Cause(reason, gone, (), _DOES_IT_RUN)
        ends = _ends(found, secret, giver)
        if ends and ends <= self._facts.now:
            return self._ended(f"{gave} ended at {moment(ends)}", giver)
        if giver.fails:
            until = f", which ends at {moment(ends)}" if ends else ""
            newer = f"{message}; it is {gave}{until}, and there is no newer one, since"
            return Cause(reason, f"{newer} {giver.failing}", (), self._mend(giver))
        if giver.failure:
            there = f"{message}; PullCredential {name} cannot give the namespace another"
            return Cause(reason, f"{there}: {giver.failure}", (), _look(name))
        fine = f"{message}; it is {gave}, and its source gives it without fault"
        hint = f"let it pull the repository, at the registry or the provider; {_look(name)}"
        return Cause(reason, fine, (), hint)

    def _ended(self, ended: str, giver: Giver) -> Cause:
        message, hint = f"{ended}, and there is no newer one", self._mend(giver)
        if giver.fails:
            message = f"{message}, since {giver.failing}"
        elif giver.failure:
            message = f"{ended}, and the namespace cannot be given a newer one: {giver.failure}"
            hint = _look(giver.name)
        elif giver.expires and giver.expires > self._facts.now:
            message = f"{ended}, and the newer one is not in the namespace yet"
            hint = _DOES_IT_RUN
        else:
            message, hint = f"{message}, and nothing is said to fail", _DOES_IT_RUN
        return Cause(Reason.EXPIRED, message, (), hint)

    def _lacking(self) -> Giver | None:
        """The PullCredential that is to give the namespace a login for the image, and does not."""
        image = self._facts.frozen.lookup.reference
        found = [
            giver
            for giver in self._facts.givers or ()
            if image and giver.selects is not False and giver.is_for(image)
            # What is ready is there, in a Secret that the Pod does not have.
            if giver.fails or giver.failure or giver.ready.status != "True"
        ]
        # One that lists the registry says more than one of which only its source knows.
        found.sort(key=lambda giver: (not giver.registries, giver.selects is None, not giver.fails))
        return found[0] if found else None

    def _missing(self, reason: Reason, message: str, secret: str, giver: Giver) -> Cause:
        """There is no login, and a PullCredential is to give one."""
        may = "may select" if giver.selects is None else "selects"
        what = "for it" if giver.registries else "and lists no registries"
        said = f"{message}; PullCredential {giver.name} {may} the namespace {what}"
        hint = self._mend(giver)
        if giver.fails:
            ends = giver.expires
            gave = "has nothing to give"
            if ends:
                gave = f"gave one that {_end(ends, self._facts.now)}, and has no newer one"
            said = f"{said}, and {gave}, since {giver.failing}"
        elif giver.failure:
            said, hint = f"{said}, and cannot give it: {giver.failure}", _look(giver.name)
        elif giver.ready.status:
            said, hint = f"{said}, and is not ready: {giver.ready}", _look(giver.name)
        else:
            said, hint = f"{said}, and says nothing of itself yet", _DOES_IT_RUN
        again = self._remedies.anew()
        if secret not in self._facts.pod.template.secrets and again:
            hint = f"{hint}; the Pod has to be made anew after that: {again[0].command}"
        return Cause(reason, said, (), hint)

    @staticmethod
    def _mend(giver: Giver) -> str:
        do = _MENDS.get(giver.minted.reason, _MEND)
        return f"{do}; {_NEXT_TRY}: {_look(giver.name)}"


def _is_of(candidate: Candidate, secret: SecretFacts, login: Login) -> bool:
    return any(
        each.name == secret.name and each.source == candidate.source for each in login.own.secrets
    )


def _ends(candidate: Candidate, secret: SecretFacts, giver: Giver) -> datetime | None:
    """When the login ends that is in the Secret."""
    if own := expires(candidate.credential.password):
        return own
    # The mark is of the first in the Secret to end, which is this one where there is no other.
    if len(set(secret.givers.values())) == 1:
        return secret.expires
    return giver.expires


def _end(ends: datetime, now: datetime) -> str:
    return f"{'ended' if ends <= now else 'ends'} at {moment(ends)}"


def _look(name: str) -> str:
    return f"kubectl get pullcredential {quote(name)} -o yaml"
