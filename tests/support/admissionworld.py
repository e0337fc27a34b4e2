"""What admission does on a real API server: requests that are not kept, and when they may be asked.

A request with ``dryRun=All`` goes through admission and is stored nowhere, so thousands of objects
can be shown to the policies. They act on PullCredentials some milliseconds late, hence a witness: a
policy of the test's own, which writes on one ServiceAccount what it has seen last. PullCredentials
are watched once for all policies, and in order.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from cluster.waiting import await_condition
from regcred.core.operator.pullcredential import FINALIZER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cluster import Cluster

PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
KIND = {"apiVersion": "regcred.dev/v1alpha1", "kind": "PullCredential"}
SOURCE = {"basic": {"secretRef": {"name": "no-such-source"}}}
_TOGETHER = 16

#: Method, path and body.
Request = tuple[str, str, Any]
#: Status and content.
Answer = tuple[int, dict[str, Any]]
T = TypeVar("T")


class Crowd:
    """An admin with many hands.

    Args:
        cluster: where.
        together: how many requests are under way at a time.
    """

    def __init__(self, cluster: Cluster, together: int = 64) -> None:
        self._server, self._together = cluster.server, together
        pki = cluster.folder.pki
        self._tls = ssl.create_default_context(cafile=str(cluster.ca_file))
        self._tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def send(
        self,
        chains: Sequence[Sequence[Request]],
        keep: Callable[[int, dict[str, Any]], T],
        *,
        query: str = "",
    ) -> list[list[T]]:
        """What is kept of the answers.

        Args:
            chains: of requests, each sent at once after the one before it is answered.
            keep: given status and content.
            query: for all of them, with its question mark.
        """
        return asyncio.run(self._send(chains, keep, query))

    async def _send(
        self,
        chains: Sequence[Sequence[Request]],
        keep: Callable[[int, dict[str, Any]], T],
        query: str,
    ) -> list[list[T]]:
        kept: list[list[T]] = [[] for _ in chains]
        left = iter(zip(chains, kept, strict=True))

        async def work(session: aiohttp.ClientSession) -> None:
            for chain, into in left:
                for method, path, body in chain:
                    url = f"{self._server}{path}{query}"
                    async with session.request(method, url, json=body, ssl=self._tls) as answer:
                        into.append(keep(answer.status, await answer.json()))

        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for _ in range(self._together):
                group.create_task(work(session))
        return kept


class Shown:
    """PullCredentials that policies are to act on, and objects that are shown to them.

    Args:
        cluster: where.
        namespace: for the witness; it may be anybody's.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self.prefix = f"shown-{secrets.token_hex(4)}"
        self._witness = f"/api/v1/namespaces/{namespace}/serviceaccounts?dryRun=All"
        self._turn = 0
        self._made: list[str] = []
        self._crowd = Crowd(cluster, _TOGETHER)

    def start(self) -> None:
        """Install the witness; returns when it acts."""
        name = self.prefix
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "paramKind": KIND,
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["serviceaccounts"],
                    }
                ]
            },
            "matchConditions": [
                {"name": "asked", "expression": f'object.metadata.?name.orValue("") == "{name}"'},
                {"name": "turn", "expression": f'params.metadata.name == "{name}"'},
            ],
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": '[JSONPatch{op: "add", path: "/metadata/labels",'
                        ' value: {"turn": params.metadata.labels.turn}}]'
                    },
                }
            ],
        }
        params = {"selector": {}, "parameterNotFoundAction": "Allow"}
        binding = {"policyName": name, "paramRef": params}
        self._create(f"{ADMISSION}/mutatingadmissionpolicies", {"spec": spec})
        self._create(f"{ADMISSION}/mutatingadmissionpolicybindings", {"spec": binding})
        nothing = {"registries": ["a.example.com"], "source": SOURCE, "attach": "None"}
        nothing["namespaces"] = {"include": ["no-such"]}
        body = {**KIND, "metadata": {"name": name, "labels": {"turn": "0"}}, "spec": nothing}
        self._expect(self._cluster.api.request("POST", PULLCREDENTIALS, body))
        self.settle()

    def stop(self) -> None:
        """Take all of it away."""
        self.clear()
        for path in (
            f"{ADMISSION}/mutatingadmissionpolicybindings/{self.prefix}",
            f"{ADMISSION}/mutatingadmissionpolicies/{self.prefix}",
            f"{PULLCREDENTIALS}/{self.prefix}",
        ):
            self._cluster.api.request("DELETE", path)

    def put(self, spec: dict[str, Any], *, deleting: bool = False) -> str:
        """Create a PullCredential, which may be on its way out; its name."""
        name = f"{self.prefix}-{len(self._made)}"
        metadata: dict[str, Any] = {"name": name}
        if deleting:
            metadata["finalizers"] = [FINALIZER]
        body = {**KIND, "metadata": metadata, "spec": spec}
        self._expect(self._cluster.api.request("POST", PULLCREDENTIALS, body))
        self._made.append(name)
        if deleting:
            self._cluster.api.request("DELETE", f"{PULLCREDENTIALS}/{name}")
        return name

    def there(self) -> list[dict[str, Any]]:
        """All PullCredentials, as they are stored."""
        status, content = self._cluster.api.request("GET", PULLCREDENTIALS)
        assert status == 200, content
        items: list[dict[str, Any]] = json.loads(content)["items"]
        return items

    def settle(self) -> None:
        """Wait until policies act on the PullCredentials that there are now."""
        self._turn += 1
        path = f"{PULLCREDENTIALS}/{self.prefix}"
        obj = json.loads(self._cluster.api.request("GET", path)[1])
        obj["metadata"]["labels"]["turn"] = str(self._turn)
        self._expect(self._cluster.api.request("PUT", path, obj))
        await_condition("the policies see the PullCredentials", self._seen, timeout=60)

    def clear(self) -> None:
        """Delete those that `put` made."""
        for name in self._made:
            path = f"{PULLCREDENTIALS}/{name}"
            self._cluster.api.request("DELETE", path)
            # An operator may write in between, and that is a conflict.
            while (answer := self._cluster.api.request("GET", path))[0] == 200:
                obj = json.loads(answer[1])
                obj["metadata"].pop("finalizers", None)
                self._cluster.api.request("PUT", path, obj)
        self._made.clear()

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Status and answer of each request, which are sent some at a time, and not kept."""
        chains = [[each] for each in requests]

        def both(status: int, content: dict[str, Any]) -> Answer:
            return status, content

        return [answer for (answer,) in self._crowd.send(chains, both, query="?dryRun=All")]

    def _seen(self) -> bool:
        body = {"metadata": {"name": self.prefix}}
        answer = self._cluster.api.request("POST", self._witness, body)
        labels = json.loads(self._expect(answer))["metadata"].get("labels", {})
        return bool(labels.get("turn") == str(self._turn))

    def _create(self, path: str, body: dict[str, Any]) -> None:
        named = {"metadata": {"name": self.prefix}, **body}
        self._expect(self._cluster.api.request("POST", path, named))

    @staticmethod
    def _expect(answer: tuple[int, bytes]) -> bytes:
        assert answer[0] in (200, 201), answer
        return answer[1]


def checks(cluster: Cluster, policies: Iterable[str]) -> dict[str, float]:
    """How often each way of ending was counted for these policies: ``no_error``, and the others.

    With ``failurePolicy: Ignore`` this is where an error shows, and nowhere else.
    """
    status, content = cluster.api.request("GET", "/metrics")
    assert status == 200, content
    found: dict[str, float] = {}
    named = "|".join(map(re.escape, policies))
    for pattern in (
        rf'^apiserver_mutating_admission_policy_check_total\{{error_type="(\w+)",policy="(?:{named})"'
        r".*\} (\S+)$",
        r"^apiserver_admission_(match_condition_evaluation_errors_total)"
        rf'\{{.*name="(?:{named})".*\}} (\S+)$',
    ):
        for ending, count in re.findall(pattern, content.decode(), re.MULTILINE):
            found[ending] = found.get(ending, 0) + float(count)
    return found
