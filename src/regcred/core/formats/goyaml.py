"""YAML as ``kubectl -o yaml`` writes it, byte for byte.

kubectl prints through sigs.k8s.io/yaml, which converts JSON and emits with go.yaml.in/yaml/v2:
map keys in a natural order, lists not indented, lines never folded, and a quoting rule of its
own: a string is quoted in double quotes when it would read back as another type, in single
quotes when its characters would confuse the parser, and is a literal block when it holds a
line feed. PyYAML quotes differently and takes 20 ms to import; hence these lines.

Sources: https://pkg.go.dev/go.yaml.in/yaml/v2 (encode.go, resolve.go, sorter.go, emitterc.go)
"""

from __future__ import annotations

import functools
import re
from typing import Any

_WORDS = frozenset(
    word
    for lower in ("y", "yes", "true", "on", "n", "no", "false", "off", "null")
    for word in (lower, lower.capitalize(), lower.upper())
) | frozenset(
    ["", "~", "<<", ".nan", ".NaN", ".NAN"]
    + [sign + inf for sign in ("", "+", "-") for inf in (".inf", ".Inf", ".INF")]
)
# Patterns stay text until a string needs them: compiling them all takes longer than a Secret.
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_INT = r"([-+]?)0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)"
_BASE60 = r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
_TIMESTAMP = (
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?(?:Z|[-+]\d\d:\d\d)"
    r"| (\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?)?"
)
# The emitter counts as printable only what lies in the basic plane, without the BOM.
_NOT_PRINTABLE = "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe-\U0010ffff]"
_BREAKS = "\r\n\x85\u2028\u2029"
_BREAK = f"[{_BREAKS}]"
_SPACE_BREAK = f" [{_BREAKS}]"
_BREAK_SPACE = f"[{_BREAKS}] "
_SPECIAL_FIRST = frozenset("#,[]{}&*!|>'\"%@`")
_ESCAPES = {
    "\0": "0",
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
    "\x1b": "e",
    '"': '"',
    "\\": "\\",
    "\x85": "N",
    "\u2028": "L",
    "\u2029": "P",
}


def dumps(obj: dict[str, Any]) -> str:
    """Encode a mapping of strings to dicts, lists, strings, integers, booleans and None."""
    lines: list[str] = []
    _mapping(obj, 0, "", lines)
    return "\n".join(lines) + "\n"


def _mapping(obj: dict[str, Any], indent: int, first: str, lines: list[str]) -> None:
    """Append `obj`; its first line starts with `first` instead of the indentation."""
    lead = first or " " * indent
    for key in sorted(obj, key=functools.cmp_to_key(_compare_keys)):
        head = f"{lead}{_scalar(key, indent, in_key=True)}:"
        _value(head, obj[key], indent, lines)
        lead = " " * indent


def _value(head: str, value: Any, indent: int, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        lines.append(head)
        _mapping(value, indent + 2, "", lines)
    elif isinstance(value, list) and value:
        lines.append(head)
        for item in value:
            if isinstance(item, dict) and item:
                _mapping(item, indent + 2, " " * indent + "- ", lines)
            elif isinstance(item, list) and item:
                raise TypeError("a list in a list: no Kubernetes object that we print has one")
            else:
                lines.append(f"{' ' * indent}- {_scalar(item, indent)}")
    else:
        lines.append(f"{head} {_scalar(value, indent)}")


def _scalar(value: Any, indent: int, *, in_key: bool = False) -> str:
    if isinstance(value, str):
        return _string(value, indent, in_key=in_key)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value == {} or value == []:
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"cannot write a {type(value).__name__} as kubectl would")


