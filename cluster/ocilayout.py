"""Writes an image as an OCI image layout: its layers, one manifest, one index.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Layer:
    """A layer of an image.

    Args:
        packed: the tar archive, compressed with gzip.
        diff_id: the digest of the archive itself.
        size: its bytes.
    """

    packed: bytes
    diff_id: str
    size: int

    @classmethod
    def of(cls, tar: bytes, *, level: int = 9) -> Layer:
        """A layer with this archive, compressed as far as `level` says."""
        packed = gzip.compress(tar, level, mtime=0)
        return cls(packed, f"sha256:{hashlib.sha256(tar).hexdigest()}", len(tar))

    @classmethod
    def unpacked(cls, packed: bytes) -> Layer:
        """A layer that is compressed already."""
        tar = gzip.decompress(packed)
        return cls(packed, f"sha256:{hashlib.sha256(tar).hexdigest()}", len(tar))


def layout(
    program: bytes,
    *,
    path: str,
    architecture: str,
    name: str = "",
    labels: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """The files of an image layout whose one image runs one static program.

    The same arguments give the same bytes: no times, no owners.

    Args:
        program: the executable's content.
        path: where it is in the image, e.g. ``/app``.
        architecture: Go's name of it.
        name: what containerd calls the image when it imports the layout.
        labels: of the image's configuration.

    Returns:
        Path in the layout -> content.
    """
    return image(
        [Layer.of(_tar({path.lstrip("/"): program}, mode=0o755))],
        config={"Entrypoint": [path], "Labels": dict(labels or {})},
        architecture=architecture,
        name=name,
    )


def image(
    layers: Sequence[Layer], *, config: Mapping[str, Any], architecture: str, name: str = ""
) -> dict[str, bytes]:
    """The files of an image layout with one image.

    Args:
        layers: the lowest first.
        config: what a container of it runs, as whom:
            https://github.com/opencontainers/image-spec/blob/main/config.md#properties
        architecture: Go's name of it.
        name: what containerd calls the image when it imports the layout.

    Returns:
        Path in the layout -> content.
    """
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    described_config = {
        "architecture": architecture,
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blob(_CONFIG, _json(described_config)),
        "layers": [blob(_LAYER, layer.packed) for layer in layers],
    }
    described = blob(_MANIFEST, _json(manifest))
    described["platform"] = {"architecture": architecture, "os": "linux"}
    if name:
        described["annotations"] = {"io.containerd.image.name": name}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]}
    return {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        **blobs,
    }


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a layout as a folder, as skopeo's ``oci:`` reads it."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A layout as a tar archive, as ``ctr images import`` reads it."""
    return _tar(files, mode=0o644)


def folder_tar(folder: Path, parts: Iterable[str]) -> bytes:
    """What is below a folder as a tar archive: sorted, of root, without times.

    Args:
        folder: the root of what is in the archive.
        parts: the paths below it that go in, with all that is in them; the folders on the way
            to them go in too.

    Returns:
        The archive; the same bytes for the same files.
    """
    paths: set[Path] = set()
    for part in parts:
        top = folder / part
        paths.update((top, *top.rglob("*")))
        paths.update(parent for parent in top.parents if parent.is_relative_to(folder))
    paths.discard(folder)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(paths):
            entry = tar.gettarinfo(path, str(path.relative_to(folder)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            if entry.isreg():
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return buffer.getvalue()


def _tar(files: Mapping[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
