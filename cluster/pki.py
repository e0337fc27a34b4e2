"""Keys and certificates for a throw-away cluster: a CA, servers, users (also an expired one).

Kubernetes takes a user's name from the subject's CN and the groups from its O:
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.paths import write_private

if TYPE_CHECKING:
    from pathlib import Path

LONG = timedelta(days=3650)
"""As long as a cluster may be left up, and more."""


@dataclass(frozen=True)
class KeyPair:
    """A key and its certificate, in files of mode 0600.

    Args:
        certificate: PEM file.
        key: PEM file, PKCS#8.
    """

    certificate: Path
    key: Path


class Authority:
    """A certificate authority whose files are ``NAME.crt`` and ``NAME.key`` in a folder.

    Args:
        folder: where its files are, and those of what it issues.
        name: of its files, and its subject's common name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.files = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
        if not self.files.key.exists():
            self._create(name)
        self._certificate = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.files.key.read_bytes(), password=None)
        self._key = cast("ec.EllipticCurvePrivateKey", key)

    def server(self, name: str, hosts: tuple[str, ...]) -> KeyPair:
        """A serving certificate for DNS names and IP addresses."""
        return self._issue(
            name,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            ExtendedKeyUsageOID.SERVER_AUTH,
            valid_for=LONG,
            hosts=hosts,
        )

    def client(
        self,
        name: str,
        username: str,
        groups: tuple[str, ...] = (),
        *,
        valid_for: timedelta = LONG,
    ) -> KeyPair:
        """A client certificate.

        Args:
            name: of the files.
            username: who it is.
            groups: which groups they are in.
            valid_for: from now on; negative for one that has expired.
        """
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, username))
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        return self._issue(name, x509.Name(subject), usage, valid_for=valid_for)

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key.public_key(), LONG)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_CA_USAGE, True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        )
        _write(self.files, key, builder.sign(key, hashes.SHA256()))

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        *,
        valid_for: timedelta,
        hosts: tuple[str, ...] = (),
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self._certificate.subject, key.public_key(), valid_for)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        if hosts:
            names = [_general_name(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        files = KeyPair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        _write(files, key, builder.sign(self._key, hashes.SHA256()))
        return files


def write_signing_key(folder: Path, name: str) -> KeyPair:
    """A key of its own for signing ServiceAccount tokens; the "certificate" is the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    files = KeyPair(folder / f"{name}.pub", folder / f"{name}.key")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_private(files.key, _pem(key))
    write_private(files.certificate, public)
    return files


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    valid_for: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    until = now + valid_for
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until) - timedelta(hours=1))
        .not_valid_after(until)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(files: KeyPair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    write_private(files.key, _pem(key))
    write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
