"""What an operator sees, put there without an API server: for parts that only look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from regcred.core.operator.watchevent import WatchEvent
from regcred.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regcred.kube.client import Client

_VERSION = "1"


def spec(**fields: Any) -> dict[str, Any]:
    """The spec of a PullCredential that selects all namespaces."""
    source = {"basic": {"secretRef": {"name": "login"}}}
    return {"registries": ["r.example.com"], "source": source, "namespaces": {}, **fields}


class FilledWorld(World):
    """A world that nobody watches.

    Args:
        secret: the name of the operator's Secret.
    """

    def __init__(self, secret: str = "regcred") -> None:
        super().__init__(cast("Client", None), "ops", secret)
        self._version = 1

    def fill(
        self, namespaces: Mapping[str, Mapping[str, str]], specs: Sequence[dict[str, Any]]
    ) -> None:
        """Have it see these, as by a first list.

        Args:
            namespaces: their labels, by name.
            specs: of PullCredentials.
        """
        spaces = [{"metadata": {"name": k, "labels": dict(v)}} for k, v in namespaces.items()]
        credentials = [
            {"metadata": {"name": f"pc-{n}", "uid": f"{n:x}"}, "spec": each}
            for n, each in enumerate(specs)
        ]
        seen = {"namespaces": spaces, "pullcredentials": credentials}
        for name, watch in self.watches.items():
            listing = watch.view.listing()
            for obj in seen.get(name, ()):
                obj["metadata"]["resourceVersion"] = _VERSION
                listing.put(obj)
            watch._adopt(listing, _VERSION)

    def add_namespace(self, name: str, **labels: str) -> None:
        """As by a line of the watch."""
        self._version += 1
        version = str(self._version)
        obj = {"metadata": {"name": name, "labels": labels, "resourceVersion": version}}
        for event in self.namespaces.view.apply(WatchEvent("ADDED", obj, version, False)):
            self._namespace(event)
