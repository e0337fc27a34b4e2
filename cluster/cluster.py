"""A cluster from its first process to its last.

::

    with Cluster(node=True, registries=True) as cluster:
        cluster.kubectl("get", "pods")
        cluster.registries["htpasswd"].address
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cluster import packages, registries, tiers
from cluster.api import Api
from cluster.binaries import ensure_programs
from cluster.errors import ClusterError
from cluster.node import Node
from cluster.packages import ensure_packages
from cluster.paths import Folder, last_lines
from cluster.pki import KeyPair
from cluster.ports import free_ports
from cluster.processes import ProcessId, Supervisor
from cluster.progress import SILENT, Progress
from cluster.startup import Startup
from cluster.state import State
from cluster.users import Users
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from cluster.registries import Registry
    from cluster.startup import KubeletFlags

_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
WITH_NODE = (*_CONTROL_PLANE, "kubelet")
"""The programs, built from source, of a cluster with a node."""


def prepare(
    *,
    node: bool = False,
    registries: bool = False,
    helm: bool = False,
    kustomize: bool = False,
    gitops: bool = False,
    shells: bool = False,
    kubernetes: str = "",
    progress: Progress = SILENT,
) -> dict[str, Path]:
    """See that all is there that a cluster needs, so that its start takes seconds.

    Args:
        node: also containerd and kubelet.
        registries: also docker-registry and skopeo.
        helm: also Helm, which no cluster needs, but the tests of its post-renderer do.
        kustomize: likewise kustomize, for the tests of the KRM function.
        gitops: likewise ``go/gitops``, for the tests with Argo CD and Flux.
        shells: likewise bash, zsh and fish, for the tests of completion.
        kubernetes: the control plane's minor version, as `cluster.binaries.chosen` takes it.
        progress: told what is installed and built, and about how long it takes.

    Returns:
        Each program's path.

    Raises:
        ClusterError: something is missing and cannot be had.
    """
    if lack := tiers.machine_lacks(node=node, kubernetes=kubernetes):
        raise ClusterError(f"no such cluster here: {lack}")
    if node:
        ensure_packages(packages.FOR_NODE, progress)
    elif registries:
        ensure_packages(packages.FOR_REGISTRIES, progress)
    if shells:
        ensure_packages(packages.SHELLS, progress)
    more = {"kubelet": node, "helm": helm, "kustomize": kustomize, "gitops": gitops}
    wanted = (*_CONTROL_PLANE, *(program for program, wanted in more.items() if wanted))
    return ensure_programs(wanted, progress, kubernetes=kubernetes)


class Cluster:
    """A Kubernetes cluster on this machine's loopback, which ends with its owner.

    As a context manager it is up inside the block; an error there leaves ``folder.logs``.
    Whatever becomes of this process, the cluster's processes end with it, unless `detach` was
    called.

    Args:
        node: with a node, `cluster.node.NODE`, for Pods with ``hostNetwork`` and ``nodeName``.
        registries: with the private registries of `cluster.registries`.
        name: its folder is ``clusters/NAME`` in the cache; without one it is a temporary folder.
        api_server_flags: for kube-apiserver, after those that it has anyway.
        kubelet_flags: likewise for kubelet, made of the registries, which are there by then.
        kubernetes: the control plane's minor version, as `cluster.binaries.chosen` takes it.
        progress: told what takes long.
    """

    def __init__(
        self,
        *,
        node: bool = False,
        registries: bool = False,
        name: str = "",
        api_server_flags: Sequence[str] = (),
        kubelet_flags: KubeletFlags | None = None,
        kubernetes: str = "",
        progress: Progress = SILENT,
    ) -> None:
        self.has_node = node
        self._api_server_flags = tuple(api_server_flags)
        self._kubelet_flags = kubelet_flags
        self._kubernetes = kubernetes
        self._with_registries = registries
        self._name = name
        self._progress = progress
        self._supervisor: Supervisor | None = None
        self._state: State | None = None
        self.registries: dict[str, Registry] = {}

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
            node=self.has_node,
            registries=self._with_registries,
            kubernetes=self._kubernetes,
            progress=self._progress,
        )
        with self._giving_up():
            supervisor = self._begun()
            with self._progress.task("starting the cluster") as task:
                state = Startup(self.folder, supervisor, programs, task).run(
                    name=self._name or "regcred",
                    node=self.has_node,
                    with_registries=self._with_registries,
                    api_server_flags=self._api_server_flags,
                    registries_=self.registries,
                    kubelet_flags=self._kubelet_flags,
                )
            self._use(self.folder, state)
            state.save(self.folder)
        return self

    def start_registries(self) -> dict[str, Registry]:
        """Bring up the registries alone, for as long as programs of the rest are built.

        `start` brings up the rest, and `stop` ends them with it, or without.

        Raises:
            ClusterError: one does not come up; what had started is gone again, its logs are not.
        """
        ensure_packages(packages.FOR_REGISTRIES, self._progress)
        with self._giving_up():
            supervisor = self._begun()
            with self._progress.task("starting the registries") as task:
                startup = Startup(self.folder, supervisor, {}, task)
                self.registries = startup.start_registries(free_ports(registries.PORTS))
        return self.registries

    def start_process(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> ProcessId:
        """Start one more process, which ends with the cluster; its log is ``folder.log(name)``.

        Args:
            name: of it, not one of `processes`.
            argv: as of `Supervisor.start`.
            env: likewise.

        Raises:
            ClusterError: it cannot be started, or this process has not started the cluster.
        """
        if self._supervisor is None:
            raise ClusterError("only who has started a cluster adds to it")
        self._supervisor.start(name, argv, env)
        return self._supervisor.pids()[name]

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """End what has started when the block fails."""
        try:
            yield
        except BaseException as error:
            # Given up, not failed: nobody asks for the logs.
            self.stop(keep_logs=isinstance(error, Exception))
            raise

    def _begun(self) -> Supervisor:
        if self._supervisor is None:
            self.folder = self._new_folder()
            self.folder.make()
            cgroup = Node(self.folder).cgroup if self.has_node else ""
            self._supervisor = Supervisor(self.folder, isolate=self.has_node, cgroup=cgroup)
        return self._supervisor

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
        if (self._supervisor or self._state) and not keep_logs:
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
        self.stop(keep_logs=isinstance(error, Exception))

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
            # Flags may hold passwords: what stands before them says enough.
            verb = " ".join(takewhile(lambda word: not word.startswith("-"), arguments))
            raise ClusterError(
                f"kubectl {verb} exited with {answer.returncode}",
                log=answer.stderr.decode(errors="replace"),
            )
        return answer

    def create_namespace(self, name: str) -> None:
        """Create a namespace; returns when it has its default ServiceAccount.

        Raises:
            ClusterError: the API server refuses it, or the ServiceAccount does not come.
        """
        self.api.create_namespace(name)
        await_condition(
            f"the namespace {name} has its default ServiceAccount",
            lambda: self.api.has_default_service_account(name),
            timeout=60,
            log=lambda: last_lines(self.folder.log("kube-controller-manager")),
        )

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
