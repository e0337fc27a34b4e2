"""Argo CD and Flux, as far as they compare and apply: the program of ``cluster/go/gitops``.

::

    with GitOps(program, cluster.kubeconfig, "argocd", tmp_path / "gitops.log") as gitops:
        gitops.sync(application, manifest)
        assert not gitops.sees_drift(application, manifest)
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

#: What each of them says when they look.
_DRIFT = {
    "Application": {"Synced": False, "OutOfSync": True},
    "Kustomization": {"unchanged": False, "skipped": False, "configured": True},
    "HelmRelease": {"none": False, "update": True},
}

Object = dict[str, Any]


class GitOps:
    """The program, running. A context manager.

    Args:
        program: its path.
        kubeconfig: whose cluster.
        settings: the namespace of Argo CD's ConfigMap argocd-cm.
        log: what the libraries of the two say.
    """

    def __init__(self, program: Path, kubeconfig: Path, settings: str, log: Path) -> None:
        self._settings, self._log = settings, log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [program],
                env=os.environ | {"KUBECONFIG": str(kubeconfig)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def sees_drift(self, owner: Object, manifest: Object) -> bool:
        """Whether this Application, Kustomization or HelmRelease does, with this in Git."""
        return _DRIFT[owner["kind"]][self._ask(owner, manifest, apply=False)["says"]]

    def sync(self, owner: Object, manifest: Object) -> str:
        """Have an Application or a Kustomization apply it; what that says."""
        return str(self._ask(owner, manifest, apply=True)["says"])

    def _ask(self, owner: Object, manifest: Object, *, apply: bool) -> dict[str, Any]:
        question = {"object": owner, "manifests": [manifest], "apply": apply}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question | {"settings": self._settings}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._log.read_text()}
        assert "error" not in answer, answer["error"]
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # It ends with its input.
        self._process.communicate()
