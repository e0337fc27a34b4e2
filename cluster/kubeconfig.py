"""Kubeconfig files for the users of a cluster.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import yaml

from cluster.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cluster.pki import KeyPair


def certificate_user(files: KeyPair) -> dict[str, str]:
    """The ``user`` of a client certificate, its content embedded."""
    return {
        "client-certificate-data": _base64(files.certificate),
        "client-key-data": _base64(files.key),
    }


def render(*, name: str, server: str, ca: Path, user: Mapping[str, str]) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context, all of the same name.

    Args:
        name: of the three.
        server: URL of the API server.
        ca: PEM file of the CA that signed its certificate.
        user: as in ``users[].user``.
    """
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority-data": _base64(ca)}}
        ],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def write(path: Path, config: Mapping[str, Any]) -> Path:
    """Write a kubeconfig, mode 0600; returns its path."""
    write_private(path, yaml.safe_dump(dict(config), sort_keys=False))
    return path


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
