"""A PullCredential of a test: what the operator knows of it, and what it has to say of it."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.operator import pcstatus
from regcred.core.operator.pcstatus import Tally
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.statuswrite import Known
from tests.support.operating import EPOCH, given

if TYPE_CHECKING:
    from cluster import Cluster

PULLCREDENTIALS = "/apis/regcred.dev/v1alpha1/pullcredentials"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


class Subject:
    """One that selects nothing that there is.

    Args:
        cluster: where.
        name: of it; one that nobody has by default.

    Attributes:
        view: the object as the operator sees it: like a view, it lags behind until `look`.
        tally: its namespaces, for the status.
        source: what its source gives, for the status.
        built: how often its status was asked for.
    """

    def __init__(self, cluster: Cluster, name: str = "") -> None:
        self.cluster = cluster
        self.name = name or f"status-{secrets.token_hex(4)}"
        self.path = f"{PULLCREDENTIALS}/{self.name}"
        self.tally, self.source = Tally(3, 3), given("registry.example.com")
        self.built = 0
        self.create()
        self.look()

    def create(self, **metadata: Any) -> None:
        spec = {
            "registries": ["registry.example.com"],
            "source": {"basic": {"secretRef": {"name": "no-such-source"}}},
            "namespaces": {"include": [f"no-such-{secrets.token_hex(4)}"]},
        }
        body = {
            "apiVersion": "regcred.dev/v1alpha1",
            "kind": "PullCredential",
            "metadata": {"name": self.name, **metadata},
            "spec": spec,
        }
        status, content = self.cluster.api.request("POST", PULLCREDENTIALS, body)
        assert status == 201, content

    def delete(self) -> None:
        """Ask for its end."""
        assert self.cluster.api.request("DELETE", self.path)[0] == 200

    def read(self) -> dict[str, Any] | None:
        """The object as it is; None when it is gone."""
        status, content = self.cluster.api.request("GET", self.path)
        assert status in (200, 404), content
        return json.loads(content) if status == 200 else None

    def look(self) -> None:
        """The view catches up."""
        self.view = self.read()

    @property
    def status(self) -> dict[str, Any]:
        """As the API server has it."""
        found = self.read()
        assert found is not None
        return found.get("status", {})

    @property
    def metadata(self) -> dict[str, Any]:
        """As the API server has it."""
        found = self.read()
        assert found is not None
        return found["metadata"]

    def condition(self, kind: str = "Ready") -> dict[str, Any]:
        """One as the API server has it."""
        (found,) = [each for each in self.status["conditions"] if each["type"] == kind]
        return found

    def known(self) -> Known:
        """What the view has."""
        metadata = self.view["metadata"]
        status = self.view.get("status", {})
        return Known(self.name, metadata["uid"], metadata["resourceVersion"], status)

    def build(self) -> tuple[Known, dict[str, Any]] | None:
        """For the writer. Each time it is asked an hour has passed."""
        self.built += 1
        if self.view is None:
            return None
        known = self.known()
        now = EPOCH + timedelta(hours=self.built)
        new = pcstatus.build(parse(self.view), self.tally, self.source, (), known.status, now)
        return known, new

    def events(self) -> list[dict[str, Any]]:
        """All Events about it, the oldest first."""
        path = f"{EVENTS}?fieldSelector=regarding.name%3D{self.name}"
        status, content = self.cluster.api.request("GET", path)
        assert status == 200, content
        return sorted(json.loads(content)["items"], key=lambda each: each["eventTime"])

    def vanish(self) -> None:
        """Take it away, whatever holds it up, and its Events."""
        self.cluster.api.request("DELETE", self.path)
        found = self.read()
        if found is not None:
            found["metadata"].pop("finalizers", None)
            self.cluster.api.request("PUT", self.path, found)
        for event in self.events():
            self.cluster.api.request("DELETE", f"{EVENTS}/{event['metadata']['name']}")
