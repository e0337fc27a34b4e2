"""The metrics: right numbers under right names, read by Prometheus' own rules, and documented."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as families

from regcred import __version__
from regcred.operator.facts import PullCredentialFigures, Snapshot, WatchFigures
from regcred.operator.metrics import Metrics

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
NOT_YET = Snapshot(
    leading=False,
    synced=False,
    waiting_for=("namespaces",),
    queue_depth=0,
    queue_age=0.0,
    concurrency=0,
    namespaces=0,
    pullcredentials=(),
    watches={},
)


def busy():
    """An operator in the middle of its work."""
    return Snapshot(
        leading=True,
        synced=True,
        waiting_for=(),
        queue_depth=3,
        queue_age=1.5,
        concurrency=64,
        namespaces=121,
        pullcredentials=(
            PullCredentialFigures(
                name="asia",
                desired=120,
                ready=119,
                failed=1,
                expires=datetime.now(UTC) + timedelta(hours=12),
                is_ready=False,
                stuck=3,
            ),
            PullCredentialFigures(
                name="static", desired=2, ready=2, failed=0, expires=None, is_ready=True
            ),
        ),
        watches={
            "secrets": WatchFigures(
                restarts={"gone": 2}, events={"ADDED": 7}, objects=5, open=True
            ),
            "sources": WatchFigures(restarts={}, events={}, objects=0, open=False),
        },
        certificate_expires=datetime.now(UTC) - timedelta(hours=1),
    )


def worked(snapshot=busy):
    """Metrics that something has been counted in."""
    metrics = Metrics(snapshot)
    metrics.reconciled(0.001, "ok")
    metrics.reconciled(0.02, "ok")
    metrics.reconciled(100, "failed")
    metrics.answered("patch", "serviceaccounts", 200, 0.004)
    metrics.answered("patch", "serviceaccounts", 409, 0.003)
    metrics.answered("list", "secrets", 0, 30)
    metrics.source_read("asia", "failed")
    metrics.source_read("asia", "ok")
    metrics.source_read("asia", "ok")
    metrics.minted("ecr", 0.3)
    metrics.reviewed("pods", "patched", 0.002)
    metrics.reviewed("other", "bad", 0.001)
    return metrics


def samples(metrics):
    """Name and labels -> value."""
    kind, text = metrics.page()
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for family in families(text.decode()):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def test_how_it_is():
    found = samples(worked())

    def value(name, **labels):
        return found[(f"regcred_{name}", *sorted(labels.items()))]

    assert value("build_info", version=__version__) == 1
    assert value("leader") == 1
    assert value("synced") == 1
    assert value("queue_depth") == 3
    assert value("queue_oldest_seconds") == 1.5
    assert value("concurrency") == 64
    assert value("namespaces") == 121
    states = {"desired": 120, "ready": 119, "failed": 1}
    for state, count in states.items():
        assert value("pullcredential_namespaces", pullcredential="asia", state=state) == count
    assert value("pullcredential_ready", pullcredential="asia") == 0
    assert value("pullcredential_ready", pullcredential="static") == 1
    assert value("pullcredential_stuck_pods", pullcredential="asia") == 3
    assert 0 < 43200 - value("pullcredential_expiry_seconds", pullcredential="asia") < 600
    assert 0 <= -3600 - value("webhook_certificate_expiry_seconds") < 600
    assert value("watch_restarts_total", resource="secrets", reason="gone") == 2
    assert value("watch_events_total", resource="secrets", type="ADDED") == 7
    assert value("watch_objects", resource="secrets") == 5
    assert (value("watch_open", resource="secrets"), value("watch_open", resource="sources")) == (
        1,
        0,
    )
    with pytest.raises(KeyError):
        value("pullcredential_expiry_seconds", pullcredential="static")


def test_what_was_counted():
    found = samples(worked())

    def value(name, **labels):
        return found[(f"regcred_{name}", *sorted(labels.items()))]

    def below(seconds, name, **labels):
        return value(f"{name}_bucket", le=seconds, **labels)

    name = "reconcile_duration_seconds"
    assert [below(x, name, outcome="ok") for x in ("0.001", "0.01", "0.025", "+Inf")] == [
        1,
        1,
        2,
        2,
    ]
    assert [below(x, name, outcome="failed") for x in ("60.0", "+Inf")] == [0, 1]
    assert value(f"{name}_sum", outcome="ok") == pytest.approx(0.021)
    assert value(f"{name}_count", outcome="ok") == 2
    assert value(f"{name}_count", outcome="conflict") == 0
    of = {"verb": "patch", "resource": "serviceaccounts"}
    assert value("api_requests_total", **of, code="200") == 1
    assert value("api_requests_total", **of, code="409") == 1
    assert value("api_requests_total", verb="list", resource="secrets", code="0") == 1
    assert value("api_request_duration_seconds_count", verb="patch") == 2
    assert value("api_request_duration_seconds_sum", verb="list") == 30
    assert value("source_reads_total", pullcredential="asia", outcome="ok") == 2
    assert value("source_reads_total", pullcredential="asia", outcome="failed") == 1


def test_a_new_operator_has_its_numbers_too():
    found = samples(Metrics(lambda: NOT_YET))
    assert found[("regcred_leader",)] == 0
    assert found[("regcred_synced",)] == 0
    assert found[("regcred_reconcile_duration_seconds_count", ("outcome", "ok"))] == 0
    assert not any("pullcredential" in dict(labels) for _, *labels in found)
    assert ("regcred_webhook_certificate_expiry_seconds",) not in found


def test_what_is_gone_is_no_longer_told():
    now = [busy()]
    metrics = worked(lambda: now[0])
    assert any(name == "regcred_source_reads_total" for name, *_ in samples(metrics))
    now[0] = NOT_YET
    samples(metrics)
    now[0] = busy()
    assert not any(name == "regcred_source_reads_total" for name, *_ in samples(metrics))


def test_process_figures_are_there():
    found = samples(worked())
    assert found[("process_resident_memory_bytes",)] > 1_000_000
    assert ("process_cpu_seconds_total",) in found


def test_nothing_is_shared_with_the_process():
    first, second = worked(), Metrics(busy)
    name = ("regcred_reconcile_duration_seconds_count", ("outcome", "ok"))
    assert (samples(first)[name], samples(second)[name]) == (2, 0)
    assert not [x.name for x in REGISTRY.collect() if x.name.startswith("regcred")]


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize("accept", [PROMETHEUS, "application/openmetrics-text; version=x"])
def test_openmetrics(accept):
    kind, text = worked().page(accept)
    assert kind.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert text.endswith(b"# EOF\n")
    found = {x.name: x for x in openmetrics_families(text.decode())}
    assert found["regcred_api_requests"].type == "counter"
    assert {x.name for x in found["regcred_api_requests"].samples} == {"regcred_api_requests_total"}


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/html,*/*;q=0.1", CONTENT_TYPE_LATEST, "\xff;;,"]
)
def test_plain_text_for_all_others(accept):
    kind, text = worked().page(accept)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in text


def described():
    """Name -> (kind, labels, meaning), as they are exposed."""
    text = worked().page()[1].decode()
    found = {}
    for family in families(text):
        # The parser calls counters by what stands before _total.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels, family.documentation)
    return {name: x for name, x in found.items() if not name.startswith("process_")}


def test_names_follow_the_conventions():
    """Those of promtool's check, https://prometheus.io/docs/practices/naming/."""
    for name, (kind, labels, meaning) in described().items():
        assert re.fullmatch(r"regcred_[a-z]+(_[a-z]+)*", name)
        assert name.endswith("_total") == (kind == "counter"), name
        if kind == "histogram":
            assert name.endswith("_seconds")
        assert not re.search(r"_(milliseconds|minutes|hours|kilobytes|count|sum|bucket)$", name)
        assert not re.search(r"gauge|counter|histogram", name)
        assert all(re.fullmatch(r"[a-z]+", label) for label in labels)
        assert re.fullmatch(r"[A-Z0-9].*\.", meaning)


def test_the_documentation_has_them_all_as_they_are():
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{x}`' for x in sorted(labels))} | {meaning} |"
        for name, (kind, labels, meaning) in described().items()
    ]
    lines = DOCS.read_text().splitlines()
    written = [line for line in lines if line.startswith("| `regcred_")]
    assert written == rows, "the table is to be:\n" + "\n".join(rows)
