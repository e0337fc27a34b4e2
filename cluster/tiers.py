"""Which clusters can be up on this machine, so which tests can run; and if not, why not."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from cluster import packages
from cluster.binaries import ARCHITECTURES, chosen, sources

_CAP_SYS_ADMIN = 21

TIERS = ("integration", "e2e")
"""The tiers that need a cluster: without and with a node."""


def why_not(tier: str) -> str:
    """Why a tier cannot run here, in one line; empty when it can.

    Args:
        tier: one of `TIERS`.
    """
    node = tier == "e2e"
    if lack := machine_lacks(node=node):
        return lack
    absent = packages.missing(packages.FOR_NODE if node else packages.FOR_REGISTRIES)
    if absent and (os.environ.get("CI") != "true" or packages.cannot_install()):
        command = "python -m cluster prepare --node --registry"
        if packages.cannot_install():
            command = f"sudo {packages.install_command(absent)}"
        return f"not installed: {', '.join(absent)} ({command})"
    return ""


def machine_lacks(*, node: bool, kubernetes: str = "") -> str:
    """What no installation mends, in one line; empty when a cluster can be up here.

    Args:
        node: whether the cluster has one.
        kubernetes: the control plane's minor version, as `cluster.binaries.chosen` takes it.
    """
    if sys.platform != "linux":
        return f"a cluster needs Linux, and this is {platform.system()}"
    if platform.machine() not in ARCHITECTURES:
        return f"a cluster needs {' or '.join(ARCHITECTURES)}, and this is {platform.machine()}"
    if node and os.geteuid() != 0:
        return "a node needs root, for containerd and kubelet"
    if node and not _may_mount():
        return "a node needs CAP_SYS_ADMIN, for namespaces and mounts (docker run --privileged)"
    if node and (control_plane := chosen(kubernetes).minor) != (newest := sources()[0].minor):
        return f"kubelet {newest} does not go with an API server {control_plane}"
    return ""


def _may_mount() -> bool:
    status = Path("/proc/self/status").read_text()
    return bool(int(status.split("CapEff:")[1].split()[0], 16) >> _CAP_SYS_ADMIN & 1)
