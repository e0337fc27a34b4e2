"""Reading typed fields out of a decoded JSON object, as strictly as Go's decoder.

Go leaves a field alone when its value is null or it is not there, ignores fields it does not
know, and refuses a value of another type: a number where text belongs is an error and never
turned into text. The errors here name the place and the type, never the value.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regcred.core.errors import RegcredError


class Fields:
    """The fields of one object.

    Args:
        value: the decoded object; None for one that is not there.
        place: what stands before a field's name in messages.
        error: the class of error to raise.

    Raises:
        RegcredError: of class ``error``: the value is no object.
    """

    def __init__(self, value: Any, place: str, error: type[RegcredError]) -> None:
        self.place = place
        self._error = error
        if value is not None and not isinstance(value, dict):
            raise error(f"{place} must be an object, not {_kind(value)}")
        self._value: dict[str, Any] = value or {}

    def any(self, key: str) -> Any:
        """The value of any type, None when it is not there."""
        return self._value.get(key)

    def string(self, key: str) -> str:
        """Text; empty when it is not there."""
        return self._text(self._value.get(key), key)

    def boolean(self, key: str) -> bool:
        """A boolean; False when it is not there."""
        value = self._value.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return bool(value)

    def base64(self, key: str) -> bytes:
        """Bytes given in padded standard base64; line breaks in it are allowed, as for Go."""
        text = self.string(key).replace("\n", "").replace("\r", "")
        try:
            if len(text) % 4:
                raise ValueError
            return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        except ValueError:
            raise self._error(f"{self._name(key)} is not valid base64") from None

    def mapping(self, key: str) -> Fields | None:
        """An object; None when it is not there."""
        value = self._value.get(key)
        return None if value is None else Fields(value, self._name(key), self._error)

    def items(self, key: str) -> list[Fields]:
        """A list of objects; empty when it is not there."""
        return [
            Fields(item, f"{self._name(key)}[{index}]", self._error)
            for index, item in enumerate(self._list(self._value.get(key), key))
        ]

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when it is not there."""
        return self._texts(self._value.get(key), key)

    def string_lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """An object whose values are lists of texts; empty when it is not there."""
        inner = self.mapping(key)
        if inner is None:
            return {}
        return {str(name): inner.strings(name) for name in inner._value}

    def _texts(self, value: Any, key: str) -> tuple[str, ...]:
        items = self._list(value, key)
        return tuple(self._text(item, f"{key}[{index}]") for index, item in enumerate(items))

    def _text(self, value: Any, key: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(key, "text (in quotes)", value)
        return value

    def _list(self, value: Any, key: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        return value

    def _name(self, key: str) -> str:
        return f"{self.place} {key}" if self.place.endswith(":") else f"{self.place}.{key}"

    def _wrong(self, key: str, wanted: str, value: Any) -> RegcredError:
        return self._error(f"{self._name(key)} must be {wanted}, not {_kind(value)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    names = {str: "text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
