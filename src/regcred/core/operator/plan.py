"""What is to be done in one namespace: what it is to have, less what it has.

A function of the two and nothing else, so that it may be asked at any time, any number of times,
after whatever has failed half-way: done all of it, there is nothing left to do. The rules:

==========================  ====================================================================
the Secret is               then
==========================  ====================================================================
not there                   create it, where there is something to put in
ours, by our marks          put it right in place; delete it where nothing is to be in it
ours, and cannot be put     delete and create it: its type is another, or its data are frozen
right
handed over by its label    the same as ours, where something is to be in it
anybody else's              left alone, and said so; no ServiceAccount is given it
==========================  ====================================================================

ServiceAccounts get the entry where they are selected, and lose it where they are not, but only
an entry that the operator marked as its own. They get it also while no source has given anything
yet: kubelet takes a Secret that is not there for one that will be, so Pods of that time pull as
soon as it is. A terminating namespace takes care of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core import fields, glob, marks
from regcred.core.formats.redact import one_line
from regcred.core.logins import serviceaccount
from regcred.core.logins.secret import DOCKERCONFIGJSON
from regcred.core.operator.actions import (
    Action,
    CreateSecret,
    DeleteSecret,
    PatchAccount,
    UpdateSecret,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regcred.core.operator.desired import Desired
    from regcred.core.operator.observed import Observed, SeenSecret

SECRET_NOT_OURS = "SecretNotOurs"  # noqa: S105
_MARK = marks.ATTACHED_BY_OPERATOR
_DETACHED = "Detached"
#: Registries of somebody else's Secret that a message names.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a namespace from what it should have, and no action of ours removes.

    Args:
        reason: a CamelCase word.
        message: what it is.
        hint: what mends it.
    """

    reason: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in one namespace.

    Args:
        actions: in this order.
        obstacle: what stands in the way.
        serves: names of the PullCredentials that have a login in the Secret afterwards.
        takes_away: a login goes from the Secret, or the Secret from a ServiceAccount: not to be
            done by anybody who is not sure that nobody asks for it any more.
    """

    actions: tuple[Action, ...] = ()
    obstacle: Obstacle | None = None
    serves: frozenset[str] = frozenset()
    takes_away: bool = False


def plan(desired: Desired, observed: Observed, secret: str) -> Plan:
    """Compare, and decide.

    Args:
        desired: what the namespace is to have.
        observed: what it has.
        secret: the name of the operator's Secret in every namespace.
    """
    if observed.terminating:
        return Plan()
    there = observed.secret
    kept = _kept(desired, there) if there is not None and there.is_ours else {}
    wanted, entries, names = _wanted(desired, there, kept)
    theirs = there is not None and not (there.is_ours or there.handed_over)
    # Nobody knows which ServiceAccounts are selected by a PullCredential that makes no sense; also
    # where it has no entry, since others may have come before it with all of them.
    blind = any(hold.blind for hold in desired.holding.values())
    stays = there is not None and there.is_ours and bool(entries)
    may_detach = not (blind and stays)
    accounts = tuple(
        _accounts(desired, observed, secret, may_attach=not theirs, may_detach=may_detach)
    )
    detaches = any(each.reason == _DETACHED for each in accounts)
    if not entries:
        # Last, so that no new Pod is told of a Secret that is gone.
        gone = tuple(_delete(there))
        return Plan((*accounts, *gone), takes_away=bool(gone) or detaches)
    if there is not None and theirs:
        obstacle = _not_ours(there, observed.namespace, secret, _only_there(there, entries))
        return Plan(accounts, obstacle, takes_away=detaches)
    one = "registry" if len(entries) == 1 else "registries"
    said = f"{len(entries)} {one} from {', '.join(sorted(names)) or 'what was there'}"
    lost = there is not None and there.is_ours and there.content.entries.keys() - entries.keys()
    return Plan(
        (*_write(there, wanted, entries, said), *accounts), None, names, detaches or bool(lost)
    )


def _wanted(
    desired: Desired, there: SeenSecret | None, kept: Mapping[str, str]
) -> tuple[Written, Mapping[str, bytes], frozenset[str]]:
    """What is to be in the Secret, the hash of each entry, and who has one in it."""
    merged = desired.merged
    if there is None or not kept:
        names = frozenset(rank[1] for rank in merged.owners.values())
        written = Written(merged.data, merged.hash, merged.noted_owners, merged.noted_expiry)
        return written, merged.digests, names
    owners = {key: rank[1] for key, rank in merged.owners.items()} | {**kept}
    owners = {key: name for key, name in owners.items() if name}
    # When what stays ends is known from here alone. Of two such times the earlier is the smaller.
    noted = there.expires_at if fields.instant(there.expires_at) else ""
    written = Written(
        merged.data,
        "",
        marks.write_owners(owners),
        min(filter(None, (merged.noted_expiry, noted)), default=""),
        frozenset(kept),
        merged.credentials,
    )
    entries = {**merged.digests, **{key: there.content.entries[key] for key in kept}}
    return written, entries, frozenset(owners.values())


def _kept(desired: Desired, there: SeenSecret) -> dict[str, str]:
    """Registries whose entries stay as they are, and whose they are; empty for nobody knows."""
    if not desired.holding:
        return {}
    kept = {}
    owners = there.owner_names()
    for key in there.content.entries:
        name, winner = owners.get(key, ""), desired.merged.owners.get(key)
        hold = desired.holding.get(name)
        if hold is not None:
            stays = hold.keeps(key) and (winner is None or hold.rank < winner)
        else:
            stays = not name and winner is None
        if stays:
            kept[key] = name
    return kept


def _only_there(there: SeenSecret, entries: Mapping[str, bytes]) -> str:
    """The registries of which somebody else's Secret has a login and the operator's would not."""
    lost = sorted(there.content.entries.keys() - entries.keys())
    more = f" and {len(lost) - _MOST_NAMED:,} more" if len(lost) > _MOST_NAMED else ""
    return one_line(", ".join(lost[:_MOST_NAMED])) + more


def _write(
    there: SeenSecret | None, wanted: Written, entries: Mapping[str, bytes], said: str
) -> Iterator[Action]:
    if there is None:
        yield CreateSecret("SecretCreated", said, wanted)
        return
    if wanted.keep:
        right = there.content.plain and there.content.entries == entries
    else:
        right = there.content.hash == wanted.hash
    frozen = there.immutable and not right
    if there.type != DOCKERCONFIGJSON or frozen:
        why = "its data were immutable" if frozen else f"it was of type {there.type}"
        said = f"{said}; {why}{_gone(there, entries)}"
        yield CreateSecret("SecretReplaced", said, wanted, there)
        return
    marked = (
        there.is_ours
        and (there.owners, there.expires_at) == (wanted.owners, wanted.expires_at)
        and not there.login_marks
    )
    if not right or not marked:
        reason = "SecretUpdated" if there.is_ours else "SecretTakenOver"
        yield UpdateSecret(reason, said + _gone(there, entries), there, wanted, not right)


def _gone(there: SeenSecret, entries: Mapping[str, bytes]) -> str:
    """What goes as a Secret that was handed over becomes the operator's; empty for nothing."""
    lost = "" if there.is_ours else _only_there(there, entries)
    return f"; what it held for {lost} is gone" if lost else ""


