"""A namespace of the demo's own on a cluster of the person's own; see `cluster.demo.place`."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.demo.place import Place, with_programs, write_password
from cluster.demo.shell import CommandFailed, Shell
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "REGCRED_DEMO_"
_REFUSED = re.compile(r"^Error from server \((?:AlreadyExists|Forbidden)\)", re.MULTILINE)
"""What kubectl says where the namespace is somebody else's, or is not there."""


@contextmanager
def yours(context: str, *, keep: bool, env: Mapping[str, str] = os.environ) -> Iterator[Place]:
    """A namespace, to be made there; gone after the block.

    Args:
        context: of the kubeconfig.
        keep: leave the namespace, unless the block fails.
        env: the variables of `cluster.demo.place`.

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
    flags = f" --context {shlex.quote(context)}"
    remove = f"kubectl delete namespace {namespace}{flags}"
    with tempfile.TemporaryDirectory(prefix="regcred-demo-") as folder, ExitStack() as stack:
        # Commands get what they need, the password among it, another way.
        others = {name: value for name, value in env.items() if not name.startswith(_PREFIX)}
        shell = Shell(Path(folder), with_programs({**others, "KUBECONFIG": os.devnull}))
        write_password(shell.folder, env.get("REGCRED_DEMO_PASSWORD") or _asked_password())

        def bring_up() -> None:
            shell.env = with_programs(others)
            removal = f"{remove} --ignore-not-found --timeout=2m"
            # Before the first request: an interrupted one may have been served.
            stack.callback(shell.show, removal)
            try:
                shell.show(f"kubectl create namespace {namespace}{flags}")
            except CommandFailed as error:
                stack.pop_all()
                if not _REFUSED.search(error.said):
                    # The answer may be lost, and the namespace made. Where this fails as well it
                    # says so, and the first failure is what ends the story.
                    with suppress(CommandFailed):
                        shell.show(removal)
                raise

        yield Place(
            shell=shell,
            namespace=namespace,
            image=env["REGCRED_DEMO_IMAGE"],
            username=env["REGCRED_DEMO_USERNAME"],
            bring_up=bring_up,
            node=env.get("REGCRED_DEMO_NODE", ""),
            flags=flags,
            how_to_use=("The namespace stays. To remove it:", f"  {remove}"),
        )
        if keep:
            stack.pop_all()


def _asked_password() -> str:
    if not sys.stdin.isatty():
        raise ClusterError(
            "the demo needs the registry's password, and there is no terminal to ask for it",
            hint="export REGCRED_DEMO_PASSWORD=…",
        )
    return getpass("Password (REGCRED_DEMO_PASSWORD is not set): ")
