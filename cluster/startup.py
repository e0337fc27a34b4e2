"""Brings a cluster's processes up, in the order in which they need each other."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cluster import controlplane, images, packages, registries
from cluster.api import Api
from cluster.node import NODE, Node
from cluster.paths import Folder, last_lines
from cluster.ports import free_ports
from cluster.state import State
from cluster.users import STRANGER, Users
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cluster.pki import Authority
    from cluster.processes import Supervisor
    from cluster.progress import Task

    KubeletFlags = Callable[[Mapping[str, registries.Registry]], Sequence[str]]

_PATIENCE = 120.0
"""Seconds that a part may take to be ready; on two idle cores the API server takes four."""


class Startup:
    """One start of one cluster.

    Args:
        folder: of the cluster, made already.
        supervisor: starts the processes.
        programs: their paths.
        task: told what is awaited.
    """

    def __init__(
        self, folder: Folder, supervisor: Supervisor, programs: Mapping[str, Path], task: Task
    ) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._programs = programs
        self._task = task

    def run(
        self,
        *,
        name: str,
        node: bool,
        with_registries: bool,
        api_server_flags: Sequence[str],
        registries_: dict[str, registries.Registry],
        kubelet_flags: KubeletFlags | None,
    ) -> State:
        """Start all and wait until all is ready.

        Args:
            name: of the cluster.
            node: also containerd and kubelet.
            with_registries: also the private registries, with an image in each.
            api_server_flags: more of them.
            registries_: those that `start_registries` has started already.
            kubelet_flags: likewise, made of the registries.

        Raises:
            ClusterError: a process ends, or is not ready in time; with the end of its log.
        """
        etcd, etcd_peer, api_port, kubelet, *others = free_ports(4 + registries.PORTS)
        ports = controlplane.Ports(etcd, etcd_peer, api_port)
        keys = controlplane.make_keys(self._folder)
        stranger = secrets.token_urlsafe()
        tokens = controlplane.write_tokens(self._folder, {STRANGER: (stranger, ())})
        users = Users(self._folder, f"https://127.0.0.1:{api_port}", name)
        users.write_fixed(keys.admin, stranger)
        api = Api(api_port, keys.ca.files.certificate, keys.admin)

        # What waits for nothing starts first; the API server takes longest.
        self._start("etcd", controlplane.etcd(self._programs["etcd"], self._folder, ports))
        server = self._programs["kube-apiserver"]
        command = controlplane.api_server(server, keys, tokens, ports, api_server_flags)
        self._start("kube-apiserver", command)
        if node:
            self._start_containerd()
        if with_registries and not registries_:
            registries_ = self.start_registries(others)
        self._await("the API server is ready", api.is_ready, "kube-apiserver")
        manager = self._programs["kube-controller-manager"]
        command = controlplane.controller_manager(manager, keys, users.admin)
        self._start("kube-controller-manager", command)
        if node:
            more = kubelet_flags(registries_) if kubelet_flags else ()
            self._start_kubelet(api, users, keys.ca, kubelet, more)
        self._await(
            "the namespace default has its default ServiceAccount",
            lambda: api.has_default_service_account("default"),
            "kube-controller-manager",
        )
        return State(
            name=name,
            supervisor=self._supervisor.process,
            processes=self._supervisor.pids(),
            api_port=api_port,
            kubectl=self._programs["kubectl"],
            node=node,
            registries=registries_,
        )

    def start_registries(self, ports: list[int]) -> dict[str, registries.Registry]:
        """Start the private registries, with an image in each, and wait until they are ready.

        Args:
            ports: `registries.PORTS` free ones.

        Raises:
            ClusterError: one ends, or is not ready in time; with the end of its log.
        """
        started = registries.start(self._supervisor, self._folder, ports)
        for registry in started.values():
            what = f"the registry {registry.address} is ready"
            self._await(what, registry.is_ready, f"registry-{registry.kind}")
            registry.push(registries.IMAGE)
        return started

    def _start_containerd(self) -> None:
        node = Node(self._folder)
        self._start("containerd", node.containerd(packages.program("containerd")))
        self._await("containerd answers", node.answers, "containerd")
        images.import_pause(node.socket, self._folder.images)

    def _start_kubelet(
        self, api: Api, users: Users, ca: Authority, port: int, more: Sequence[str]
    ) -> None:
        account = ca.client("kubelet", f"system:node:{NODE}", ("system:nodes",))
        config = users.with_certificate_files("kubelet", account)
        server = ca.server("kubelet-server", (NODE,))
        program = self._programs["kubelet"]
        command = Node(self._folder).kubelet(program, config, ca.files.certificate, server, port)
        self._start("kubelet", [*command, *more])
        self._await("the node is ready", lambda: api.node_is_ready(NODE), "kubelet")

    def _start(self, name: str, command: list[str]) -> None:
        self._supervisor.start(name, command)

    def _await(self, what: str, holds: Callable[[], bool], log: str) -> None:
        self._task.advance(f"awaiting: {what}")
        await_condition(
            what,
            holds,
            timeout=_PATIENCE,
            meanwhile=self._supervisor.check,
            log=lambda: last_lines(self._folder.log(log)),
        )
