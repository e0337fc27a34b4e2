"""The two images of a cluster: ``pause`` for sandboxes and ``app`` to be pulled."""

from __future__ import annotations

import json
import subprocess
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ocilayout
from cluster.binaries import architecture
from cluster.errors import ClusterError
from cluster.paths import write_private
from cluster.processes import plain_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE = "regcred.local/pause:1"
"""What containerd calls the sandbox image; it is imported, never pulled."""

_SOURCES = Path(__file__).with_name("image")


def compiled(name: str, folder: Path) -> bytes:
    """The static program of ``image/NAME.c``.

    Raises:
        ClusterError: it does not compile.
    """
    program = folder / name
    command = ["cc", "-static", "-Os", "-s", "-o", str(program), str(_SOURCES / f"{name}.c")]
    _run(command, f"cannot compile {name}.c")
    return program.read_bytes()


def import_pause(socket: Path, folder: Path) -> None:
    """Give containerd the sandbox image.

    Args:
        socket: containerd's.
        folder: for what is made on the way.

    Raises:
        ClusterError: containerd does not take it.
    """
    files = ocilayout.layout(
        compiled("pause", folder), path="/pause", architecture=architecture(), name=PAUSE
    )
    packed = folder / "pause.tar"
    packed.write_bytes(ocilayout.archive(files))
    command = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import"]
    _run([*command, str(packed)], "cannot import the sandbox image")


def push_app(
    reference: str, *, username: str, password: str, folder: Path, ca_file: Path | None = None
) -> None:
    """Push the app image.

    Args:
        reference: ``HOST:PORT/REPOSITORY:TAG``; also the image's label, so that each reference
            has a digest of its own.
        username: who pushes.
        password: theirs; it reaches skopeo in a file.
        folder: for what is made on the way.
        ca_file: PEM file of the CA that the registry's certificate is from; None: plain HTTP.

    Raises:
        ClusterError: the registry does not take it.
    """
    program = folder / "app"
    files = ocilayout.layout(
        program.read_bytes() if program.exists() else compiled("app", folder),
        path="/app",
        architecture=architecture(),
        labels={"regcred.dev/reference": reference},
    )
    push(files, reference, username=username, password=password, folder=folder, ca_file=ca_file)


def push(
    files: Mapping[str, bytes],
    reference: str,
    *,
    username: str,
    password: str,
    folder: Path,
    ca_file: Path | None = None,
) -> None:
    """Push an image.

    Args:
        files: of its layout.
        reference: as for `push_app`, and so are the others.
        username: see there.
        password: see there.
        folder: see there.
        ca_file: see there.

    Raises:
        ClusterError: the registry does not take it.
    """
    registry, _, _ = reference.partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    # Of its own each time: another process may be pushing the same one.
    with tempfile.TemporaryDirectory(dir=folder, prefix="push-") as made:
        layout = Path(made)
        ocilayout.write_folder(files, layout)
        login = layout / "auth.json"
        auth = b64encode(f"{username}:{password}".encode()).decode()
        write_private(login, json.dumps({"auths": {registry: {"auth": auth}}}))
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--authfile", str(login)]
        if ca_file:
            certificates = layout / "ca"
            certificates.mkdir()
            (certificates / "ca.crt").write_bytes(ca_file.read_bytes())
            command.append(f"--dest-cert-dir={certificates}")
        else:
            command.append("--dest-tls-verify=false")
        _run([*command, f"oci:{layout}", f"docker://{reference}"], f"cannot push {reference}")


def _run(command: list[str], failing: str) -> None:
    answer = subprocess.run(
        command, capture_output=True, text=True, env=plain_environment(), check=False
    )
    if answer.returncode:
        raise ClusterError(
            f"{failing}: {command[0]} exited with {answer.returncode}", log=answer.stderr[-2000:]
        )
