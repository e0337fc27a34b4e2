"""The programs of the cluster, and those of tests: taken where they are there, else built, once.

Order: the folder ``$KUBEBUILDER_ASSETS``, PATH, the cache; each only in the very version that
go.mod names. What is missing is built from the Go module proxy into the cache.

The tests want Helm, kustomize, and ``gitops``: a program of our own, linked with Argo CD and Flux.

The control plane is also to be had in an older minor version, from ``go/kubernetes-MINOR``:
``$REGCRED_KUBERNETES`` or an argument names it. kubectl and kubelet stay those of the newest.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections import deque
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import gomod
from cluster.errors import ClusterError
from cluster.golang import ensure_go
from cluster.locking import locked
from cluster.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.progress import Progress

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Python's name of an architecture -> Go's."""

_ASK_VERSION = {
    "kubectl": ("version", "--client"),
    # Without the commit that Helm's other forms append in some builds.
    "helm": ("version", "--template", "helm {{.Version}}"),
    "kustomize": ("version", "--output", "yaml"),
}
"""How a program is asked for its version, where that is not ``--version``."""

_SAYS_VERSION = re.compile(r"(?:Kubernetes|Client Version:|etcd Version:|helm|version:) v?(\S+)")


@dataclass(frozen=True)
class Source:
    """Where programs are built from.

    Args:
        module: as pinned by go.mod.
        programs: the names of the programs, in the order of the module's packages.
        ldflags: for the linker: smaller programs that know their version.
        cpu_seconds: what a build from nothing takes, measured; for "about how long".
    """

    module: gomod.GoModule
    programs: tuple[str, ...]
    ldflags: str
    cpu_seconds: int

    @property
    def folder(self) -> Path:
        """Where its programs are in the cache."""
        return cache_folder() / f"{self.module.name}-{self.module.version}-linux-{architecture()}"

    @property
    def minor(self) -> str:
        """Its version without the patch, ``1.N``."""
        return self.module.version.rpartition(".")[0]

    @property
    def minutes(self) -> int:
        """About how long a build from nothing takes on this machine."""
        return 1 + self.cpu_seconds // 60 // (os.cpu_count() or 1)


@cache
def sources() -> tuple[Source, ...]:
    """Kubernetes, etcd, Helm, kustomize and gitops, as their go.mod files pin them."""
    etcd = gomod.load("etcd", "go.etcd.io/etcd/server/v3")
    helm = gomod.load("helm", "helm.sh/helm/v4")
    stamp = f"-X helm.sh/helm/v4/internal/version.version=v{helm.version}"
    kustomize = gomod.load("kustomize", "sigs.k8s.io/kustomize/kustomize/v5")
    its_stamp = f"-X sigs.k8s.io/kustomize/api/provenance.version=v{kustomize.version}"
    gitops = _of_our_own(gomod.load("gitops", "github.com/argoproj/argo-cd/v3"))
    return (
        _kubernetes("kubernetes", cpu_seconds=1500),
        Source(etcd, ("etcd",), "-s -w", cpu_seconds=240),
        Source(helm, ("helm",), f"-s -w {stamp}", cpu_seconds=460),
        Source(kustomize, ("kustomize",), f"-s -w {its_stamp}", cpu_seconds=120),
        Source(gitops, ("gitops",), "-s -w", cpu_seconds=720),
    )


def older() -> dict[str, Source]:
    """The control planes of older minor versions: ``1.N`` -> its programs, the newest first."""
    folders = sorted((path.name for path in gomod.FOLDER.glob("kubernetes-1.*")), reverse=True)
    return {name.rpartition("-")[2]: _kubernetes(name, cpu_seconds=400) for name in folders}


def chosen(kubernetes: str = "") -> Source:
    """Where the control plane comes from.

    Args:
        kubernetes: a minor version, ``1.N``; empty for that of ``$REGCRED_KUBERNETES``, and
            without that the newest.

    Raises:
        ClusterError: a version that no go.mod pins.
    """
    newest = sources()[0]
    minor = kubernetes or os.environ.get("REGCRED_KUBERNETES") or newest.minor
    known = {newest.minor: newest} | older()
    if minor not in known:
        raise ClusterError(f"no control plane of Kubernetes {minor}: there is {', '.join(known)}")
    return known[minor]


def ensure_programs(
    wanted: tuple[str, ...], progress: Progress, *, kubernetes: str = ""
) -> dict[str, Path]:
    """The path of each program, built if need be.

    Args:
        wanted: of ``etcd``, ``gitops``, ``helm``, ``kube-apiserver``, ``kube-controller-manager``,
            ``kubectl``, ``kubelet``, ``kustomize``.
        progress: told what is built, and how far it is.
        kubernetes: the control plane's minor version, as `chosen` takes it.

    Raises:
        ClusterError: one is not there and cannot be built.
    """
    found: dict[str, Path] = {}
    for source in (chosen(kubernetes), *sources()):
        for name in source.programs:
            if name in wanted and name not in found:
                found[name] = find(name, source) or build(source, progress) / name
    return found


