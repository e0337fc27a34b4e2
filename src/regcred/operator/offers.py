"""What the PullCredentials of a cluster offer, put together once for all namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.operator import merging, select
from regcred.core.operator.pullcredential import FINALIZER

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.operator.desired import Offer
    from regcred.core.operator.merging import Merged
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.source import Fragment
    from regcred.operator.world import World


class Offers:
    """All offers, until `forget`.

    Args:
        world: which PullCredentials there are.
        given: what the source of one gives, or gave last; None for nothing that is known, or
            that is worth giving.

    Attributes:
        revision: another one after each `forget`.
    """

    def __init__(self, world: World, given: Callable[[str], Fragment | None]) -> None:
        self._world, self._given = world, given
        self._offers: tuple[Offer, ...] | None = None
        self._merges: dict[tuple[tuple[str, int], ...], Merged] = {}
        self.revision = 0

    def forget(self) -> None:
        """A PullCredential, or what one gives, is another."""
        self._offers = None
        self.revision += 1

    def all(self) -> tuple[Offer, ...]:
        """All PullCredentials, with what they give.

        One without our finalizer could go without a word, so it gives nothing yet; what it gave
        before it lost that stays.
        """
        if self._offers is None:
            self._merges.clear()
            offers = []
            for (_, name), seen in self._world.pullcredentials.view.items():
                held = FINALIZER in seen.object.finalizers
                offers.append((seen.object, self._given(name) if held else None))
            self._offers = tuple(offers)
        return self._offers

    def merge(self, offers: tuple[tuple[PullCredential, Fragment], ...]) -> Merged:
        """As `merging.merge`, once for all namespaces that get the same."""
        # The fragments live as long as the offers do, and the memory does not outlive these.
        key = tuple((each.name, id(fragment)) for each, fragment in offers)
        found = self._merges.get(key)
        if found is None:
            found = self._merges[key] = merging.merge(offers)
        return found

    def is_everywhere(self, pullcredential: PullCredential, given: Fragment) -> bool:
        """Whether no namespace has any login of a PullCredential but these.

        Of one without our finalizer what was there before stays, so it is not asked of that.
        """
        if FINALIZER not in pullcredential.finalizers:
            return False
        name = pullcredential.name
        logins = self.merge(((pullcredential, given),)).digests
        seen = set()  # namespaces are much alike
        for namespace in self._world.names():
            secret = self._world.secret_in(namespace)
            if secret is None or not secret.is_ours or name not in secret.owners:
                continue
            if (alike := (secret.owners, id(secret.content))) in seen:
                continue
            seen.add(alike)
            entries = secret.content.entries
            for key, owner in secret.owner_names().items():
                if owner == name and key in entries and entries[key] != logins.get(key):
                    return False
        return True

    def selected_by(self, pullcredential: PullCredential) -> list[str]:
        """The namespaces that a PullCredential selects, less those on their way out."""
        found = []
        for (_, name), seen in self._world.namespaces.view.items():
            labels = self._world.labels(name)
            if not seen.terminating and select.namespace(pullcredential, name, labels):
                found.append(name)
        return found
