"""The users of a cluster, each as a kubeconfig file of mode 0600."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cluster import kubeconfig
from cluster.pki import LONG, Authority, KeyPair

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from cluster.paths import Folder

STRANGER = "stranger"


class Users:
    """Makes kubeconfigs for one cluster.

    Args:
        folder: of the cluster; its ``pki`` holds the CA.
        server: URL of the API server.
        name: of cluster, user and context in the files.
    """

    def __init__(self, folder: Folder, server: str, name: str) -> None:
        self._folder = folder
        self._server = server
        self._name = name
        self._ca = Authority(folder.pki, "ca")

    @property
    def admin(self) -> Path:
        """Somebody in ``system:masters``, who may do anything (client certificate)."""
        return self._folder.kubeconfigs / "admin"

    @property
    def stranger(self) -> Path:
        """Somebody the API server knows, and who has no rights (static token)."""
        return self._folder.kubeconfigs / STRANGER

    def with_certificate(
        self, username: str, groups: tuple[str, ...] = (), *, valid_for: timedelta = LONG
    ) -> Path:
        """Somebody with a client certificate.

        Args:
            username: who.
            groups: in which groups.
            valid_for: from now on; negative for a certificate that has expired.
        """
        files = self._ca.client(
            f"user-{secrets.token_hex(4)}", username, groups, valid_for=valid_for
        )
        return self.with_certificate_files(files.certificate.stem, files)

    def with_certificate_files(self, name: str, files: KeyPair) -> Path:
        """Somebody whose client certificate is there already.

        Args:
            name: of the kubeconfig file.
            files: key and certificate.
        """
        return self._write(name, kubeconfig.certificate_user(files))

    def with_token(self, token: str) -> Path:
        """Somebody with a bearer token, for example a ServiceAccount's."""
        return self._write(f"token-{secrets.token_hex(4)}", {"token": token})

    def write_fixed(self, admin: KeyPair, stranger_token: str) -> None:
        """Write the two kubeconfigs that every cluster has."""
        self.with_certificate_files("admin", admin)
        self._write(STRANGER, {"token": stranger_token})

    def _write(self, file: str, user: dict[str, str]) -> Path:
        ca = self._ca.files.certificate
        config = kubeconfig.render(name=self._name, server=self._server, ca=ca, user=user)
        return kubeconfig.write(self._folder.kubeconfigs / file, config)
