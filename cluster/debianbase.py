"""The lowest layer of an image: Debian's Python and what it needs, unpacked and not installed.

No shell, no package manager, no compiler: packages are unpacked without their scripts, as
https://github.com/GoogleContainerTools/distroless does it. ``/var/lib/dpkg/status.d`` says what is
in it, for those who scan images.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.binaries import architecture
from cluster.errors import ClusterError
from cluster.locking import locked
from cluster.ocilayout import Layer, folder_tar
from cluster.packages import apt
from cluster.paths import cache_folder
from cluster.processes import plain_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.progress import Progress

USER = 65532
"""Who runs in it; the number that distroless images have for nonroot."""

_UNPACKED_ONLY = ("base-files", "ca-certificates")
"""Whose dependencies are for scripts that do not run: who made this, and whom TLS trusts."""

_MANAGEMENT = {"dpkg", "debconf", "readline-common", "install-info", "media-types"}
"""What packages name as dependencies and Python itself does without."""

_LEFT_OUT = (
    *(f"usr/share/{name}" for name in ("man", "locale", "lintian", "bug", "info", "menu")),
    *(f"usr/share/{name}" for name in ("applications", "pixmaps", "binfmts", "python3")),
    *(f"usr/lib/python3.*/{name}" for name in ("lib2to3", "pydoc_data", "idlelib", "turtle*")),
    *("usr/lib/*/gconv", "usr/share/base-files", "etc/update-motd.d", "usr/lib/systemd"),
    *("boot", "home", "root", "srv", "media", "mnt", "opt", "var/spool", "var/backups"),
    *("etc/ld.so.conf.d/libc.conf.dpkg-new", "sbin/ldconfig"),
)
"""What nobody reads there; of the documentation, licences stay."""

_FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/bin/false\nnonroot:x:{USER}:{USER}::/:/bin/false\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}

_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Base:
    """The layer, and where Python is in it.

    Args:
        packed: the layer's file in the cache.
        python: Python's version, ``3.N``.
    """

    packed: Path
    python: str

    def layer(self) -> Layer:
        """For an image."""
        return Layer.unpacked(self.packed.read_bytes())

    def unpack(self, folder: Path) -> None:
        """Put it into a folder, to build on it."""
        with tarfile.open(self.packed) as tar:
            # Debian 12's Python has no filters yet; what is in it Debian has signed.
            filtered = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
            tar.extractall(folder, **filtered)  # type: ignore[arg-type]  # noqa: S202


def base(progress: Progress) -> Base:
    """The layer with the packages of today, from the cache where they are those of last time.

    Args:
        progress: told what is downloaded.

    Raises:
        ClusterError: no apt, not root, or a package is not to be had.
    """
    with progress.task("looking up Debian's packages of Python"):
        if not _depends(["python3-minimal"]):
            apt("update")
        python = _python()
        names = [*closure([f"python{python}-minimal", f"libpython{python}-stdlib"])]
        names += _UNPACKED_ONLY
        offered = apt("--print-uris", "download", *names)
    versions = sorted(line.split()[1] for line in offered.splitlines())
    recipe = [Path(__file__).read_text(), architecture(), *versions]
    key = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:16]
    packed = cache_folder() / "images" / f"python{python}-{key}.tar.gz"
    packed.parent.mkdir(parents=True, exist_ok=True)
    waiting = "another process is making the base of the image; waiting"
    with locked(packed.parent / "base.lock", progress, waiting):
        if not packed.exists():
            with progress.task(f"unpacking {len(names)} packages of Debian"):
                _make(names, python, packed)
    return Base(packed, python)


def closure(wanted: list[str]) -> list[str]:
    """These packages and all that they need to run, sorted.

    Args:
        wanted: names of packages.

    Raises:
        ClusterError: one is not known.
    """
    found: set[str] = set()
    new = set(wanted)
    while new:
        found |= new
        answered = _depends(sorted(new))
        if not answered:
            raise ClusterError(f"no such Debian packages: {', '.join(sorted(new))}")
        new = set(dependencies(answered)) - found - _MANAGEMENT
    return sorted(found)


def dependencies(listing: str) -> list[str]:
    """What ``apt-cache depends --important`` names; of alternatives the first."""
    named = []
    alternative = False
    for line in listing.splitlines():
        if match := re.fullmatch(r" ([ |])(?:Pre)?Depends: (\S+)", line):
            virtual = match[2].startswith("<")
            if not alternative and not virtual:
                named.append(match[2])
            alternative = match[1] == "|"
    return named


def _python() -> str:
    """The version of Debian's Python, ``3.N``."""
    (python,) = re.findall(r"python(3\.\d+)-minimal", _depends(["python3-minimal"]))[:1] or ("",)
    if not python:
        raise ClusterError("there is no Debian package python3-minimal", hint="apt-get update")
    return python


