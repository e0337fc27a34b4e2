"""What others said, fit for a message: one short line without secrets.

A registry's error or a helper's complaint is worth showing, but it is not ours: it may hold the
password that was sent, a token, terminal escapes or a megabyte of HTML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regcred.core.credential import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRETS = (
    re.compile(r"eyJ[\w-]+(?:\.[\w-]*)*", re.ASCII),
    re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )[\w+/=-]{8,}"),
    re.compile(r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization)[\"']?[:=] ?)\S+"),
    # Long and of both letters and digits: a token or a digest, either way no loss.
    re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{24,}", re.ASCII),
)
_MAX_INPUT = 4096


def one_line(text: str, *, hide: Iterable[str] = (), limit: int = 200) -> str:
    """`text` as one printable line, shortened, with what looks like a secret hidden.

    Args:
        text: what somebody else said.
        hide: secrets that are known and must not appear; blanks alone are none.
        limit: length of the result in characters.
    """
    secrets = sorted((s for s in hide if s.strip()), key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    printable = "".join(c if c.isprintable() else " " for c in text[:_MAX_INPUT])
    line = " ".join(printable.split())
    for secret in secrets:  # What was spread over lines may be together only now.
        line = line.replace(secret, HIDDEN)
    for pattern in _SECRETS:
        line = pattern.sub(lambda match: (match[1] if match.re.groups else "") + HIDDEN, line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
