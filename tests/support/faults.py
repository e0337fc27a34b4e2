"""What `tests.support.faultyproxy` can do to which requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Seen:
    """A request that came, and what became of its answer."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    lines: list[bytes] = field(default_factory=list)
    """Of a watch: the lines that were passed on."""
    over: threading.Event = field(default_factory=threading.Event)
    """Whether its connection is closed, or its answer whole."""

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") in {"true", "1"}

    @property
    def plural(self) -> str:
        """``secrets`` in the path of a Secret, of all of them, or of its subresource."""
        parts = self.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if len(parts) > 2 and parts[0] == "namespaces":
            parts = parts[2:]
        return parts[0] if parts else ""


Matcher = Callable[[Seen], bool]


def anything(_: Seen) -> bool:
    return True


def watches(plural: str = "") -> Matcher:
    """Watches, of one kind or of all; whether they bring the list or go on from somewhere."""
    return lambda seen: seen.is_watch and plural in {"", seen.plural}


def lists(plural: str = "") -> Matcher:
    """Lists and watches that bring one."""

    def match(seen: Seen) -> bool:
        if seen.method != "GET" or plural not in {"", seen.plural}:
            return False
        return not seen.is_watch or "sendInitialEvents" in seen.query

    return match


def writes(plural: str = "") -> Matcher:
    return lambda seen: seen.method != "GET" and plural in {"", seen.plural}


def both(*matchers: Matcher) -> Matcher:
    return lambda seen: all(match(seen) for match in matchers)


@dataclass(frozen=True)
class Answer:
    """An answer in place of the API server's; a Status where no body is given."""

    status: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        return json.dumps(
            {"kind": "Status", "apiVersion": "v1", "code": self.status, "message": "a fault"}
        ).encode()


@dataclass(frozen=True)
class Cut:
    """The connection is reset before (or, with `after`, when) the API server has answered."""

    after: bool = False


@dataclass(frozen=True)
class Delay:
    """The request goes on after so many seconds, or once an event is set."""

    seconds: float = 0.0
    until: threading.Event | None = None


@dataclass(frozen=True)
class Rewrite:
    """The API server is asked something else, for example of an older resourceVersion."""

    query: Mapping[str, str | None]
    """Parameters to set; None takes one away."""


@dataclass(frozen=True)
class Drop:
    """The n-th line of a watch (from 0) is lost; with a matcher, the n-th that it likes."""

    n: int
    like: Callable[[dict[str, Any]], bool] = lambda _: True


@dataclass(frozen=True)
class Lose:
    """Lines of a watch that a matcher likes are lost, however many."""

    like: Callable[[dict[str, Any]], bool]
    listed: bool = False
    """Also of the list with which a watch may begin."""


@dataclass(frozen=True)
class Inject:
    """A line that the API server has not sent, before its n-th."""

    n: int
    line: bytes


@dataclass(frozen=True)
class Truncate:
    """A body ends after so many bytes, by a reset."""

    at: int


@dataclass(frozen=True)
class Close:
    """A watch ends properly before its n-th line."""

    n: int


@dataclass(frozen=True)
class Silence:
    """After n lines of a watch nothing comes any more; the connection stays open."""

    after: int


Fault = Answer | Cut | Delay | Rewrite | Drop | Lose | Inject | Truncate | Close | Silence
