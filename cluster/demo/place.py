"""Where the demo happens: on a cluster that it brings up, or on one of the person's own.

For one's own:

* ``REGCRED_DEMO_CONTEXT``: a context of the kubeconfig;
* ``REGCRED_DEMO_IMAGE``: a private image, which the nodes can pull with a login only;
* ``REGCRED_DEMO_USERNAME``, ``REGCRED_DEMO_PASSWORD``: the login; the password is asked for on a
  terminal when it is not set;
* ``REGCRED_DEMO_NODE``: a node for the Pod, with the node's network; for clusters without a
  scheduler or a Pod network.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.cluster import Cluster
from cluster.demo.shell import Shell
from cluster.errors import ClusterError
from cluster.locking import locked
from cluster.node import NODE
from cluster.paths import Folder
from cluster.registries import HTPASSWD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluster.progress import Progress

NAME = "demo"
"""Of the cluster that ``--keep`` leaves up, and of the namespace on a cluster of ours."""

_PREFIX = "REGCRED_DEMO_"


@dataclass(frozen=True)
class Place:
    """A namespace, and an image that its Pods cannot pull yet.

    Args:
        shell: runs commands there.
        namespace: the namespace; it exists.
        image: the private image.
        username: who may pull it.
        password: theirs.
        node: the node for the Pods, with the node's network; empty for the scheduler's choice.
        flags: what every command needs to find the cluster.
        how_to_use: lines for a person to whom the place is left.
    """

    shell: Shell
    namespace: str
    image: str
    username: str
    password: str = field(repr=False)
    node: str = ""
    flags: tuple[str, ...] = ()
    how_to_use: tuple[str, ...] = ()


@contextmanager
def ours(*, keep: bool, progress: Progress) -> Iterator[Place]:
    """A cluster with a node and a registry, brought up for the demo; gone after the block.

    Args:
        keep: leave it up, unless the block fails.
        progress: told what takes long.

    Raises:
        ClusterError: it does not come up; of the block, with a note where the logs are.
    """
    name = NAME if keep else ""
    cluster = Cluster(node=True, registries=True, name=name, progress=progress)
    lock = Folder.named(NAME).root.with_name(f"{NAME}.lock")
    waiting = "another process is starting this cluster"
    with ExitStack() as stack:
        with locked(lock, progress, waiting) if keep else nullcontext():
            stack.enter_context(cluster)
        registry = cluster.registries[HTPASSWD]
        folder = cluster.folder.root / "demo"
        folder.mkdir()
        # Nothing of the person's own kubectl: neither read nor filled.
        own = {"KUBECACHEDIR": str(cluster.folder.root / "kubectl-cache"), "KUBERC": "off"}
        env = {**os.environ, **own, "KUBECONFIG": str(cluster.kubeconfig)}
        place = Place(
            shell=Shell(folder, _with_programs(env, cluster.kubectl_path.parent)),
            namespace=NAME,
            image=registry.image,
            username=registry.username,
            password=registry.password,
            node=NODE,
            how_to_use=(
                "The cluster stays up. To use it, and its kubectl as $K:",
                f'  eval "$(uv run python -m cluster env --name {NAME})"',
                f"  K=$REGCRED_CLUSTER_KUBECTL; $K get pods -n {NAME}",
                "To end it:",
                f"  make cluster ARGS='down --name {NAME}'",
            ),
        )
        try:
            _make_namespace(place)
            yield place
        except ClusterError as error:
            error.add_note(f"the cluster's logs: {cluster.folder.logs}")
            raise
        if keep:
            cluster.detach()
            stack.pop_all()


@contextmanager
def yours(context: str, *, keep: bool, env: Mapping[str, str] = os.environ) -> Iterator[Place]:
    """A fresh namespace on a cluster of the person's own; gone after the block.

    Args:
        context: of the kubeconfig.
        keep: leave the namespace, unless the block fails.
        env: the variables of this module's docstring.

    Raises:
        ClusterError: something that is needed is not there.
    """
    needed = ("REGCRED_DEMO_IMAGE", "REGCRED_DEMO_USERNAME")
    if absent := [variable for variable in needed if not env.get(variable)]:
        raise ClusterError(
            f"on the cluster {context!r} the demo needs {' and '.join(absent)} too",
            hint=f"export {' '.join(f'{variable}=…' for variable in absent)}",
        )
    if not shutil.which("kubectl"):
        raise ClusterError(
            "the demo on a cluster of yours needs kubectl, and there is none on PATH",
            hint="https://kubernetes.io/docs/tasks/tools/",
        )
    namespace = f"regcred-demo-{secrets.token_hex(4)}"
    flags = ("--context", context)
    remove = ("kubectl", "delete", "namespace", namespace, *flags)
    with tempfile.TemporaryDirectory(prefix="regcred-demo-") as folder, ExitStack() as stack:
        # Commands get what they need, the password among it, another way.
        others = {name: value for name, value in env.items() if not name.startswith(_PREFIX)}
        place = Place(
            shell=Shell(Path(folder), _with_programs(others)),
            namespace=namespace,
            image=env["REGCRED_DEMO_IMAGE"],
            username=env["REGCRED_DEMO_USERNAME"],
            password=env.get("REGCRED_DEMO_PASSWORD") or _asked_password(),
            node=env.get("REGCRED_DEMO_NODE", ""),
            flags=flags,
            how_to_use=("The namespace stays. To remove it:", f"  {shlex.join(remove)}"),
        )
        stack.callback(place.shell.show, *remove, "--ignore-not-found", "--timeout=2m")
        try:
            _make_namespace(place)
        except ClusterError:
            stack.pop_all()  # refused: there is nothing to remove
            raise
        yield place
        if keep:
            stack.pop_all()


def _make_namespace(place: Place) -> None:
    place.shell.show("kubectl", "create", "namespace", place.namespace, *place.flags)


def _asked_password() -> str:
    if not sys.stdin.isatty():
        raise ClusterError(
            "the demo needs the registry's password, and there is no terminal to ask for it",
            hint="export REGCRED_DEMO_PASSWORD=…",
        )
    return getpass("Password (REGCRED_DEMO_PASSWORD is not set): ")


def _with_programs(env: Mapping[str, str], *folders: Path) -> dict[str, str]:
    """With `regcred` of this environment, and what `folders` hold, first on PATH."""
    first = (Path(sys.executable).parent, *folders)
    return {**env, "PATH": os.pathsep.join([*map(str, first), env.get("PATH", os.defpath)])}
