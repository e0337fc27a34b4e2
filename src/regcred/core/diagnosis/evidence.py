"""The facts that a diagnosis rests on, for a person: each in a line, with where it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.diagnosis.cause import Evidence
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.logins.expiry import expires, is_access_token
from regcred.core.logins.registrykey import display
from regcred.core.problem import Reason, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from regcred.core.diagnosis.facts import Facts, SecretFacts, Unread

#: How many logins of a Pod are listed.
_MOST_LOGINS = 5

#: Causes that the node's own login could be behind, or could cure.
_ABOUT_LOGIN = frozenset(
    {
        Reason.NO_CREDENTIAL,
        Reason.NO_MATCHING_REGISTRY,
        Reason.SECRET_MISSING,
        Reason.WRONG_SECRET_TYPE,
        Reason.UNAUTHORIZED,
        Reason.FORBIDDEN,
        Reason.EXPIRED,
        Reason.NODE_ONLY,
        Reason.UNKNOWN,
    }
)


def evidence(facts: Facts, told: Collection[str] = ()) -> tuple[Evidence, ...]:
    """The facts, from what kubelet said to what the registry says.

    Args:
        facts: what was found out.
        told: messages of the causes, which need not be said twice.
    """
    return tuple(_evidence(facts, told))


def not_excluded(facts: Facts, reason: Reason) -> tuple[str, ...]:
    """What could not be ruled out, a sentence each.

    Args:
        facts: what was found out, and what not.
        reason: of the first cause.
    """
    found = [_open(unread) for unread in facts.unread]
    if facts.not_probed:
        found.append(f"the registry was not asked: {facts.not_probed}")
    if reason in _ABOUT_LOGIN:
        found.append(
            f"what {facts.pod.node or 'the node'} knows by itself: its own docker config, "
            "credential provider plugins, mirrors; nothing shows them"
        )
    return tuple(dict.fromkeys(found))


def moment(when: datetime) -> str:
    """A time, to the second, in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def _open(unread: Unread) -> str:
    if unread.right:
        return f"{unread.what} could not be read: it takes the right to {unread.right}"
    return f"{unread.what} could not be read: {unread.why}"


def _evidence(facts: Facts, told: Collection[str]) -> Iterator[Evidence]:
    pod, failure, tries = facts.pod, facts.failure, facts.tries
    name = f"Pod {pod.namespace}/{pod.name}"
    of = " of container" if failure.kind == "image volume" else ""
    yield Evidence(f"{failure.kind}{of} {failure.container} is in {failure.state}", name)
    if facts.said.text:
        yield Evidence(f"kubelet says: {facts.said.text}", "events" if tries.message else name)
    if tries.last and (pod.created is None or tries.last >= pod.created):
        again = f", and tries again at about {moment(tries.next)}" if tries.next else ""
        times = f"{tries.count} times, " if tries.count > 1 else ""
        # Where no event tells of it, it is reckoned from when the status changed.
        at, source = ("at", "events") if tries.count else ("at about", name)
        yield Evidence(f"kubelet tried {times}last {at} {moment(tries.last)}{again}", source)
    if tries.missing:
        yield Evidence(f"kubelet could not retrieve the Secret {listed(tries.missing)}", "events")
    made = f"made at {moment(pod.created)} " if pod.created else "made "
    secrets = pod.template.secrets
    has = f"the pull Secrets {', '.join(secrets)}" if secrets else "no pull Secret"
    yield Evidence(f"{made}with {has}; a Pod's list is frozen", name)
    yield from _account(facts)
    for secret in facts.secrets.values():
        yield from _secret(secret, pod.namespace)
    yield from _logins(facts)
    yield from _givers(facts)
    for missing, places in facts.elsewhere.items():
        yield Evidence(
            f"a pull Secret {missing} is in {listed(places)}", "Secrets of all namespaces"
        )
    yield from _answers(facts, told)


