"""Build a pull Secret as kubectl does, byte for byte.

The object has the keys of ``kubectl create secret docker-registry`` in its order, so that
``-o json`` and ``-o yaml`` print the same bytes, and the hash of ``--append-hash`` is the same.

Sources: k8s.io/kubectl pkg/cmd/create/create_secret_docker.go and pkg/util/hash/hash.go;
https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidInput
from regcred.core.formats import gojson

if TYPE_CHECKING:
    from datetime import datetime

DOCKERCONFIGJSON = "kubernetes.io/dockerconfigjson"
DOCKERCFG = "kubernetes.io/dockercfg"
DATA_KEY = ".dockerconfigjson"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

#: The API server's limit for the data of a Secret, in bytes (core/v1 ``MaxSecretSize``).
MAX_BYTES = 1024 * 1024


def build(name: str, data: dict[str, bytes], *, namespace: str = "") -> dict[str, Any]:
    """A Secret of type ``kubernetes.io/dockerconfigjson``.

    Args:
        name: its name.
        data: key → content, not yet in base64; `DATA_KEY` must be one of them.
        namespace: written into the object only where it was asked for, as kubectl does.

    Raises:
        InvalidInput: the data exceed what a Secret can hold.
    """
    size = sum(map(len, data.values()))
    if size > MAX_BYTES:
        raise InvalidInput(
            f"Secret {name} would hold {size:,} bytes, and the API server takes {MAX_BYTES:,}",
            hint="choose fewer registries, or write several Secrets",
        )
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": metadata,
        "data": {key: encode(data[key]) for key in sorted(data)},
        "type": DOCKERCONFIGJSON,
    }


def encode(content: bytes) -> str:
    """Standard padded base64, as a Secret's ``data`` holds it."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def content(secret: dict[str, Any], key: str = DATA_KEY) -> bytes | None:
    """The decoded bytes under `key`; None where the Secret has no such key."""
    value = (secret.get("data") or {}).get(key)
    return None if value is None else binascii.a2b_base64(value)


def with_hash(secret: dict[str, Any]) -> dict[str, Any]:
    """The Secret under the name that ``--append-hash`` gives it: ``NAME-HASH``."""
    import hashlib

    facts = {
        "data": secret["data"],
        "kind": "Secret",
        "name": secret["metadata"]["name"],
        "type": secret["type"],
    }
    digest = hashlib.sha256(gojson.dumps(facts).encode()).hexdigest()[:10]
    # No vowels and nothing like them, so that no hash spells a word.
    suffix = digest.translate(str.maketrans("013ae", "ghkmt"))
    metadata = secret["metadata"] | {"name": f"{facts['name']}-{suffix}"}
    return secret | {"metadata": metadata}


def with_expiry(secret: dict[str, Any], ends: datetime) -> dict[str, Any]:
    """The Secret with the mark that says when the first of its logins ends."""
    from regcred.core import marks  # a Secret from flags is printed as fast as kubectl's

    return _annotated(secret, marks.EXPIRES_AT, marks.write_moment(ends))


def with_last_applied(secret: dict[str, Any]) -> dict[str, Any]:
    """The Secret with the annotation of ``--save-config``, for a later ``kubectl apply``."""
    return _annotated(secret, LAST_APPLIED, gojson.dumps(secret) + "\n")


def _annotated(secret: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    metadata = secret["metadata"]
    annotations = {**(metadata.get("annotations") or {}), name: value}
    return secret | {"metadata": metadata | {"annotations": annotations}}
