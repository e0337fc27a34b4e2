"""A real Kubernetes cluster from package registries alone: for development, tests, the demo.

See README.md beside this file; `cluster.cluster.Cluster` is where it begins.
"""

from cluster.cluster import Cluster, prepare
from cluster.errors import ClusterError
from cluster.progress import SILENT, Progress

__all__ = ["SILENT", "Cluster", "ClusterError", "Progress", "prepare"]
