"""regcred's own image, made without Docker: Debian's Python below, the locked wheels above.

``python -m cluster.operatorimage --name NAME`` makes it and pushes it into the registries of a
cluster that is up; ``--output FOLDER`` leaves it as an OCI layout for skopeo, ``--sbom FILE`` says
what is in it. What ``Dockerfile`` makes with Docker has the same paths and the same user.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import debianbase, ocilayout, sbom
from cluster.binaries import architecture
from cluster.cluster import Cluster
from cluster.errors import ClusterError
from cluster.paths import CHECKOUT
from cluster.progress import Progress
from regcred import __version__

if TYPE_CHECKING:
    from cluster.debianbase import Base

NAME = f"regcred/regcred:{__version__}"
"""Its repository and tag in each registry."""

_HOME = "opt/regcred"
"""Where it is, as a virtual environment, so that nothing else of Python's is searched for it."""

_CACHE_NOTE = "uv_cache.json"
"""What uv notes about a wheel on this machine: when it was made."""


def image_layout(progress: Progress) -> dict[str, bytes]:
    """The files of an OCI layout with the image of this checkout.

    Args:
        progress: told what is made.

    Returns:
        Path in the layout -> content.

    Raises:
        ClusterError: something for it is not to be had.
    """
    base = debianbase.base(progress)
    with (
        progress.task("installing regcred and its locked dependencies"),
        tempfile.TemporaryDirectory(prefix="regcred-image-") as name,
    ):
        root = Path(name) / "root"
        base.unpack(root)
        _install(root, base, Path(name))
        command = ["chroot", str(root), f"/{_HOME}/bin/regcred", "--version"]
        said = debianbase.run(command, "regcred in the image does not start")
        if __version__ not in said:
            raise ClusterError(f"regcred in the image says {said.strip()!r}, not {__version__}")
        top = ocilayout.Layer.of(ocilayout.folder_tar(root, [_HOME]), level=6)
    config = {
        "User": f"{debianbase.USER}:{debianbase.USER}",
        "Env": [f"PATH=/{_HOME}/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"],
        "Entrypoint": ["regcred"],
        "WorkingDir": "/",
        "Labels": {
            "org.opencontainers.image.title": "regcred",
            "org.opencontainers.image.version": __version__,
            "org.opencontainers.image.licenses": "Apache-2.0",
        },
    }
    return ocilayout.image([base.layer(), top], config=config, architecture=architecture())


def _install(root: Path, base: Base, folder: Path) -> None:
    """Install the wheel of the checkout and what uv.lock says that it needs, wheels alone.

    With all extras: which providers PullCredentials will name, nobody knows beforehand.
    """
    home = root / _HOME
    modules = home / "lib" / f"python{base.python}" / "site-packages"
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {base.python}\n")
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{base.python}")
    locked = folder / "requirements.txt"
    export = ["--no-dev", "--all-extras", "--no-emit-project", "--format=requirements.txt"]
    _uv("export", "--frozen", *export, f"--output-file={locked}")
    _uv("build", "--wheel", f"--out-dir={folder}")
    into = (f"--target={modules}", f"--python-version={base.python}", "--only-binary=:all:")
    _uv("pip", "install", *into, "--require-hashes", f"--requirement={locked}")
    # Found there rather than named: what a path installs remembers the path.
    here = ("--no-index", f"--find-links={folder}", "--reinstall-package=regcred", "--no-cache")
    _uv("pip", "install", *into, "--no-deps", *here, f"regcred=={__version__}")
    (notes,) = modules.glob("regcred-*.dist-info")
    record = (notes / "RECORD").read_text().splitlines(keepends=True)
    (notes / "RECORD").write_text("".join(x for x in record if _CACHE_NOTE not in x))
    (notes / _CACHE_NOTE).unlink(missing_ok=True)
    _scripts(modules / "bin", home / "bin")
    python = f"{_HOME}/bin/python"
    debianbase.compiled(root, python, str(modules.relative_to(root)))


def _scripts(made: Path, wanted: Path) -> None:
    """Take our own scripts over, to be run by the image's Python."""
    for script in made.glob("*regcred*"):
        _, _, body = script.read_text().partition("\n")
        target = wanted / script.name
        target.write_text(f"#!/{_HOME}/bin/python\n{body}")
        target.chmod(0o755)
    shutil.rmtree(made)


def _uv(*arguments: str) -> None:
    program = os.environ.get("UV") or shutil.which("uv")
    if not program:
        raise ClusterError("uv is not there, which reads the lock file", hint="pip install uv")
    command = [program, "--quiet", "--no-progress", f"--directory={CHECKOUT}", *arguments]
    # The person's own environment says from where, and by which certificates.
    debianbase.run(command, f"uv {arguments[0]} failed", env=os.environ)


def main(arguments: list[str] | None = None) -> int:
    """Make the image, push it or write it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cluster.operatorimage", description=__doc__)
    parser.add_argument("--name", help="the cluster whose registries get it")
    parser.add_argument("--output", type=Path, help="a folder for the OCI layout")
    parser.add_argument("--sbom", type=Path, help="a file for what is in it, as CycloneDX")
    options = parser.parse_args(arguments)
    if not (options.name or options.output or options.sbom):
        parser.error("one of --name, --output and --sbom says where to")
    progress = Progress()
    try:
        registries = Cluster.open(options.name).registries if options.name else {}
        files = image_layout(progress)
        if options.output:
            ocilayout.write_folder(files, options.output)
            print(options.output)
        if options.sbom:
            described = sbom.bom(files, "regcred", __version__)
            options.sbom.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
            print(options.sbom)
        for registry in registries.values():
            print(registry.push_layout(files, NAME))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
