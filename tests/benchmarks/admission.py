"""What the chart's admission policies cost the API server: ServiceAccounts and Pods are created,
64 at a time, with no policy, and with the policies and 0, 1, 5 and 20 PullCredentials.

Each ServiceAccount is selected by one PullCredential, and so changed; the others select their share
of the namespaces by globs. Pods mostly have it from their ServiceAccount, and are looked at only;
"early" ones are those whose ServiceAccount has not got it yet. A ratio of times of 1.25 is 0.8
times the throughput.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import yaml

from cluster import Cluster
from cluster.progress import Progress
from cluster.waiting import await_condition
from tests.benchmarks.installation import PROJECT
from tests.benchmarks.rounds import Figure
from tests.benchmarks.sender import Sender

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.installation import Installation
    from tests.benchmarks.sender import Request

ROUNDS = 5
COUNT = 1500
#: How many PullCredentials there are, and the longest that it may take, as a ratio.
AMOUNTS: dict[int, float | None] = {0: None, 1: 1.25, 5: None, 20: 2.0}
_NAMESPACES = 40
_SECRET = "regcred"
_JSON = "application/json"
_PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"
_PROBED = "/api/v1/namespaces/bench-0-0-0/serviceaccounts?dryRun=All"
_LABEL = {"bench": "created"}
#: What is created → its plural, and the ServiceAccount that it has.
_KINDS = {
    "ServiceAccounts": ("serviceaccounts", ""),
    "Pods": ("pods", "default"),
    "early Pods": ("pods", "late"),
}
_ENTRIES = [{"name": _SECRET}]


def admission(installation: Installation, folder: Path, rounds: int) -> list[Figure]:
    """The times with policies against those without."""
    with Cluster(progress=Progress()) as cluster:
        bench = _Bench(cluster, Sender(cluster, installation.python, folder))
        bench.fill()
        return bench.measure(rounds)


class _Bench:
    """One cluster, and who writes to it."""

    def __init__(self, cluster: Cluster, sender: Sender) -> None:
        self._cluster, self._sender = cluster, sender
        documents = (PROJECT / "deploy" / "regcred.yaml").read_text()
        objects = [*yaml.safe_load_all(documents)]
        self._crd = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
        self._policies = [o for o in objects if o["kind"].startswith("MutatingAdmissionPolicy")]
        # The third number of a name makes it one of its own.
        self._names = [f"bench-{n % 5}-{n % 20}-{n}" for n in range(_NAMESPACES)]

    def fill(self) -> None:
        """The CRD, and namespaces with their default ServiceAccounts."""
        self._apply("apply", self._crd)
        self._cluster.kubectl(
            "wait", "--for=condition=Established", "crd/pullcredentials.regcred.dev"
        )
        self._sender.send(
            ("POST", "/api/v1/namespaces", _JSON, {"metadata": {"name": name}})
            for name in self._names
        )
        for name in self._names:
            await_condition(
                "each namespace has its ServiceAccount",
                lambda name=name: self._cluster.api.has_default_service_account(name),
                timeout=120,
            )
            accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
            for method, path, body in (
                ("POST", accounts, {"metadata": {"name": "late"}}),
                (
                    "PUT",
                    f"{accounts}/default",
                    {"metadata": {"name": "default"}, "imagePullSecrets": _ENTRIES},
                ),
            ):
                status, content = self._cluster.api.request(method, path, body)
                assert status in (200, 201), content

    def measure(self, rounds: int) -> list[Figure]:
        """All figures; who goes first changes from round to round."""
        took: dict[tuple[str, int | None], list[float]] = defaultdict(list)
        amounts: list[int | None] = [None, *AMOUNTS]
        for number in range(rounds + 1):
            for amount in amounts[number % 2 * -1 :] + amounts[: number % 2 * -1]:
                self._arrange(amount)
                for what in _KINDS:
                    seconds = self._create(what, changed=bool(amount))
                    if number:  # the first round warms caches, and is not counted
                        took[what, amount].append(seconds)
        self._say("done")
        return [
            Figure(
                f"{COUNT:,} {what}, {amount} PullCredentials",
                "no policy",
                took[what, amount],
                took[what, None],
                goal=None if what == "early Pods" else goal,
            )
            for what, (amount, goal) in product(_KINDS, AMOUNTS.items())
        ]

    def _arrange(self, amount: int | None) -> None:
        """Policies with so many PullCredentials, or None for no policies; returns when it is so."""
        self._say("no policy" if amount is None else f"{amount} PullCredentials")
        self._cluster.api.request("DELETE", _PULLCREDENTIALS)
        if amount is None:
            self._apply("delete", self._policies)
            self._await_probe(expected=False)
            return
        self._apply("apply", self._policies)
        # That the policies are there shows where something is selected.
        self._add("probe", "bench-0-0-0")
        self._await_probe(expected=True)
        self._cluster.api.request("DELETE", f"{_PULLCREDENTIALS}/probe")
        self._await_probe(expected=False)
        globs = {1: "bench-*", 5: "bench-{}-*", 20: "bench-*-{}-*"}
        for number in reversed(range(amount)):
            self._add(f"team-{number}", globs[amount].format(number))
        self._await_probe(expected=bool(amount))

    def _add(self, name: str, glob: str) -> None:
        spec = {
            "registries": ["registry.example.com"],
            "source": {"basic": {"secretRef": {"name": "login"}}},
            "namespaces": {"include": [glob]},
            "serviceAccounts": {"include": ["*"]},
        }
        kind = {"apiVersion": "regcred.dev/v1alpha1", "kind": "PullCredential"}
        body = {**kind, "metadata": {"name": name}, "spec": spec}
        status, content = self._cluster.api.request("POST", _PULLCREDENTIALS, body)
        assert status == 201, content

    def _create(self, what: str, *, changed: bool) -> float:
        """Seconds that it takes to create them; they are taken away again."""
        plural, account = _KINDS[what]
        self._sender.prepare(self._requests(plural, account))
        began = self._sender.run()["began"]
        took = time.monotonic() - began
        self._verify(plural, changed=changed or account == "default")
        for name in self._names:
            path = f"/api/v1/namespaces/{name}/{plural}?labelSelector=bench%3Dcreated"
            self._cluster.api.request("DELETE", path)
        return took

    def _requests(self, plural: str, account: str) -> list[Request]:
        containers = [{"name": "app", "image": "registry.example.com/app:1"}]
        spec = {"spec": {"containers": containers, "serviceAccountName": account}}
        more = spec if account else {}
        places = ((number, name) for number in range(COUNT) for name in self._names)
        return [
            (
                "POST",
                f"/api/v1/namespaces/{name}/{plural}",
                _JSON,
                {"metadata": {"name": f"x-{number:04}", "labels": _LABEL}} | more,
            )
            for number, name in islice(places, COUNT)
        ]

    def _verify(self, plural: str, *, changed: bool) -> None:
        path = f"/api/v1/{plural}?labelSelector=bench%3Dcreated"
        status, content = self._cluster.api.request("GET", path)
        assert status == 200, content
        wanted: Any = _ENTRIES if changed else None
        found = [o.get("spec", o).get("imagePullSecrets") for o in json.loads(content)["items"]]
        assert found == [wanted] * COUNT, f"not each has {wanted}"

    def _await_probe(self, *, expected: bool) -> None:
        def holds() -> bool:
            status, content = self._cluster.api.request(
                "POST", _PROBED, {"metadata": {"name": "probe"}}
            )
            assert status == 201, content
            return ("imagePullSecrets" in json.loads(content)) is expected

        await_condition("the policies act as they should", holds, timeout=60)

    def _apply(self, verb: str, objects: list[dict[str, Any]]) -> None:
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
        more = ("--server-side",) if verb == "apply" else ("--ignore-not-found",)
        self._cluster.kubectl(verb, *more, "-f", "-", stdin=manifest)

    def _say(self, line: str) -> None:
        load = os.getloadavg()[0]
        Progress().say(f"{time.strftime('%H:%M:%S')} load {load:.1f}: {line}")
