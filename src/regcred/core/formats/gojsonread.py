"""JSON as Go's ``encoding/json`` reads it, with the source text of every member kept.

kubelet decodes docker configs with that package, so its habits decide what works: names match
without regard to case, a name that comes twice counts twice, bytes that are not UTF-8 become
U+FFFD, ``null`` fits everywhere. And an entry that regcred does not touch has to stay as it is:
so members are cut out of the text, and what is not changed is written back as it was.

Source: https://pkg.go.dev/encoding/json#Unmarshal
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS = {"{": "an object", "[": "a list", '"': "a string", "n": "null", "t": "true", "f": "false"}


class NotJSON(ValueError):
    """The text is not JSON; the message says where and never what. Callers translate it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One ``"name": value`` of an object.

    Args:
        name: the name, unescaped.
        raw: the value's source text, without space around it.
    """

    name: str
    raw: str = field(repr=False)

    def is_named(self, name: str) -> bool:
        """Whether Go would store it in the struct field `name` (lower-case ASCII)."""
        # The long s is the one letter that Go folds into ASCII and Python's lower() does not.
        return self.name.replace("\u017f", "s").lower() == name

    @property
    def kind(self) -> str:
        """``an object``, ``a list``, ``a string``, ``a number``, ``true``, ``false``, ``null``."""
        return _KINDS.get(self.raw[0], "a number")

    @property
    def string(self) -> str:
        """The string that the value is."""
        return _go_string(_DECODER.raw_decode(self.raw)[0])

    def members(self) -> Iterator[Member]:
        """The members of the object that the value is, in order, repeated names included."""
        at = _skip(self.raw, 1)
        while self.raw[at] != "}":
            name, at = _DECODER.raw_decode(self.raw, at)
            start = _skip(self.raw, self.raw.index(":", at) + 1)
            _, end = _DECODER.raw_decode(self.raw, start)
            yield Member(_go_string(name), self.raw[start:end])
            at = _skip(self.raw, end)
            if self.raw[at] == ",":
                at = _skip(self.raw, at + 1)


def read(data: bytes | str) -> Member:
    """The document, as a member without a name.

    Args:
        data: the JSON text; bytes need not be UTF-8.

    Raises:
        NotJSON: it is not one JSON value, or nested deeper than Python follows.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    text = data.decode("utf-8", "surrogateescape")
    start = _skip(text, 0)
    if start == len(text):
        raise NotJSON("it is empty")
    if text[start] == "\ufeff":
        raise NotJSON("it begins with a byte order mark")
    try:
        _, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        reason = error.msg.partition(":")[0]
        raise NotJSON(f"{reason} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJSON("it is nested too deeply") from None
    if _skip(text, end) != len(text):
        raise NotJSON(f"something follows after its end, at character {_skip(text, end) + 1}")
    return Member("", text[start:end])


def _skip(text: str, at: int) -> int:
    return cast("re.Match[str]", _SPACE.match(text, at)).end()


def _go_string(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _no_constant(name: str) -> NoReturn:
    raise NotJSON(f"it has {name} in it, which is no JSON")


# What a number is worth is never asked, and a long one would be refused or rounded.
_DECODER = json.JSONDecoder(
    parse_constant=_no_constant, parse_int=lambda _: 0, parse_float=lambda _: 0
)
