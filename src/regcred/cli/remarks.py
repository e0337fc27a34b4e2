"""What ``regcred inject`` says of things that are not to be seen in what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.cli.injected import describe
from regcred.core.errors import UsageError

if TYPE_CHECKING:
    from regcred.core.manifests.inject import Account, Request
    from regcred.manifests.injecting import Tally

#: Pods, or ServiceAccounts, that a warning names.
_NAMED = 10


def refuse_short_paths(tally: Tally) -> None:
    """Make sure that no ``--path`` ends right before a Pod spec.

    Raises:
        UsageError: one does; a list there would be one that nobody reads.
    """
    for path, longer in tally.misses.longer.items():
        raise UsageError(
            f"--path {path} has no containers itself, its spec has: there the list belongs",
            hint=f"--path '{longer}'",
        )


def tell(tally: Tally, request: Request, *, live: bool, in_place: bool) -> None:
    """Say all that there is.

    Args:
        tally: what there was in the streams.
        request: what was asked for.
        live: whether the cluster was asked.
        in_place: whether files were written.
    """
    if not tally.found:
        also = ", and no ServiceAccount is in it" if request.serviceaccounts else ""
        output.note(f"nothing in the input has a Pod spec{also}: there is nothing to change")
    elif tally.unmatched == tally.found:
        output.note(f"no Pod uses an image that matches {', '.join(request.images)}")
        for glob, longer in tally.misses.images.items():
            output.tell_hint(f"{glob} is only the beginning of an image there: --image '{longer}'")
    for path in tally.misses.paths:
        output.note(f"no object in the input has what --path {path} names")
    if request.keep and not live and tally.unknown:
        _tell_unknown(tally.unknown)
    if lost := tally.lost(request.secrets):
        _tell_lost(tally, lost)
        again = "take the change back (git checkout …) and run it again with "
        flag = "--keep-serviceaccount-secrets"
        # Who has a list now is taken for one who wanted to have just that.
        output.tell_hint(f"{again}{flag}" if in_place else f"{flag} carries them over")


def _tell_unknown(accounts: list[Account]) -> None:
    named = [
        f"{name} in {namespace}" if namespace else name for namespace, name in accounts[:_NAMED]
    ]
    more = f" and {len(accounts) - _NAMED:,} more" if len(accounts) > _NAMED else ""
    are = "ServiceAccounts that are" if len(accounts) > 1 else "a ServiceAccount that is"
    output.warning(
        f"pull Secrets of {are} not in the input are not carried over: {', '.join(named)}{more}"
    )
    output.tell_hint("--live asks the cluster")


def _tell_lost(tally: Tally, lost: dict[Account, list[str]]) -> None:
    output.warning(
        "with a list of their own these Pods do not get that of their ServiceAccount any more:"
    )
    pods = sorted(
        (number, stream, change, account)
        for account in lost
        for number, stream, change in tally.cut_off[account].first
    )
    for _, stream, change, account in pods[:_NAMED]:
        output.note(
            f"  {stream}:{change.line}: {describe(change)}: "
            f"{', '.join(lost[account])} of serviceaccount/{account[1]}"
        )
    count = sum(tally.cut_off[account].count for account in lost)
    if count > _NAMED:
        output.note(f"  and {count - _NAMED:,} more")
