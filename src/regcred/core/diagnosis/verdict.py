"""Whether an image will be pulled: kubelet's lookup and the registry's answers, taken together.

kubelet tries every credential that matches, in order and on any error, so the image is pulled if
one of them works. Where nothing matches it asks once, without a login. Where all fail, the reason
is the most telling of the answers: "no such tag" comes from a registry that let somebody in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from regcred.core.credential import Credential
from regcred.core.diagnosis.loginhints import Hints
from regcred.core.logins.expiry import expires
from regcred.core.logins.registrykey import display
from regcred.core.pods import mend
from regcred.core.problem import Problem, Reason, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from regcred.core.logins.keyring import Candidate
    from regcred.core.logins.lookup import Lookup
    from regcred.core.pods.effective import Effective
    from regcred.core.registry.answer import Answer

#: A login that ends within this time is worth a warning.
SOON = timedelta(days=1)

#: Answers from the most to the least telling.
_TELLING = (
    Reason.BAD_REFERENCE,
    Reason.PLATFORM_MISSING,
    Reason.NOT_FOUND,
    Reason.RATE_LIMITED,
    Reason.EXPIRED,
    Reason.FORBIDDEN,
    Reason.UNAUTHORIZED,
    Reason.UNREACHABLE,
)
#: Answers that a login gets for having expired, among other things.
_REFUSED = (Reason.FORBIDDEN, Reason.UNAUTHORIZED)
#: Answers that another login could turn into a yes.
_ABOUT_LOGIN = (Reason.EXPIRED, *_REFUSED)
#: Answers that may hide from those who come without one.
_PERHAPS_LOGIN = (Reason.NOT_FOUND, Reason.RATE_LIMITED)
_PASSED_OVER = (Reason.SECRET_MISSING, Reason.WRONG_SECRET_TYPE)


class Outcome(StrEnum):
    """In one word."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one image of a Pod.

    Args:
        outcome: ``ok``, ``fail``, ``unknown`` (what decides could not be read) or ``skipped``.
        reason: of the closed list.
        message: one sentence; never a password.
        hint: what to do about it; may be empty.
        candidate: the credential that works, or the one that `reason` is about; None for none.
        digest: of the image.
        platforms: for which it was found.
        warnings: what is odd.
    """

    outcome: Outcome
    reason: Reason
    message: str
    hint: str = ""
    candidate: Candidate | None = None
    digest: str = ""
    platforms: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


class _Try(NamedTuple):
    candidate: Candidate | None
    answer: Answer
    reason: Reason


def tries(lookup: Lookup) -> tuple[Credential | None, ...]:
    """What kubelet asks the registry with, in its order; None for nothing. Each login once."""
    if lookup.failed:
        return ()
    if not lookup.candidates:
        return (None,)
    return tuple(dict.fromkeys(_login(lookup, candidate) for candidate in lookup.candidates))


def skipped() -> Verdict:
    """The verdict on an image with ``imagePullPolicy: Never``."""
    said = "imagePullPolicy: Never: kubelet runs it only where the node has it already"
    return Verdict(Outcome.SKIPPED, Reason.NEVER_PULLED, said)


def judge(
    lookup: Lookup,
    answers: Mapping[Credential | None, Answer],
    own: Effective,
    now: datetime,
    *,
    secrets: bool = True,
) -> Verdict:
    """The verdict on one image for one platform.

    Args:
        lookup: what kubelet finds for it.
        answers: to `tries`, up to the first that is a yes.
        own: the pull Secrets that `lookup` was made with.
        now: the time.
        secrets: whether the logins are those of pull Secrets, and not of this machine.
    """
    hints = Hints(lookup, own, secrets)
    lookup = hints.all_put_right()
    warnings = _warnings(lookup, own, hints)
    if lookup.failed:
        first, *others = lookup.problems
        fail = Verdict(Outcome.FAIL, first.reason, first.message, first.hint)
        return replace(fail, warnings=(*others, *warnings))
    if own.unknown and not own.secrets:
        # That no pull Secret is named is more than anybody knows.
        lookup = replace(lookup, problems=())
    done = _tried(lookup, answers, now)
    for tried in done:
        if tried.reason is Reason.OK:
            return _ok(lookup, tried, [*warnings, *_older(lookup, own, tried)], now)
    worst = min(done, key=lambda tried: _TELLING.index(tried.reason))
    fail = _fail(lookup, worst, done, warnings, hints)
    if own.unknown and worst.reason in (*_ABOUT_LOGIN, *_PERHAPS_LOGIN):
        return replace(
            fail,
            outcome=Outcome.UNKNOWN,
            reason=Reason.UNKNOWN,
            message=f"not known: {listed(own.unknown)}; without that: {fail.message}",
            hint=hints.unknown(),
        )
    return fail


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of those for several platforms: ok if all are, else the first that is not."""
    for verdict in verdicts:
        if verdict.outcome is not Outcome.OK:
            return verdict
    platforms = (p for verdict in verdicts for p in verdict.platforms)
    return replace(verdicts[0], platforms=tuple(dict.fromkeys(platforms)))


def _login(lookup: Lookup, candidate: Candidate | None) -> Credential | None:
    """What the registry gets to see; the same for one login under several keys."""
    if candidate is None or candidate.useless or lookup.reference is None:
        return None
    credential = candidate.credential
    return Credential(lookup.reference.domain, credential.username, credential.password)


