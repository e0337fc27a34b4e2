"""Requests to registries and token services, over the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def basic(username: str, password: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {
        "Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
    }


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Sequence[tuple[str, str]] | None = None,
    ca_file: Path | None = None,
) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers and decoded JSON content (None when there is none) of the answer."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        tls = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(parts.netloc, context=tls, timeout=30)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    sent = dict(headers or {})
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, path, urlencode(form) if form is not None else None, sent)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, answer.headers, json.loads(content) if content else None
    finally:
        connection.close()
