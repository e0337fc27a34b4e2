"""A password that hides itself, and the credential that holds one.

A password is wrapped as soon as it is read and unwrapped with `Password.reveal` only where
bytes leave for a registry or a Secret. In between, ``repr``, ``str``, ``format``, ``%`` and
pickling show ``********`` or fail, so that no log line, traceback or debugger view leaks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

HIDDEN = "********"

#: GitHub's word for a password where the username is the token.
_TOKEN_IS_USER = "x-oauth-basic"  # noqa: S105


class Password:
    """A secret string. Compare with ``==`` (in constant time), read with `reveal`."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret itself. Call it only where it leaves for a registry or a Secret."""
        return self.__value

    def __repr__(self) -> str:
        return f"Password({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Password):
            return NotImplemented
        import hmac  # loads OpenSSL, which takes as long as printing a Secret

        mine = self.__value.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(mine, other.__value.encode("utf-8", "surrogatepass"))

    def __hash__(self) -> int:
        return hash((Password, self.__value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Password is not to be pickled")


@dataclass(frozen=True, slots=True)
class Credential:
    """Username and password for one registry key.

    Args:
        registry: the key as it stands under ``auths`` (host[:port][/path], kubelet's globs).
        username: the username, verbatim; kubelet splits ``auth`` at the first colon, so a
            username with a colon can never arrive.
        password: the password or token.
        email: carried for kubectl's sake; nothing reads it.
    """

    registry: str
    username: str
    password: Password
    email: str = ""

    @property
    def user(self) -> str:
        """The username, fit to be shown: some registries take the token as username too."""
        secret = self.password.reveal()
        is_token = self.username == secret or secret == _TOKEN_IS_USER
        return HIDDEN if self.username and is_token else self.username
