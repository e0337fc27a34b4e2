"""What one namespace is to have: logins, and who holds on to what is there already.

A PullCredential whose source gives nothing must not take away what it gave before, and after a
restart nobody knows any more what that was: it is in the Secrets only, which say whose entry is
whose. So there are three kinds of objects in a namespace:

- those that *offer* logins (`regcred.core.operator.merging`);
- those that *hold*: selected, and nothing can be had from the source now. Entries that the
  Secret says are theirs stay. Where a spec cannot be understood, so that nobody knows what it
  selects, that is so in every namespace, and ServiceAccounts keep what they have;
- all others, those being deleted among them: what the Secret says is theirs goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.logins import claim
from regcred.core.operator import select
from regcred.core.operator.merging import Merged, merge
from regcred.core.operator.pullcredential import Attach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regcred.core.operator.merging import Rank
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.source import Fragment

    #: A PullCredential, and what its source gives or gave last; None for nothing.
    Offer = tuple[PullCredential, Fragment | None]


@dataclass(frozen=True, slots=True)
class Hold:
    """What a PullCredential holds on to.

    Args:
        rank: who it is, and how old.
        registries: those that it claims; None where it claims whatever its source has, or
            where that is not known.
        blind: its spec cannot be understood.
    """

    rank: Rank
    registries: tuple[str, ...] | None = None
    blind: bool = False

    def keeps(self, registry: str) -> bool:
        """Whether it claims that registry still."""
        return self.registries is None or any(claim.covers(e, registry) for e in self.registries)


@dataclass(frozen=True, slots=True)
class Desired:
    """What is to be in one namespace.

    Args:
        merged: the logins.
        holding: PullCredential → what stays of it.
        accounts: globs of the ServiceAccounts that are to name the Secret.
        selected: names of all PullCredentials that select the namespace.
    """

    merged: Merged = field(default_factory=Merged)
    holding: Mapping[str, Hold] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()


def desire(
    namespace: str,
    labels: Mapping[str, str],
    offers: Sequence[Offer],
    *,
    merge: Callable[[tuple[tuple[PullCredential, Fragment], ...]], Merged] = merge,
) -> Desired:
    """What `offers` come to in one namespace.

    Args:
        namespace: its name.
        labels: its labels.
        offers: all PullCredentials of the cluster. For one whose source fails, what it gave
            last is the better offer than nothing, as long as somebody remembers it.
        merge: `regcred.core.operator.merging.merge`, or one that remembers what it was
            asked before.
    """
    chosen = [
        (each, each.spec, fragment)
        for each, fragment in offers
        if each.spec is not None and select.namespace(each, namespace, labels)
    ]
    merged = merge(tuple((each, found) for each, _, found in chosen if found is not None))
    holding = {each.name: Hold(each.rank, blind=True) for each, _ in offers if _blind(each)}
    accounts: set[str] = set()
    for each, spec, fragment in chosen:
        if fragment is None or each.name in merged.too_large:
            holding[each.name] = Hold(each.rank, spec.registries or None)
        if spec.attach is Attach.SERVICE_ACCOUNT:
            accounts.update(spec.service_accounts)
    names = tuple(each.name for each, *_ in chosen)
    return Desired(merged, holding, tuple(sorted(accounts)), names)


def _blind(pullcredential: PullCredential) -> bool:
    return pullcredential.spec is None and not pullcredential.deleting
