"""Whether what a run has written holds any of the secrets that it used, in whatever form.

::

    secrecy = Secrecy()
    secrecy.add("the access token", ACCESS)
    secrecy.add_served([served])
    secrecy.require({"the log": operator.stderr})

A secret may leave as it is, escaped for JSON, Python, a URL or HTML, or in base64, once or twice
and behind whatever stands before it (``user:password``, a docker config, a Secret's data), whole
or in part. What is found is told by the kind of the secret and by the place, never by its value.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.support.providers.serving import Served

#: Shorter ones stand in many words.
LEAST = 8
#: A piece of so many characters is no accident. Every piece of `_PIECE` + `_STEP` is found.
_PIECE, _STEP = 16, 8
#: Names of fields, headers and variables that hold secrets, and what ends those that do not.
_SECRET = re.compile(
    r"token|secret|passw|assertion|private.?key|authorization|auth$|cookie|\.pem$|credential$",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"(type|ur[il]|_id|kid|username|name|expir\w*|region|audience|provider)$", re.IGNORECASE
)
_ELEMENT = re.compile(r"<(\w+)>([^<>]+)</\1>")


class Secrecy:
    """The secrets of a run."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._short: dict[str, str] = {}
        self._pieces: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, kind: str, *secrets: str | bytes) -> None:
        """Know secrets; of one with several lines each line is one.

        Args:
            kind: what they are, for messages.
            secrets: those that are too short to be searched for are left out.
        """
        for given in secrets:
            text = given if isinstance(given, str) else given.decode("utf-8", "replace")
            for line in {text, *text.splitlines()}:
                stripped = line.strip()
                if len(stripped) >= LEAST and not stripped.startswith("-----"):
                    self._add(kind, stripped)

    def add_fields(self, kind: str, value: Any, name: str = "") -> None:
        """Know what stands under telling names in an object.

        Args:
            kind: what it is, for messages.
            value: any JSON.
            name: under which it stands itself.
        """
        match value:
            case dict():
                for key, each in value.items():
                    self.add_fields(kind, each, str(key))
            case list():
                for each in value:
                    self.add_fields(kind, each, name)
            case str() if is_secret(name):
                self.add(f"{name} of {kind}", value, *_inside(value))

    def add_body(self, kind: str, body: bytes) -> None:
        """Know what stands under telling names in JSON or in XML."""
        text = body.decode("utf-8", "replace")
        try:
            self.add_fields(kind, json.loads(text))
        except (ValueError, RecursionError):
            for name, value in _ELEMENT.findall(text):
                self.add_fields(kind, value, name)

    def add_form(self, kind: str, body: bytes) -> None:
        """Know what stands under telling names in a form."""
        for name, value in parse_qsl(body.decode("utf-8", "replace")):
            self.add_fields(kind, value, name)

    def add_headers(self, kind: str, headers: Mapping[str, str]) -> None:
        """Know what somebody has shown in the headers of a request."""
        for name, value in headers.items():
            if is_secret(name):
                shown = value.rpartition(" ")[2].rpartition("Signature=")[2]
                self.add(f"{name} of {kind}", shown, *_inside(shown))

    def add_served(self, all_served: Iterable[Served]) -> None:
        """Know what providers were shown, and what they have given."""
        for served in all_served:
            for seen in served.requests:
                self.add_headers("a request", seen.headers)
                self.add_body("a request", seen.body)
                if "form" in seen.headers.get("content-type", ""):
                    self.add_form("a request", seen.body)
            for body in served.answers:
                self.add_body("an answer", body)

    def leaks(self, written: Mapping[str, str]) -> list[str]:
        """Which kinds of secrets stand where.

        Args:
            written: place, for messages → what was written there.
        """
        return sorted(
            {f"{kind} is in {place}" for place, text in written.items() for kind in self._in(text)}
        )

    def require(self, written: Mapping[str, str]) -> None:
        """Make sure that none of the secrets is anywhere.

        Raises:
            AssertionError: one is; says which, and where.
        """
        __tracebackhide__ = True
        if found := self.leaks(written):
            raise AssertionError("; ".join(found))

    def _add(self, kind: str, secret: str) -> None:
        if secret in self._known:
            return
        self._known.add(secret)
        for form in _forms(secret):
            if len(form) < _PIECE:
                self._short.setdefault(form, kind)
            for start in range(0, len(form) - _PIECE + 1, _STEP):
                self._pieces.setdefault(form[start : start + _PIECE], kind)

    def _in(self, text: str) -> Iterator[str]:
        # In URLs base64 has two other characters.
        for spelt in {text, text.replace("-", "+").replace("_", "/")}:
            yield from (kind for form, kind in self._short.items() if form in spelt)
            for start in range(len(spelt) - _PIECE + 1):
                if (kind := self._pieces.get(spelt[start : start + _PIECE])) is not None:
                    yield kind


def is_secret(name: str) -> bool:
    """Whether something of this name is one."""
    return bool(_SECRET.search(name)) and not _OPEN.search(name)


def _inside(value: str) -> Iterator[str]:
    """The password of a ``user:password`` in base64; nothing where it is none."""
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return
    if colon and user.isprintable():
        yield password


def _forms(secret: str) -> set[str]:
    """The ways in which it may be written."""
    quoted = json.dumps(secret)[1:-1]
    plain = {
        *(secret, quoted, json.dumps(quoted)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
        *(repr(secret)[1:-1], html.escape(secret)),
        *(quote(secret), quote(secret, safe=""), quote_plus(secret)),
    }
    once = {form for each in (secret, quoted) for form in _encoded(each)}
    twice = {form for each in once for form in _encoded(each)}
    return {form for form in plain | once | twice if len(form) >= LEAST}


def _encoded(text: str) -> Iterator[str]:
    """What stays the same of its base64, whatever stands before and after it."""
    data = text.encode("utf-8", "surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data + b"\0" * 3).decode()
        yield encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
