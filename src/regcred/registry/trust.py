"""Whom to trust as a registry: the system's store, a CA file, containerd's ``certs.d``."""

from __future__ import annotations

import re
import shlex
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidInput
from regcred.core.formats.redact import one_line
from regcred.core.registry import hostsconfig

if TYPE_CHECKING:
    from regcred.core.registry.hostsconfig import HostConfig


def context(ca_file: str | None) -> ssl.SSLContext:
    """The system's trust store, and `ca_file` besides.

    Raises:
        InvalidInput: `ca_file` cannot be used.
    """
    made = ssl.create_default_context()
    if ca_file is not None:
        _load_ca(made, ca_file, "--ca-file takes a PEM file")
    return made


def as_a_node(ca_file: str | None) -> ssl.SSLContext:
    """The same, but no stricter than Go, with which nodes pull.

    Python 3.13 refuses certificates without an authority key identifier.

    Raises:
        InvalidInput: `ca_file` cannot be used.
    """
    made = context(ca_file)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


def system_store() -> ssl.SSLContext | None:
    """What to trust where nothing is said; None for what aiohttp has made already.

    To read the system's store takes OpenSSL longer than to ask for ten images.
    """
    return as_a_node(None) if sys.version_info >= (3, 13) else None


#: Files that containerd looks for in the folder of a host.
_OF_HOST = re.compile(r"^hosts\.toml$|\.(?:crt|cert)$")


class Hosts:
    """A folder in the layout of ``certs.d``.

    Args:
        folder: of all hosts.

    Raises:
        InvalidInput: it is no folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise InvalidInput(
                f"{folder} is no folder", hint="on a node it is /etc/containerd/certs.d"
            )
        if own := _of_one_host(self._folder):
            raise InvalidInput(
                f"{folder} is the folder of one host, since {own} is in it: --certs-dir takes the "
                "folder around it, with a folder for each host as images name it",
                hint=f"--certs-dir {shlex.quote(str(self._folder.absolute().parent))}",
            )

    def find(self, host: str, address: str = "") -> tuple[HostConfig, Path]:
        """The settings for a host, and the folder that their files are relative to.

        Args:
            host: as in the image.
            address: host and port where it is asked, if nothing says otherwise.

        Raises:
            InvalidInput: its ``hosts.toml`` cannot be used. (containerd would log that, and take
                the certificates beside it.)
        """
        for name in hostsconfig.folders(host):
            folder = self._folder / name
            if not folder.is_dir():
                continue
            file = folder / "hosts.toml"
            try:
                text = file.read_text() if file.is_file() else ""
                if not text:
                    files = [each.name for each in folder.iterdir() if each.is_file()]
                    return hostsconfig.from_files(files), folder
                return hostsconfig.parse(text, address or host), folder
            except (OSError, UnicodeError, hostsconfig.BadHosts) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise InvalidInput(
                    f"cannot use {file}: {one_line(why)}",
                    hint="what it may say: https://github.com/containerd/containerd/blob/main/docs/hosts.md",
                ) from None
        return hostsconfig.HostConfig(), self._folder


def _of_one_host(folder: Path) -> str:
    """The file that makes it the folder of one host; empty where none does."""
    ours = (f.name for f in sorted(folder.iterdir()) if _OF_HOST.search(f.name) and f.is_file())
    return next(ours, "")


def configure(made: ssl.SSLContext, config: HostConfig, folder: Path) -> None:
    """Put a host's settings into a context.

    Raises:
        InvalidInput: a file cannot be used.
    """
    if config.skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for name in config.ca:
        _load_ca(made, str(folder / name), "")
    for certificate, key in config.clients:
        try:
            made.load_cert_chain(folder / certificate, folder / key, password=_no_passphrase)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            why = getattr(error, "strerror", None) or "they are no PEM pair without passphrase"
            if isinstance(error, ssl.SSLError):
                why = "they are no PEM pair"
            raise InvalidInput(
                f"cannot use the client certificate {folder / certificate} with the key"
                f" {folder / key}: {why}",
                hint="both are PEM, and the key has no passphrase",
            ) from None


def _load_ca(made: ssl.SSLContext, file: str, hint: str) -> None:
    try:
        made.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise InvalidInput(f"{file} holds no certificate", hint=hint) from None
    except OSError as error:
        raise InvalidInput(
            f"cannot read the CA file {file}: {error.strerror}", hint=hint or f"ls -l {file}"
        ) from None


def _no_passphrase() -> str:
    raise ValueError