def _tried(
    lookup: Lookup, answers: Mapping[Credential | None, Answer], now: datetime
) -> list[_Try]:
    found = []
    for candidate in lookup.candidates or (None,):
        credential = _login(lookup, candidate)
        if credential in answers:
            answer = answers[credential]
            reason = answer.reason
            ends = expires(credential.password) if credential else None
            # ECR says 403 to a login that has expired.
            if reason in _REFUSED and ends and ends <= now:
                reason = Reason.EXPIRED
            found.append(_Try(candidate, answer, reason))
    return found


def _ok(lookup: Lookup, tried: _Try, warnings: list[Problem], now: datetime) -> Verdict:
    candidate, answer = tried.candidate, tried.answer
    credential = _login(lookup, candidate)
    if credential is None:
        said = "needs no login"
        warnings = [*(p for p in lookup.problems if p.reason in _PASSED_OVER), *warnings]
    else:
        user = f"user {credential.user}" if credential.username else "an identity token"
        said = f"{user}, {_named(candidate)}"
        ends = expires(credential.password)
        if ends and ends <= now + SOON:
            warnings.append(
                Problem(
                    Reason.EXPIRES_SOON,
                    f"the login of {_named(candidate)} expires on {ends:%Y-%m-%d %H:%M} UTC",
                    "",
                    candidate.source if candidate else "",
                )
            )
    return Verdict(
        Outcome.OK,
        Reason.OK,
        said,
        "",
        candidate if credential else None,
        answer.digest,
        (answer.chosen,) if answer.chosen else (),
        tuple(warnings),
    )


def _fail(
    lookup: Lookup, worst: _Try, done: list[_Try], warnings: list[Problem], hints: Hints
) -> Verdict:
    answer, candidate = worst.answer, worst.candidate
    if lookup.problems and worst.reason in _ABOUT_LOGIN:
        # Nobody asked with a login, so the reason is why there is none.
        first, *others = lookup.problems
        said = f"{first.message}; {answer.message}"
        fail = Verdict(Outcome.FAIL, first.reason, said, first.hint, candidate, answer.digest)
        return replace(fail, warnings=(*others, *warnings))
    message, hint = answer.message, answer.hint
    if candidate:
        message = f"{_named(candidate)}: {message}"
        if worst.reason is Reason.EXPIRED:
            ends = expires(candidate.credential.password)
            message = f"{message}; the login expired on {ends:%Y-%m-%d %H:%M} UTC"
            hint = hints.login(worst.reason, candidate.source)
        elif worst.reason in _ABOUT_LOGIN:
            hint = "; ".join(filter(None, (hint, hints.login(worst.reason, candidate.source))))
    if len(done) > 1:
        message = f"{message} (none of the {len(done)} logins that match works)"
    elif worst.reason in _PERHAPS_LOGIN:
        warnings = [*lookup.problems, *warnings]
    return Verdict(
        Outcome.FAIL,
        worst.reason,
        message,
        hint,
        candidate,
        answer.digest,
        answer.platforms,
        tuple(warnings),
    )


def _warnings(lookup: Lookup, own: Effective, hints: Hints) -> list[Problem]:
    """What is odd whatever the registry says."""
    warnings = list(lookup.warnings)
    reference = lookup.reference
    if reference and not reference.digest and reference.tag in (None, "latest"):
        said = "has the tag latest" if reference.tag else "has no tag, which means latest"
        warnings.append(
            Problem(
                Reason.LATEST_TAG,
                f"{lookup.image} {said}: what is pulled may change at any time",
                "name a version, or a digest",
            )
        )
    warnings += [
        Problem(
            Reason.IDENTITY_TOKEN,
            f"{_named(candidate)} is an identity token, which kubelet ignores: with a pull Secret "
            "made of it no node can pull",
            f"regcred login {reference.domain} with a user name and a password or access token",
            candidate.source,
        )
        for candidate in lookup.candidates
        if reference and candidate.is_identity_token
    ]
    warnings += [
        Problem(
            Reason.LINE_END_IN_PASSWORD,
            f"the password in {_named(candidate)} ends with a line end, which kubelet sends too",
            'printf %s "$TOKEN" makes none, echo does',
            candidate.source,
        )
        for candidate in lookup.candidates
        if candidate.credential.password.reveal().endswith(("\n", "\r"))
    ]
    if own.cut_off:
        namespace, name = own.account
        within = f" in {namespace}" if namespace else ""
        warnings.append(
            Problem(
                Reason.CUTS_OFF_SERVICEACCOUNT,
                f"the Pod has a list of its own, so it does not get {listed(own.cut_off)} of "
                f"serviceaccount/{name}{within}",
                hints.cut_off(),
                f"ServiceAccount {namespace}/{name}" if namespace else f"ServiceAccount {name}",
            )
        )
    return warnings


def _older(lookup: Lookup, own: Effective, tried: _Try) -> Iterator[Problem]:
    """What is to be said of Pods that were made before the login, whose lists are frozen."""
    if own.waiting is None or tried.candidate is None or tried.candidate.useless:
        return
    source = tried.candidate.source
    name = next((each.name for each in own.secrets if each.source == source), "")
    pods = tuple(
        pod
        for pod in own.waiting.pods
        if lookup.image in pod.images and name not in pod.pull_secrets
    )
    if not pods:
        return
    which = listed([f"pod/{pod.name}" for pod in pods])
    do = "Pods wait for it: they were" if len(pods) > 1 else "a Pod waits for it: it was"
    yield Problem(
        Reason.POD_OLDER_THAN_ATTACHMENT,
        f"{do} made without {source}, and a Pod's list of pull Secrets is frozen ({which})",
        mend.restart(replace(own.waiting, pods=pods)).command,
        f"Pod {pods[0].namespace}/{pods[0].name}",
    )


def _named(candidate: Candidate | None) -> str:
    return f"{display(candidate.registry)} of {candidate.source}" if candidate else ""