def _account(facts: Facts) -> Iterator[Evidence]:
    account = facts.account
    source = f"ServiceAccount {facts.pod.namespace}/{account.name}"
    if account.exists is False:
        yield Evidence("does not exist any more", source)
    elif account.names is not None:
        when = f", since {moment(account.changed)}" if account.changed and account.names else ""
        has = f"the pull Secrets {', '.join(account.names)}" if account.names else "no pull Secret"
        yield Evidence(f"has {has} now{when}", source)


def _secret(secret: SecretFacts, namespace: str) -> Iterator[Evidence]:
    source = f"Secret {namespace}/{secret.name}"
    if secret.exists is False:
        yield Evidence("does not exist", source)
    elif secret.exists:
        made = f", made at {moment(secret.created)}" if secret.created else ""
        later = secret.changed if secret.changed != secret.created else None
        changed = f", changed at {moment(later)}" if later else ""
        kept = f", kept by regcred ({secret.kept_by})" if secret.kept_by else ""
        first = "the first of its logins ends" if len(secret.givers) > 1 else "its logins end"
        ends = f", {first} at {moment(secret.expires)}" if secret.expires else ""
        if secret.ends:
            ends = "".join(
                f", its login for {display(registry)} ends at {moment(when)}"
                for registry, when in sorted(secret.ends.items())[:_MOST_LOGINS]
            )
        yield Evidence(f"exists{made}{changed}{kept}{ends}", source)


def _logins(facts: Facts) -> Iterator[Evidence]:
    """What of the Pod's Secrets is for the image."""
    candidates = facts.frozen.lookup.candidates
    for candidate in candidates[:_MOST_LOGINS]:
        if candidate.useless:
            said = candidate.useless
        else:
            said = f"user {candidate.credential.user}"
            ends = expires(candidate.credential.password)
            if is_access_token(candidate.credential.username, candidate.credential.password):
                said += ", an access token of Google: it lasts an hour, and does not say from when"
            if ends:
                said += f", expires at {moment(ends)}"
                said += " (it has expired)" if ends <= facts.now else ""
        yield Evidence(f"{display(candidate.registry)} is for the image: {said}", candidate.source)
    if len(candidates) > _MOST_LOGINS:
        more = len(candidates) - _MOST_LOGINS
        yield Evidence(f"{more} more logins are for the image", "the Pod's Secrets")


def _givers(facts: Facts) -> Iterator[Evidence]:
    """What the PullCredentials say of themselves whose logins are for the image, or would be."""
    image = facts.frozen.lookup.reference
    named = {name for secret in facts.secrets.values() for name in secret.givers.values()}
    for giver in facts.givers or ():
        if image is None or not giver.is_for(image):
            continue
        if giver.selects is False and giver.name not in named:
            continue
        source = f"PullCredential {giver.name}"
        for kind, says in (("Minted", giver.minted), ("Ready", giver.ready)):
            if says.status:
                since = f" since {moment(says.since)}" if says.since else ""
                yield Evidence(f"{kind} is {says.status}{since}: {says}", source)
        if giver.expires:
            yield Evidence(f"its credential ends at {moment(giver.expires)}", source)


def _answers(facts: Facts, told: Collection[str]) -> Iterator[Evidence]:
    """What the registry says to the logins that matter."""
    reference = facts.frozen.lookup.reference
    if reference is None:
        return
    said: set[str] = set()
    for login, whose in (
        (facts.frozen, "the Pod's logins"),
        (facts.anew, "those of a Pod made now"),
        (facts.cut_off, "those of its ServiceAccount"),
        (facts.others, "those of the namespace's other Secrets"),
    ):
        verdict = login.verdict if login else None
        asked = verdict and verdict.outcome in (Outcome.OK, Outcome.FAIL)
        if verdict and asked and verdict.message not in said:
            said.add(verdict.message)
            more = "" if verdict.message in told else f", {verdict.message}"
            yield Evidence(
                f"asked from here with {whose}: {verdict.reason}{more}",
                f"registry {reference.domain}",
            )
