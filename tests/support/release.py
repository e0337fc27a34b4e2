"""A release of our own chart on the cluster, and requests as its ServiceAccount."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from cluster import Cluster

CHART = CHECKOUT / "charts" / "regcred"
CRD = CHART / "files" / "pullcredentials.regcred.dev.yaml"

_PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def helm(program: Path, *arguments: str, home: Path, kubeconfig: Path | None = None) -> str:
    """What Helm prints; nothing of the person's own Helm is read or filled.

    Raises:
        AssertionError: it fails; with what it said.
    """
    own = {"HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HELM_", "KUBE"))}
    env = kept | dict.fromkeys(own, str(home)) | {"KUBECONFIG": str(kubeconfig or os.devnull)}
    command = [str(program), *arguments]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"helm {arguments[0]}: {done.stderr}"
    return done.stdout


class Caller:
    """Somebody who asks the API server with a bearer token, past every client of ours.

    Args:
        cluster: whose API server.
        token: of whom.
    """

    def __init__(self, cluster: Cluster, token: str) -> None:
        self._host = urlsplit(cluster.server).netloc
        self._tls = ssl.create_default_context(cafile=cluster.ca_file)
        self._token = token

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        patch: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Status and content of the answer.

        Args:
            method: of HTTP.
            path: with the query.
            body: sent as JSON; None for none.
            patch: ``json``, ``merge`` or ``apply``, for PATCH.
            headers: more of them.
        """
        sent = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        sent["Content-Type"] = _PATCHES.get(patch, "application/json")
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, sent | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class Release:
    """The chart, installed under a name of its own.

    Args:
        cluster: where.
        program: Helm.
        name: of the release, and of all its objects.
        namespace: where it is; made with it, and held to the Pod Security level "restricted".
        home: a folder for Helm.
    """

    def __init__(
        self, cluster: Cluster, program: Path, name: str, namespace: str, home: Path
    ) -> None:
        self.cluster, self.name, self.namespace = cluster, name, namespace
        self._program, self._home = program, home

    def helm(self, *arguments: str) -> str:
        """Run Helm in the release's namespace, as the admin."""
        where = ("--namespace", self.namespace)
        return helm(
            self._program, *arguments, *where, home=self._home, kubeconfig=self.cluster.kubeconfig
        )

    def install(self, *arguments: str) -> None:
        """Install it. The CRD is put there first and stays, since all tests share it.

        Args:
            arguments: more for ``helm install``.
        """
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
        self.cluster.kubectl("wait", "--for=condition=Established", "-f", str(CRD), "--timeout=30s")
        self.cluster.create_namespace(self.namespace)
        self.cluster.kubectl(
            "label",
            "namespace",
            self.namespace,
            "pod-security.kubernetes.io/enforce=restricted",
        )
        own = f"crds.install=false,fullnameOverride={self.name}"
        self.helm("install", self.name, str(CHART), "--set", own, *arguments)

    def uninstall(self) -> None:
        """Take it away, and its namespace; its end is not waited for."""
        try:
            self.helm("uninstall", self.name)
        finally:
            self.cluster.api.delete_namespace(self.namespace)

    def token(self, **spec: Any) -> str:
        """A token of its ServiceAccount, good for an hour; `spec` as in a TokenRequest."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}/token"
        status, content = self.cluster.api.request("POST", path, {"spec": spec})
        assert status == 201, content
        return str(json.loads(content)["status"]["token"])

    def operator(self) -> Caller:
        """Its ServiceAccount."""
        return Caller(self.cluster, self.token())
