"""The status of a PullCredential: what a person, ``kubectl wait`` and Argo CD go by.

``Ready`` is about the namespaces: true when each that is selected has the logins that it should
have, and these have not expired. ``Minted`` is about the source: true when it gave a credential
at the last try. A source that fails while the last credential still serves is not Minted and
Ready all the same, as a certificate is that could not be renewed yet.

``Rescued`` is there where the spec asks for it (`regcred.core.operator.rescuestatus`).

There is no condition ``Stalled``: whatever fails is tried again, and most of it heals without
anybody touching the object. kstatus then says InProgress and not Failed, which is the truth.

Sources: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md,
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.operator import minting, rescuestatus
from regcred.core.operator.pullcredential import Rescue
from regcred.core.operator.source import Fragment, SourceFailure
from regcred.core.problem import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from regcred.core.operator.merging import Loss
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.rescuestatus import Census

#: How many namespaces a status names.
MAX_FAILURES = 10
_MAX_MESSAGE = 1000
_MAX_WARNINGS = 8

#: What `Minted` says at its end of the credential of before, while the source fails.
STAYS = "; what it gave before stays"
ENDED = "; what it gave before has expired"

#: Kinds whose password a person may have chosen: the hash of a short one is a way to it.
_MAY_BE_SHORT = frozenset({"dockerHub", "exec"})

#: Status, reason and message of a condition.
_Says = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A namespace that cannot be given what it should have.

    Args:
        namespace: its name.
        reason: a CamelCase word.
        message: why, and what mends it.
    """

    namespace: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The namespaces of one PullCredential; terminating ones do not count.

    Args:
        desired: how many are selected.
        ready: how many of them have all that they should have.
        failures: those that cannot be given it; the others are still to be served.
    """

    desired: int = 0
    ready: int = 0
    failures: Sequence[Failure] = ()


def build(
    pullcredential: PullCredential,
    tally: Tally,
    source: Fragment | SourceFailure | None,
    losses: Sequence[Loss],
    old: Mapping[str, Any],
    now: datetime,
    *,
    last: Fragment | None = None,
    refresh: datetime | None = None,
    census: Census | None = None,
) -> dict[str, Any]:
    """The status to write.

    Args:
        pullcredential: the object.
        tally: its namespaces.
        source: what its source gave at the last try; None before the first one.
        losses: what others have that it claims, each once.
        old: the status that it has; ``{}`` for none.
        now: with time zone.
        last: the credential that serves while `source` is a failure.
        refresh: when the source is asked again.
        census: the Pods that are stuck for want of it; None where nobody looks.
    """
    ends = expires(pullcredential, source, last, old)
    expired = ends is not None and ends <= now
    ready = _ready(pullcredential, tally, source, losses, expired)
    failures = sorted(tally.failures, key=lambda each: (each.namespace, each.reason))
    conditions = [("Ready", ready), ("Minted", _minted(pullcredential, source, last, expired))]
    rescue = {}
    if census is not None and pullcredential.spec is not None and not pullcredential.deleting:
        mode = pullcredential.spec.rescue
        if mode is not Rescue.OFF:
            rescued = rescuestatus.says(mode, census)
            conditions.append((rescuestatus.CONDITION, rescued))
            rescue = {"rescue": rescuestatus.figures(census, _cut(rescued[2]))}
    status: dict[str, Any] = {
        "observedGeneration": pullcredential.generation,
        "conditions": [
            _condition(kind, says, pullcredential.generation, old, now) for kind, says in conditions
        ],
        "namespaces": {
            "desired": tally.desired,
            "ready": tally.ready,
            "failed": len(failures),
            "summary": f"{tally.ready}/{tally.desired}",
        },
        "failures": [
            {"namespace": each.namespace, "reason": each.reason, "message": _cut(each.message)}
            for each in failures[:MAX_FAILURES]
        ],
    }
    moments = {"expiresAt": ends, "refreshAt": refresh}
    status |= rescue | _minted_last(pullcredential, serving(source, last), old)
    return status | {key: _stamp(moment) for key, moment in moments.items() if moment}


def expires(
    pullcredential: PullCredential,
    source: Fragment | SourceFailure | None,
    last: Fragment | None,
    old: Mapping[str, Any],
) -> datetime | None:
    """When the credential that serves ends; None where that is not known.

    Args: as for `build`. While a source fails that this process has never read, what serves is what
    an earlier one gave, and when that ends the status says.
    """
    if (fragment := serving(source, last)) is not None:
        return fragment.expires
    return fields.instant(old.get("expiresAt")) if _is_current(pullcredential, old) else None


def serving(source: Fragment | SourceFailure | None, last: Fragment | None) -> Fragment | None:
    """What namespaces have, or are being given: of `build`'s arguments."""
    return source if isinstance(source, Fragment) else last


def _is_current(pullcredential: PullCredential, old: Mapping[str, Any]) -> bool:
    return bool(old.get("observedGeneration") == pullcredential.generation)


