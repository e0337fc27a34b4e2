"""Private registries on loopback, each with another way of authentication.

``htpasswd`` asks for Basic authentication, ``token`` sends its clients to our token service, and
``tls`` is ``htpasswd`` behind a certificate from a CA that nobody knows. All three are Debian's
docker-registry: https://distribution.github.io/distribution/about/configuration/
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
import ssl
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import yaml

from cluster import bcrypt, packages, tokenissuer
from cluster.images import push, push_app
from cluster.locking import locked
from cluster.paths import Folder, write_private
from cluster.pki import Authority, KeyPair
from cluster.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from cluster.processes import Supervisor

HTPASSWD, TOKEN, TLS = "htpasswd", "token", "tls"
KINDS = (HTPASSWD, TOKEN, TLS)

PULLER, PUSHER, OUTSIDER = "puller", "pusher", "outsider"
"""The accounts of every registry: one may pull, one may also push; the third is known to the
token service and may do nothing (htpasswd knows no rights: all may do all there)."""

_RIGHTS = {PULLER: {"*": ["pull"]}, PUSHER: {"*": ["pull", "push"]}, OUTSIDER: {}}
IMAGE = "team/app:1"
"""What is pushed to each from the start."""

PORTS = len(KINDS) + 1
"""How many ports they take: one each, and one for the token service."""

_SERVICE, _ISSUER = "regcred test registry", "regcred test issuer"


class _PushWith(TypedDict):
    username: str
    password: str
    folder: Path
    ca_file: Path | None


@dataclass(frozen=True)
class Registry:
    """A private registry.

    Args:
        kind: one of `KINDS`.
        address: ``127.0.0.1:PORT``, as it stands under ``auths``.
        folder: its configuration, accounts and blobs.
        ca_file: PEM file of its CA; None when it speaks plain HTTP.
    """

    kind: str
    address: str
    folder: Path
    ca_file: Path | None = None
    username: str = field(default=PULLER, init=False)

    @property
    def password(self) -> str:
        """Of `username`, who may pull everything."""
        return self.accounts()[self.username]

    @property
    def image(self) -> str:
        """A reference that is there from the start."""
        return f"{self.address}/{IMAGE}"

    def accounts(self) -> dict[str, str]:
        """User name -> password."""
        accounts = json.loads((self.folder / "accounts.json").read_text())
        return {name: account["password"] for name, account in accounts.items()}

    def add_account(self, username: str, password: str) -> None:
        """Let somebody more pull everything; the registry knows them at once.

        Args:
            username: without colon and line break where Basic authentication is to work.
            password: any text without NUL; bcrypt looks at the first 72 bytes only.
        """
        with locked(self.folder / "accounts.lock", SILENT, ""):  # other processes may add some, too
            known = json.loads((self.folder / "accounts.json").read_text())
            self._write({**known, username: {"password": password, "rights": _RIGHTS[PULLER]}})

    def add_token(self, username: str, token: str, expires: datetime) -> None:
        """Let somebody pull everything until a moment; only the kind ``token`` forgets in time.

        Args:
            username: who may have several at a time.
            token: taken for the password.
            expires: with a zone.
        """
        with locked(self.folder / "accounts.lock", SILENT, ""):
            known = json.loads((self.folder / "accounts.json").read_text())
            new = {"password": secrets.token_hex(16), "rights": _RIGHTS[PULLER]}
            account = known.get(username, new)
            account["tokens"] = account.get("tokens", {}) | {token: expires.isoformat()}
            self._write({**known, username: account})

    def push(self, name: str) -> str:
        """Push the app image under another name.

        Args:
            name: ``REPOSITORY:TAG``.

        Returns:
            The reference ``ADDRESS/REPOSITORY:TAG``.

        Raises:
            ClusterError: the registry does not take it.
        """
        reference = f"{self.address}/{name}"
        push_app(reference, **self._push_with())
        return reference

    def push_layout(self, files: Mapping[str, bytes], name: str) -> str:
        """Push the image of a layout.

        Args:
            files: path in the layout → content.
            name: ``REPOSITORY:TAG``.

        Returns:
            The reference ``ADDRESS/REPOSITORY:TAG``.

        Raises:
            ClusterError: the registry does not take it.
        """
        reference = f"{self.address}/{name}"
        push(files, reference, **self._push_with())
        return reference

    def _push_with(self) -> _PushWith:
        return {
            "username": PUSHER,
            "password": self.accounts()[PUSHER],
            "folder": self.folder / "images",
            "ca_file": self.ca_file,
        }

    def is_ready(self) -> bool:
        """Whether it asks for authentication, and where it sends clients for it is up too.

        Raises:
            OSError: nothing answers.
        """
        if self.ca_file:
            tls = ssl.create_default_context(cafile=self.ca_file)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.address, context=tls
            )
        else:
            connection = http.client.HTTPConnection(self.address)
        try:
            connection.request("GET", "/v2/")
            challenge = connection.getresponse().getheader("WWW-Authenticate", "")
            if realm := re.search(r'Bearer realm="http://([^/]+):(\d+)', challenge):
                socket.create_connection((realm[1], int(realm[2]))).close()
            return challenge != ""
        finally:
            connection.close()

    def _write(self, accounts: dict[str, Any]) -> None:
        write_private(self.folder / "accounts.json", json.dumps(accounts))
        lines = [f"{name}:{bcrypt.hashed(a['password'])}\n" for name, a in accounts.items()]
        write_private(self.folder / "htpasswd", "".join(lines))

    def prepare(self) -> None:
        """Make its folder and its accounts, with random passwords."""
        (self.folder / "images").mkdir(parents=True)
        self._write(
            {
                name: {"password": secrets.token_urlsafe(18), "rights": rights}
                for name, rights in _RIGHTS.items()
            }
        )


def start(supervisor: Supervisor, folder: Folder, ports: list[int]) -> dict[str, Registry]:
    """Start all registries, and the token service; they are not ready yet.

    Args:
        supervisor: starts them.
        folder: of the cluster.
        ports: `PORTS` free ones.
    """
    ca = Authority(folder.pki, "registry-ca")
    registries = {}
    for kind, port in zip(KINDS, ports, strict=False):
        registry = Registry(
            kind,
            f"127.0.0.1:{port}",
            folder.registries / kind,
            ca.files.certificate if kind == TLS else None,
        )
        registry.prepare()
        registries[kind] = registry
    token_port = ports[len(KINDS)]
    signer = Authority(folder.pki, "issuer-ca")
    server = ca.server("registry", ("127.0.0.1", "localhost"))
    realm = f"http://127.0.0.1:{token_port}{tokenissuer.PATH}"
    auths = {
        HTPASSWD: _htpasswd(registries[HTPASSWD]),
        TOKEN: _token(realm, signer.files.certificate),
        TLS: _htpasswd(registries[TLS]),
    }
    for kind, registry in registries.items():
        config = registry.folder / "config.yml"
        settings = _config(registry, auths[kind], server if kind == TLS else None)
        write_private(config, yaml.safe_dump(settings, sort_keys=False))
        command = [packages.program("docker-registry"), "serve", str(config)]
        supervisor.start(f"registry-{kind}", command)
    key = signer.server("issuer", ("issuer",))
    settings_file = registries[TOKEN].folder / "issuer.json"
    settings = {
        "port": token_port,
        "issuer": _ISSUER,
        "service": _SERVICE,
        "key": str(key.key),
        "certificate": str(key.certificate),
        "accounts": str(registries[TOKEN].folder / "accounts.json"),
    }
    write_private(settings_file, json.dumps(settings))
    supervisor.start("token-issuer", [sys.executable, "-m", tokenissuer.__name__, settings_file])
    return registries


def _config(registry: Registry, auth: dict[str, Any], server: KeyPair | None) -> dict[str, Any]:
    """The registry's configuration file."""
    tls = {"certificate": str(server.certificate), "key": str(server.key)} if server else None
    http_ = {"addr": registry.address, "secret": secrets.token_hex()}
    return {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(registry.folder / "blobs")},
            "delete": {"enabled": True},
        },
        "http": {**http_, "tls": tls} if tls else http_,
        "auth": auth,
    }


def _htpasswd(registry: Registry) -> dict[str, Any]:
    path = str(registry.folder / "htpasswd")
    return {"htpasswd": {"realm": "regcred test registry", "path": path}}


def _token(realm: str, ca: Path) -> dict[str, Any]:
    return {
        "token": {
            "realm": realm,
            "service": _SERVICE,
            "issuer": _ISSUER,
            "rootcertbundle": str(ca),
        }
    }
