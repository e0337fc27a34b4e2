"""TLS to the API server: what to trust, what to show, and what a failure means.

Go's rules, so that a cluster that kubectl reaches is reached: TLS 1.2 or newer; any certificate
in the CA file is trusted, an intermediate too; no RFC 5280 pedantry beyond what Go checks
(Python 3.13 would refuse CAs without an authority key identifier, which older clusters have).
"""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from regcred.core.errors import (
    ClusterUnreachable,
    CredentialHelperFailed,
    InvalidKubeconfig,
    RegcredError,
)
from regcred.kube.entries import RUN_PLUGIN_BY_HAND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.credential import Password
    from regcred.kube.config import ClusterConfig

# X509_V_ERR_* of OpenSSL's x509_vfy.h, as in SSLCertVerificationError.verify_code
_NOT_YET_VALID = 9
_EXPIRED = 10
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})


def context(config: ClusterConfig, certificate: bytes, key: Password) -> ssl.SSLContext:
    """The TLS settings for connections to a cluster.

    Args:
        config: the cluster.
        certificate: PEM client certificate; empty for none.
        key: its PEM private key.

    Raises:
        InvalidKubeconfig: a CA, certificate or key is not what it must be.
        CredentialHelperFailed: the same of what an exec plugin gave.
        RegcredError: there is no place for the key from which OpenSSL could read it.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if config.tls.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif config.tls.ca:
        try:
            # Comments around the PEM blocks may hold anything.
            made.load_verify_locations(
                cadata=config.tls.ca.decode("ascii", "replace").replace("\ufffd", "?")
            )
        except (ssl.SSLError, ValueError):
            raise InvalidKubeconfig(
                f"{config.tls.ca_source} is not a PEM certificate",
                hint="kubectl config view shows what is read",
            ) from None
    else:
        made.load_default_certs()
    if certificate:
        _load_client_certificate(made, certificate, key, config)
    return made


def _load_client_certificate(
    made: ssl.SSLContext, certificate: bytes, key: Password, config: ClusterConfig
) -> None:
    with _private_file(certificate + b"\n" + key.reveal().encode()) as path:
        try:
            made.load_cert_chain(path, password=_no_passphrase)
        except (ssl.SSLError, ValueError) as error:
            reason = "they are not PEM, or of a kind that OpenSSL does not know"
            if isinstance(error, _EncryptedKey):
                reason = "the key is protected by a passphrase"
            elif isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                reason = "the key belongs to another certificate"
            what = "the client certificate and key"
            if config.auth.exec:
                raise CredentialHelperFailed(
                    f"{what} that {config.auth.exec.command} gave cannot be used: {reason}",
                    hint=RUN_PLUGIN_BY_HAND,
                ) from None
            raise InvalidKubeconfig(
                f"{what} of {config.auth.whose} cannot be used: {reason}",
                hint="kubectl config view shows what is read",
            ) from None


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """The path of a file that only we can read, and that is gone at once: OpenSSL wants one."""
    try:
        file, path = _in_memory() or _in_temporary_folder()
        with file:
            file.write(content)
            file.flush()
            yield path
    except OSError as error:
        raise RegcredError(
            "the client certificate and key cannot be handed to OpenSSL, which reads them from a"
            f" file: {error.strerror or 'no file can be written'}",
            hint="set TMPDIR to a folder that can be written",
        ) from None


def _in_memory() -> tuple[IO[bytes], str] | None:
    """No key stays on a disk even when we are killed, and none needs to be writable."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        file = os.fdopen(os.memfd_create("regcred"), "wb")
    except OSError:  # a sandbox forbids it
        return None
    path = f"/proc/self/fd/{file.fileno()}"
    if os.access(path, os.R_OK):
        return file, path
    file.close()  # no /proc
    return None


def _in_temporary_folder() -> tuple[IO[bytes], str]:
    file = tempfile.NamedTemporaryFile(prefix="regcred-")  # noqa: SIM115 - closed by the caller
    return file, file.name


class _EncryptedKey(ValueError):
    """A key wants a passphrase, which a kubeconfig has no place for."""


def _no_passphrase() -> str:
    raise _EncryptedKey


_LOOK = "kubectl cluster-info tries the same"


def failure(error: ssl.SSLError, config: ClusterConfig) -> ClusterUnreachable:
    """What went wrong between us and the server, in words.

    Args:
        error: what the handshake raised.
        config: the cluster.

    Returns:
        The exception to raise.
    """
    server, tls = config.server, config.tls
    if not isinstance(error, ssl.SSLCertVerificationError):
        said = (error.reason or "no reason given").replace("_", " ").lower()
        hint = (
            "does the server speak plain HTTP there?"
            if said in _NO_TLS
            else f"is this its address? {_LOOK}"
        )
        return ClusterUnreachable(f"no TLS connection to {server}: {said}", hint=hint)
    code, said = error.verify_code, error.verify_message.rstrip(".")
    expected = tls.server_name or "the server URL's host"
    message = f"the certificate of {server} is not accepted: {said}"
    hint = f"is this its address? {_LOOK}"
    if code in _UNKNOWN_CA:
        message = f"the certificate of {server} is not signed by {tls.ca_source} ({said})"
        hint = f"is {config.source} for this cluster? Its CA may have been renewed since"
        if not tls.ca:
            hint = "set certificate-authority in the kubeconfig's cluster"
    elif code == _EXPIRED:
        message = f"the certificate of {server}, or the CA that signed it, has expired"
        hint = "renew the API server's certificate, and check this machine's clock"
    elif code == _NOT_YET_VALID:
        message = f"the certificate of {server} is not valid yet"
        hint = "check this machine's clock"
    elif code in _OTHER_NAME:
        message = f"the certificate of {server} is for another name than {expected}: {said}"
        hint = "set tls-server-name in the kubeconfig's cluster to a name in the certificate"
    return ClusterUnreachable(message, hint=hint)


_NO_TLS = frozenset({"wrong version number", "record layer failure", "packet length too long"})
