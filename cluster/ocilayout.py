"""Writes an image as an OCI image layout: one layer, one manifest, one index.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


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
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    tar = _tar({path.lstrip("/"): program}, mode=0o755)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": [path], "Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blob(_CONFIG, _json(config)),
        "layers": [blob(_LAYER, gzip.compress(tar, mtime=0))],
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