def _string(text: str, indent: int, *, in_key: bool) -> str:
    simple = text.isascii() and text.isprintable()
    special = not simple and (re.search(_SPACE_BREAK, text) or re.search(_NOT_PRINTABLE, text))
    if "\n" in text:
        block = not special and not text.endswith(" ") and not in_key
        return _literal(text, indent) if block else _double_quoted(text)
    if reads_as_other_type(text) or special:
        return _double_quoted(text)
    # Without a line feed, the other breaks (U+2028 and the like) are all that is left.
    if _confuses(text) or (not simple and re.search(_BREAK, text)):
        if re.search(_BREAK if in_key else _BREAK_SPACE, text):
            return _double_quoted(text)
        return "'" + text.replace("'", "''") + "'"
    return text


def reads_as_other_type(text: str) -> bool:
    """Whether the plain scalar `text` would be resolved as bool, null, number or timestamp."""
    if text in _WORDS:
        return True
    if text[0] not in "+-.0123456789" or (text[0] == "." and not text[1:2].isdigit()):
        return False
    if re.fullmatch(_BASE60, text) or _is_timestamp(text):
        return True
    plain = text if text[0] == "." else text.replace("_", "")
    if match := re.fullmatch(_INT, plain):
        value = int(match[2][1:], {"x": 16, "o": 8, "b": 2}[match[2][0].lower()])
        limit = {"": 2**64 - 1, "+": 2**63 - 1, "-": 2**63}[match[1]]
        return value <= limit
    # Go's ParseFloat fails on what is too large, and then the text stays a string.
    return bool(re.fullmatch(_FLOAT, plain)) and abs(float(plain)) != float("inf")


def _is_timestamp(text: str) -> bool:
    match = re.fullmatch(_TIMESTAMP, text, re.ASCII)
    if not match:
        return False
    numbers = [int(n) for n in match.groups() if n is not None]
    year, month, day, *clock = numbers
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return False
    return all(n < limit for n, limit in zip(clock, (24, 60, 60), strict=False))


def _confuses(text: str) -> bool:
    """Whether a plain scalar of these characters would be parsed as something else."""
    if text[0] in _SPECIAL_FIRST or text.startswith(("---", "...")):
        return True
    if text[0] == " " or text[-1] == " ":
        return True
    if text[0] in "?-" and (len(text) == 1 or text[1] in " \t"):
        return True
    return text[-1] == ":" or any(pair in text for pair in (": ", ":\t", " #", "\t#"))


def _literal(text: str, indent: int) -> str:
    hint = "2" if text[0] == " " or text[0] in _BREAKS else ""
    chomp = ""
    if text[-1] not in _BREAKS:
        chomp = "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        chomp = "+"
    body = text[:-1] if text.endswith("\n") else text
    pad = " " * (indent + 2)
    return f"|{hint}{chomp}\n" + "\n".join(pad + line if line else "" for line in body.split("\n"))


def _double_quoted(text: str) -> str:
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append("\\" + _ESCAPES[char])
        elif re.match(_NOT_PRINTABLE, char):
            code = ord(char)
            width, letter = (2, "x") if code <= 0xFF else (4, "u") if code <= 0xFFFF else (8, "U")
            out.append(f"\\{letter}{code:0{width}X}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def _compare_keys(a: str, b: str) -> int:
    """yaml/v2's order of map keys: letters after others, runs of digits by their value."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x == y:
            continue
        if x.isalpha() or y.isalpha():
            if x.isalpha() and y.isalpha():
                return -1 if x < y else 1
            return -1 if y.isalpha() else 1
        # A zero inside a longer number is one of its digits, not the start of another.
        start = 0
        if "0" in (x, y):
            run = re.search(r"[0-9]*$", a[:i])
            start = 1 if run and run[0].strip("0") else 0
        run_a, run_b = _digits(a, i), _digits(b, i)
        value_a, value_b = int(f"{start}{run_a}"), int(f"{start}{run_b}")
        if value_a != value_b:
            return -1 if value_a < value_b else 1
        if len(run_a) != len(run_b):
            return -1 if len(run_a) < len(run_b) else 1
        return -1 if x < y else 1
    return len(a) - len(b)


def _digits(text: str, start: int) -> str:
    match = re.compile("[0-9]*").match(text, start)
    return match[0] if match else ""