def _delete(there: SeenSecret | None) -> Iterator[Action]:
    if there is not None and there.is_ours:
        why = "no PullCredential has a login for this namespace any more"
        yield DeleteSecret("SecretDeleted", why, there.uid, there.version)


def _accounts(
    desired: Desired, observed: Observed, secret: str, *, may_attach: bool, may_detach: bool
) -> Iterator[Action]:
    for account in observed.accounts:
        selected = glob.any_matches(desired.accounts, account.name)
        attached = secret in account.names
        marked = bool(account.attached) and secret in account.attached.split(",")
        if selected and not attached and may_attach:
            change = serviceaccount.attach(account.as_object(), secret, mark=_MARK)
            why = f"ServiceAccount {account.name} is selected"
        elif marked and not selected and may_detach:
            change = serviceaccount.detach(account.as_object(), secret, mark=_MARK)
            why = f"ServiceAccount {account.name} is not selected any more"
        else:
            continue
        reason = _DETACHED if change.reason == "NotAttached" else change.reason
        yield PatchAccount(reason, why, account.name, change.patch)


def _not_ours(there: SeenSecret, namespace: str, secret: str, lost: str) -> Obstacle:
    keeper = "regcred login keeps it" if there.kept_by else "the operator did not make it"
    return Obstacle(
        SECRET_NOT_OURS,
        f"Secret {namespace}/{secret} is there already, and {keeper}",
        "hand it over, and what it holds is replaced"
        + (f" (that for {lost} is lost: no PullCredential gives it here)" if lost else "")
        + f": kubectl label secret {secret} -n {namespace} {marks.HAND_OVER}=true",
    )
