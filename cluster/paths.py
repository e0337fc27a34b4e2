"""Where things are on this machine: the checkout, the cache, and one folder for each cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder that holds the package `cluster`: processes of ours are started there."""


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """The folder that outlives checkouts: built programs, named clusters.

    ``$REGCRED_CACHE``, else ``regcred`` below ``$XDG_CACHE_HOME``, else ``~/.cache/regcred``.
    """
    if named := env.get("REGCRED_CACHE"):
        return Path(named).expanduser().absolute()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "regcred"


@dataclass(frozen=True)
class Folder:
    """A cluster's own folder, and the names of what is in it.

    Everything that a cluster writes is below `root` (mode 0700); only `logs` outlives it.
    """

    root: Path

    @classmethod
    def named(cls, name: str) -> Folder:
        """The folder of the cluster that ``python -m cluster up --name NAME`` makes."""
        return cls(cache_folder() / "clusters" / name)

    @property
    def state(self) -> Path:
        """What ``down``, ``status`` and ``env`` need to know, as JSON."""
        return self.root / "cluster.json"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Keys and certificates, as PEM."""
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        """What etcd keeps."""
        return self.root / "etcd"

    @property
    def kubeconfigs(self) -> Path:
        """One kubeconfig a user."""
        return self.root / "kubeconfig"

    @property
    def registries(self) -> Path:
        """Each registry's configuration and blobs."""
        return self.root / "registries"

    @property
    def images(self) -> Path:
        """The OCI layouts that are pushed and imported."""
        return self.root / "images"

    @property
    def node(self) -> Path:
        """What containerd and kubelet keep."""
        return self.root / "node"

    def log(self, process: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Create the folder and its parts, for the owner's eyes only."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (
            self.logs,
            self.pki,
            self.etcd,
            self.kubeconfigs,
            self.registries,
            self.images,
            self.node,
        ):
            part.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that nobody else can read, at no moment (mode 0600 from its creation)."""
    data = content.encode() if isinstance(content, str) else content
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log file, headed by its path; what a failure shows."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return f"(no log at {path})"
    return "\n".join([f"--- the end of {path}", *lines[-count:]])
