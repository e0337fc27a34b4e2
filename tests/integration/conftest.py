"""What the tests of the verbs share: the objects of one namespace, people with few rights."""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from regcred.kube.client import Client
from regcred.kube.config import load
from tests.support.faultyproxy import FaultyProxy
from tests.support.http import request
from tests.support.operatorworld import installation, operator_world
from tests.support.rights import await_right

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from cluster import Cluster
    from cluster.registries import Registry

#: Fixtures of tests of the operator.
__all__ = ["installation", "operator_world"]

#: What login and logout need within a namespace.
RIGHTS = {
    "secrets": ("get", "create", "patch", "delete"),
    "serviceaccounts": ("get", "list", "patch"),
    "pods": ("list",),
}


class World:
    """The objects of one namespace, read past regcred.

    Args:
        cluster: the cluster.
        namespace: the namespace.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def _path(self, plural: str, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def get(self, plural: str, name: str) -> dict[str, Any] | None:
        status, content = self.cluster.api.request("GET", self._path(plural, name))
        assert status in (200, 404), content
        return json.loads(content) if status == 200 else None

    def create(self, plural: str, name: str, /, **fields: Any) -> dict[str, Any]:
        metadata = {"name": name} | fields.pop("metadata", {})
        body = {"metadata": metadata, **fields}
        status, content = self.cluster.api.request("POST", self._path(plural), body)
        assert status == 201, content
        return json.loads(content)

    def put(self, plural: str, obj: dict[str, Any]) -> int:
        path = self._path(plural, obj["metadata"]["name"])
        return self.cluster.api.request("PUT", path, obj)[0]

    def secret(self, name: str = "regcred") -> dict[str, Any] | None:
        return self.get("secrets", name)

    def logins(self, name: str = "regcred") -> dict[str, tuple[str, str]]:
        """Registry → (user, password) in a Secret; empty where there is none."""
        secret = self.secret(name)
        if secret is None:
            return {}
        config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
        return {r: (e["username"], e["password"]) for r, e in config["auths"].items()}

    def attached(self, name: str = "default") -> list[str]:
        serviceaccount = self.get("serviceaccounts", name)
        assert serviceaccount is not None
        return [entry["name"] for entry in serviceaccount.get("imagePullSecrets", [])]

    def with_list(self, name: str, *entries: str) -> dict[str, Any]:
        """A new ServiceAccount with this list."""
        return self.create(
            "serviceaccounts", name, imagePullSecrets=[{"name": entry} for entry in entries]
        )

    def pull_secret(self, name: str, **fields: Any) -> dict[str, Any]:
        """A Secret such as kubectl makes, for a.example.com."""
        config = {"auths": {"a.example.com": {"username": "a", "password": "b", "auth": "YTpi"}}}
        data = {".dockerconfigjson": base64.b64encode(json.dumps(config).encode()).decode()}
        fields = {"type": "kubernetes.io/dockerconfigjson", "data": data} | fields
        return self.create("secrets", name, **fields)

    def refused_pod(self, name: str, image: str, reason: str = "ErrImagePull", **spec: Any) -> None:
        """A Pod that no node takes, and whose status says that its image does not come."""
        containers = [{"name": "app", "image": image}]
        spec = {"nodeSelector": {"no": "such"}, "containers": containers} | spec
        made = self.create("pods", name, spec=spec)
        status = {
            "name": "app",
            "image": "",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": "denied: token=hush-4711-hush"}},
        }
        made["status"] = {"phase": "Pending", "containerStatuses": [status]}
        status_path = f"{self._path('pods', name)}/status"
        answered, content = self.cluster.api.request("PUT", status_path, made)
        assert answered == 200, content

    def snapshot(self) -> dict[tuple[str, str], str]:
        """(kind, name) → resourceVersion of every Secret and ServiceAccount."""
        found = {}
        for plural in ("secrets", "serviceaccounts"):
            for item in json.loads(self.cluster.api.request("GET", self._path(plural))[1])["items"]:
                found[plural, item["metadata"]["name"]] = item["metadata"]["resourceVersion"]
        return found

    def user(self, rights: dict[str, tuple[str, ...]]) -> Path:
        """The kubeconfig of somebody new, with just these rights in the namespace."""
        name = f"user-{secrets.token_hex(4)}"
        kubectl, where = self.cluster.kubectl, ("-n", self.namespace)
        kubeconfig = self.cluster.users.with_certificate(name)
        rules = [
            {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}
            for resource, verbs in rights.items()
            if verbs
        ]
        api = "rbac.authorization.k8s.io"
        manifest = {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {
                    "apiVersion": f"{api}/v1",
                    "kind": "Role",
                    "metadata": {"name": name},
                    "rules": rules,
                },
                {
                    "apiVersion": f"{api}/v1",
                    "kind": "RoleBinding",
                    "metadata": {"name": name},
                    "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
                    "subjects": [{"apiGroup": api, "kind": "User", "name": name}],
                },
            ],
        }
        kubectl("create", *where, "-f", "-", stdin=json.dumps(manifest).encode())
        resource, verb = next((r, v[0]) for r, v in rights.items() if v)
        await_right(kubectl, kubeconfig, verb, resource, self.namespace)
        return kubeconfig


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> World:
    """The objects of the test's namespace."""
    return World(cluster, namespace)


@pytest.fixture
def new_world(cluster: Cluster) -> Iterator[Callable[[], World]]:
    """Make more namespaces, each with its default ServiceAccount."""
    made: list[str] = []

    def make() -> World:
        made.append(f"test-{secrets.token_hex(4)}")
        cluster.create_namespace(made[-1])
        return World(cluster, made[-1])

    yield make
    for name in made:
        cluster.api.delete_namespace(name)


@pytest.fixture
def identity_token(token_registry: Registry) -> str:
    """What ``docker login`` keeps as ``identitytoken``: the token service's refresh token."""
    _, headers, _ = request("GET", f"http://{token_registry.address}/v2/")
    found = re.fullmatch('Bearer realm="(.*)",service="(.*)"', headers["WWW-Authenticate"])
    assert found is not None
    form = {
        "grant_type": "password",
        "client_id": "tests",
        "service": found[2],
        "access_type": "offline",
        "username": token_registry.username,
        "password": token_registry.password,
    }
    _, _, content = request("POST", found[1], form=list(form.items()))
    return content["refresh_token"]


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[Client]:
    """Of somebody who may do anything, straight to the API server."""
    async with Client(load(kubeconfig=str(kubeconfig), env={}), user_agent="tests") as client:
        yield client


@pytest.fixture
def proxy(kubeconfig: Path) -> Iterator[FaultyProxy]:
    """Before the API server, and fails as it is told."""
    with FaultyProxy(kubeconfig) as proxy:
        yield proxy


@pytest.fixture
async def proxied(proxy: FaultyProxy) -> AsyncIterator[Client]:
    """Likewise, by way of `proxy`."""
    async with Client(proxy.config, user_agent="tests") as client:
        yield client
