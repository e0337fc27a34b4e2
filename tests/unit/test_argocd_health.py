"""The health check for Argo CD, run by real Lua 5.1 with the libraries that Argo CD has for it."""

import inspect
import re
from typing import Any

import lupa.lua51
import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred.core.operator import merging, pcstatus
from regcred.core.operator.merging import Loss
from regcred.core.operator.pcstatus import Failure, Tally, build
from regcred.core.operator.plan import SECRET_NOT_OURS
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import SourceFailure, SourceReason
from regcred.core.operator.staticsource import read
from tests.support.operating import EPOCH
from tests.support.operating import given as gives

HERE = CHECKOUT / "integrations" / "argocd"
TESTS = yaml.safe_load((HERE / "health_test.yaml").read_text())["tests"]
GIVEN = gives("harbor.example.com")
DONE = Tally(120, 120)
NOT_OURS = Failure(
    "team-q",
    SECRET_NOT_OURS,
    "Secret team-q/regcred is there already, and the operator did not make it; hand it over, and "
    "what it holds is replaced: kubectl label secret regcred -n team-q regcred.dev/hand-over=true",
)
ARGO_HAS = "assert error getmetatable ipairs next pairs pcall select setmetatable table tonumber"


def health(obj: dict[str, Any]) -> dict[str, str]:
    """What Argo CD makes of an object."""
    lua = lupa.lua51.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    # Strings have no methods there, and of the standard library there is next to nothing.
    lua.execute("getmetatable('').__index = nil")
    kept = {*f"{ARGO_HAS} tostring type unpack".split(), "_G", "_VERSION"}
    for name in set(lua.globals()) - kept:
        lua.globals()[name] = None
    lua.globals()["obj"] = lua.table_from(obj, recursive=True)
    found = dict(lua.execute((HERE / "health.lua").read_text()))
    assert all(isinstance(each, str) for each in found.values())
    return found


def fixture(name: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / "testdata" / f"{name}.yaml").read_text())


def missing(obj: dict[str, Any]) -> SourceFailure:
    failure = read(parse(obj).spec, None, "regcred-system")
    assert isinstance(failure, SourceFailure)
    return failure


#: What the operator knew when it wrote the status of a fixture.
KNEW = {
    "progressing_changed": lambda _: (DONE, GIVEN),
    "progressing_namespaces": lambda _: (Tally(120, 17), GIVEN),
    "progressing_deleting": lambda _: (Tally(120, 0), GIVEN),
    "healthy_ready": lambda _: (DONE, GIVEN),
    "healthy_noNamespace": lambda _: (Tally(), GIVEN),
    "healthy_sourceGone": lambda obj: (DONE, missing(obj), GIVEN),
    "degraded_sourceMissing": lambda obj: (Tally(120, 0), missing(obj)),
    "degraded_namespaceFailed": lambda _: (Tally(120, 119, [NOT_OURS]), GIVEN),
    "degraded_invalidSpec": lambda _: (Tally(), None),
}


def written(obj: dict[str, Any], tally: Tally, source: Any, last: Any = None) -> dict[str, Any]:
    """The status that the operator writes."""
    return build(parse(obj), tally, source, (), {}, EPOCH, last=last)


@pytest.mark.parametrize("case", TESTS, ids=lambda case: case["inputPath"].split("/")[-1])
def test_health(case):
    assert health(yaml.safe_load((HERE / case["inputPath"]).read_text())) == case["healthStatus"]


def test_every_fixture_is_used():
    used = sorted(case["inputPath"] for case in TESTS)
    assert used == sorted(f"testdata/{path.name}" for path in (HERE / "testdata").iterdir())


def test_fixtures_are_what_the_operator_writes():
    assert {f"testdata/{name}.yaml" for name in (*KNEW, "progressing_noStatus")} == {
        case["inputPath"] for case in TESTS
    }
    for name, knew in KNEW.items():
        obj = fixture(name)
        seen = {**obj, "metadata": {**obj["metadata"]}}
        seen["metadata"]["generation"] = obj["status"]["observedGeneration"]
        assert obj["status"] == written(seen, *knew(obj)), name


def test_each_reason_that_keeps_namespaces_without_is_degraded():
    obj = fixture("healthy_ready")
    short = Tally(3, 2)
    for reason in SourceReason:
        obj["status"] = written(obj, short, SourceFailure(reason, "why"))
        assert health(obj) == {"status": "Degraded", "message": f"{reason.value}: why"}
    for reason in (merging.CONFLICT, merging.TOO_LARGE):
        lost = [Loss(obj["metadata"]["name"], reason, "why", "cure")]
        obj["status"] = build(parse(obj), short, GIVEN, lost, {}, EPOCH)
        assert health(obj) == {"status": "Degraded", "message": f"{reason}: why; cure"}
    obj["status"] = build(parse(obj), DONE, gives("ghcr.io", expires=EPOCH), (), {}, EPOCH)
    assert health(obj)["status"] == "Degraded"
    assert health(obj)["message"].startswith("Expired: ")


def test_no_reason_is_forgotten():
    """Of those that the conditions can have, by the code that writes them."""
    source = inspect.getsource(pcstatus)
    reasons = set(re.findall(r'return "(?:False|Unknown)", "(\w+)"', source))
    waits = {"Deleting", "Progressing"}
    assert waits <= reasons
    obj = fixture("degraded_sourceMissing")
    ready = obj["status"]["conditions"][0]
    for reason in reasons:
        ready["reason"] = reason
        assert health(obj)["status"] == ("Progressing" if reason in waits else "Degraded"), reason


@pytest.mark.parametrize("conditions", [None, [], [{"type": "Other", "status": "True"}]])
def test_without_ready_it_is_progressing(conditions):
    obj = fixture("healthy_ready")
    obj["status"]["conditions"] = conditions
    assert health(obj)["status"] == "Progressing"


def test_deletion_is_progressing_whatever_the_status_says():
    obj = fixture("degraded_sourceMissing")
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert health(obj)["status"] == "Progressing"
