"""Requests to registries and what comes back, as the flows see them: no sockets, no aiohttp.

A flow yields a `Request` and is sent the `Response`; who drives it must not follow redirects and
must hand over no body but one that it has limited (`regcred.registry.exchange`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.core.credential import Password

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be made.

    Args:
        method: ``GET``, ``HEAD`` or ``POST``.
        url: absolute, http or https.
        authorization: the value of the ``Authorization`` header, or None.
        form: the body, encoded as ``application/x-www-form-urlencoded``, or None.
        accept: the value of the ``Accept`` header; empty for none.
        keep: bytes of a successful answer's body to hand over as they are; 0 where only its
            JSON counts.
    """

    method: str
    url: str
    authorization: Password | None = None
    form: bytes | None = field(default=None, repr=False)
    accept: str = ""
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Args:
        status: HTTP status code.
        challenges: the values of all ``WWW-Authenticate`` headers.
        location: the ``Location`` header, or ``""``.
        is_foreign: it is HTML or some other text, neither empty nor JSON, and no
            ``Docker-Distribution-API-Version`` header says that it is a registry's all the same
            (Quay's is HTML).
        json: the decoded body, or None where it is not JSON or too large. Never shown.
        content_type: what the body is said to be, in lower case and without parameters.
        digest: the ``Docker-Content-Digest`` header, or ``""``.
        length: the ``Content-Length`` header; None where there is none.
        retry_after: the ``Retry-After`` header, or ``""``.
        body: what `Request.keep` asks for; None where there is more than that.
    """

    status: int
    challenges: Sequence[str] = ()
    location: str = ""
    is_foreign: bool = False
    json: Any = field(default=None, repr=False)
    content_type: str = ""
    digest: str = ""
    length: int | None = None
    retry_after: str = ""
    body: bytes | None = field(default=b"", repr=False)
