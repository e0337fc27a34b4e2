"""Where each PullCredential stands: which namespaces it selects, and which of them lack what.

Kept up to date namespace by namespace, so that a status over 10,000 of them costs no more than one
over ten.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.operator.pcstatus import Failure, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.operator.merging import Loss


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a namespace was left.

    Args:
        selected: names of the PullCredentials that select it.
        losses: who does not get what it claims there.
    """

    selected: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


@dataclass(slots=True)
class _Count:
    """Of one PullCredential.

    Args:
        desired: how many namespaces it selects.
        lacking: those that do not have what it gives now.
        former: those of them that have what it gave before, which is good still.
        failures: why some cannot be given it.
        losses: what it does not get.
    """

    desired: int = 0
    lacking: set[str] = field(default_factory=set)
    former: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    losses: Counter[Loss] = field(default_factory=Counter)

    @property
    def ready(self) -> int:
        """How many namespaces can pull by it."""
        return self.desired - len(self.lacking) + len(self.former)


_NOTHING = Outcome()


class Tallies:
    """The tally of each PullCredential."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._counts: dict[str, _Count] = {}
        self._same: dict[Outcome, Outcome] = {}

    def selected(self, namespace: str) -> tuple[str, ...]:
        """Who selected a namespace when it was looked at last."""
        return self._outcomes.get(namespace, _NOTHING).selected

    def expect(self, name: str, namespaces: Iterable[str]) -> None:
        """A PullCredential selects these now, and none of them has been served yet."""
        count = self._counts.setdefault(name, _Count())
        count.lacking = set(namespaces)
        count.former.clear()
        count.desired = len(count.lacking)
        count.failures.clear()
        for namespace, outcome in self._outcomes.items():
            if (name in outcome.selected) != (namespace in count.lacking):
                others = tuple(each for each in outcome.selected if each != name)
                mine = (name,) if namespace in count.lacking else ()
                self._outcomes[namespace] = self._shared(Outcome(others + mine, outcome.losses))
        for namespace in count.lacking - self._outcomes.keys():
            self._outcomes[namespace] = self._shared(Outcome((name,)))

    def lack(self, name: str, *, renewed: bool = False) -> None:
        """What it gives is another now: no namespace that it selects has it yet.

        Args:
            name: of the PullCredential.
            renewed: what was given before is good still, and counts until a namespace has what
                came after it, or cannot be given that.
        """
        count = self._counts.get(name)
        if count is not None:
            all_ = {each for each, outcome in self._outcomes.items() if name in outcome.selected}
            count.former = all_ - count.lacking if renewed else set()
            count.lacking = all_
            count.failures.clear()

    def put(
        self,
        namespace: str,
        outcome: Outcome,
        *,
        served: frozenset[str] = frozenset(),
        failure: Failure | None = None,
    ) -> set[str]:
        """A namespace was worked at.

        Args:
            namespace: its name.
            outcome: what it came to.
            served: names of the PullCredentials that have all they should have there.
            failure: what kept the others from it; None where it is to be tried again at once.

        Returns:
            Names of the PullCredentials whose tally this changes, or may.
        """
        before = self._outcomes.get(namespace, _NOTHING)
        changed: set[str] = set()
        if before != outcome:
            changed = self._replace(namespace, before, outcome)
        for name in outcome.selected:
            count = self._counts[name]
            mine = None if name in served else failure
            lacked = namespace in count.lacking
            if (name not in served) != lacked or count.failures.get(namespace) != mine:
                changed.add(name)
                (count.lacking.discard if name in served else count.lacking.add)(namespace)
                count.former.discard(namespace)
                count.failures.pop(namespace, None)
                if mine is not None:
                    count.failures[namespace] = mine
        return changed

    def drop(self, namespace: str) -> set[str]:
        """A namespace is gone, or on its way out: it counts no more."""
        return self._replace(namespace, self._outcomes.get(namespace, _NOTHING), _NOTHING)

    def forget(self, name: str) -> None:
        """A PullCredential is gone."""
        self.expect(name, ())
        del self._counts[name]
        for namespace, outcome in self._outcomes.items():
            rest = tuple(loss for loss in outcome.losses if loss.pullcredential != name)
            if len(rest) < len(outcome.losses):
                self._outcomes[namespace] = self._shared(Outcome(outcome.selected, rest))

    def is_ready(self, name: str, namespace: str) -> bool:
        """Whether the namespace, which a PullCredential selects, has all that it should have."""
        count = self._counts.get(name)
        return (
            count is not None
            and name in self.selected(namespace)
            and namespace not in count.lacking
        )

    def tally(self, name: str) -> Tally:
        """The namespaces of a PullCredential."""
        count = self._counts.get(name, _Count())
        return Tally(count.desired, count.ready, tuple(count.failures.values()))

    def figures(self, name: str) -> tuple[int, int, int]:
        """How many namespaces it selects, are ready, and failed."""
        count = self._counts.get(name, _Count())
        return count.desired, count.ready, len(count.failures)

    def losses(self, name: str) -> tuple[Loss, ...]:
        """What it does not get of what it claims, each once."""
        count = self._counts.get(name)
        found = () if count is None else count.losses
        return tuple(sorted(found, key=lambda loss: (loss.reason, loss.message)))

    def _replace(self, namespace: str, before: Outcome, after: Outcome) -> set[str]:
        if after == _NOTHING:
            self._outcomes.pop(namespace, None)
        else:
            self._outcomes[namespace] = self._shared(after)
        for name in before.selected:
            if name not in after.selected:
                count = self._counts[name]
                count.desired -= 1
                count.lacking.discard(namespace)
                count.former.discard(namespace)
                count.failures.pop(namespace, None)
        for name in after.selected:
            if name not in before.selected:
                count = self._counts.setdefault(name, _Count())
                count.desired += 1
                count.lacking.add(namespace)
        for loss in before.losses:
            losses = self._counts[loss.pullcredential].losses
            losses[loss] -= 1
            if not losses[loss]:
                del losses[loss]
        for loss in after.losses:
            self._counts.setdefault(loss.pullcredential, _Count()).losses[loss] += 1
        return {
            *before.selected,
            *after.selected,
            *(loss.pullcredential for loss in (*before.losses, *after.losses)),
        }

    def _shared(self, outcome: Outcome) -> Outcome:
        """One object for all namespaces that are alike."""
        if len(self._same) > 10_000:
            self._same.clear()
        return self._same.setdefault(outcome, outcome)
