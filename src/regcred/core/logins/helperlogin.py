"""What ``docker-credential-NAME get`` prints: ``{"ServerURL", "Username", "Secret"}``.

Protocol: https://github.com/docker/docker-credential-helpers#development. On failure a helper exits
non-zero with a message on stdout, one of which means "not logged in".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.credential import Password

if TYPE_CHECKING:
    from regcred.core.formats.gojsonread import Member

#: The username of a login whose secret is an identity token, of which kubelet can make no use.
TOKEN_USER = "<token>"  # noqa: S105 - the protocol's word, no secret

_NOT_FOUND = "credentials not found in native keychain"


def is_not_found(stdout: bytes) -> bool:
    """Whether a helper that fails says that it has no login for the server."""
    return stdout.decode("utf-8", "replace").strip() == _NOT_FOUND


def login(document: Member) -> tuple[str, Password]:
    """Username and secret, each empty where it is missing.

    Args:
        document: an object, as `regcred.core.formats.gojsonread.read` gives it.
    """
    fields = {"username": "", "secret": ""}
    for member in document.members():
        for name in fields:
            if member.is_named(name) and member.kind == "a string":
                fields[name] = member.string
    return fields["username"], Password(fields["secret"])
