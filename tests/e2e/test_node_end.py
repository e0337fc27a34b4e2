"""A cluster with a node ends with its owner: Pods, mounts and control groups too."""

import os
import shutil
import signal
from pathlib import Path

from cluster.node import Node
from cluster.paths import Folder
from cluster.processes import await_end
from tests.support.owned import owned_cluster


def leftovers(folder):
    """Mounts and control groups of a cluster on this machine."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]
    name = Node(Folder(folder)).cgroup
    groups = [top / name for top in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/"))]
    return mounts + [group for group in groups if group.exists()]


def test_node_ends_when_its_owner_is_killed():
    with owned_cluster("--node") as owned:
        names = {Path(f"/proc/{p.pid}/cmdline").read_bytes() for p in owned.processes}
        assert {b"/pause\0", b"/app\0"} <= names
        owned.owner.send_signal(signal.SIGKILL)
        assert await_end([owned.supervisor, *owned.processes], timeout=60) == []
        assert [part.name for part in owned.folder.iterdir()] == ["logs"]
        assert leftovers(owned.folder) == []
        shutil.rmtree(owned.folder)


def test_node_ends_when_its_supervisor_is_killed():
    with owned_cluster("--node") as owned:
        os.kill(owned.supervisor.pid, signal.SIGKILL)
        assert await_end([owned.supervisor, *owned.processes], timeout=60) == []
    shutil.rmtree(owned.folder)
