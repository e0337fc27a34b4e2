"""Several files of manifests as one stream that every reader takes apart again.

A ``---`` goes between two files where neither brings one. kubectl reads more strictly than YAML
has it: a ``...`` alone does not part documents for it, what begins with JSON was JSON to its end
before 1.33, and of JSON values in a row it takes but the first once it has met YAML.

Source: ``YAMLOrJSONDecoder`` and ``YAMLReader`` of
https://pkg.go.dev/k8s.io/apimachinery/pkg/util/yaml
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder

from regcred.core.manifests import jsontree

_LINES = r"(?:[ \t]*(?:#.*)?\r?\n)*"
_MARKER = r"---(?=[ \t\r\n]|\Z)"
#: What the first thing in a document is, besides comments.
_OPENING = re.compile(rf"{_LINES}(?P<is>{_MARKER}|%)?")
_NOTHING = re.compile(rf"{_LINES}(?:{_MARKER}[ \t]*(?:#.*)?(?:\r?\n|\Z))?{_LINES}[ \t]*(?:#.*)?")
_BLANK = re.compile(r"[ \t\r\n]*")


class Joiner:
    """Makes one stream of the documents of several files, given one after the other.

    Args:
        json: all of them are JSON, and so is the stream: one value after the other.
    """

    def __init__(self, *, json: bool = False) -> None:
        self._json = json
        self._written = False
        self._break = "\n"  # as the last line ends
        self._ended = True
        #: Whether what comes without a ``---`` of its own would be part of what is there.
        self._open = False
        self._first = True  # of its file

    def next_file(self) -> None:
        """What comes now is of another file."""
        self._first = True

    def add(self, text: str) -> str:
        """`text`, the next document of its file, with what has to stand before it."""
        body = text.removeprefix("\ufeff")
        is_json = jsontree.looks_like_json(body)
        opening = _opening(body)
        between = self._between(opening, is_json=is_json) if self._first else ""
        if is_json and not self._json:
            body = self._apart(body)
        kept = "\ufeff" if body != text and not self._written and not between else ""
        # The last document may be comments behind one that is none.
        still_open = self._open and opening != "---" and not between
        self._open = still_open or not _NOTHING.fullmatch(body)
        self._ended = body.endswith("\n")
        if self._ended:
            self._break = "\r\n" if body.endswith("\r\n") else "\n"
        self._written, self._first = True, False
        return kept + between + body

    def _between(self, opening: str, *, is_json: bool) -> str:
        between = "" if self._ended else self._break
        if self._json and is_json:
            return between
        if not self._written:
            return "---\n" if is_json and opening != "---" else ""
        if self._open and opening != "---":
            # Directives may only follow the end of a document.
            between += ("..." if opening == "%" else "---") + self._break
        return between

    def _apart(self, text: str) -> str:
        """JSON values in a row as documents of their own; anything else as it is."""
        decode = JSONDecoder(object_pairs_hook=lambda _: None, strict=False).raw_decode
        parts: list[str] = []
        start, at = 0, min(text.find(c) % (len(text) + 1) for c in "{[")
        try:
            while True:
                _, end = decode(text, at)
                blank = _BLANK.match(text, end)
                at = blank.end() if blank else end
                if at == len(text):
                    return "".join((*parts, text[start:]))
                parts += [text[start:end], f"{self._break}---"]
                parts += ["" if "\n" in text[end:at] else self._break]
                start = end
        except (JSONDecodeError, RecursionError):
            return text  # YAML in braces


def _opening(text: str) -> str:
    match = _OPENING.match(text)
    return (match and match["is"]) or ""
