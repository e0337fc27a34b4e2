"""Texts that are almost manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.samplenodes import Chooser

_PIECES = (
    *("{", "}", "[", "]", ":", ": ", ",", '"', "'", "#", " #", "- ", "-", "? ", "|", ">", "|+\n"),
    *(
        "&a ",
        "*a",
        "*a1",
        "<<: ",
        "<<: *a1\n",
        "!!str ",
        "!!seq ",
        "! ",
        "%",
        "@",
        "`",
        "~",
        "null",
    ),
    *("\n", "\r\n", "\r", "\t", " ", "  ", "---\n", "...\n", "%YAML 1.1\n", "\x00", "\x07", "\x85"),
    *("\u2028", "\ufeff", "\U0001f389", "\\ud800", "NaN", "{{ x }}", "spec:", "kind: Pod\n"),
    *("imagePullSecrets:", "imagePullSecrets: null", '"imagePullSecrets":[]', "- name: regcred"),
)


def mutated(choose: Chooser, text: str) -> str:
    """`text` with some of it gone, doubled, moved, or something else in its place."""
    for _ in range(choose.pick((1, 1, 1, 2, 3))):
        at = _place(choose, text)
        end = at + choose.pick((0, 1, 2, 5, 20))
        how = choose.pick(("cut", "replace", "copy", "line", "indent"))
        if how == "cut":
            text = text[:at] + text[end:]
        elif how == "replace":
            text = text[:at] + choose.pick(_PIECES) + text[end:]
        elif how == "copy":
            to = _place(choose, text)
            text = text[:to] + text[at:end] + text[to:]
        elif lines := text.splitlines(keepends=True):
            number = at % len(lines)
            line = lines[number]
            new = line * 2 if how == "line" else choose.pick(("", " ", "  ")) + line.lstrip(" ")
            text = "".join([*lines[:number], new, *lines[number + 1 :]])
    return text


def _place(choose: Chooser, text: str) -> int:
    """An offset in `text`; of three choices, since one of thousands cannot be simplified."""
    share = sum(choose.pick(range(16)) / 16**power for power in (1, 2, 3))
    return int(share * (len(text) + 1))
