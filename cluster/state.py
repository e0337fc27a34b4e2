"""What is remembered of a cluster that is up, so that another process can find it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.paths import Folder, write_private
from cluster.processes import ProcessId


@dataclass(frozen=True)
class State:
    """A cluster that is up.

    Args:
        name: of the cluster.
        supervisor: the process whose end is the cluster's end.
        api_port: of 127.0.0.1, where the API server listens.
        kubectl: the program, in the API server's version.
    """

    name: str
    supervisor: ProcessId
    api_port: int
    kubectl: Path

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
        )
