"""What operators are tested on: the rights of the chart, and a few namespaces of the test's own.

::

    def test_it(installation, operator_world):
        world = operator_world(namespaces=3)
        world.put_source("login", "puller", PASSWORD)
        world.put_pullcredential("main")
        with installation.operator("--no-leader-elect"):
            world.await_state("it is everywhere", lambda: world.ready() == "3/3")

The operator never runs as the admin, but as the chart's ServiceAccount. PullCredentials belong to
no namespace, so every operator on a cluster serves all of them: tests of operators cannot run side
by side on one cluster, and each takes its PullCredentials away again. `tests/integration/conftest`
has the fixtures.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cluster.waiting import await_condition
from regcred.core.operator.pullcredential import FINALIZER
from tests.support.operatorprocess import OperatorProcess
from tests.support.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from cluster import Cluster

#: (plural, namespace, name) → the object, as far as it can be compared.
Snapshot = dict[tuple[str, str, str], Any]

PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"
REGISTRY = "registry.example.com"
#: A login that may be searched for in whatever a run has written.
PASSWORD = f"hush-{secrets.token_hex(8)}-hush"
_TIMES = frozenset({"lastTransitionTime", "refreshAt", "expiresAt"})
_KEPT = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
_PATIENCE_SECONDS = 60.0


class Installation:
    """The chart without Pods: rights, guard and CRD, for processes that a test starts.

    Args:
        cluster: where.
        program: Helm.
        home: a folder for Helm.

    Attributes:
        on_operator: told of each operator before it starts.
    """

    def __init__(self, cluster: Cluster, program: Path, home: Path) -> None:
        name = f"op-{secrets.token_hex(4)}"
        self.on_operator: Callable[[OperatorProcess], object] = lambda _: None
        self.cluster, self.secret_name, self.lease_name = cluster, name, name
        self._last: OperatorProcess | None = None
        self._release = Release(cluster, program, name, f"{name}-system", home)

    @property
    def namespace(self) -> str:
        """The operator's own."""
        return self._release.namespace

    def install(self, **more: str) -> None:
        """Install it; returns when the API server knows its rights.

        Args:
            more: values of the chart. Without any, admission does nothing, so that all that is
                done is the operator's doing.
        """
        values = {
            "replicas": "0",
            "secretName": self.secret_name,
            "leaderElection.leaseName": self.lease_name,
            "admission.mode": "Off",
            **more,
        }
        self._release.install(*(f"--set={key}={value}" for key, value in values.items()))
        operator = self._release.operator()
        for path in (PULLCREDENTIALS, f"/api/v1/namespaces/{self.namespace}/secrets"):
            await_condition(
                f"the operator may read {path}",
                lambda path=path: operator.ask("GET", path)[0] == 200,
                timeout=30,
            )
        self.kubeconfig = self.cluster.users.with_token(self._release.token())

    def uninstall(self) -> None:
        """Take it away; the CRD stays, since all tests share it."""
        self._release.uninstall()

    def operator(
        self, *args: str, kubeconfig: Path | None = None, env: Mapping[str, str] | None = None
    ) -> OperatorProcess:
        """The operator with the rights of the chart.

        Args:
            args: more arguments.
            kubeconfig: of a proxy before the API server, that goes there as ``self.kubeconfig``.
            env: see `OperatorProcess`.
        """
        own = (
            f"--namespace={self.namespace}",
            f"--secret-name={self.secret_name}",
            f"--lease-name={self.lease_name}",
        )
        self._last = OperatorProcess(kubeconfig or self.kubeconfig, *own, *args, env=env)
        self.on_operator(self._last)
        return self._last

    def last_words(self) -> str:
        """What the last operator said at the end, for the message of a test."""
        return "" if self._last is None else self._last.stderr[-8000:]

    def token(self, **spec: Any) -> str:
        """A token of the operator's ServiceAccount; `spec` as in a TokenRequest."""
        return self._release.token(**spec)

    def drop_lease(self) -> None:
        """Delete the Lease, so that a new process need not wait for that of one that was killed."""
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        status, content = self.cluster.api.request("DELETE", f"{leases}/{self.lease_name}")
        assert status in (200, 404), content


