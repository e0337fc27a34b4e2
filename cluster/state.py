"""What is remembered of a cluster that is up, so that another process can find it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.paths import Folder, write_private
from cluster.processes import ProcessId
from cluster.registries import Registry


@dataclass(frozen=True)
class State:
    """A cluster that is up.

    Args:
        name: of the cluster.
        supervisor: the process whose end is the cluster's end.
        api_port: of 127.0.0.1, where the API server listens.
        kubectl: the program, in the API server's version.
        node: whether it has one.
        registries: by kind; empty when it has none.
        processes: those that the supervisor started, by name.
    """

    name: str
    supervisor: ProcessId
    api_port: int
    kubectl: Path
    node: bool
    registries: dict[str, Registry]
    processes: dict[str, ProcessId]

    def save(self, folder: Folder) -> None:
        """Write it into the cluster's folder (mode 0600)."""
        write_private(folder.state, json.dumps(asdict(self), default=str, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Folder) -> State | None:
        """Read it again; None when there is none."""
        try:
            content = json.loads(folder.state.read_text())
        except FileNotFoundError:
            return None
        return cls(
            name=content["name"],
            supervisor=ProcessId(**content["supervisor"]),
            api_port=content["api_port"],
            kubectl=Path(content["kubectl"]),
            node=content["node"],
            registries={
                kind: Registry(
                    kind=kind,
                    address=registry["address"],
                    folder=Path(registry["folder"]),
                    ca_file=Path(registry["ca_file"]) if registry["ca_file"] else None,
                )
                for kind, registry in content["registries"].items()
            },
            processes={
                name: ProcessId(**process) for name, process in content["processes"].items()
            },
        )
