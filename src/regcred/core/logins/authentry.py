"""Entries under ``auths`` as kubectl writes them, byte for byte.

Reading docker configs is another matter (`regcred.core.logins.dockerconfig`), and stays apart: a
Secret made from flags needs none of it, and is printed as fast as kubectl's.

Source: k8s.io/kubectl pkg/cmd/create/create_secret_docker.go (``handleDockerCfgJSONContent``)
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from regcred.core.formats import gojson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.credential import Credential


def build_dockerconfigjson(credentials: Iterable[Credential]) -> bytes:
    """The document that kubectl builds, with any number of registries, sorted as Go sorts maps."""
    entries = {c.registry: build_entry(c) for c in credentials}
    auths = build_object((name, entries[name]) for name in sorted(entries, key=_bytes))
    return _bytes(build_object([("auths", auths)]))


def build_entry(credential: Credential) -> str:
    """One entry's JSON: kubectl's fields in kubectl's order, empty ones left out."""
    password = credential.password.reveal()
    fields = {
        "username": credential.username,
        "password": password,
        "email": credential.email,
        "auth": encode_auth(credential.username, password),
    }
    return gojson.dumps({name: value for name, value in fields.items() if value})


def encode_auth(username: str, password: str) -> str:
    """The field ``auth``; bytes that are not UTF-8 are lone surrogates, as in ``sys.argv``."""
    auth = binascii.b2a_base64(_bytes(f"{username}:{password}"), newline=False)
    return auth.decode("ascii")


def build_object(members: Iterable[tuple[str, str]]) -> str:
    """A compact JSON object of names and JSON texts."""
    return "{" + ",".join(f"{gojson.dumps(name)}:{raw}" for name, raw in members) + "}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
