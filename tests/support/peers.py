"""Servers on loopback that do what broken or hostile registries do, and remember what they saw."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

PASSWORD = "hunter2-é"
BASIC = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()


@dataclass
class Peer:
    """A server on loopback that remembers what it was sent."""

    port: int
    requests: list = field(default_factory=list)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def authorizations(self):
        return [headers.get("Authorization") for _, _, headers, _ in self.requests]

    def knows_the_password(self):
        text = repr(self.requests)
        return any(s in text for s in ("hunter2", BASIC, b64encode(PASSWORD.encode()).decode()))
