"""Globs in which only ``*`` is special, and stands for any characters, none included.

So it is for a part of a registry's host, and for the names in a PullCredential, which an
admission policy matches as well: ``?`` and ``[`` mean themselves. No regular expression is made
of them, since many stars would have one try for ever.

Source: https://pkg.go.dev/path#Match, for text without a slash.
"""

from __future__ import annotations


def matches(glob: str, text: str) -> bool:
    """Whether `glob` matches all of `text`."""
    first, *middle = glob.split("*")
    if not middle:
        return text == first
    *middle, last = middle
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True


def any_matches(globs: tuple[str, ...], text: str) -> bool:
    """Whether one of `globs` matches `text`."""
    return any(matches(glob, text) for glob in globs)