def _minted_last(
    pullcredential: PullCredential, fragment: Fragment | None, old: Mapping[str, Any]
) -> dict[str, Any]:
    """What the next leader needs in order not to mint again (`minting.digest`)."""
    if fragment is None:
        there = old.get("minted") if _is_current(pullcredential, old) else None
        return {"minted": there} if there else {}
    spec = pullcredential.spec
    if fragment.minted is None or fragment.expires is None or spec is None:
        return {}
    if spec.source.kind in _MAY_BE_SHORT:
        return {}
    said: dict[str, Any] = {
        "digest": minting.digest(pullcredential.uid, fragment.credentials.values())
    }
    noted = {"handle": fragment.handle, "secretVersion": fragment.secret_version}
    said |= {key: value for key, value in noted.items() if value}
    if fragment.warnings:
        said |= {"warnings": [_cut(each) for each in fragment.warnings[:_MAX_WARNINGS]]}
    return {"minted": said | {"mintedAt": _stamp(fragment.minted)}}


def uninstalled(
    pullcredential: PullCredential, old: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The status of an object when all that the operator gave was taken away again."""
    says = "regcred operator --uninstall took away what it gave"
    generation = pullcredential.generation
    return {
        "observedGeneration": generation,
        "conditions": [
            _condition(kind, (status, "Uninstalled", says), generation, old, now)
            for kind, status in (("Ready", "False"), ("Minted", "Unknown"))
        ],
        "namespaces": {"desired": 0, "ready": 0, "failed": 0, "summary": "0/0"},
        "failures": [],
    }


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether `new` says anything else than `old`, but for when conditions came about."""
    return _timeless(old) != _timeless(new)


def _ready(
    pullcredential: PullCredential,
    tally: Tally,
    source: Fragment | SourceFailure | None,
    losses: Sequence[Loss],
    expired: bool,
) -> _Says:
    count = _count(tally.desired)
    lacking = tally.ready < tally.desired
    if pullcredential.deleting:
        return "False", "Deleting", f"what it gave is being taken away again from {count}"
    if pullcredential.problem is not None:
        return "False", "InvalidSpec", _with_hint(pullcredential.problem)
    if isinstance(source, SourceFailure) and (lacking or not tally.desired):
        return "False", source.reason, _with_hint(source)
    if losses:
        more = f" (and {len(losses) - 1} more)" if len(losses) > 1 else ""
        return "False", losses[0].reason, f"{_with_hint(losses[0])}{more}"
    if expired:
        said = "the credential has expired, and there is no newer one"
        if isinstance(source, SourceFailure):
            said += f": {source.reason}: {_with_hint(source)}"
        return "False", "Expired", said
    if tally.failures:
        names = sorted({each.namespace for each in tally.failures})
        first = min(tally.failures, key=lambda each: each.namespace)
        where = f"{len(names)} of {count} failed"
        where += f": {listed(names)}" if len(names) > 1 else ""
        return "False", "NamespacesFailed", f"{where}; {first.namespace}: {first.message}"
    if lacking:
        return "False", "Progressing", f"{tally.ready} of {count} {_have(tally.ready)} the logins"
    if not tally.desired:
        return "True", "NoNamespaceSelected", "it selects no namespace that there is"
    said = f"{count} {_have(tally.desired)} the logins"
    if isinstance(source, SourceFailure):
        said += f" of before ({source.reason})"
    return "True", "Ready", said


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _minted(
    pullcredential: PullCredential,
    source: Fragment | SourceFailure | None,
    last: Fragment | None,
    expired: bool,
) -> _Says:
    if pullcredential.problem is not None:
        return "Unknown", "InvalidSpec", "nobody knows what its source is"
    if source is None:
        return "Unknown", "Pending", "the source has not been asked yet"
    if isinstance(source, SourceFailure):
        stays = (ENDED if expired else STAYS) if last else ""
        return "False", source.reason, f"{_with_hint(source)}{stays}"
    one = "registry" if len(source.credentials) == 1 else "registries"
    odd = f"; left out: {listed(source.left_out)}" if source.left_out else ""
    odd += "".join(f"; {each}" for each in source.warnings)
    return "True", "Minted", f"{len(source.credentials):,} {one}{odd}"


def _condition(
    kind: str, says: _Says, generation: int, old: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    status, reason, message = says
    before = fields.condition({"status": old}, kind, status) or {}
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": _cut(message),
        "observedGeneration": generation,
        "lastTransitionTime": fields.text(before.get("lastTransitionTime")) or _stamp(now),
    }


def _timeless(status: Mapping[str, Any]) -> dict[str, Any]:
    conditions = [
        {key: value for key, value in each.items() if key != "lastTransitionTime"}
        for each in fields.entries(status.get("conditions"))
    ]
    return {**status, "conditions": conditions}


def _with_hint(error: Any) -> str:
    return f"{error.message}; {error.hint}" if error.hint else str(error.message)


def _count(namespaces: int) -> str:
    return f"{namespaces:,} namespace{'' if namespaces == 1 else 's'}"


def _cut(message: str) -> str:
    # What refuses a write may say anything, and kubectl shows it on a terminal as it is.
    message = "".join(c if c.isprintable() else " " for c in message)
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
