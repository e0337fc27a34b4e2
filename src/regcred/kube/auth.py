"""What a request carries to prove who sends it, kept fresh.

A token file is read again after a minute, since kubelet rotates what it projects
(https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken); an exec
plugin is asked again when its answer expires; and either once more when the API server answers
401. Of many requests that need a new credential at the same time only one fetches it.
"""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from regcred.core.credential import Password
from regcred.core.errors import CredentialHelperFailed
from regcred.kube import execplugin

if TYPE_CHECKING:
    from regcred.kube.config import Auth, ClusterConfig

#: client-go's: a token file counts for a minute, less ten seconds of leeway.
TOKEN_FILE_SECONDS = 50.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Proof:
    """What one request carries.

    Args:
        authorization: value of the ``Authorization`` header; empty for none.
        certificate: PEM client certificate; empty for none.
        key: its PEM private key.
    """

    authorization: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: Password = field(default_factory=lambda: Password(""))


class Authenticator:
    """The source of proofs for one cluster."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._lock = asyncio.Lock()
        self._proof: Proof | None = None
        self._good_until: float | None = None

    async def current(self, now: float) -> Proof:
        """The proof to use.

        Args:
            now: seconds since the epoch.

        Raises:
            CredentialHelperFailed: a plugin or token file that is needed gives nothing.
        """
        if self._is_good(now):
            assert self._proof is not None  # noqa: S101 - what _is_good says
            return self._proof
        async with self._lock:
            if self._proof is None or not self._is_good(now):
                return await self._fetch(now)
            return self._proof

    async def after_refusal(self, used: Proof, now: float) -> Proof | None:
        """Another proof than the one that got a 401, or None when there is no other.

        Args:
            used: what the refused request carried.
            now: seconds since the epoch.

        Raises:
            CredentialHelperFailed: as for `current`.
        """
        auth = self._config.auth
        if not auth.token_file and auth.exec is None:
            return None
        async with self._lock:
            if self._proof is used:
                await self._fetch(now)
            return self._proof if self._proof != used else None

    def _is_good(self, now: float) -> bool:
        return self._proof is not None and (self._good_until is None or now < self._good_until)

    async def _fetch(self, now: float) -> Proof:
        auth = self._config.auth
        if auth.exec is not None:
            answer = await execplugin.run(self._config)
            self._good_until = answer.expires
            self._proof = Proof(_bearer(answer.token), answer.certificate, answer.key)
        elif auth.token_file:
            self._good_until = now + TOKEN_FILE_SECONDS
            self._proof = Proof(_bearer(self._read_token(auth)), auth.certificate, auth.key)
        else:
            self._proof = Proof(_static(auth), auth.certificate, auth.key)
        return self._proof

    def _read_token(self, auth: Auth) -> Password:
        try:
            token = Path(auth.token_file).read_text().strip()
        except (OSError, ValueError) as error:
            token, reason = "", getattr(error, "strerror", None) or "not text"
        else:
            reason = "it holds line breaks or control characters" if _CONTROL.search(token) else ""
            reason = reason or ("" if token else "it is empty")
        if not reason:
            return Password(token)
        if self._proof is not None:  # being replaced just now, perhaps: the last one has to do
            return Password(self._proof.authorization.removeprefix("Bearer "))
        if auth.token:
            return auth.token
        raise CredentialHelperFailed(
            f"cannot use the token file {auth.token_file}: {reason}",
            hint="whoever writes that file has to be asked; kubectl config view names it",
        )


def _bearer(token: Password) -> str:
    return f"Bearer {token.reveal()}" if token else ""


def _static(auth: Auth) -> str:
    if auth.username:
        pair = f"{auth.username}:{auth.password.reveal()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return _bearer(auth.token)