class OperatorWorld:
    """Namespaces with a label of their own, sources, PullCredentials; as the admin sees them.

    Every name begins with ``prefix``; methods take and give names without it.

    Args:
        installation: whose operator is to serve them.
    """

    def __init__(self, installation: Installation) -> None:
        self.installation, self._api = installation, installation.cluster.api
        self.prefix = f"w{secrets.token_hex(4)}"
        self.label = {"regcred-test": self.prefix}
        self.namespaces: list[str] = []
        self._sources: set[str] = set()

    def full(self, name: str) -> str:
        """The name of an object in the cluster."""
        return f"{self.prefix}-{name}"

    def add_namespaces(self, names: Iterable[str], accounts: Mapping[str, list[str]]) -> None:
        """Create namespaces; returns when each has its default ServiceAccount.

        Args:
            names: of the namespaces.
            accounts: ServiceAccounts that each has beside its default, with their lists.
        """
        names = list(names)
        self.namespaces += names
        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(lambda name: self._add_namespace(name, accounts), names):
                pass
        wanted = {self.full(name) for name in names}
        await_condition(
            "each namespace has its default ServiceAccount",
            lambda: (
                wanted
                <= {
                    each["metadata"]["namespace"]
                    for each in self._list("/api/v1/serviceaccounts")
                    if each["metadata"]["name"] == "default"
                }
            ),
            timeout=120,
        )

    def _add_namespace(self, name: str, accounts: Mapping[str, list[str]]) -> None:
        metadata: dict[str, Any] = {"name": self.full(name), "labels": self.label}
        self._ask("POST", "/api/v1/namespaces", {"metadata": metadata})
        for account, names in accounts.items():
            body = {
                "metadata": {"name": account},
                "imagePullSecrets": [{"name": each} for each in names],
            }
            self._ask("POST", f"{self.path(name)}/serviceaccounts", body)

    def delete_namespace(self, name: str) -> None:
        """Ask for its end, and do not wait for it."""
        self.namespaces.remove(name)
        self._api.delete_namespace(self.full(name))

    def path(self, namespace: str) -> str:
        """Of a namespace, at the API server."""
        return f"/api/v1/namespaces/{self.full(namespace)}"

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at a path; None where there is none."""
        status, content = self._api.request("GET", path)
        assert status in (200, 404), content
        return json.loads(content) if status == 200 else None

    def change(self, path: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Read an object, change it in place, write it; again when somebody was faster."""
        while True:
            obj = self.get(path)
            assert obj is not None, path
            change(obj)
            status, content = self._api.request("PUT", path, obj)
            if status != 409:
                assert status == 200, content
                return

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object; the path is that of its kind."""
        self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete the object at a path."""
        self._ask("DELETE", path)

    def put_source(self, name: str, username: str, password: str) -> None:
        """Create or change a Secret in the operator's namespace, for the source ``basic``."""
        where = f"/api/v1/namespaces/{self.installation.namespace}/secrets"
        data = {"username": username, "password": password}
        if name in self._sources:
            self.change(f"{where}/{self.full(name)}", lambda obj: obj.update(stringData=data))
            return
        self._ask("POST", where, {"metadata": {"name": self.full(name)}, "stringData": data})
        self._sources.add(name)

    def put_source_data(self, name: str, data: dict[str, str]) -> None:
        """The same for any source; `data` as the API takes it, in base64."""
        where = f"/api/v1/namespaces/{self.installation.namespace}/secrets"
        if name in self._sources:
            self.change(f"{where}/{self.full(name)}", lambda obj: obj.update(data=data))
            return
        self._ask("POST", where, {"metadata": {"name": self.full(name)}, "data": data})
        self._sources.add(name)

    def delete_source(self, name: str) -> None:
        """Delete it."""
        self._sources.remove(name)
        where = f"/api/v1/namespaces/{self.installation.namespace}/secrets"
        self._ask("DELETE", f"{where}/{self.full(name)}")

    def spec(self, source: str | dict[str, Any] = "login", **fields: Any) -> dict[str, Any]:
        """For all of the world's namespaces, and their ServiceAccounts default and app.

        Args:
            source: see `put_source`; or whatever else is to stand there.
            fields: of the spec, in place of the usual ones.
        """
        if isinstance(source, str):
            source = {"basic": {"secretRef": {"name": self.full(source)}}}
        return {
            "registries": [REGISTRY],
            "source": source,
            "namespaces": {"matchLabels": self.label},
            "serviceAccounts": {"include": ["default", "app"]},
            **fields,
        }

    def put_pullcredential(self, name: str, **fields: Any) -> None:
        """Create it, or give it another spec; `fields` as in `spec`."""
        path, spec = f"{PULLCREDENTIALS}/{self.full(name)}", self.spec(**fields)
        if self.get(path) is not None:
            self.change(path, lambda obj: obj.update(spec=spec))
            return
        kind = {"apiVersion": "regcred.dev/v1alpha1", "kind": "PullCredential"}
        body = kind | {"metadata": {"name": self.full(name)}, "spec": spec}
        self._ask("POST", PULLCREDENTIALS, body)

    def pullcredential(self, name: str) -> dict[str, Any] | None:
        """The object; None where there is none."""
        return self.get(f"{PULLCREDENTIALS}/{self.full(name)}")

    def delete_pullcredential(self, name: str) -> None:
        """Ask for its end, and do not wait for it."""
        self._ask("DELETE", f"{PULLCREDENTIALS}/{self.full(name)}")

    def strip_finalizer(self, name: str) -> None:
        """Take the operator's finalizer off, as impatient people do."""

        def strip(obj: dict[str, Any]) -> None:
            kept = [each for each in obj["metadata"].get("finalizers", ()) if each != FINALIZER]
            obj["metadata"]["finalizers"] = kept

        self.change(f"{PULLCREDENTIALS}/{self.full(name)}", strip)

    def ready(self, name: str = "main") -> str:
        """``120/120`` when it is Ready for its latest spec; else its reason, or empty."""
        found = self.pullcredential(name) or {}
        status = found.get("status") or {}
        if not status or status["observedGeneration"] != found["metadata"]["generation"]:
            return ""
        said = {each["type"]: each for each in status.get("conditions", ())}.get("Ready", {})
        return status["namespaces"]["summary"] if said["status"] == "True" else said["reason"]

    def logins(self, secret: str = "") -> dict[str, dict[str, tuple[str, str]]]:
        """Namespace → registry → (user, password) in the operator's Secrets."""
        found = {}
        for obj in self._ours("secrets"):
            if obj["metadata"]["name"] == (secret or self.installation.secret_name):
                config = json.loads(base64.b64decode(obj["data"][".dockerconfigjson"]))
                entries = config["auths"].items()
                found[self._short(obj)] = {r: (e["username"], e["password"]) for r, e in entries}
        return found

    def lists(self, account: str = "default") -> dict[str, list[str]]:
        """Namespace → what this ServiceAccount's ``imagePullSecrets`` name there."""
        return {
            self._short(obj): [each["name"] for each in obj.get("imagePullSecrets", ())]
            for obj in self._ours("serviceaccounts")
            if obj["metadata"]["name"] == account
        }

    def versions(self) -> dict[tuple[str, str, str], tuple[str, str]]:
        """(plural, namespace, name) → UID and resourceVersion: whether somebody has written."""
        return {
            (plural, self._short(obj), obj["metadata"]["name"]): (
                obj["metadata"]["uid"],
                obj["metadata"]["resourceVersion"],
            )
            for plural in ("secrets", "serviceaccounts")
            for obj in self._ours(plural)
        }

    def snapshot(self) -> Snapshot:
        """All that an operator may write, without versions, times, and the prefix of names.

        Passwords are hashed, so that a test that fails shows none.
        """
        found = [("pullcredentials", obj) for obj in self._pullcredentials()]
        for plural in ("secrets", "serviceaccounts"):
            found += [(plural, obj) for obj in self._ours(plural)]
        return dict(self._compared(plural, obj) for plural, obj in found)

    def await_snapshot(self, wanted: Snapshot, *, timeout: float = _PATIENCE_SECONDS) -> None:
        """Wait until the world is as another was.

        Raises:
            AssertionError: it does not become so; with what is different.
        """
        cheap = {key: obj for key, obj in wanted.items() if key[0] == "pullcredentials"}
        deadline = time.monotonic() + timeout
        found: Snapshot = {}
        while time.monotonic() < deadline:
            there = (self._compared("pullcredentials", obj) for obj in self._pullcredentials())
            if dict(there) == cheap and (found := self.snapshot()) == wanted:
                return
            time.sleep(0.05)
        found = self.snapshot()
        if found != wanted:
            said = self.installation.last_words()
            raise AssertionError(f"{differences(found, wanted)}\n{said}")

    def await_state(
        self, what: str, holds: Callable[[], bool], *, timeout: float = _PATIENCE_SECONDS
    ) -> None:
        """Wait until a condition of the world holds.

        Raises:
            ClusterError: it does not.
        """
        await_condition(what, holds, timeout=timeout, log=self.installation.last_words)

    def remove(self) -> None:
        """Take all of it away, whether an operator runs or not."""
        for obj in self._pullcredentials():
            path = f"{PULLCREDENTIALS}/{obj['metadata']['name']}"
            self._api.request("DELETE", path)
            while (left := self.get(path)) is not None:
                left["metadata"].pop("finalizers", None)
                self._api.request("PUT", path, left)
        for name in list(self._sources):
            self.delete_source(name)
        for name in list(self.namespaces):
            self.delete_namespace(name)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        status, content = self._api.request(method, path, body)
        assert status in (200, 201, 202), content

    def _list(self, path: str) -> list[dict[str, Any]]:
        status, content = self._api.request("GET", path)
        assert status == 200, content
        return json.loads(content)["items"] or []

    def _short(self, obj: dict[str, Any]) -> str:
        return obj["metadata"]["namespace"].removeprefix(f"{self.prefix}-")

    def _ours(self, plural: str) -> list[dict[str, Any]]:
        """Objects of the world's namespaces; one request, however many these are."""
        names = {self.full(name) for name in self.namespaces}
        return [
            obj for obj in self._list(f"/api/v1/{plural}") if obj["metadata"]["namespace"] in names
        ]

    def _pullcredentials(self) -> list[dict[str, Any]]:
        found = self._list(PULLCREDENTIALS)
        return [obj for obj in found if obj["metadata"]["name"].startswith(self.prefix)]

    def _compared(self, plural: str, obj: dict[str, Any]) -> tuple[tuple[str, str, str], Any]:
        shown = json.loads(json.dumps(_tidy(obj)).replace(self.prefix, "world"))
        metadata = shown["metadata"]
        return (plural, metadata.get("namespace", ""), metadata["name"]), shown


