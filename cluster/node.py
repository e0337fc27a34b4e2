"""One node: containerd and kubelet, without CNI and scheduler.

So it runs Pods with ``hostNetwork: true`` and ``nodeName: localhost``.

https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster import images
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.paths import Folder
    from cluster.pki import KeyPair
from cluster.supervise import HIDDEN

NODE = "localhost"
"""The node's name: the API server reaches kubelet, for logs, by the name of its node."""

_LONGEST_SOCKET = 107
"""Bytes in the path of a Unix socket (unix(7))."""


@dataclass(frozen=True)
class Node:
    """The files of a node.

    Args:
        folder: of the cluster.
    """

    folder: Folder

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.folder.node / "containerd.sock"

    @property
    def cgroup(self) -> str:
        """The control group of all Pods, below the root; of this cluster alone."""
        return f"regcred-{self.folder.root.name.removeprefix('regcred-')}"

    def containerd(self, program: str) -> list[str]:
        """Write containerd's configuration; its command line.

        Raises:
            ClusterError: the folder is where a node cannot be.
        """
        if any(self.folder.root.is_relative_to(hidden) for hidden in HIDDEN):
            raise ClusterError(
                f"a node does not see the folder {self.folder.root}",
                hint="set REGCRED_CACHE or TMPDIR to a folder on a disk",
            )
        if len(str(self.socket)) > _LONGEST_SOCKET:
            raise ClusterError(
                f"the path of containerd's socket is too long: {self.socket}",
                hint="set REGCRED_CACHE or TMPDIR to a folder with a shorter path",
            )
        config = self.folder.node / "containerd.toml"
        config.write_text(containerd_config(self.folder.node, self.socket))
        networks = self.folder.node / "cni"
        networks.mkdir(exist_ok=True)
        (networks / "10-none.conflist").write_text(json.dumps(_NO_NETWORK))
        return [program, "--config", str(config)]

    def answers(self) -> bool:
        """Whether containerd serves."""
        command = ["ctr", "--address", str(self.socket), "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def kubelet(
        self, program: Path, kubeconfig: Path, ca: Path, server: KeyPair, port: int
    ) -> list[str]:
        """Write kubelet's configuration; its command line."""
        config = self.folder.node / "kubelet.json"
        config.write_text(json.dumps(kubelet_config(self, ca, server, port), indent=2))
        return [
            str(program),
            f"--config={config}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={self.folder.node / 'kubelet'}",
            f"--hostname-override={NODE}",
        ]


_NO_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "none",
    "plugins": [{"type": "no-network-for-pods-use-hostNetwork"}],
}
"""With no network at all containerd calls itself, and so kubelet the node, not ready. Pods on
the host's network never reach the plugin; others fail with its name in the event."""


def containerd_config(folder: Path, socket: Path) -> str:
    """The configuration file, TOML.

    * ``native`` snapshots are copies: they work where overlayfs does not (in a container), and
      the images here are small.
    * ``restrict_oom_score_adj`` for machines without CAP_SYS_RESOURCE.
    """
    quoted = json.dumps  # a JSON string of plain characters is a TOML string
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = {quoted(str(folder / "containerd"))}
state = {quoted(str(folder / "containerd-state"))}

[grpc]
address = {quoted(str(socket))}

[plugins."io.containerd.internal.v1.opt"]
path = {quoted(str(folder / "containerd-opt"))}

[{cri}]
sandbox_image = {quoted(images.PAUSE)}
restrict_oom_score_adj = true
disable_apparmor = true
enable_selinux = false

[{cri}.containerd]
snapshotter = "native"

[{cri}.cni]
bin_dir = {quoted(str(folder / "cni"))}
conf_dir = {quoted(str(folder / "cni"))}
"""


def kubelet_config(node: Node, ca: Path, server: KeyPair, port: int) -> dict[str, Any]:
    """The configuration file: nothing is reserved, limited or changed on the machine."""
    endpoint = f"unix://{node.socket}"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": port,
        "healthzPort": 0,
        "tlsCertFile": str(server.certificate),
        "tlsPrivateKeyFile": str(server.key),
        "authentication": {"x509": {"clientCAFile": str(ca)}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": endpoint,
        "imageServiceEndpoint": endpoint,
        "podLogsDir": str(node.folder.node / "pod-logs"),
        "volumePluginDir": str(node.folder.node / "volume-plugins"),
        "resolvConf": "",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "50Mi"},
        # The sandbox image is imported once: it must not be collected as unused.
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
    }
