"""``WWW-Authenticate``: which logins a registry takes.

Several challenges may stand in one header, a challenge may have a token68 or parameters, and the
comma that parts them is the same: so the header is read token by token, never split.
Whatever does not fit the grammar is passed over, since what registries send often does not.

Grammar: RFC 9110, sections 5.6 and 11 (https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|\Z)")
# An unfinished string goes to the end.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A token by the grammar, but realm=https://auth.example.com/token is sent too.
_BARE_END = re.compile(r"[ \t,]|\Z")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge.

    Args:
        scheme: in lower case: ``basic``, ``bearer``.
        params: names in lower case; of a repeated one the first.
        token68: what some schemes have in place of parameters; ``""`` for none.
    """

    scheme: str
    params: Mapping[str, str] = field(default_factory=dict)
    token68: str = ""


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of an answer, in order.

    Args:
        headers: the value of each ``WWW-Authenticate`` header.
    """
    return [challenge for header in headers for challenge in _parse(header)]


def _parse(header: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    params: dict[str, str] = {}
    at = 0
    while at < len(header):
        name = _NAME.match(header, at)
        if name is None:
            at += 1
            continue
        at = name.end()
        if equals := _EQUALS.match(header, at):
            value, at = _value(header, equals.end())
            params.setdefault(name[0].lower(), value)
            continue
        # The parameters that follow are this challenge's: it holds the dict that they go into.
        params = {}
        token68 = _TOKEN68.match(header, at)
        if token68:
            at = token68.end()
        challenges.append(Challenge(name[0].lower(), params, token68[1] if token68 else ""))
    return challenges


def _value(header: str, at: int) -> tuple[str, int]:
    """The value that begins at `at`, and where it ends."""
    if quoted := _QUOTED.match(header, at):
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    bare = header[at : cast("re.Match[str]", _BARE_END.search(header, at)).start()]
    return bare, at + len(bare)