def _tidy(obj: dict[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in copy.deepcopy(obj).items() if k not in {"apiVersion", "kind"}}
    metadata = shown["metadata"]
    shown["metadata"] = {key: metadata[key] for key in _KEPT if metadata.get(key)}
    shown["metadata"]["deleting"] = "deletionTimestamp" in metadata
    for key, value in (shown.get("data") or {}).items():
        shown["data"][key] = hashlib.sha256(value.encode()).hexdigest()[:12]
    return _timeless(shown)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key not in _TIMES}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def differences(found: Snapshot, wanted: Snapshot) -> str:
    """What is other than it should be, for the message of a test."""
    lines = []
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            lines += ["/".join(key), f"  is     {found.get(key)}", f"  wanted {wanted.get(key)}"]
    return "\n".join(lines[:30])


@pytest.fixture(scope="module")
def installation(
    cluster: Cluster, helm_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The chart's rights, for the operators of one test module."""
    installation = Installation(cluster, helm_program, tmp_path_factory.mktemp("helm"))
    try:
        installation.install()
        yield installation
    finally:
        installation.uninstall()


@contextmanager
def world_of(installation: Installation) -> Iterator[OperatorWorld]:
    """A world without namespaces, whose source ``login`` gives something."""
    world = OperatorWorld(installation)
    try:
        world.put_source("login", "puller", PASSWORD)
        yield world
    finally:
        world.remove()


@pytest.fixture
def operator_world(installation: Installation) -> Iterator[Callable[..., OperatorWorld]]:
    """Make worlds: with ``namespaces`` of them (``ns-0``, …), each with the ServiceAccounts
    default, app (which has a list already) and other (which is not selected).
    """
    made: list[OperatorWorld] = []

    def make(namespaces: int = 3) -> OperatorWorld:
        made.append(OperatorWorld(installation))
        made[-1].put_source("login", "puller", PASSWORD)
        names = (f"ns-{n}" for n in range(namespaces))
        made[-1].add_namespaces(names, {"app": ["theirs"], "other": ["theirs"]})
        return made[-1]

    yield make
    for world in made:
        world.remove()
