"""Images for platforms that the node is not, pushed with skopeo."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

from cluster import ocilayout
from cluster.processes import plain_environment
from cluster.registries import PUSHER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cluster.registries import Registry

_INDEX = "application/vnd.oci.image.index.v1+json"


def push_platforms(
    registry: Registry, name: str, architectures: Sequence[str], folder: Path, *, index: bool = True
) -> str:
    """Push an image that has these platforms (and nothing that runs).

    Args:
        registry: one that speaks plain HTTP.
        name: ``REPOSITORY:TAG``.
        architectures: Go's names of them.
        folder: for what is made on the way.
        index: as an index; else the image of the one architecture alone.

    Returns:
        The reference.
    """
    files: dict[str, bytes] = {}
    manifests = []
    for architecture in architectures:
        layout = ocilayout.layout(b"", path="/app", architecture=architecture)
        manifests += json.loads(layout["index.json"])["manifests"]
        files |= layout
    if index:
        content = json.dumps(
            {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        ).encode()
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        described = {"mediaType": _INDEX, "digest": f"sha256:{digest}", "size": len(content)}
        top = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]}
        files["index.json"] = json.dumps(top).encode()
    ocilayout.write_folder(files, folder)
    reference = f"{registry.address}/{name}"
    login = folder / "auth.json"
    auth = base64.b64encode(f"{PUSHER}:{registry.accounts()[PUSHER]}".encode()).decode()
    login.write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
    copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--authfile", str(login)]
    subprocess.run(
        [*copy, "--dest-tls-verify=false", f"oci:{folder}", f"docker://{reference}"],
        env=plain_environment(),
        check=True,
    )
    return reference
