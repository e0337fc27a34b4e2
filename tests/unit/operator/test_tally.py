"""Whatever happens in which order, the figures are those of a count from scratch."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from regcred.core.operator.merging import Loss
from regcred.core.operator.pcstatus import Failure, Tally
from regcred.operator.tally import Outcome, Tallies

NAMES = st.sampled_from(["pc-a", "pc-b", "pc-c"])
NAMESPACES = st.sampled_from(["ns-1", "ns-2", "ns-3", "ns-4"])
FORMER = "former"
REASONS = ("QuotaExceeded", "AdmissionRefused")
losses = st.builds(
    Loss,
    pullcredential=NAMES,
    reason=st.sampled_from(["Conflict", "SecretTooLarge"]),
    message=st.sampled_from(["one", "two"]),
)


class Machine(RuleBasedStateMachine):
    """The model keeps all there is to know of each pair of namespace and PullCredential."""

    @initialize()
    def begin(self):
        self.tallies = Tallies()
        self.pairs = {}
        """(PullCredential, namespace) → None while it is not served, its failure, FORMER while it
        has what was given before and that is good, or True."""
        self.losses = {}
        """Namespace → its losses."""

    @rule(name=NAMES, namespaces=st.sets(NAMESPACES))
    def expect(self, name, namespaces):
        self.tallies.expect(name, iter(namespaces))
        self.pairs = {key: value for key, value in self.pairs.items() if key[0] != name}
        self.pairs |= {(name, each): None for each in namespaces}

    @rule(name=NAMES, renewed=st.booleans())
    def lack(self, name, renewed):
        self.tallies.lack(name, renewed=renewed)
        self.pairs |= {
            key: FORMER if renewed and value is True else None
            for key, value in self.pairs.items()
            if key[0] == name
        }

    @rule(
        namespace=NAMESPACES,
        selected=st.lists(NAMES, unique=True),
        served=st.frozensets(NAMES),
        lost=st.lists(losses, unique=True, max_size=3),
        reason=st.sampled_from([None, *REASONS]),
    )
    def put(self, namespace, selected, served, lost, reason):
        failure = Failure(namespace, reason, "it says no") if reason else None
        before = self.shown()
        outcome = Outcome(tuple(selected), tuple(lost))
        changed = self.tallies.put(namespace, outcome, served=served, failure=failure)
        former = {key for key, value in self.pairs.items() if value == FORMER}
        self.pairs = {key: value for key, value in self.pairs.items() if key[1] != namespace}
        for name in selected:
            key = name, namespace
            left = failure or (FORMER if key in former else None)
            self.pairs[key] = True if name in served else left
        self.losses[namespace] = lost
        self.all_changes_were_told(before, changed)

    @rule(namespace=NAMESPACES)
    def drop(self, namespace):
        before = self.shown()
        changed = self.tallies.drop(namespace)
        self.pairs = {key: value for key, value in self.pairs.items() if key[1] != namespace}
        self.losses.pop(namespace, None)
        self.all_changes_were_told(before, changed)

    @rule(name=NAMES)
    def forget(self, name):
        self.tallies.forget(name)
        self.pairs = {key: value for key, value in self.pairs.items() if key[0] != name}
        self.losses = {
            namespace: [each for each in lost if each.pullcredential != name]
            for namespace, lost in self.losses.items()
        }

    def shown(self):
        return {name: self.of(name) for name in ("pc-a", "pc-b", "pc-c")}

    def of(self, name):
        tally = self.tallies.tally(name)
        failures = frozenset(tally.failures)
        return tally.desired, tally.ready, failures, self.tallies.losses(name)

    def all_changes_were_told(self, before, changed):
        after = self.shown()
        assert {name for name in after if before[name] != after[name]} <= changed

    @invariant()
    def as_counted(self):
        for name in ("pc-a", "pc-b", "pc-c"):
            mine = [value for key, value in self.pairs.items() if key[0] == name]
            failures = [value for value in mine if isinstance(value, Failure)]
            ready = sum(value in (True, FORMER) for value in mine)
            found = self.tallies.tally(name)
            assert (found.desired, found.ready) == (len(mine), ready)
            assert Counter(found.failures) == Counter(failures)
            assert self.tallies.figures(name) == (len(mine), ready, len(failures))
            lost = {each for some in self.losses.values() for each in some}
            mine = {each for each in lost if each.pullcredential == name}
            assert set(self.tallies.losses(name)) == mine
            assert len(self.tallies.losses(name)) == len(mine)
        for namespace in ("ns-1", "ns-2", "ns-3", "ns-4"):
            selected = {name for name, where in self.pairs if where == namespace}
            assert set(self.tallies.selected(namespace)) == selected
            for name in ("pc-a", "pc-b", "pc-c"):
                served = self.pairs.get((name, namespace)) is True
                assert self.tallies.is_ready(name, namespace) == served


TestMachine = Machine.TestCase


def test_of_nobody():
    tallies = Tallies()
    tallies.lack("pc-a")
    assert tallies.tally("pc-a") == Tally()
    assert tallies.figures("pc-a") == (0, 0, 0)
    assert tallies.losses("pc-a") == ()
    assert tallies.selected("ns-1") == ()
    assert tallies.drop("ns-1") == set()


def test_what_is_as_before_is_not_told_again():
    tallies = Tallies()
    outcome = Outcome(("pc-a",))
    assert tallies.put("ns-1", outcome, served=frozenset({"pc-a"})) == {"pc-a"}
    assert tallies.put("ns-1", outcome, served=frozenset({"pc-a"})) == set()
    failure = Failure("ns-1", "QuotaExceeded", "it says no")
    assert tallies.put("ns-1", outcome, failure=failure) == {"pc-a"}
    assert tallies.put("ns-1", outcome, failure=failure) == set()