def find(name: str, source: Source) -> Path | None:
    """A program in the right version that is there already, or None."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    on_path = shutil.which(name)
    for candidate in (Path(assets) / name if assets else None, on_path and Path(on_path)):
        if candidate and candidate.exists() and version_of(candidate) == source.module.version:
            return candidate
    cached = source.folder / name
    return cached if cached.exists() else None


def version_of(program: Path) -> str:
    """The version that a program says it has, without ``v``; empty when it says none."""
    ask = _ASK_VERSION.get(program.name, ("--version",))
    try:
        answer = subprocess.run(
            [program, *ask], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = _SAYS_VERSION.search(answer.stdout)
    return said[1] if said else ""


def build(source: Source, progress: Progress) -> Path:
    """Build all programs of a source into the cache; the folder where they are.

    Safe when two start at once: the second waits for the first. An interrupted build goes on
    where it was, since Go keeps what it has compiled.

    Raises:
        ClusterError: no Go, or the build fails.
    """
    what = f"{source.module.name} {source.module.version}"
    final = source.folder
    waiting = f"{what}: another process is building it; waiting"
    with locked(final.with_name(f"{source.module.name}.lock"), progress, waiting):
        if final.is_dir():
            return final
        go = ensure_go(source.module.go, progress)
        new = cache_folder() / "build-tmp" / source.module.name
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", source.ldflags]
        stale = 0
        with progress.task(f"{what}: downloading sources") as task:
            # Stale is what Go's cache does not hold compiled; main packages always are.
            listing = ["list", *flags, "-deps", "-f", "stale={{.Stale}}", *source.module.packages]
            for line in _go(go, listing, source.module):
                stale += line == "stale=true"
                task.advance("" if line.startswith("stale=") else line)
        title = (
            f"{what}: compiling {', '.join(source.programs)}"
            f" (once; from nothing about {source.minutes} min on this machine)"
        )
        with progress.task(title, total=stale) as task:
            # One package would be named after the end of its path: that is "v3" for etcd.
            output = f"{new}/" if len(source.programs) > 1 else str(new / source.programs[0])
            command = ["build", "-v", *flags, "-o", output, *source.module.packages]
            for line in _go(go, command, source.module):
                task.advance(line)
        new.rename(final)
    return final


def architecture() -> str:
    """Go's name of this machine's architecture.

    Raises:
        ClusterError: one that nobody has tried.
    """
    try:
        return ARCHITECTURES[platform.machine()]
    except KeyError:
        raise ClusterError(f"no cluster for machines of type {platform.machine()}") from None


def _kubernetes(folder: str, *, cpu_seconds: int) -> Source:
    """Programs of Kubernetes that know their version."""
    module = gomod.load(folder, "k8s.io/kubernetes")
    programs = tuple(package.rpartition("/")[2] for package in module.packages)
    major, minor, *_ = module.version.split(".")
    stamps = {"gitVersion": f"v{module.version}", "gitMajor": major, "gitMinor": minor}
    stamped = [f"-X k8s.io/component-base/version.{name}={is_}" for name, is_ in stamps.items()]
    return Source(module, programs, " ".join(["-s -w", *stamped]), cpu_seconds)


def _of_our_own(module: gomod.GoModule) -> gomod.GoModule:
    """The same, with a version that changes with any file of the module."""
    files = sorted(path for path in module.folder.iterdir() if path.is_file())
    content = b"".join(path.read_bytes() for path in files)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return replace(module, version=f"{module.version}-{digest}")


def _go(go: Path, arguments: list[str], module: gomod.GoModule) -> Iterator[str]:
    """Run go in a module's folder; yields what it prints, line by line.

    Raises:
        ClusterError: it failed; with its last lines.
    """
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": architecture(),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=readonly".strip(),
    }
    said: deque[str] = deque(maxlen=15)
    with subprocess.Popen(
        [go, *arguments],
        cwd=module.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                # Of what `build` lists there are thousands; why it fails stands between them.
                if not line.startswith("stale="):
                    said.append(line.rstrip())
                yield line.rstrip()
        except BaseException:
            # The person waiting has had enough: nothing goes on compiling unseen.
            process.terminate()
            raise
    if process.returncode:
        raise ClusterError(
            f"cannot build {module.name} {module.version}: go {arguments[0]} failed",
            hint="run it again: Go goes on where it was",
            log="\n".join(said),
        )
