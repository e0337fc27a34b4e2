"""What a person sees: data on stdout, everything else on stderr, legible without colour."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO

import click

from regcred.core.errors import RegcredError

#: What JSON leaves as it is, and some terminals obey: DEL, and the control characters from 0x80 on.
_BEYOND_ASCII = re.compile("[\x7f-\x9f]")

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}


def error(message: str, hint: str = "") -> None:
    """Say on stderr what went wrong, and what to do about it."""
    _say("error", "red", message)
    if hint:
        tell_hint(hint)


def warning(message: str) -> None:
    """Say on stderr what a person should know although the work goes on."""
    _say("warning", "yellow", message)


def tell_hint(text: str) -> None:
    """Say on stderr the command, or the step, that comes next."""
    _say("hint", "cyan", typed(text))


def typed(text: str) -> str:
    """A hint or a command as it is to be typed after this run: with the cluster that it was given.

    Whatever shows hints, on a terminal or in a document, takes them through this.
    """
    context = click.get_current_context(silent=True)
    given = context.params if context else {}
    flags = [given.get(each) or "" for each in ("kubeconfig", "context", "ca_file")]
    if not any(flags):
        return text
    from regcred.core.reach import Reach

    return Reach(*flags).in_text(text)


def note(message: str) -> None:
    """Say a plain line on stderr."""
    sys.stderr.write(fitted(printable(message), sys.stderr) + "\n")


def say(message: str) -> None:
    """Say a plain line on stdout."""
    sys.stdout.write(fitted(printable(message), sys.stdout) + "\n")


def _say(word: str, colour: str, message: str) -> None:
    said = fitted(printable(message), sys.stderr, before=len(word) + 2)
    sys.stderr.write(f"{paint(word + ':', colour, sys.stderr)} {said}\n")


def fitted(text: str, stream: TextIO, *, before: int = 0, hang: int | None = None) -> str:
    """`text` in lines that are no longer than the terminal of `stream` is wide, if it is one.

    Args:
        text: printable.
        stream: where it is written.
        before: cells that the caller writes before it.
        hang: how far in the other lines begin; without it a little further than the first.
    """
    if not stream.isatty():
        return text
    from regcred.cli import wrapping

    margin = len(text) - len(text.lstrip(" "))
    rest = margin + wrapping.HANG if hang is None else hang
    width = wrapping.columns(stream)
    lines = wrapping.wrap(text.lstrip(" "), width, first=margin + before, rest=rest)
    return " " * margin + f"\n{'':{rest}}".join(lines)


def paint(text: str, colour: str, stream: TextIO) -> str:
    """`text` in `colour` where `stream` is a terminal that may show it (NO_COLOR, TERM)."""
    if not stream.isatty() or is_plain():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def is_plain() -> bool:
    """Whether there are to be no colours even on a terminal: https://no-color.org."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def printable(text: str) -> str:
    """`text` with control characters escaped: names come from others and end on a terminal.

    Line breaks too, since a name must not pass for a line of ours.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def data() -> TextIO:
    """Standard output, for what is lost if nobody takes it.

    Raises:
        RegcredError: it was closed when we started (``>&-``).
    """
    if sys.stdout.name == os.devnull:  # as `main` has replaced it
        raise RegcredError(
            "cannot write to standard output: it is closed", hint="send it somewhere: > FILE"
        )
    return sys.stdout


def print_object(obj: dict[str, Any], form: str) -> None:
    """Print `obj` on stdout as ``kubectl -o json`` or ``-o yaml`` does."""
    if form == "json":
        from regcred.core.formats import gojson

        text = (
            _BEYOND_ASCII.sub(lambda c: f"\\u{ord(c[0]):04x}", gojson.dumps(obj, indent=4)) + "\n"
        )
    else:
        from regcred.core.formats import goyaml

        text = goyaml.dumps(obj)
    # Data are UTF-8 wherever we run: LANG=C must not make an umlaut fail.
    write_bytes(text.encode("utf-8", "surrogateescape"))


def write_bytes(content: bytes) -> None:
    """Write all of `content` on stdout.

    Raises:
        BrokenPipeError: its reader has gone. Of one large write Python says only how much of it
            was taken until then, and nothing of the rest.
    """
    sys.stdout.flush()
    left = memoryview(content)
    while left:
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.flush()
