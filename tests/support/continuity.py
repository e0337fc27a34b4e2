"""Whether a new Pod would have found its login at each moment of a while.

::

    with Continuity(cluster, accounts, registry, passwords) as continuity:
        …
        continuity.require()

Versions of objects are numbered through one count, that of etcd. So what three watches tell
(Secrets, ServiceAccounts, Deployments), put in the order of that count, is all states that the
cluster went through; no moment between two looks is missed.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Self

from cluster.waiting import await_condition
from tests.support.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cluster import Cluster

_SECRETS = "/api/v1/secrets"
_ACCOUNTS = "/api/v1/serviceaccounts"
_DEPLOYMENTS = "/apis/apps/v1/deployments"
_KINDS = (_SECRETS, _ACCOUNTS, _DEPLOYMENTS)
#: Types that kubelet looks at → the key of their docker config.
_CONFIGS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}

Objects = dict[tuple[str, str, str], dict[str, Any]]


class _Watch(Watching):
    """All that becomes of the objects of a kind."""

    def __init__(self, cluster: Cluster, path: str) -> None:
        super().__init__(cluster, path)
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.first: list[dict[str, Any]] = []

    def begin(self, objects: list[dict[str, Any]]) -> None:
        self.first = objects

    def see(self, kind: str, obj: dict[str, Any]) -> None:
        self.events.append((_version(obj), kind, obj))

    def catch_up(self) -> None:
        """Wait until all that has happened by now is seen."""
        listed = self.listed()
        wanted = {_key(self.path, obj): _version(obj) for obj in listed["items"]}
        until = _version(listed)

        def seen() -> bool:
            known = {_key(self.path, obj): _version(obj) for obj in self.first}
            gone: dict[tuple[str, str, str], int] = {}
            for version, kind, obj in list(self.events):
                key = _key(self.path, obj)
                known[key] = version
                if kind == "DELETED":
                    gone[key] = known.pop(key)
            return all(
                max(known.get(key, 0), gone.get(key, 0)) >= version
                for key, version in wanted.items()
            ) and not any(key not in wanted for key in known if known[key] <= until)

        # After an ERROR in vain.
        await_condition(f"all of {self.path} was seen", seen, timeout=60)


class Continuity:
    """Looks at ServiceAccounts, and at Deployments with a list of their own beside them.

    Args:
        cluster: where.
        accounts: (namespace, name) of ServiceAccounts.
        registry: as it stands under ``auths``.
        passwords: those that it accepts at any time; None for whichever there is.
        deployments: namespaces whose Deployments count, with the list of their own, or else that of
            the ServiceAccount ``default``.
    """

    def __init__(
        self,
        cluster: Cluster,
        accounts: Iterable[tuple[str, str]],
        registry: str,
        passwords: Collection[str] | None = None,
        deployments: Collection[str] = (),
    ) -> None:
        self._deployments = deployments
        self._accounts, self._registry = tuple(accounts), registry
        self._passwords = passwords
        self._watches = [_Watch(cluster, path) for path in _KINDS]

    def __enter__(self) -> Self:
        for watch in self._watches:
            watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.__exit__()

    def require(self) -> int:
        """How many states were looked at; each of them has to be good.

        Raises:
            AssertionError: there was one in which a new Pod would have found no login.
        """
        for watch in self._watches:
            watch.catch_up()
        objects: Objects = {_key(w.path, obj): obj for w in self._watches for obj in w.first}
        told = [(*event, w.path) for w in self._watches for event in w.events]
        without = self._without(objects)
        assert not without, f"at the start: {without}"
        for version, kind, obj, path in sorted(told, key=lambda each: each[0]):
            if kind == "DELETED":
                objects.pop(_key(path, obj), None)
            else:
                objects[_key(path, obj)] = obj
            without = self._without(objects)
            what = f"{kind} {path} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
            assert not without, f"{without} after {version}: {what}"
        return len(told) + 1

    def _without(self, objects: Objects) -> list[str]:
        """Who would make Pods without a login."""
        lists = {}
        for namespace, name in self._accounts:
            account = objects.get((_ACCOUNTS, namespace, name), {})
            lists[f"serviceaccount {namespace}/{name}"] = namespace, account
        for (path, namespace, name), obj in objects.items():
            if path == _DEPLOYMENTS and namespace in self._deployments:
                spec = obj["spec"]["template"]["spec"]
                account = objects.get((_ACCOUNTS, namespace, "default"), {})
                owner = spec if spec.get("imagePullSecrets") else account
                lists[f"deployment {namespace}/{name}"] = namespace, owner
        found = []
        for who, (namespace, owner) in lists.items():
            named = [each["name"] for each in owner.get("imagePullSecrets") or []]
            if not any(self._good(objects.get((_SECRETS, namespace, each))) for each in named):
                found.append(f"{who}: {named}")
        return found

    def _good(self, secret: dict[str, Any] | None) -> bool:
        key = _CONFIGS.get((secret or {}).get("type", ""))
        if secret is None or key is None or key not in (secret.get("data") or {}):
            return False
        config = json.loads(base64.b64decode(secret["data"][key]))
        auths = config.get("auths", {}) if key == ".dockerconfigjson" else config
        for registry, entry in auths.items():
            if registry.removeprefix("https://").rstrip("/") == self._registry:
                joined = f"{entry.get('username')}:{entry.get('password')}".encode()
                auth = base64.b64decode(entry["auth"]) if "auth" in entry else joined
                password = auth.decode().partition(":")[2]
                return bool(password) and (self._passwords is None or password in self._passwords)
        return False


def _key(path: str, obj: dict[str, Any]) -> tuple[str, str, str]:
    return path, obj["metadata"]["namespace"], obj["metadata"]["name"]


def _version(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])
