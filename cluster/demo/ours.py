"""A registry at once, a cluster as soon as its programs are there; both end with the demo."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from cluster import tiers
from cluster.cluster import Cluster
from cluster.demo.beside import Beside
from cluster.demo.place import Place, with_programs, write_password
from cluster.demo.shell import Shell, say
from cluster.demo.whole import Whole, bring_manifests
from cluster.errors import ClusterError
from cluster.locking import locked
from cluster.node import NODE
from cluster.packages import FOR_NODE, ensure_packages
from cluster.paths import Folder
from cluster.registries import HTPASSWD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.progress import Progress

NAME = "demo"
"""Of the cluster that ``--keep`` leaves up, and of the namespace of the first steps."""


@contextmanager
def ours(*, keep: bool, progress: Progress) -> Iterator[Place]:
    """A registry, which is up, and a cluster to be brought up; gone after the block.

    Args:
        keep: leave them up, unless the block fails.
        progress: told what takes long.

    Raises:
        ClusterError: they do not come up; of the block, with a note where the logs are.
    """
    if lack := tiers.machine_lacks(node=True):
        raise ClusterError(f"no cluster here: {lack}", hint="or on one of yours: see --help")
    name = NAME if keep else ""
    cluster = Cluster(node=True, registries=True, name=name, progress=progress)
    with ExitStack() as stack:
        beside = stack.enter_context(Beside())
        ensure_packages(FOR_NODE, progress)
        if keep:
            lock = Folder.named(NAME).root.with_name(f"{NAME}.lock")
            stack.enter_context(locked(lock, progress, "another process is starting this cluster"))
        ending = stack.enter_context(ExitStack())
        ending.push(cluster.__exit__)
        registry = cluster.start_registries()[HTPASSWD]
        shell = _shell(cluster)
        write_password(shell.folder, registry.password)
        try:
            yield Place(
                shell=shell,
                namespace=NAME,
                image=registry.image,
                username=registry.username,
                bring_up=lambda: _bring_up(cluster, shell, beside, progress),
                glance=beside.glance,
                whole=Whole(cluster, shell),
                node=NODE,
                how_to_use=(
                    "The cluster stays up. To use it, and its kubectl as $K:",
                    f'  eval "$(uv run python -m cluster env --name {NAME})"',
                    f"  K=$REGCRED_CLUSTER_KUBECTL; $K get pods -n {NAME}",
                    "To end it:",
                    f"  make cluster ARGS='down --name {NAME}'",
                ),
            )
        except ClusterError as error:
            error.add_note(f"the cluster's logs: {cluster.folder.logs}")
            raise
        if keep:
            cluster.detach()
            ending.pop_all()


def _shell(cluster: Cluster) -> Shell:
    folder = cluster.folder.root / "demo"
    folder.mkdir()
    # Nothing of the person's own: neither read nor filled.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REGCRED_")}
    own = {"KUBECACHEDIR": str(cluster.folder.root / "kubectl-cache"), "KUBERC": "off"}
    no_cluster_yet = {"KUBECONFIG": os.devnull}
    return Shell(folder, with_programs({**clean, **own, **no_cluster_yet}))


def _bring_up(cluster: Cluster, shell: Shell, beside: Beside, progress: Progress) -> None:
    if beside.goes_on:
        say(
            "\nThe rest needs Kubernetes, which is still being built; the next demo does not"
            "\nwait. Ctrl-C is safe: another run goes on where this one was."
        )
    beside.wait(progress)
    cluster.start()
    shell.env = with_programs(
        {**shell.env, "KUBECONFIG": str(cluster.kubeconfig)}, cluster.kubectl_path.parent
    )
    bring_manifests(shell)
