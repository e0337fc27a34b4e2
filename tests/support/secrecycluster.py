"""Whether anything that operators write on a cluster holds a secret that was there meanwhile.

::

    with History(cluster) as history:
        run = OperatorsRun(history)
        run.follow(installation)
        …
        run.require()

All versions of the objects are looked through, not the last ones alone: a status that said too much
for a moment has said it. What is secret is what was in any version of any Secret.
"""

from __future__ import annotations

import base64
import json
import threading
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import yaml

from cluster.waiting import await_condition
from tests.support.secrecy import Secrecy
from tests.support.watching import Watching

if TYPE_CHECKING:
    from cluster import Cluster
    from tests.support.operatorprocess import OperatorProcess
    from tests.support.operatorworld import Installation

_SECRETS = "/api/v1/secrets"
#: What an operator writes, or might: everything but Secrets.
_WRITTEN = (
    "/apis/regcred.dev/v1alpha1/pullcredentials",
    "/api/v1/events",
    "/api/v1/serviceaccounts",
    "/api/v1/configmaps",
    "/apis/coordination.k8s.io/v1/leases",
)
_HELM = "helm.sh/release.v1"
#: Keys of Secrets that hold no secret.
_OPEN = frozenset({"username", "access-key-id", "ca.crt", "namespace", "tls.crt"})
_PAGES = ("/metrics", "/readyz", "/healthz")


class _Versions(Watching):
    """All versions of the objects of a kind from now on."""

    def __init__(self, cluster: Cluster, path: str) -> None:
        super().__init__(cluster, path)
        self._lock = threading.Lock()
        self._fresh: list[dict[str, Any]] = []
        self._seen: set[tuple[str, str]] = set()

    def begin(self, objects: list[dict[str, Any]]) -> None:
        self._take(*objects)

    def see(self, kind: str, obj: dict[str, Any]) -> None:
        if kind != "DELETED":  # it was seen before
            self._take(obj)

    def take(self) -> list[dict[str, Any]]:
        """Those that came since the last time; waits for all that are there now."""
        wanted = {_version(each) for each in self.listed()["items"]}
        # After an ERROR in vain.
        await_condition(f"all of {self.path} was seen", lambda: wanted <= self._seen, timeout=60)
        with self._lock:
            found, self._fresh = self._fresh, []
        return found

    def _take(self, *objects: dict[str, Any]) -> None:
        with self._lock:
            self._fresh += objects
            self._seen.update(map(_version, objects))


class History:
    """What becomes of the objects of a cluster from now on; a context manager.

    Args:
        cluster: where; it knows PullCredentials already.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._kinds = {path: _Versions(cluster, path) for path in (_SECRETS, *_WRITTEN)}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for each in self._kinds.values():
            self._stack.enter_context(each)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def secrets(self) -> list[dict[str, Any]]:
        """Versions of Secrets since the last time."""
        return self._kinds[_SECRETS].take()

    def written(self) -> dict[str, str]:
        """Kind → versions of all other objects since the last time."""
        return {
            path.rpartition("/")[2]: "\n".join(map(json.dumps, self._kinds[path].take()))
            for path in _WRITTEN
        }


class OperatorsRun:
    """All operators of one test, and what they have said.

    Args:
        history: of their cluster.

    Attributes:
        secrecy: what they must not say.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._own: list[tuple[str, str]] = []
        self._operators: list[OperatorProcess] = []
        self._pages: dict[str, str] = {}
        self.secrecy = Secrecy()

    def follow(self, installation: Installation) -> None:
        """Follow all operators of an installation from now on."""
        installation.on_operator = self._follow
        self._own.append((installation.namespace, installation.secret_name))
        config = yaml.safe_load(installation.kubeconfig.read_text())
        for each in config["users"]:
            self.secrecy.add("the operator's own token", each["user"]["token"])

    def require(self) -> None:
        """Make sure that nothing that was written since the last time holds a secret.

        Raises:
            AssertionError: something does; says which, and where.
        """
        __tracebackhide__ = True
        versions = self._history.secrets()
        for namespace, name in self._own:
            add_secrets(self.secrecy, versions, namespace, name)
        said = {
            "stdout": "\n".join(each.stdout for each in self._operators),
            "stderr": "\n".join(each.stderr for each in self._operators),
        }
        self.secrecy.require(said | self._pages | self._history.written())

    def _follow(self, operator: OperatorProcess) -> None:
        self._operators.append(operator)
        operator.before_stop = lambda: self._read(operator)

    def _read(self, operator: OperatorProcess) -> None:
        for path in _PAGES:
            self._pages[path] = f"{self._pages.get(path, '')}{operator.get(path)[1]}\n"


def add_secrets(secrecy: Secrecy, objects: list[dict[str, Any]], namespace: str, name: str) -> None:
    """Know what is in the Secrets of an operator: others' are read by others, and may be words.

    Args:
        secrecy: is to know it.
        objects: Secrets of all namespaces.
        namespace: the operator's own.
        name: of its Secrets elsewhere.
    """
    for obj in objects:
        is_own = namespace == obj["metadata"]["namespace"] or name == obj["metadata"]["name"]
        if not is_own or obj.get("type") == _HELM:
            continue
        for key, value in (obj.get("data") or {}).items():
            data = base64.b64decode(value)
            if key in _OPEN or _is_time(data):
                continue
            kind = f"{key} of a Secret"
            if data.lstrip().startswith(b"{"):
                secrecy.add_body(kind, data)
            else:
                secrecy.add(kind, data)


def _is_time(data: bytes) -> bool:
    """Whether it is what a test touches a Secret with."""
    try:
        datetime.fromisoformat(data.decode())
    except ValueError:
        return False
    return True


def _version(obj: dict[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