def _depends(names: list[str]) -> str:
    command = ["apt-cache", "depends", "--important", *names]
    if not shutil.which(command[0]):
        raise ClusterError("an image is made of Debian packages, and this machine has no apt")
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _make(names: list[str], python: str, packed: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="regcred-base-") as name:
        downloads, root = Path(name) / "packages", Path(name) / "root"
        downloads.mkdir()
        root.mkdir()
        apt("-o", "APT::Sandbox::User=root", "download", *names, folder=downloads)
        for package in sorted(downloads.glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(root)], "cannot unpack a package")
            _note(package, root)
        _certificates(root)
        for pattern in _LEFT_OUT:
            for path in root.glob(pattern):
                _remove(path)
        for documents in root.glob("usr/share/doc/*"):
            if not documents.is_symlink():
                for path in documents.iterdir():
                    if path.name != "copyright":
                        _remove(path)
        for path_, content in _FILES.items():
            (root / path_).write_text(content)
        compiled(root, f"usr/bin/python{python}", f"usr/lib/python{python}")
        new = packed.with_suffix(".new")
        parts = [path.name for path in root.iterdir()]
        new.write_bytes(gzip.compress(folder_tar(root, parts), 6, mtime=0))
        new.replace(packed)


def compiled(root: Path, python: str, folder: str) -> None:
    """Compile the modules below a folder: where nothing can be written, nothing is kept later.

    ``unchecked-hash``, since the layer's files have no times to compare.

    Args:
        root: of the image.
        python: path of its Python below `root`.
        folder: path of the modules below `root`.

    Raises:
        ClusterError: it does not run; changing the root needs to be root.
    """
    command = ["chroot", str(root), f"/{python}", "-m", "compileall", "-qq"]
    options = ["--invalidation-mode", "unchecked-hash", f"/{folder}"]
    env = plain_environment() | {"PYTHONHASHSEED": "0"}  # the same bytes each time
    run([*command, *options], f"cannot compile {folder}", env=env)


def run(command: list[str], failing: str, *, env: Mapping[str, str] | None = None) -> str:
    """Run a program; what it prints.

    Args:
        command: the program and its arguments.
        failing: what the error says.
        env: its environment; a plain one by default.

    Raises:
        ClusterError: it fails.
    """
    answer = subprocess.run(
        command, capture_output=True, text=True, env=env or plain_environment(), check=False
    )
    if answer.returncode:
        raise ClusterError(
            f"{failing}: {command[0]} exited with {answer.returncode}",
            log=(answer.stdout + answer.stderr)[-2000:],
        )
    return answer.stdout


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _note(package: Path, root: Path) -> None:
    """Say which package it is, where scanners look for it."""
    fields = run(["dpkg-deb", "--field", str(package)], "cannot read a package")
    noted = root / "var/lib/dpkg/status.d" / package.name.partition("_")[0]
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(fields)


def _certificates(root: Path) -> None:
    """What update-ca-certificates would do, and where Debian's OpenSSL looks by default."""
    found = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / _CERTIFICATES
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in found))
    shutil.rmtree(root / "usr/share/ca-certificates")
    default = root / "usr/lib/ssl/cert.pem"
    default.parent.mkdir(parents=True, exist_ok=True)
    default.symlink_to(f"/{_CERTIFICATES}")
