"""Why a registry does not give an image to a Pod's logins, and which logins the Pod could have.

Looked at are those that its ServiceAccount has by now, those that its own list cuts off, a Secret
of the same name in another namespace, and Secrets that lie beside. Where the registry could not be
asked, kubelet's text and what is in the Secrets decide.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from regcred.core import marks
from regcred.core.diagnosis.cause import Cause
from regcred.core.diagnosis.evidence import moment
from regcred.core.diagnosis.nodeside import where_to_look
from regcred.core.diagnosis.notgiven import LACKING, REFUSED, NotGiven
from regcred.core.diagnosis.remedies import KEPT_BY_OPERATOR, Remedies, secret_of
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.logins.expiry import expires
from regcred.core.pods import mend
from regcred.core.problem import Problem, Reason, listed

if TYPE_CHECKING:
    from datetime import datetime

    from regcred.core.diagnosis.facts import Facts, Login, SecretFacts
    from regcred.core.diagnosis.verdict import Verdict

#: Reasons that another login could turn into a yes.
ABOUT_LOGIN = frozenset(
    {
        Reason.NO_CREDENTIAL,
        Reason.NO_MATCHING_REGISTRY,
        Reason.SECRET_MISSING,
        Reason.WRONG_SECRET_TYPE,
        Reason.SECRET_MALFORMED,
        Reason.SHADOWED,
        Reason.UNAUTHORIZED,
        Reason.FORBIDDEN,
        Reason.EXPIRED,
    }
)
#: Reasons behind which a login may be missing, too.
_CURABLE = ABOUT_LOGIN | {Reason.NOT_FOUND, Reason.UNKNOWN}

_ADVICE = {
    Reason.FORBIDDEN: "let its user pull the repository, at the registry; or take another user",
    Reason.PLATFORM_MISSING: "build it for the node's platform, or let the Pod run elsewhere",
    Reason.UNREACHABLE: "check the registry's host and port, then DNS, firewall and proxy",
}


#: What ``kubectl set image`` can change.
_NAMED = frozenset({*mend.RESTARTABLE, "Pod"})


class Refusal:
    """The causes for one image that the registry does not give."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.remedies = Remedies(facts)
        self.notgiven = NotGiven(facts, self.remedies)
        self.namespace = facts.pod.namespace

    def causes(self) -> list[Cause]:
        """The causes; what must be mended first comes first."""
        first, rest = self.refused()
        found = self.better(first) if first.reason in _CURABLE else [first]
        # What is wrong with the Pod's own list besides is no matter where it gets another.
        return [*found, *rest] if found == [first] else found

    def refused(self) -> tuple[Cause, list[Cause]]:
        """The cause by the Pod's own logins, and what is wrong besides."""
        facts = self.facts
        verdict, lookup, said = facts.frozen.verdict, facts.frozen.lookup, facts.said
        if lookup.reference is None:
            return self.of_problem(lookup.problems[0]), []
        if said.reason is Reason.BAD_REFERENCE:
            return self.of_text(), []
        problems = [] if facts.frozen.own.unknown else list(lookup.problems)
        blind = verdict is None or verdict.outcome is not Outcome.FAIL
        if verdict and verdict.reason is Reason.UNREACHABLE:
            blind = said.reason is not Reason.UNKNOWN  # what the node met is nearer to the Pod
        if verdict and not blind:
            first = self.of_verdict(verdict)
        elif problems and (lookup.failed or said.reason in REFUSED or not said.text):
            first = self.of_problem(problems[0])
        else:
            first = self.of_text()
        rest = [self.of_problem(each) for each in problems if each.reason is not first.reason]
        return first, rest if first.reason in _CURABLE else []

    def better(self, first: Cause) -> list[Cause]:
        """The causes where a login is missing that could be had; `first` is by the Pod's own."""
        facts = self.facts
        frozen, anew = self.names()
        older = facts.anew if anew is not None and anew != frozen else None
        if older and self.improves(older):
            return [self.older(anew or ())]
        if facts.cut_off and self.helps(facts.cut_off):
            return [self.cut_off(facts.cut_off)]
        if facts.others and self.helps(facts.others) and first.reason in LACKING:
            return [self.beside(first, facts.others)]
        for name, places in facts.elsewhere.items():
            missing = first.reason is Reason.SECRET_MISSING and not self.notgiven.is_due
            if missing and name in frozen:
                return [self.elsewhere(name, places)]
        if older and anew and not frozen and _fails(older):
            other = self.of_login(older)
            if other.reason in ABOUT_LOGIN:
                return [other, self.older(anew)]
        return [first]

    def improves(self, login: Login) -> bool:
        """Whether the image comes with another list, as far as anybody can tell."""
        if login.verdict and login.verdict.outcome is not Outcome.UNKNOWN:
            return login.verdict.outcome is Outcome.OK
        # Nobody has asked the registry: one that has a login is better than one that has none.
        return not _fails(login) and _fails(self.facts.frozen)

    def helps(self, login: Login) -> bool:
        """Whether a Secret of another list has the login that is missing."""
        return self.improves(login) and any(not c.useless for c in login.lookup.candidates)

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """The Pod's list, and that of a Pod made now; None where that is not known."""
        facts = self.facts
        anew = facts.owner.template_secrets or facts.account.names
        if facts.anew is None:
            anew = None
        elif facts.anew.own.account[1] != facts.account.name and not facts.owner.template_secrets:
            anew = tuple(each.name for each in facts.anew.own.secrets)
        return facts.pod.template.secrets, anew

    def older(self, anew: tuple[str, ...]) -> Cause:
        """The Pod is older than what it needs."""
        facts = self.facts
        secrets = facts.pod.template.secrets
        has = f"the pull Secrets {', '.join(secrets)}" if secrets else "no pull Secret"
        where = (
            "its template"
            if facts.owner.template_secrets
            else f"ServiceAccount {self.account_anew()}"
        )
        got = f"{where} has {', '.join(anew)} now" if anew else f"{where} has none any more"
        message = f"the Pod was made with {has}, and its list is frozen; {got}"
        if facts.outdated:
            what = f"{facts.owner.kind.lower()}/{facts.owner.name}"
            return Cause(
                Reason.POD_OLDER_THAN_ATTACHMENT,
                f"{message}, and {what} makes newer Pods already",
                (),
                "nothing is to be done: this one goes when those run, as "
                f"kubectl rollout status {quote(what)} -n {self.namespace} shows",
            )
        return Cause(
            Reason.POD_OLDER_THAN_ATTACHMENT, message, self.remedies.anew(), self.remedies.price
        )

    def account_anew(self) -> str:
        """The ServiceAccount of a Pod made now."""
        facts = self.facts
        return facts.anew.own.account[1] if facts.anew else facts.account.name

    def cut_off(self, login: Login) -> Cause:
        """Its own list keeps the ServiceAccount's from it."""
        secret = self.secret_with(login)
        mends, hint = self.remedies.add(secret)
        return Cause(
            Reason.LIST_CUTS_OFF_SERVICEACCOUNT,
            f"the Pod has a list of its own ({', '.join(self.facts.pod.template.secrets)}), so it "
            f"does not get {secret} of ServiceAccount {self.facts.account.name}, with the login",
            mends,
            hint,
        )

    def elsewhere(self, name: str, places: tuple[str, ...]) -> Cause:
        """The Secret is in another namespace."""
        return Cause(
            Reason.SECRET_IN_OTHER_NAMESPACE,
            f"the Pod names the Secret {name}, which {self.namespace} does not have; there is one "
            f"in {listed(places)}, and Pods get Secrets of their own namespace only",
            self.remedies.copy(name, places[0]),
        )

    def beside(self, first: Cause, login: Login) -> Cause:
        """A Secret of the namespace has the login, and nobody gives it to the Pod."""
        secret = self.secret_with(login)
        mends, hint = self.remedies.attach(secret)
        return Cause(
            first.reason,
            f"{first.message}; the Secret {secret} of the namespace has a login for it, and is "
            f"neither on the Pod nor on ServiceAccount {self.facts.account.name}",
            mends,
            hint,
        )

    def secret_with(self, login: Login) -> str:
        """The name of the Secret whose login works."""
        verdict = login.verdict
        usable = next(each for each in login.lookup.candidates if not each.useless)
        candidate = (verdict.candidate if verdict else None) or usable
        return secret_of(login, self.namespace, candidate.source)

    def of_login(self, login: Login) -> Cause:
        """What is wrong with another list, which fails."""
        if login.verdict and login.verdict.outcome is Outcome.FAIL:
            return self.of_verdict(login.verdict, login)
        return self.of_problem(login.lookup.problems[0], login)

    def of_verdict(self, verdict: Verdict, login: Login | None = None) -> Cause:
        """The cause that a probe found."""
        if verdict.reason is Reason.RATE_LIMITED:
            return throttled(self.facts, verdict.message)
        login = login or self.facts.frozen
        source = verdict.candidate.source if verdict.candidate else ""
        for problem in login.lookup.problems:
            if problem.reason is verdict.reason:
                source = problem.source
        reason, message = verdict.reason, verdict.message
        secret = self.facts.secrets.get(secret_of(login, self.namespace, source))
        ends = _noted(secret, verdict.candidate.registry if verdict.candidate else "")
        if reason in REFUSED and reason is not Reason.EXPIRED and ends and ends <= self.facts.now:
            reason, message = Reason.EXPIRED, f"{message}; its login ended at {moment(ends)}"
        return self.cause(reason, message, verdict.hint, source, login)

    def of_problem(self, problem: Problem, login: Login | None = None) -> Cause:
        """The cause that a Secret shows by itself."""
        return self.cause(
            problem.reason,
            problem.message,
            problem.hint,
            problem.source,
            login or self.facts.frozen,
        )

    def of_text(self) -> Cause:
        """The cause by what kubelet says alone."""
        said, login = self.facts.said, self.facts.frozen
        if said.reason is Reason.REGISTRY_THROTTLES:
            return throttled(self.facts, said.text)
        text = said.text or "kubelet gives no reason"
        source, reason = "", said.reason
        if login.own.unknown and reason in REFUSED:
            return Cause(
                Reason.UNKNOWN,
                f"kubelet says: {text}; with which login is not known: {listed(login.own.unknown)}",
                (),
                f"kubectl auth can-i get secrets -n {self.namespace}",
            )
        if reason is Reason.UNREACHABLE:
            return Cause(reason, f"kubelet says: {text}", (), where_to_look(self.facts))
        for candidate in login.lookup.candidates:
            source = source or candidate.source
            ends = expires(candidate.credential.password)
            if reason in REFUSED and ends and ends <= self.facts.now:
                source, reason = candidate.source, Reason.EXPIRED
                text = f"{text}; the login expired at {moment(ends)}"
        return self.cause(reason, f"kubelet says: {text}", "", source, login)

    def cause(self, reason: Reason, message: str, hint: str, source: str, login: Login) -> Cause:
        """A cause with what mends it."""
        if reason not in ABOUT_LOGIN:
            return Cause(reason, message, (), hint or self.advice(reason))
        secret = secret_of(login, self.namespace, source)
        if not secret:
            there = (each.name for each in login.own.secrets if each.data is not None)
            secret = next(there, "")
        if not_given := self.notgiven.cause(reason, message, secret, login):
            return not_given
        if reason is Reason.SHADOWED:
            if not login.lookup.failed:
                known = self.facts.secrets.get(secret)
                if known and known.kept_by == marks.OPERATOR:
                    hint = KEPT_BY_OPERATOR
                return Cause(reason, message, (), hint or self.advice(reason))
            mends, lost = self.remedies.without(secret)
        else:
            mends, lost = self.remedies.login(reason, secret)
            lost = "; ".join(filter(None, (lost, self.notgiven.elsewhere(reason))))
        return Cause(reason, message, mends, lost or self.advice(reason, mended=bool(mends)))

    def advice(self, reason: Reason, *, mended: bool = False) -> str:
        """What to do where no command does it, or what to know besides."""
        owner, pod = self.facts.owner, self.facts.pod
        if reason in (Reason.BAD_REFERENCE, Reason.NOT_FOUND):
            what = f"{owner.kind.lower()}/{owner.name}"
            failure = self.facts.failure
            if owner.kind in _NAMED and failure.kind in mend.LISTS:
                change = f"{quote(what)} {failure.container}=IMAGE -n {self.namespace}"
                return f"kubectl set image {change}, once the name is right"
            return f"write the right name into the manifest of {what}"
        describe = "" if mended else f"kubectl describe pod {pod.name} -n {self.namespace}"
        return _ADVICE.get(reason, describe)


