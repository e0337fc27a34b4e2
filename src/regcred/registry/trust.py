"""Whom to trust as a registry: the system's store, a CA file, containerd's ``certs.d``."""

from __future__ import annotations

import ssl

from regcred.core.errors import InvalidInput


def context(ca_file: str | None) -> ssl.SSLContext:
    """The system's trust store, and `ca_file` besides."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except ssl.SSLError:
            raise InvalidInput(
                f"{ca_file} holds no certificate", hint="--ca-file takes a PEM file"
            ) from None
        except OSError as error:
            raise InvalidInput(f"cannot read the CA file {ca_file}: {error.strerror}") from None
    return context
