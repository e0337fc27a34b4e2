"""The certificate that the webhook shows to the API server, and which it is known by.

Each replica makes its own, signed by itself, for the one name that the API server calls; its key is
in memory alone, so there is nothing to store, to share, or to steal from a Secret. What the API
server is to trust is the sum of them all (`merged`).
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

LIFETIME = timedelta(days=30)
#: Clocks differ: it is good from a little earlier.
_EARLIER = timedelta(hours=1)
#: Of replicas that came and went; each is 700 bytes.
_MOST = 24
#: X.509 names are that long at most.
_NAME_LENGTH = 64
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key.

    Args:
        pem: the certificate.
        key: its private key, PEM.
        renew: when the next one is to be made.
        expires: when nobody takes it any more.
    """

    pem: bytes
    key: bytes = field(repr=False)
    renew: datetime
    expires: datetime


def make(names: Sequence[str], owner: str, now: datetime) -> Certificate:
    """A new certificate.

    Args:
        names: of the server: DNS names, or addresses.
        owner: who makes it; its end tells the certificates of one replica from those of another.
        now: with time zone.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "regcred"),
            x509.NameAttribute(NameOID.COMMON_NAME, owner[-_NAME_LENGTH:]),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        now + LIFETIME * 2 / 3,
        now + LIFETIME,
    )


def merged(bundle: bytes, own: Sequence[bytes], now: datetime) -> bytes:
    """The bundle with our certificates in it.

    Args:
        bundle: PEM certificates of all replicas; what is none is dropped.
        own: all that we show or are going to, PEM: what else is there of the same owner was made
            by a process that has ended.
        now: those that have ended by then are dropped.

    Returns:
        The bundle; the same bytes where nothing is to be done.
    """
    there, whole = _there(bundle)
    mine = [x509.load_pem_x509_certificate(each) for each in own]
    owner = mine[0].subject
    others = [each for each in there if each.not_valid_after_utc > now and each.subject != owner]
    others = sorted(others, key=lambda each: each.not_valid_before_utc)[-_MOST:]
    wanted = [*others, *mine]
    if whole and len(wanted) == len(there) and all(each in there for each in wanted):
        return bundle
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in wanted)


def holds(bundle: bytes, pem: bytes) -> bool:
    """Whether a certificate is one of a bundle, which may hold anything."""
    return x509.load_pem_x509_certificate(pem) in _there(bundle)[0]


def _there(bundle: bytes) -> tuple[list[x509.Certificate], bool]:
    """The certificates of a bundle, one by one, so that a broken one costs no other.

    Returns:
        Also whether it holds nothing else.
    """
    before, *blocks = bundle.split(_BEGIN)
    whole, there = not before.strip(), []
    for block in blocks:
        content, end, after = block.partition(_END)
        try:
            certificate = x509.load_pem_x509_certificate(_BEGIN + content + end)
            # What is looked at is understood no sooner than here.
            _ = certificate.subject, certificate.not_valid_before_utc
            _ = certificate.not_valid_after_utc
        except (ValueError, x509.InvalidVersion):
            whole = False
        else:
            there.append(certificate)
            whole = whole and not after.strip()
    return there, whole


def validity(pem: bytes) -> tuple[datetime, datetime]:
    """From when to when a certificate is good; of several the first, which is the server's own.

    Raises:
        ValueError: it is none.
    """
    first, *_ = x509.load_pem_x509_certificates(pem)
    return first.not_valid_before_utc, first.not_valid_after_utc


def context(pem: bytes, key: bytes) -> ssl.SSLContext:
    """What a server shows; the key touches no disk.

    Raises:
        ssl.SSLError: key and certificate do not belong together, or are none.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # OpenSSL takes names of files only, and a Pod's disk is read-only.
    with os.fdopen(os.memfd_create("webhook"), "wb") as file:
        file.write(pem + b"\n" + key)
        file.flush()
        made.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password=_no_password)
    return made


def _no_password() -> str:
    """Without this OpenSSL would ask on the terminal, where a key wants one."""
    return ""


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
