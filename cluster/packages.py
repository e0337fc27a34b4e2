"""What comes from Debian: found on PATH, else installed; where one can be asked, one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from cluster.progress import Progress

FOR_REGISTRIES = {"docker-registry": "docker-registry", "skopeo": "skopeo", "cc": "gcc libc6-dev"}
"""Program -> its packages: registries, pushing to them, and compiling what is pushed."""

FOR_NODE = {**FOR_REGISTRIES, "containerd": "containerd", "runc": "runc", "mount": "mount"}
"""The same for a node, which needs an image for its sandboxes too."""

SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish"}
"""The same for the shells that regcred completes itself in."""

_SERVICES = ("containerd", "docker-registry")
"""What these packages would leave running; we start our own, on ports and folders of our own."""


def program(name: str) -> str:
    """The path of an installed program; empty when there is none."""
    # Debian has some in /usr/sbin, which is not on everybody's PATH.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def missing(needed: dict[str, str]) -> list[str]:
    """The packages, sorted, whose program is not installed."""
    absent = [names for name, names in needed.items() if not program(name)]
    return sorted({name for names in absent for name in names.split()})


def install_command(packages: list[str]) -> str:
    """What a person types to install packages."""
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def cannot_install() -> str:
    """Why this process could not install a package; empty when it could."""
    if not shutil.which("apt-get"):
        return "this machine has no apt-get"
    return "" if os.geteuid() == 0 else "installing needs root"


def ensure_packages(needed: dict[str, str], progress: Progress) -> None:
    """Install what is missing. Asks first on a terminal, unless ``CI=true``.

    Args:
        needed: program -> packages.
        progress: told what is installed.

    Raises:
        ClusterError: something is missing and cannot or must not be installed.
    """
    packages = missing(needed)
    if not packages:
        return
    command, listed = install_command(packages), ", ".join(packages)
    if why := cannot_install():
        raise ClusterError(f"not installed: {listed}; {why}", hint=f"sudo {command}")
    if not _agreed(f"The cluster needs Debian packages: {listed}. Install them? [y/N] "):
        raise ClusterError(f"not installed: {listed}", hint=command)
    with progress.task(f"installing {listed} (some seconds)"):
        apt("update")
        apt("install", "--yes", "--no-install-recommends", *packages)
        _stop_services(packages)


def _agreed(question: str) -> bool:
    if os.environ.get("CI") == "true" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def apt(*arguments: str, folder: Path | None = None) -> str:
    """Run apt-get; what it prints.

    Args:
        arguments: after ``apt-get``.
        folder: where it runs, and so where it downloads to.

    Raises:
        ClusterError: it fails.
    """
    # RUNLEVEL=1: invoke-rc.d starts no service in single-user mode.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "--quiet=2", "-o", "DPkg::Lock::Timeout=300", *arguments]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if answer.returncode:
        raise ClusterError(
            f"apt-get {arguments[0]} exited with {answer.returncode}",
            hint=f"run it by hand: {' '.join(command)}",
            log=(answer.stdout + answer.stderr)[-2000:],
        )
    return answer.stdout


def _stop_services(packages: list[str]) -> None:
    """Where systemd runs it starts services whatever the runlevel: end those that are new."""
    if not Path("/run/systemd/system").exists():
        return
    for service in _SERVICES:
        if service in packages:
            command = ["systemctl", "disable", "--now", "--quiet", service]
            subprocess.run(command, capture_output=True, check=False)
