"""What others said about a Secret that was sent to them, without what is in it.

An admission policy or webhook that says no may quote the object that it refuses, and its words are
worth showing: in a log, in a status, in an Event. Here the secrets are known, so only they are
hidden, and names of any length and shape stay.
"""

from __future__ import annotations

import binascii
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from regcred.core import fields
from regcred.core.credential import HIDDEN
from regcred.core.logins.secret import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What of a docker config's entry is no secret.
_OPEN = frozenset({"username", "email"})
#: A piece of a secret that is as long can be no accident.
_PIECE = re.compile(r"[\w+/=-]{12,}", re.ASCII)


def hush(said: str, data: Mapping[str, str]) -> str:
    """`said` without what is secret in a Secret.

    Args:
        said: by somebody who was sent it.
        data: of that Secret, in base64; of docker configs.

    Returns:
        `said` with each password, token and ``auth`` hidden, as it is, in base64, quoted for JSON
        or for a URL; pieces of twelve characters and more of any of them, too.
    """
    documents = [binascii.a2b_base64(each).decode("utf-8", "replace") for each in data.values()]
    secrets = {*data.values(), *(each for document in documents for each in _secrets(document))}
    hidden = {form for each in secrets for form in _forms(each)} - {""}
    # Documents hold registries and usernames too, so pieces of them may be shown.
    whole = hidden.union(*map(_forms, documents))
    for form in sorted(whole, key=len, reverse=True):
        said = said.replace(form, HIDDEN)
    text = "\n".join(hidden)
    return _PIECE.sub(lambda piece: HIDDEN if piece[0].strip("=") in text else piece[0], said)


def _secrets(document: str) -> Iterator[str]:
    try:
        auths = fields.mapping(fields.mapping(json.loads(document)).get("auths"))
    except (ValueError, RecursionError):
        return
    for entry in auths.values():
        for name, value in fields.mapping(entry).items():
            if name not in _OPEN and isinstance(value, str):
                yield value


def _forms(secret: str) -> Iterator[str]:
    """The ways in which a secret may be quoted."""
    quoted = json.dumps(secret)[1:-1]
    yield from (secret, quoted, json.dumps(quoted)[1:-1], quote(secret, safe="", errors="replace"))
    yield encode(secret.encode("utf-8", "surrogatepass"))
