"""Any spec to any spec: the world comes to what the last one says, whatever was there before.

PullCredentials and sources are made by chance, an operator serves them, and a naive oracle
(`tests.support.operatorspecs`) says what has to come of it. ``REGCRED_EXAMPLES=soak`` tries many.
"""

from __future__ import annotations

import json
import os
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cluster import ClusterError
from tests.support import operatorspecs
from tests.support.operatorspecs import ACCOUNTS, BAD, KINDS, SENSELESS, TIERS, Case

SOAK = os.environ.get("REGCRED_EXAMPLES") == "soak"
# Smaller examples are sought only where there is time: each takes seconds.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SOAK else []))
pytestmark = pytest.mark.timeout(7200 if SOAK else 600)
examples = settings(
    max_examples=300 if SOAK else 15,
    deadline=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operator(installation):
    with installation.operator("--no-leader-elect") as operator:
        operator.wait_for("Leading")
        yield operator
        operator.stop()


@pytest.fixture
def world(operator, operator_world):
    """Four namespaces of three tiers."""
    world = operator_world(namespaces=len(TIERS))
    for namespace, tier in TIERS.items():
        if tier:
            world.change(
                f"/api/v1/namespaces/{world.full(namespace)}",
                lambda obj, tier=tier: obj["metadata"]["labels"].update(tier=tier),
            )
    yield world
    for kind in KINDS:
        operatorspecs.put_source(world, kind, "missing")


def put(world, case, *, seed=0):
    """Make it so, in any order; but sources that give nothing come first.

    Else what was there before them may be read, and is kept.
    """
    first = [each for each in case.sources.items() if each[1] not in operatorspecs.GOOD]
    for each in first:
        operatorspecs.put_source(world, *each)
    steps = [
        *(
            (operatorspecs.put_source, world, *each)
            for each in case.sources.items()
            if each not in first
        ),
        *((operatorspecs.put_spec, world, *each) for each in case.specs.items()),
        *(
            (world.delete_pullcredential, name)
            for name in operatorspecs.names(world) - case.specs.keys()
        ),
    ]
    random.Random(seed).shuffle(steps)  # noqa: S311
    for step, *arguments in steps:
        step(*arguments)


def await_case(world, case, operator):
    """Wait until the world is as it has to be."""
    for name in case.specs:
        assert world.pullcredential(name) is not None
    ages = {
        name: (world.pullcredential(name)["metadata"]["creationTimestamp"], name)
        for name in case.specs
    }
    wanted = operatorspecs.wanted(world, case, sorted(ages, key=ages.get))
    try:
        world.await_state("it is so", lambda: operatorspecs.found(world) == wanted, timeout=30)
    except ClusterError:
        found = operatorspecs.found(world)
        wrong = [
            f"{key}\n  is     {found.get(key)}\n  wanted {wanted.get(key)}"
            for key in {*found, *wanted}
            if found.get(key) != wanted.get(key)
        ]
        said = "\n".join(json.dumps(line) for line in operator.lines[-40:])
        raise AssertionError("\n".join([*wrong, said])) from None


def clear(world, operator):
    """Nothing is left of it."""
    put(world, Case())
    await_case(world, Case(), operator)


def settled(world, name, reason):
    """Whether a PullCredential's source says this of its latest spec."""
    found = world.pullcredential(name)
    return any(
        each["type"] == "Minted"
        and each["observedGeneration"] == found["metadata"]["generation"]
        and each["reason"] == reason
        for each in found.get("status", {}).get("conditions", ())
    )


@examples
@given(
    before=operatorspecs.cases((*operatorspecs.GOOD, *BAD)),
    after=operatorspecs.cases(serving=True),
    spoilt=st.sampled_from(["", "source", "spec"]),
    wait=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_spec_to_any_other(before, after, spoilt, wait, seed, operator, world):
    put(world, before, seed=seed)
    if wait:
        await_case(world, before, operator)
    if spoilt:
        # One that never gave anything: the others are served all the same.
        spec = {"source": "basic", "registries": ["ghcr.io"], "namespaces": {}}
        spec |= {"serviceAccounts": ["other"], "attach": "None"}
        spec["registries"] = [SENSELESS] if spoilt == "spec" else ["ghcr.io", "localhost:5000"]
        spec["source"] = "basic" if spoilt == "spec" else "dockerConfig"  # which lacks localhost
        after = Case(after.specs | {"x": spec}, after.sources)
    put(world, after, seed=seed + 1)
    await_case(world, after, operator)
    clear(world, operator)


@examples
@given(
    case=operatorspecs.cases(fewest=1),
    harm=st.sampled_from([*BAD, "spec"]),
    which=st.integers(0, 2),
    seed=st.integers(0, 1000),
)
def test_from_good_to_bad_and_back(case, harm, which, seed, operator, world):
    put(world, case, seed=seed)
    await_case(world, case, operator)
    name = sorted(case.specs)[which % len(case.specs)]
    spec = case.specs[name]
    logins, lists = world.logins(), {account: world.lists(account) for account in ACCOUNTS}
    if harm == "spec":
        bad = Case(case.specs | {name: spec | {"registries": [SENSELESS]}}, case.sources)
    else:
        bad = Case(case.specs, case.sources | {spec["source"]: harm})
    put(world, bad, seed=seed)
    reason = operatorspecs.gives(bad.specs[name], bad.sources)
    world.await_state("it says so", lambda: settled(world, name, reason))
    # What it gave last stays, and so does what the others give.
    assert world.logins() == logins
    assert {account: world.lists(account) for account in ACCOUNTS} == lists
    put(world, case, seed=seed)
    await_case(world, case, operator)
    clear(world, operator)
