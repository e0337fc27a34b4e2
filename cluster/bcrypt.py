"""bcrypt hashes, the only ones that docker-registry's htpasswd accepts.

crypt(3) of the C library's companion libcrypt makes them; Debian and its kin always have it.
"""

from __future__ import annotations

import ctypes
import secrets

from cluster.errors import ClusterError

_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_COST = "05"
"""As low as htpasswd(1) has it: the passwords are long, random and thrown away."""


def hashed(password: str) -> str:
    """The hash of a password, with a random salt.

    Args:
        password: bcrypt looks at its first 72 bytes only.

    Raises:
        ClusterError: this machine's libcrypt is not there or knows no bcrypt.
    """
    # 21 characters of 6 bits, and one of which only 2 bits count: "." has them 0.
    salt = "".join(secrets.choice(_ALPHABET) for _ in range(21)) + "."
    # bcrypt looks no further, and libcrypt refuses what is much longer.
    made = _crypt()(password.encode()[:72], f"$2b${_COST}${salt}".encode())
    if not made or not made.startswith(b"$2b$"):
        raise ClusterError("this machine's libcrypt knows no bcrypt", hint="use Debian or Ubuntu")
    return bytes(made).decode()


def _crypt() -> ctypes._NamedFuncPointer:
    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            function = ctypes.CDLL(name).crypt
        except OSError:
            continue
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        function.restype = ctypes.c_char_p
        return function
    raise ClusterError("there is no libcrypt", hint="apt-get install libcrypt1")
