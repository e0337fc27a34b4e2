"""A process that owns a cluster and is to be killed: ``python -m tests.support.owner [--node]``.

Prints one line of JSON once the cluster is up, then waits for the end of its stdin.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from cluster import Cluster
from tests.support.pods import await_running, create, login_secret, pod


def main() -> None:
    node = "--node" in sys.argv
    with Cluster(node=node, registries=node) as cluster:
        if node:
            registry = cluster.registries["htpasswd"]
            create(cluster, "default", login_secret("login", registry))
            create(cluster, "default", pod("app", registry.image, pull_secrets=("login",)))
            await_running(cluster, "default", "app")
        supervisor = cluster.processes["supervisor"]
        report = {
            "folder": str(cluster.folder.root),
            "supervisor": asdict(supervisor),
            "processes": [asdict(process) for process in supervisor.descendants()],
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
