"""google-auth's requests, made by `regcred.minters.web`: bounded, without redirects, and judged.

The SDK takes any callable for its transport. This one runs in the SDK's thread and has the loop do
the work. It says itself what a refusal means, where status and body are at hand, so that the SDK
neither retries nor puts bodies into its exceptions.

Key files say where to send things, and the ServiceAccount's token is none of their business to
give away: only to Google's hosts goes anything, and in clear to this machine alone.
https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from regcred.core.credential import Password
from regcred.core.logins.registrykey import is_loopback
from regcred.core.registry.peers import BadPeerURL, origin
from regcred.minters import googlefailures
from regcred.minters.settings import refuse
from regcred.minters.web import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.web import Answer, Web

_GOOGLE = "googleapis.com"
#: In keys from before 2016.
_OLD = "accounts.google.com"


def require_google(url: str, what: str) -> None:
    """Make sure that something secret may be sent to a URL.

    Args:
        url: that a file names.
        what: the field's name, for the message.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    try:
        scheme, host, _ = origin(url)
    except BadPeerURL:
        raise refuse(f"{what} has to be an https URL of Google") from None
    if is_loopback(host):
        return
    if scheme != "https":
        raise refuse(f"{what} has to begin with https://, for a secret is sent there")
    if host not in (_GOOGLE, _OLD) and not host.endswith(f".{_GOOGLE}"):
        raise refuse(
            f"{what} leads to {host}, and nothing is sent to others than {_GOOGLE}",
            "take the file as Google's console or gcloud made it",
        )


class Transport:
    """What google-auth calls for a request (`google.auth.transport.Request`).

    Args:
        web: makes it.
        loop: in which `web` lives; this is called in another thread.

    Attributes:
        answers: all that came, oldest first.
    """

    def __init__(self, web: Web, loop: asyncio.AbstractEventLoop) -> None:
        self._web, self._loop = web, loop
        self.answers: list[Answer] = []

    @property
    def host(self) -> str:
        """Who answered last."""
        return self.answers[-1].host if self.answers else "Google"

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        """Make a request, and take no answer but a good one.

        Raises:
            MintFailed: there is none.
        """
        require_google(url, "the address")
        asked = self._ask(url, method, body or b"", dict(headers or {}), timeout or TIMEOUT)
        answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        self.answers.append(answer)
        if answer.status != 200:
            raise googlefailures.of_token(answer)
        return _Response(answer)

    async def _ask(
        self, url: str, method: str, body: bytes, headers: dict[str, str], seconds: float
    ) -> Answer:
        kind = {name.lower(): name for name in headers}
        said = headers.pop(kind["authorization"], "") if "authorization" in kind else ""
        is_json = headers.pop(kind.get("content-type", ""), "").startswith("application/json")
        return await self._web.ask(
            method,
            url,
            authorization=Password(said) if said else None,
            headers=headers,
            json_body=json.loads(body) if is_json else None,
            form=dict(parse_qsl(body.decode(), keep_blank_values=True)) if not is_json else None,
            seconds=seconds,
        )


class _Response:
    """An answer as google-auth reads it (`google.auth.transport.Response`)."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers, self.data = answer.status, answer.headers, answer.body
