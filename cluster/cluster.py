"""A cluster from its first process to its last.

::

    with Cluster(node=True, registries=True) as cluster:
        cluster.kubectl("get", "pods")
        cluster.registries["htpasswd"].address
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cluster import controlplane
from cluster.api import Api
from cluster.binaries import ensure_programs
from cluster.errors import ClusterError
from cluster.paths import Folder, last_lines
from cluster.pki import KeyPair
from cluster.ports import free_ports
from cluster.processes import ProcessId, Supervisor
from cluster.progress import SILENT, Progress
from cluster.state import State
from cluster.users import STRANGER, Users
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")

_START = 120.0
"""Seconds that a part may take to be ready; on two idle cores the API server takes eight."""


def prepare(progress: Progress = SILENT) -> dict[str, Path]:
    """See that all is there that a cluster needs, so that the next start takes seconds.

    Args:
        progress: told what is built, and about how long it takes.

    Returns:
        Each program's path.

    Raises:
        ClusterError: something is missing and cannot be had.
    """
    return ensure_programs(CONTROL_PLANE, progress)


class Cluster:
    """A Kubernetes cluster on this machine's loopback, which ends with its owner.

    As a context manager it is up inside the block. Whatever becomes of this process, the
    cluster's processes end with it, unless `detach` was called.

    Args:
        name: its folder is ``clusters/NAME`` in the cache; without one it is a temporary folder.
        progress: told what takes long.
    """

    def __init__(self, *, name: str = "", progress: Progress = SILENT) -> None:
        self._progress = progress
        self._name = name
        self._supervisor: Supervisor | None = None
        self._state: State | None = None

    @classmethod
    def open(cls, name: str) -> Self:
        """A cluster that is up, made by ``python -m cluster up --name NAME``.

        Raises:
            ClusterError: there is none.
        """
        folder = Folder.named(name)
        state = State.load(folder)
        if state is None or not state.supervisor.runs():
            raise ClusterError(
                f"there is no cluster {name!r} up", hint=f"python -m cluster up --name {name}"
            )
        cluster = cls(name=name)
        cluster._use(folder, state)
        return cluster

    def start(self) -> Self:
        """Bring it up; returns when Pods can be created.

        Raises:
            ClusterError: it does not come up; what had started is gone again, its logs are not.
        """
        programs = prepare(self._progress)
        folder = self._new_folder()
        folder.make()
        self._supervisor = Supervisor(folder)
        try:
            with self._progress.task("starting the cluster"):
                self._use(folder, self._start(self._supervisor, folder, programs))
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def stop(self, *, keep_logs: bool = False) -> None:
        """End it; returns when its last process is gone and its folder removed.

        Args:
            keep_logs: leave ``folder.logs`` where it is.

        Raises:
            ClusterError: a cluster that was opened does not end.
        """
        if self._supervisor:
            self._supervisor.stop()
        elif self._state and not self._state.supervisor.end(60):
            raise ClusterError(f"process {self._state.supervisor.pid} does not end on SIGTERM")
        if self._state and not keep_logs:
            shutil.rmtree(self.folder.root)
        self._supervisor = self._state = None

    def detach(self) -> None:
        """Leave it up when this process ends; `stop` and ``python -m cluster down`` end it."""
        if self._supervisor:
            self._supervisor.detach()
            self._supervisor = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of somebody who may do anything."""
        return self.users.admin

    @property
    def processes(self) -> dict[str, ProcessId]:
        """The processes that run, by name; empty for a cluster that was opened."""
        return self._supervisor.pids() if self._supervisor else {}

    def kubectl(
        self,
        *arguments: str,
        stdin: bytes = b"",
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the cluster's own kubectl.

        Args:
            arguments: after ``kubectl``.
            stdin: what it reads.
            kubeconfig: who asks; the admin by default.
            check: raise when it fails.

        Raises:
            ClusterError: with `check`, when it fails; with what it said.
        """
        command = [str(self.kubectl_path), f"--kubeconfig={kubeconfig or self.kubeconfig}"]
        # Nothing of the person's own kubectl: neither read nor filled.
        own = {"KUBECACHEDIR": str(self.folder.root / "kubectl-cache"), "KUBERC": "off"}
        answer = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, **own},
            check=False,
        )
        if check and answer.returncode:
            raise ClusterError(
                f"kubectl {' '.join(arguments)} exited with {answer.returncode}",
                log=answer.stderr.decode(errors="replace"),
            )
        return answer

    def create_namespace(self, name: str) -> None:
        """Create a namespace; returns when it has its default ServiceAccount.

        Raises:
            ClusterError: the API server refuses it, or the ServiceAccount does not come.
        """
        self.api.create_namespace(name)
        self._await_service_account(name)

    def _use(self, folder: Folder, state: State) -> None:
        self._state = state
        self.folder = folder
        self.kubectl_path = state.kubectl
        self.server = f"https://127.0.0.1:{state.api_port}"
        self.ca_file = folder.pki / "ca.crt"
        self.users = Users(folder, self.server, state.name)
        admin = KeyPair(folder.pki / "admin.crt", folder.pki / "admin.key")
        self.api = Api(state.api_port, self.ca_file, admin)

    def _new_folder(self) -> Folder:
        if not self._name:
            return Folder(Path(tempfile.mkdtemp(prefix="regcred-")))
        folder = Folder.named(self._name)
        state = State.load(folder)
        if state and state.supervisor.runs():
            raise ClusterError(
                f"the cluster {self._name!r} is up already",
                hint=f"python -m cluster down --name {self._name}",
            )
        if folder.root.exists():
            shutil.rmtree(folder.root)
        return folder

    def _start(self, supervisor: Supervisor, folder: Folder, programs: dict[str, Path]) -> State:
        ports = controlplane.Ports(*free_ports(3))
        keys = controlplane.make_keys(folder)
        token = secrets.token_urlsafe()
        tokens = controlplane.write_tokens(folder, {STRANGER: (token, ())})
        state = State(
            name=self._name or "regcred",
            supervisor=supervisor.process,
            api_port=ports.api,
            kubectl=programs["kubectl"],
        )
        self._use(folder, state)
        self.users.write_fixed(keys.admin, token)

        supervisor.start("etcd", controlplane.etcd(programs["etcd"], folder, ports))
        supervisor.start(
            "kube-apiserver",
            controlplane.api_server(programs["kube-apiserver"], keys, tokens, ports),
        )
        self._await("the API server is ready", self.api.is_ready, "kube-apiserver")
        supervisor.start(
            "kube-controller-manager",
            controlplane.controller_manager(
                programs["kube-controller-manager"], keys, self.kubeconfig
            ),
        )
        self._await_service_account("default")
        state.save(folder)
        return state

    def _await_service_account(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        self._await(
            f"namespace {namespace} has its default ServiceAccount",
            lambda: self.api.exists(path),
            "kube-controller-manager",
        )

    def _await(self, what: str, holds: Callable[[], bool], log: str) -> None:
        await_condition(
            what,
            holds,
            timeout=_START,
            meanwhile=self._supervisor.check if self._supervisor else lambda: None,
            log=lambda: last_lines(self.folder.log(log)),
        )
