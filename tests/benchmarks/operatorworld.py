"""A cluster full of namespaces for the operator, and everything that is done to it but regcred."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cluster import Cluster
from cluster.progress import Progress
from cluster.waiting import await_condition
from tests.benchmarks import witness
from tests.benchmarks.installation import PROJECT, environment
from tests.benchmarks.operatorrun import NAMESPACE, OperatorRun, cpu_of, requests_seen
from tests.benchmarks.sender import Sender, access
from tests.benchmarks.witness import PULLCREDENTIALS, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.benchmarks.installation import Installation
    from tests.benchmarks.sender import Request

PREFIX = "bench-"
#: Those of a new cluster.
_OTHERS = ("default", "kube-node-lease", "kube-public", "kube-system", NAMESPACE)
_JSON, _PATCH = "application/json", "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_DELETE = {"kind": "DeleteOptions", "apiVersion": "v1"}
_CRD = PROJECT / "charts/regcred/files/pullcredentials.regcred.dev.yaml"

#: Registry → password.
Logins = dict[str, str]


class World:
    """One cluster.

    Args:
        cluster: without a node.
        installation: what is measured.
        folder: for files.
        count: of namespaces, besides those of each cluster.
        progress: told what goes on.
    """

    def __init__(
        self,
        cluster: Cluster,
        installation: Installation,
        folder: Path,
        count: int,
        progress: Progress,
    ) -> None:
        self._cluster, self._installation, self._folder = cluster, installation, folder
        self._progress = progress
        self._sender = Sender(cluster, installation.python, folder)
        self._runs = 0
        self.names = [f"{PREFIX}{number:05}" for number in range(count)]

    def fill(self) -> None:
        """Create the namespaces; returns when nobody writes any more."""
        self.say(f"filling it with {len(self.names):,} namespaces")
        self._cluster.kubectl("apply", "-f", str(_CRD))
        self._cluster.kubectl(
            "wait", "--for=condition=Established", "crd/pullcredentials.regcred.dev"
        )
        body = {"metadata": {"name": NAMESPACE}}
        self._sender.send([("POST", "/api/v1/namespaces", _JSON, body)])
        self._sender.send(
            ("POST", "/api/v1/namespaces", _JSON, {"metadata": {"name": name}})
            for name in self.names
        )
        want = len(self.names) + len(_OTHERS)
        for plural in ("serviceaccounts", "configmaps"):  # of each namespace one
            await_condition(
                f"each namespace has its {plural}",
                lambda plural=plural: self._count(f"/api/v1/{plural}") >= want,
                timeout=600,
            )
        self.quiet()

    def say(self, line: str) -> None:
        """Tell the person who waits, with the load of the machine."""
        self._progress.say(f"{time.strftime('%H:%M:%S')} load {os.getloadavg()[0]:.1f}: {line}")

    def quiet(self, seconds: float = 2.0) -> None:
        """Wait until nobody has asked for anything of ours for so long."""
        before: dict[str, float] = {}

        def holds() -> bool:
            nonlocal before
            time.sleep(seconds)
            # The operator renews its lease.
            now = {k: v for k, v in self.requests().items() if "leases" not in k}
            before, same = now, now == before
            return same

        await_condition("nobody asks for anything", holds, timeout=120)

    @contextmanager
    def operator(self, *args: str) -> Iterator[OperatorRun]:
        """A new operator, from its first instruction on."""
        self._runs += 1
        log = self._folder / f"operator-{self._runs}.log"
        with OperatorRun(self._installation, self._cluster.kubeconfig, log, *args) as operator:
            yield operator

    @contextmanager
    def witness(self, logins: Logins, **job: Any) -> Iterator[Witness]:
        """Somebody who watches; see `tests.benchmarks.witness`."""
        file = self._folder / "witness.json"
        none = {"logins": logins, "secrets": 0, "attached": 0, "namespaces": [], "per_second": 1}
        file.write_text(json.dumps({**access(self._cluster), **none, **job}))
        command = [self._installation.python, witness.__file__, file]
        with subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Witness(process)
            finally:
                process.kill()

    def requests(self) -> dict[str, float]:
        """See `operatorrun.requests_seen`."""
        status, content = self._cluster.api.request("GET", "/metrics")
        assert status == 200, content
        return requests_seen(content.decode())

    def create(self, *, attach: str, logins: Logins) -> float:
        """Create a source for each login, and a PullCredential.

        Returns:
            When the first of the latter was about to be, by `time.monotonic`.
        """
        secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"
        for registry, password in logins.items():
            self._create(secrets, _source(registry, password))
        began = time.monotonic()
        for registry in logins:
            self._create(PULLCREDENTIALS, _pullcredential(registry, attach))
        return began

    def rotate(self, registry: str, password: str) -> float:
        """Change the source of a login; when, by `time.monotonic`."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{_name(registry)}"
        began = time.monotonic()
        status, content = self._cluster.api.request("PUT", path, _source(registry, password))
        assert status == 200, content
        return began

    def await_ready(self, logins: Logins) -> None:
        """Wait until each PullCredential says that it is ready, in so many namespaces."""
        want = len(self.names)

        def holds() -> bool:
            return all(
                self._condition(item) == "True"
                and item["status"]["namespaces"]["ready"] == want
                and item["status"]["observedGeneration"] == item["metadata"]["generation"]
                for item in (self._get(f"{PULLCREDENTIALS}/{_name(each)}") for each in logins)
            )

        await_condition(f"{want:,} namespaces are ready", holds, timeout=120)

    def floor(self, logins: Logins, *, rotate: bool = False) -> float:
        """The writes that are needed at least, bare; seconds until a watch has seen the last.

        Args:
            logins: what the Secrets are to hold.
            rotate: they are there already: only they are written.
        """
        self._sender.prepare(self._floor(logins, rotate))
        count = len(self.names)
        with self.witness(logins, secrets=count, attached=0 if rotate else count) as seen:
            spent = self.cpu()
            told = self._sender.run()
            took, spent = seen.done() - told["began"], self.cpu() - spent
        self.say(f"floor {took:.2f} s; CPU {told['cpu']:.1f} s, the cluster's {spent:.1f} s")
        return took

    def cpu(self) -> float:
        """Seconds that the cluster's processes have kept a processor."""
        return sum(cpu_of(each.pid) for each in self._cluster.processes.values())

    def verify(self, logins: Logins, *, attached: bool = True) -> None:
        """Every namespace has what it should have, and nothing else of ours is anywhere."""
        entries = [{"name": SECRET}] if attached else None
        found = {
            item["metadata"]["namespace"]: _passwords(item)
            for item in self._list(f"/api/v1/secrets?fieldSelector=metadata.name%3D{SECRET}")
        }
        assert found == dict.fromkeys(self.names, logins), "a Secret is wrong, or too many"
        for item in self._list("/api/v1/serviceaccounts"):
            mine = item["metadata"]["namespace"].startswith(PREFIX)
            assert item.get("imagePullSecrets") == (entries if mine else None), item

    def undo(self) -> None:
        """Take everything away again; no operator runs."""
        for item in self._list(PULLCREDENTIALS):
            path = f"{PULLCREDENTIALS}/{item['metadata']['name']}"
            status, content = self._cluster.api.request("DELETE", path)
            assert status == 200, content
            if item["metadata"].get("finalizers"):
                nothing = {"metadata": {"finalizers": None}}
                self._sender.send([("PATCH", path, _MERGE, nothing)])
        for item in self._list(f"/api/v1/namespaces/{NAMESPACE}/secrets"):
            path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{item['metadata']['name']}"
            self._cluster.api.request("DELETE", path)
        requests: list[Request] = []
        for item in self._list(f"/api/v1/secrets?fieldSelector=metadata.name%3D{SECRET}"):
            path = f"{_in(item['metadata']['namespace'])}/secrets/{SECRET}"
            requests.append(("DELETE", path, _JSON, _DELETE))
        for item in self._list("/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault"):
            if "imagePullSecrets" in item:
                path = f"{_in(item['metadata']['namespace'])}/serviceaccounts/default"
                nothing = {"imagePullSecrets": None, "metadata": {"annotations": None}}
                requests.append(("PATCH", path, _MERGE, nothing))
        self._sender.send(requests)
        self.quiet()

    def _floor(self, logins: Logins, rotate: bool) -> Iterator[Request]:
        data = {".dockerconfigjson": _docker_config(logins)}
        secret = {
            "metadata": {"name": SECRET},
            "type": "kubernetes.io/dockerconfigjson",
            "data": data,
        }
        attach = [{"op": "add", "path": "/imagePullSecrets", "value": [{"name": SECRET}]}]
        for name in self.names:
            if rotate:
                yield ("PATCH", f"{_in(name)}/secrets/{SECRET}", _MERGE, {"data": data})
            else:
                yield ("POST", f"{_in(name)}/secrets", _JSON, secret)
                yield ("PATCH", f"{_in(name)}/serviceaccounts/default", _PATCH, attach)

    def _create(self, path: str, body: dict[str, Any]) -> None:
        status, content = self._cluster.api.request("POST", path, body)
        assert status == 201, content

    def _condition(self, item: Mapping[str, Any]) -> str:
        conditions = item.get("status", {}).get("conditions", ())
        return next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "")

    def _count(self, path: str) -> int:
        page = self._get(f"{path}?limit=1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))

    def _list(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._get(path)["items"]
        return items

    def _get(self, path: str) -> dict[str, Any]:
        told = [(0, b"")]

        def answered() -> bool:
            told[0] = self._cluster.api.request("GET", path)
            return told[0][0] != 429  # That is so where a CRD has just come.

        await_condition(f"the API server answers {path}", answered, timeout=60)
        status, content = told[0]
        assert status == 200, content
        answer: dict[str, Any] = json.loads(content)
        return answer


class Witness:
    """A witness at work.

    Args:
        process: `tests.benchmarks.witness`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._line(60) == ["watching"]

    def done(self, timeout: float = 300) -> float:
        """When the last of what was awaited came, by `time.monotonic`."""
        word, when = self._line(timeout)
        assert word == "done"
        return float(when)

    def told(self) -> dict[str, Any]:
        """What it has seen until now; it is at its end."""
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.stdout
        told: dict[str, Any] = json.loads(self._process.stdout.readlines()[-1])
        return told

    def _line(self, timeout: float) -> list[str]:
        assert self._process.stdout
        watchdog = threading.Timer(timeout, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, f"it did not come within {timeout:.0f} s"
        return line.split()


@contextmanager
def world(installation: Installation, folder: Path, count: int) -> Iterator[World]:
    """A cluster with so many namespaces, and its end."""
    progress = Progress()
    folder.mkdir(exist_ok=True)
    with Cluster(progress=progress) as cluster:
        made = World(cluster, installation, folder, count, progress)
        made.fill()
        yield made


def _in(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


def _name(registry: str) -> str:
    """Of its PullCredential and of its source."""
    return registry.partition(".")[0]


def _source(registry: str, password: str) -> dict[str, Any]:
    login = {"username": "puller", "password": password}
    return {
        "metadata": {"name": _name(registry)},
        "type": "kubernetes.io/basic-auth",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in login.items()},
    }


def _pullcredential(registry: str, attach: str) -> dict[str, Any]:
    name = _name(registry)
    return {
        "apiVersion": "regcred.dev/v1alpha1",
        "kind": "PullCredential",
        "metadata": {"name": name},
        "spec": {
            "registries": [registry],
            "source": {"basic": {"secretRef": {"name": name}}},
            "namespaces": {"include": [f"{PREFIX}*"]},
            "attach": attach,
        },
    }


def _docker_config(logins: Logins) -> str:
    auths = {
        registry: {
            "username": "puller",
            "password": password,
            "auth": base64.b64encode(f"puller:{password}".encode()).decode(),
        }
        for registry, password in logins.items()
    }
    return base64.b64encode(json.dumps({"auths": auths}).encode()).decode()


def _passwords(secret: Mapping[str, Any]) -> Logins:
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    return {registry: entry["password"] for registry, entry in config["auths"].items()}
