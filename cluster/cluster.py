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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cluster import controlplane, images, packages, registries
from cluster.api import Api
from cluster.binaries import ensure_programs
from cluster.errors import ClusterError
from cluster.node import NODE, Node
from cluster.packages import ensure_packages
from cluster.paths import Folder, last_lines
from cluster.pki import Authority, KeyPair
from cluster.ports import free_ports
from cluster.processes import ProcessId, Supervisor
from cluster.progress import SILENT, Progress
from cluster.state import State
from cluster.users import STRANGER, Users
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")

_START = 120.0
"""Seconds that a part may take to be ready; on two idle cores the API server takes eight."""


def prepare(
    *, node: bool = False, registries: bool = False, progress: Progress = SILENT
) -> dict[str, Path]:
    """See that all is there that a cluster needs, so that its start takes seconds.

    Args:
        node: also containerd and kubelet.
        registries: also docker-registry and skopeo.
        progress: told what is installed and built, and about how long it takes.

    Returns:
        Each program's path.

    Raises:
        ClusterError: something is missing and cannot be had.
    """
    if node:
        ensure_packages(packages.FOR_NODE, progress)
    elif registries:
        ensure_packages(packages.FOR_REGISTRIES, progress)
    return ensure_programs((*_CONTROL_PLANE, "kubelet") if node else _CONTROL_PLANE, progress)


class Cluster:
    """A Kubernetes cluster on this machine's loopback, which ends with its owner.

    As a context manager it is up inside the block. Whatever becomes of this process, the
    cluster's processes end with it, unless `detach` was called.

    Args:
        node: with a node, named `NODE`, that runs Pods with ``hostNetwork`` and ``nodeName``.
        registries: with the private registries of `cluster.registries`.
        name: its folder is ``clusters/NAME`` in the cache; without one it is a temporary folder.
        progress: told what takes long.
    """

    def __init__(
        self,
        *,
        node: bool = False,
        registries: bool = False,
        name: str = "",
        progress: Progress = SILENT,
    ) -> None:
        self.has_node = node
        self._with_registries = registries
        self._name = name
        self._progress = progress
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
        programs = prepare(
            node=self.has_node, registries=self._with_registries, progress=self._progress
        )
        folder = self._new_folder()
        folder.make()
        cgroup = Node(folder).cgroup if self.has_node else ""
        self._supervisor = Supervisor(folder, isolate=self.has_node, cgroup=cgroup)
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
        """The processes that were started, by name, ``supervisor`` the first of them."""
        if self._state is None:
            return {}
        return {"supervisor": self._state.supervisor, **self._state.processes}

    def environment(self) -> dict[str, str]:
        """What ``python -m cluster env`` prints: names and values of variables.

        The registries' passwords are among them: they are random, thrown away with the cluster,
        and open doors on this machine's loopback only.
        """
        variables = {
            "KUBECONFIG": str(self.kubeconfig),
            "REGCRED_CLUSTER": self._name,
            "REGCRED_CLUSTER_FOLDER": str(self.folder.root),
            "REGCRED_CLUSTER_KUBECTL": str(self.kubectl_path),
        }
        for kind, registry in self.registries.items():
            prefix = f"REGCRED_CLUSTER_{kind.upper()}"
            variables[f"{prefix}_REGISTRY"] = registry.address
            variables[f"{prefix}_IMAGE"] = registry.image
            variables[f"{prefix}_USERNAME"] = registry.username
            variables[f"{prefix}_PASSWORD"] = registry.password
            if registry.ca_file:
                variables[f"{prefix}_CA_FILE"] = str(registry.ca_file)
        return variables

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
        self.has_node = state.node
        self.registries = state.registries
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
        etcd, etcd_peer, api, kubelet, *others = free_ports(4 + registries.PORTS)
        ports = controlplane.Ports(etcd, etcd_peer, api)
        keys = controlplane.make_keys(folder)
        token = secrets.token_urlsafe()
        tokens = controlplane.write_tokens(folder, {STRANGER: (token, ())})

        # All that waits for nothing starts first; the API server takes longest.
        supervisor.start("etcd", controlplane.etcd(programs["etcd"], folder, ports))
        supervisor.start(
            "kube-apiserver",
            controlplane.api_server(programs["kube-apiserver"], keys, tokens, ports),
        )
        state = State(
            name=self._name or "regcred",
            supervisor=supervisor.process,
            api_port=ports.api,
            kubectl=programs["kubectl"],
            node=self.has_node,
            processes={},
            registries=registries.start(supervisor, folder, others)
            if self._with_registries
            else {},
        )
        self._use(folder, state)
        self.users.write_fixed(keys.admin, token)
        if self.has_node:
            self._start_containerd(supervisor)
        for registry in self.registries.values():
            log = f"registry-{registry.kind}"
            self._await(f"the registry {registry.address} is ready", registry.is_ready, log)
            registry.push(registries.IMAGE)
        self._await("the API server is ready", self.api.is_ready, "kube-apiserver")
        supervisor.start(
            "kube-controller-manager",
            controlplane.controller_manager(
                programs["kube-controller-manager"], keys, self.kubeconfig
            ),
        )
        if self.has_node:
            self._start_kubelet(supervisor, programs["kubelet"], keys.ca, kubelet)
        self._await_service_account("default")
        state = replace(state, processes=supervisor.pids())
        state.save(folder)
        return state

    def _start_containerd(self, supervisor: Supervisor) -> None:
        node = Node(self.folder)
        supervisor.start("containerd", node.containerd(packages.program("containerd")))
        self._await("containerd answers", node.answers, "containerd")
        images.import_pause(node.socket, self.folder.images)

    def _start_kubelet(
        self, supervisor: Supervisor, program: Path, ca: Authority, port: int
    ) -> None:
        account = ca.client("kubelet", f"system:node:{NODE}", ("system:nodes",))
        config = self.users.with_certificate_files("kubelet", account)
        server = ca.server("kubelet-server", (NODE,))
        node = Node(self.folder)
        supervisor.start(
            "kubelet", node.kubelet(program, config, ca.files.certificate, server, port)
        )
        self._await("the node is ready", lambda: self.api.node_is_ready(NODE), "kubelet")

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