def throttled(facts: Facts, text: str) -> Cause:
    """The cause where the registry asks for patience."""
    when = f"; kubelet tries again at about {moment(facts.tries.next)}" if facts.tries.next else ""
    hint = "pull less, from a mirror, or by nodes that keep their images"
    if all(candidate.useless for candidate in facts.frozen.lookup.candidates):
        hint = "registries let those pull more who log in: regcred login, or a PullCredential"
    said = text or "the registry takes no more requests for now"
    return Cause(Reason.REGISTRY_THROTTLES, f"{said}{when}", (), hint)


def _fails(login: Login) -> bool:
    """Whether it is known that the image does not come with it."""
    if login.verdict and login.verdict.outcome is not Outcome.UNKNOWN:
        return login.verdict.outcome is Outcome.FAIL
    return not login.own.unknown and bool(login.lookup.failed or login.lookup.problems)


def _noted(secret: SecretFacts | None, registry: str) -> datetime | None:
    """When a login ends, by regcred's marks on the Secret that it is in."""
    if secret is None:
        return None
    if secret.ends:  # login's mark: each by itself
        return secret.ends.get(registry)
    # The operator's mark is of the first to end, and whose that is only one giver makes plain.
    several = len(set(secret.givers.values())) > 1
    return None if several else secret.expires
