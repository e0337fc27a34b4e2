"""The operator in numbers, for Prometheus.

How it is now is read from a `Snapshot` when somebody asks; only what happens is counted as it
happens, in plain numbers: prometheus-client's own counters take locks and cost six times as
much. Names and units follow https://prometheus.io/docs/practices/naming/, and
docs/reference/metrics.md is their list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics

from regcred import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from regcred.operator.facts import Snapshot

#: Seconds: from a write on a quiet API server to one that hardly answers any more.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LE = (*map(str, _BOUNDS), "+Inf")
_OUTCOMES = ("ok", "failed", "conflict")
_REVIEWED = ("serviceaccounts", "pods")


class Metrics:
    """What has been counted, and a page of it.

    Args:
        snapshot: how the operator is now.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._reconciles: dict[str, _Durations] = defaultdict(_Durations)
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._answers: dict[str, _Durations] = defaultdict(_Durations)
        self._reads: dict[tuple[str, str], int] = defaultdict(int)
        self._mints: dict[str, _Durations] = defaultdict(_Durations)
        self._reviews: dict[tuple[str, str], int] = defaultdict(int)
        self._reviewing: dict[str, _Durations] = defaultdict(_Durations)
        for outcome in _OUTCOMES:
            self._reconciles[outcome]
        for resource, outcome in product(_REVIEWED, ("patched", "allowed")):
            self._reviews[resource, outcome] = 0
        # Not the global one: two operators in one process would count into each other's.
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def reconciled(self, seconds: float, outcome: str) -> None:
        """A namespace has been looked at.

        Args:
            seconds: that it took.
            outcome: ``ok``, ``failed``, or ``conflict`` where somebody else wrote in between.
        """
        self._reconciles[outcome].add(seconds)

    def answered(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """The API server has answered; arguments as of `regcred.kube.client.Client`'s hook."""
        self._requests[verb, resource, code] += 1
        self._answers[verb].add(seconds)

    def source_read(self, pullcredential: str, outcome: str) -> None:
        """The source of a PullCredential has been read.

        Args:
            pullcredential: its name.
            outcome: ``ok``, or the reason of the failure.
        """
        self._reads[pullcredential, outcome] += 1

    def minted(self, kind: str, seconds: float) -> None:
        """A provider has given a credential.

        Args:
            kind: of the source.
            seconds: that it took.
        """
        self._mints[kind].add(seconds)

    def reviewed(self, resource: str, outcome: str, seconds: float) -> None:
        """The admission webhook has answered.

        Args:
            resource: ``serviceaccounts``, ``pods`` or ``other``.
            outcome: ``patched``, ``allowed`` as it is, ``bad`` for what is no review, or
                ``undecided`` where the operator has yet to see what it depends on.
            seconds: that it took.
        """
        self._reviews[resource, outcome] += 1
        self._reviewing[resource].add(seconds)

    def page(self, accept: str = "") -> tuple[str, bytes]:
        """The metrics as they are now.

        Args:
            accept: the ``Accept`` header of who asks.

        Returns:
            The content type, OpenMetrics where that is accepted, and the text.
        """
        kinds = {part.partition(";")[0].strip() for part in accept.split(",")}
        if "application/openmetrics-text" in kinds:
            text = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return openmetrics.CONTENT_TYPE_LATEST, text
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus-client for each page."""
        now = self._snapshot()
        yield InfoMetricFamily("regcred_build", "Version of regcred.", {"version": __version__})
        yield from _of_operator(now)
        yield from _of_pullcredentials(now)
        yield from _of_watches(now)
        yield from self._of_work({x.name for x in now.pullcredentials})

    def _of_work(self, pullcredentials: set[str]) -> Iterator[Metric]:
        yield _histogram(
            "regcred_reconcile_duration_seconds",
            "How long it took to look at a namespace and write what it lacked, in seconds.",
            "outcome",
            self._reconciles,
        )
        yield _labelled(
            CounterMetricFamily,
            "regcred_api_requests_total",
            "Answers of the API server, retries and beginnings of watches included; code is 0 where"
            " none came.",
            ("verb", "resource", "code"),
            ((*key[:2], str(key[2]), count) for key, count in self._requests.items()),
        )
        yield _histogram(
            "regcred_api_request_duration_seconds",
            "How long the API server took to answer, in seconds.",
            "verb",
            self._answers,
        )
        # Of objects that are gone nobody asks any more.
        for key in [key for key in self._reads if key[0] not in pullcredentials]:
            del self._reads[key]
        yield _labelled(
            CounterMetricFamily,
            "regcred_source_reads_total",
            "How often the source of a PullCredential has been read.",
            ("pullcredential", "outcome"),
            ((*key, count) for key, count in self._reads.items()),
        )
        yield _histogram(
            "regcred_mint_duration_seconds",
            "How long a provider took to give a credential, in seconds.",
            "kind",
            self._mints,
        )
        yield _labelled(
            CounterMetricFamily,
            "regcred_admission_reviews_total",
            "Answers of the admission webhook: patched, allowed as it is, undecided where what it"
            " depends on was not in view, or bad for what was no review.",
            ("resource", "outcome"),
            ((*key, count) for key, count in self._reviews.items()),
        )
        yield _histogram(
            "regcred_admission_duration_seconds",
            "How long the admission webhook took to answer, in seconds.",
            "resource",
            self._reviewing,
        )


class _Durations:
    """The numbers of one histogram."""

    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts = [0] * len(_LE)
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def put(self, family: HistogramMetricFamily, label: str) -> None:
        buckets = list(zip(_LE, accumulate(self._counts), strict=True))
        family.add_metric([label], buckets, self._seconds)


def _of_operator(now: Snapshot) -> Iterator[Metric]:
    figures = {
        "regcred_leader": ("1 where this process leads and writes, 0 on standby.", now.leading),
        "regcred_synced": ("1 once all views of the cluster are complete.", now.synced),
        "regcred_queue_depth": ("Namespaces that wait to be looked at.", now.queue_depth),
        "regcred_queue_oldest_seconds": (
            "How long the namespace at the front has waited, in seconds.",
            now.queue_age,
        ),
        "regcred_concurrency": (
            "Namespaces that may be worked at, at the same time; fewer where the API server asks"
            " to slow down.",
            now.concurrency,
        ),
        "regcred_namespaces": ("Namespaces in the cluster.", now.namespaces),
    }
    for name, (meaning, value) in figures.items():
        yield GaugeMetricFamily(name, meaning, float(value))
    ends = now.certificate_expires
    yield _labelled(
        GaugeMetricFamily,
        "regcred_webhook_certificate_expiry_seconds",
        "Seconds until the certificate that the webhook shows expires, below 0 once it has; absent"
        " where there is no webhook.",
        (),
        [] if ends is None else [((ends - datetime.now(UTC)).total_seconds(),)],
    )


def _of_pullcredentials(now: Snapshot) -> Iterator[Metric]:
    each = now.pullcredentials
    yield _labelled(
        GaugeMetricFamily,
        "regcred_pullcredential_namespaces",
        "Namespaces of a PullCredential: desired are those that it selects, ready those that have"
        " all they should, failed those that cannot be given it.",
        ("pullcredential", "state"),
        (
            (x.name, state, count)
            for x in each
            for state, count in (("desired", x.desired), ("ready", x.ready), ("failed", x.failed))
        ),
    )
    yield _labelled(
        GaugeMetricFamily,
        "regcred_pullcredential_ready",
        "1 where the condition Ready of a PullCredential is True.",
        ("pullcredential",),
        ((x.name, x.is_ready) for x in each),
    )
    yield _labelled(
        GaugeMetricFamily,
        "regcred_pullcredential_stuck_pods",
        "Pods from before a PullCredential that wait for want of its login; absent where its"
        " rescue is Off, or the right to look is missing.",
        ("pullcredential",),
        ((x.name, x.stuck) for x in each if x.stuck is not None),
    )
    clock = datetime.now(UTC)
    yield _labelled(
        GaugeMetricFamily,
        "regcred_pullcredential_expiry_seconds",
        "Seconds until the credential expires, below 0 once it has; absent where that is not"
        " known.",
        ("pullcredential",),
        ((x.name, (x.expires - clock).total_seconds()) for x in each if x.expires is not None),
    )


def _of_watches(now: Snapshot) -> Iterator[Metric]:
    each = now.watches.items()
    yield _labelled(
        CounterMetricFamily,
        "regcred_watch_restarts_total",
        "How often a watch was opened anew.",
        ("resource", "reason"),
        ((name, reason, n) for name, watch in each for reason, n in watch.restarts.items()),
    )
    yield _labelled(
        CounterMetricFamily,
        "regcred_watch_events_total",
        "Events that came by a watch.",
        ("resource", "type"),
        ((name, kind, n) for name, watch in each for kind, n in watch.events.items()),
    )
    yield _labelled(
        GaugeMetricFamily,
        "regcred_watch_objects",
        "Objects in view of a watch.",
        ("resource",),
        ((name, watch.objects) for name, watch in each),
    )
    yield _labelled(
        GaugeMetricFamily,
        "regcred_watch_open",
        "1 while a watch is listening.",
        ("resource",),
        ((name, watch.open) for name, watch in each),
    )


def _labelled(
    kind: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    meaning: str,
    labels: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
) -> Metric:
    """A metric with labels; each row has their values, and then its own."""
    family = kind(name, meaning, labels=labels)
    for *of, value in rows:
        family.add_metric(of, float(value))
    return family


def _histogram(name: str, meaning: str, label: str, rows: Mapping[str, _Durations]) -> Metric:
    family = HistogramMetricFamily(name, meaning, labels=(label,))
    for of, durations in rows.items():
        durations.put(family, of)
    return family
