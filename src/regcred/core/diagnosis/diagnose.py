"""Why an image does not come: all facts weighed, one cause named first, and what mends it.

The registry's answer to the Pod's own logins decides, where it could be asked. Where it says yes,
kubelet's text says what the node lacks. Where it says no, or nobody could ask, it is a matter of
logins (`regcred.core.diagnosis.refusal`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.diagnosis.cause import Cause, Diagnosis
from regcred.core.diagnosis.evidence import evidence, moment, not_excluded
from regcred.core.diagnosis.nodeside import where_to_look
from regcred.core.diagnosis.refusal import ABOUT_LOGIN, Refusal, throttled
from regcred.core.diagnosis.remedies import Remedies
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.names import is_name
from regcred.core.pods import mend, notmade, pullredact
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from regcred.core.diagnosis.facts import Facts
    from regcred.core.diagnosis.verdict import Verdict
    from regcred.core.pods.failing import FailingPod, Failure, NotMade
    from regcred.core.pods.mend import Mend

_NEVER = "ErrImageNeverPull"
_CRASHED = "CrashLoopBackOff"

#: What no login mends as long as the node does not come to the registry.
_AFTER_THE_NODE = ABOUT_LOGIN | {
    Reason.POD_OLDER_THAN_ATTACHMENT,
    Reason.LIST_CUTS_OFF_SERVICEACCOUNT,
    Reason.SECRET_IN_OTHER_NAMESPACE,
}


def diagnose(facts: Facts) -> Diagnosis:
    """What keeps one image of a Pod from coming."""
    causes = tuple(_Judge(facts).causes())
    told = {cause.message for cause in causes}
    known, unknown = evidence(facts, told), not_excluded(facts, causes[0].reason)
    return Diagnosis(facts.pod, facts.failure, causes, known, unknown)


def other(pod: FailingPod, failure: Failure) -> Diagnosis:
    """What fails of a Pod and is no pull."""
    # As kubelet's format.Pod has it: back-off 10s restarting failed container=app pod=…
    called = f"pod={pod.name}_{pod.namespace}({pod.uid})"
    text = pullredact.show(failure.message, (called, pod.name, pod.uid))
    what = f"{failure.kind} {failure.container}" if failure.container else "the Pod"
    message = f"{what} is in {failure.state}" + (f": {text}" if text else "")
    where = f"{pod.name} -n {pod.namespace}"
    hint = f"kubectl describe pod {where}"
    if failure.state == _CRASHED:
        hint = f"kubectl logs {where} -c {failure.container} --previous"
    return Diagnosis(pod, failure, (Cause(Reason.NOT_A_PULL_PROBLEM, message, (), hint),))


def not_made(found: NotMade) -> Diagnosis:
    """Why an owner cannot create its Pods."""
    what = f"{found.kind.lower()}/{found.name}"
    where = f"-n {found.namespace}"
    text = pullredact.show(found.message)
    message = f"{what} cannot create its Pods: {text}"
    secret, account = notmade.refused_secret(found.message), notmade.missing_account(found.message)
    mends: tuple[Mend, ...] = ()
    hint = f"kubectl describe {what} {where}"
    reason = notmade.reason_of(found.message)
    if reason is Reason.SECRET_NOT_ON_SERVICEACCOUNT:
        whose = found.template.account if found.template else "default"
        message = (
            f"{what} cannot create its Pods: they name the Secret {secret}, which is not on "
            f"ServiceAccount {whose}, and that lets its Pods name only what is on it"
        )
        mends = (mend.attach(found.namespace, whose, secret),) if is_name(secret) else ()
    elif is_name(account):
        message = f"{what} cannot create its Pods: there is no ServiceAccount {account}"
        mends = (mend.create_account(found.namespace, account),)
    if mends:
        hint = "what makes the Pods tries again by itself, after some minutes at the latest"
        if found.kind in mend.RESTARTABLE:
            mends = (*mends, mend.Mend(f"kubectl rollout restart {what} {where}"))
            hint = ""
    return Diagnosis(found, None, (Cause(reason, message, mends, hint),))


class _Judge:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.remedies = Remedies(facts)
        self.namespace = facts.pod.namespace

    def causes(self) -> list[Cause]:
        """The causes; what must be mended first comes first."""
        facts = self.facts
        if facts.failure.state == _NEVER:
            return [self.never()]
        if facts.said.reason is Reason.NOT_A_PULL_PROBLEM:
            return [self.no_pull()]
        verdict = facts.frozen.verdict
        if verdict and verdict.outcome is Outcome.OK:
            return [self.would_come(verdict)]
        found = Refusal(facts).causes()
        if facts.said.reason is Reason.UNREACHABLE and found[0].reason in _AFTER_THE_NODE:
            return [self.node_cut_off(), *found]
        return found

    def would_come(self, verdict: Verdict) -> Cause:
        """The cause where the registry gives the image to the Pod's own logins."""
        said, tries = self.facts.said, self.facts.tries
        if said.reason is Reason.REGISTRY_THROTTLES:
            return throttled(self.facts, said.text)
        if (said.reason is Reason.UNREACHABLE and said.status < 500) or (
            said.reason is Reason.UNKNOWN and said.text
        ):
            return self.node_only(verdict)
        # A right that was given, an image that was pushed, a Secret that was written: mended
        # since, whatever it was.
        when = f" at about {moment(tries.next)}" if tries.next else " within 5 minutes"
        return Cause(
            Reason.BACK_OFF_ONLY,
            f"it would be pulled now ({verdict.message}); kubelet tries again{when}",
            (),
            "nothing is to be done: kubelet does it by itself. Where it fails after that too, "
            + where_to_look(self.facts),
        )

    def node_only(self, verdict: Verdict) -> Cause:
        """The cause where only the node fails."""
        said, node = self.facts.said, self.facts.pod.node or "the node"
        return Cause(
            Reason.NODE_ONLY,
            f"it comes from here with the Pod's own logins ({verdict.message}), and {node} fails: "
            f"{said.text or 'it says nothing more'}",
            (),
            where_to_look(self.facts),
        )

    def node_cut_off(self) -> Cause:
        """The cause that stands before all others where the node does not reach the registry."""
        node, said = self.facts.pod.node or "the node", self.facts.said
        fails = "gets no image from the registry" if said.status else "does not reach the registry"
        return Cause(
            Reason.UNREACHABLE,
            f"{node} {fails}: {said.text}",
            (),
            where_to_look(self.facts),
        )

    def no_pull(self) -> Cause:
        """The node fails at what comes before a pull or after it: disk, policy, runtime."""
        node = self.facts.pod.node
        return Cause(
            Reason.NOT_A_PULL_PROBLEM,
            f"{node or 'the node'} fails, and not for want of a login: {self.facts.said.text}",
            (),
            f"kubectl describe node {node}" if node else "look at the node",
        )

    def never(self) -> Cause:
        """The policy forbids the pull."""
        pod, failure = self.facts.pod, self.facts.failure
        return Cause(
            Reason.IMAGE_POLICY_NEVER,
            f"imagePullPolicy is Never, and {pod.node or 'the node'} does not have {failure.image}",
            self.remedies.pull_it(),
            "or bring it onto the node",
        )
