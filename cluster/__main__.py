"""``python -m cluster``: a cluster that stays up until ``down``.

Data goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from cluster.binaries import older, sources
from cluster.cluster import Cluster, prepare
from cluster.errors import ClusterError
from cluster.locking import locked
from cluster.paths import Folder
from cluster.progress import Progress
from cluster.registries import PULLER
from cluster.state import State

_DEFAULT = "default"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options, Progress())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _name() -> str:
    """The cluster that ``env`` has named in this shell."""
    return os.environ.get("REGCRED_CLUSTER") or _DEFAULT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, help_: str, run: object, *, named: bool = True) -> None:
        added = commands.add_parser(name, help=help_, description=help_)
        added.set_defaults(run=run)
        if named:
            added.add_argument("--name", default=_name(), help="of the cluster (%(default)s)")
        if name in ("prepare", "up"):
            added.add_argument("--node", action="store_true", help="with containerd and kubelet")
            added.add_argument("--registry", action="store_true", help="with private registries")
            minors = ", ".join((sources()[0].minor, *older()))
            added.add_argument(
                "--kubernetes",
                default="",
                metavar="1.N",
                help=f"the control plane's version: {minors} ($REGCRED_KUBERNETES, else the first)",
            )
        if name == "prepare":
            added.add_argument("--helm", action="store_true", help="with Helm, for the tests")
            added.add_argument("--kustomize", action="store_true", help="likewise kustomize")
            added.add_argument("--gitops", action="store_true", help="likewise Argo CD and Flux")

    command("prepare", "install and build what a cluster needs", _prepare, named=False)
    command("up", "bring a cluster up, in the background", _up)
    command("down", "end a cluster and remove its folder", _down)
    command("status", "which processes run; exit code 1 when one does not", _status)
    command("password", "give the registries' puller another password, read from stdin", _password)
    command("env", "shell commands that set KUBECONFIG and the rest", _env)
    return parser


def _prepare(options: argparse.Namespace, progress: Progress) -> int:
    prepare(
        node=options.node,
        registries=options.registry,
        helm=options.helm,
        kustomize=options.kustomize,
        gitops=options.gitops,
        kubernetes=options.kubernetes,
        progress=progress,
    )
    return 0


def _up(options: argparse.Namespace, progress: Progress) -> int:
    lock = Folder.named(options.name).root.with_name(f"{options.name}.lock")
    with locked(lock, progress, "another process is starting this cluster"):
        return _up_alone(options, progress)


def _up_alone(options: argparse.Namespace, progress: Progress) -> int:
    state = State.load(Folder.named(options.name))
    if state and state.supervisor.runs():
        if (options.node and not state.node) or (options.registry and not state.registries):
            raise ClusterError(
                f"the cluster {options.name!r} is up without what was asked for",
                hint=f"python -m cluster down --name {options.name}",
            )
        progress.say(f"the cluster {options.name!r} is up already")
        return 0
    cluster = Cluster(
        node=options.node,
        registries=options.registry,
        name=options.name,
        kubernetes=options.kubernetes,
        progress=progress,
    )
    cluster.start()
    cluster.detach()
    named = "" if options.name == _DEFAULT else f" --name {options.name}"
    progress.say(f'the cluster is up: eval "$(python -m cluster env{named})"')
    progress.say(f"and when it is not needed any more: python -m cluster down{named}")
    return 0


def _down(options: argparse.Namespace, progress: Progress) -> int:
    state = State.load(Folder.named(options.name))
    if state is None or not state.supervisor.runs():
        progress.say(f"there is no cluster {options.name!r} up")
        return 0
    Cluster.open(options.name).stop()
    progress.say(f"the cluster {options.name!r} has ended")
    return 0


def _status(options: argparse.Namespace, progress: Progress) -> int:
    del progress
    cluster = Cluster.open(options.name)
    ended = 0
    for name, process in cluster.processes.items():
        ended += not process.runs()
        state = "runs" if process.runs() else f"ended; its log: {cluster.folder.log(name)}"
        print(f"{name:24}{process.pid:>8}  {state}")
    return 1 if ended else 0


def _password(options: argparse.Namespace, progress: Progress) -> int:
    password = sys.stdin.read().rstrip("\n")
    if not password:
        raise ClusterError("there is no password on stdin")
    for registry in Cluster.open(options.name).registries.values():
        registry.add_account(PULLER, password)
    progress.say(f"the registries have another password for {PULLER}")
    return 0


def _env(options: argparse.Namespace, progress: Progress) -> int:
    del progress
    for name, value in Cluster.open(options.name).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
