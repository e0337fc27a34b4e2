"""Each fuzz target holds for its seeds, and for what mutation makes of them."""

from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.all import TARGETS
from tests.fuzz.mutation import texts
from tests.fuzz.steps import steps
from tests.fuzz.target import SEEDS, Refused

PUMPED = [
    pytest.param(target, *parts, id=f"{target.name}-{number}")
    for target in TARGETS.values()
    for number, parts in enumerate(target.pumped)
]

#: Characters: a regular expression that tries for ever with these is found by the time-out.
_LONG = 40_000


def run(target, data):
    with suppress(Refused):
        target.check(data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name):
    target = TARGETS[name]
    taken = 0
    for seed in target.seeds:
        with suppress(Refused):
            target.check(seed)
            taken += 1
        assert len(seed) <= 4096
    assert taken, "no seed that is taken: nothing is looked at but refusals"


def test_each_folder_of_seeds_is_of_a_target():
    assert {path.name for path in SEEDS.iterdir()} == set(TARGETS)
    assert all(target.about.endswith(".") for target in TARGETS.values())


@cache
def mutations(name):
    return texts(TARGETS[name])


@pytest.mark.parametrize("name", TARGETS)
def test_mutations(name):
    @settings(suppress_health_check=list(HealthCheck))
    @given(mutations(name))
    def holds(data):
        run(TARGETS[name], data)

    holds()


@pytest.mark.parametrize(("target", "before", "piece", "behind"), PUMPED)
def test_work_grows_with_length_and_not_faster(target, before, piece, behind):
    """Twice the text has twice the lines run, and a little; and one without end has an end."""

    def work(times):
        data = (before + piece * times + behind).encode()
        # The first time has more to do: what is imported, compiled and kept once.
        return min(steps(lambda: run(target, data)) for _ in range(2))

    few, more = work(200), work(400)
    assert more <= 2.3 * few + 2000
    run(target, (before + piece * min(10_000, _LONG // len(piece)) + behind).encode())
