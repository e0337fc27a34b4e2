"""The few requests that bringing up a cluster needs, over the standard library.

The project's own client is what the tests are about: nothing here may depend on it.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.pki import KeyPair


class Api:
    """An API server on this machine, as seen by one user.

    Args:
        port: of 127.0.0.1.
        ca: PEM file of the CA that signed its certificate.
        user: the client certificate.
    """

    def __init__(self, port: int, ca: Path, user: KeyPair) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=ca)
        self._tls.load_cert_chain(user.certificate, user.key)

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Status and content of the answer.

        Raises:
            OSError: nothing answers.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=self._tls, timeout=30
        )
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:  # it was killed, or is not one, in mid-answer
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether ``/readyz`` says ok."""
        return self.request("GET", "/readyz")[0] == 200

    def has_default_service_account(self, namespace: str) -> bool:
        """Whether a namespace has it, as it needs for its first Pod."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        return self.request("GET", path)[0] == 200

    def node_is_ready(self, name: str) -> bool:
        """Whether a node has the condition Ready."""
        status, content = self.request("GET", f"/api/v1/nodes/{name}")
        if status != 200:
            return False
        conditions = json.loads(content)["status"].get("conditions", ())
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def create_namespace(self, name: str) -> None:
        """Create a namespace.

        Raises:
            ClusterError: the API server says no.
        """
        status, content = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        if status != 201:
            raise ClusterError(f"cannot create namespace {name}: {content.decode()}")

    def delete_namespace(self, name: str) -> None:
        """Ask for a namespace's end, and do not wait for it."""
        self.request("DELETE", f"/api/v1/namespaces/{name}")
