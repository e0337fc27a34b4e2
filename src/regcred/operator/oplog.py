"""What the operator says: one line a change, as JSON or for a person's eyes.

Names and messages come from others, so whatever is in them stays on its line: line breaks, escapes
for terminals and halves of characters are escaped. Lines go straight to the file descriptor; a
`logging.LogRecord` for each costs twice as much, and a first look at 10,000 namespaces says 20,000
lines. What libraries report through `logging` comes out in the same form.

Nobody may be held up by a reader of logs: who takes no line for a second gets none until they read
again, and is told then how many were lost.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from json import JSONEncoder
from math import isfinite
from pathlib import PurePath
from traceback import extract_tb
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.credential import Password

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["json", "console"]

#: The logger of the operator itself, for code that has only `logging`.
LOGGER = "regcred.operator"

_RANKS: dict[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SILENT = logging.CRITICAL + 1
_PATIENCE_MS = 1000
#: A writable pipe takes this many bytes at once, and never mixes them with another's.
_CHUNK = select.PIPE_BUF

_quoted = JSONEncoder().encode


def setup(form: Form, level: Level, stream: TextIO | None = None) -> None:
    """Begin to say things; until then nothing is said. Once more replaces what was.

    Args:
        form: ``json``, or ``console`` for people.
        level: what is less important is not said. Libraries are heard from ``warning`` on.
        stream: where to; standard error by default.
    """
    _log.begin(form, level, sys.stderr if stream is None else stream)
    root, own = logging.getLogger(), logging.getLogger(LOGGER)
    for handler in [x for x in root.handlers if isinstance(x, _FromLibraries)]:
        root.removeHandler(handler)
    root.addHandler(_FromLibraries())
    root.setLevel(logging.WARNING)
    own.setLevel(_RANKS[level])
    logging.captureWarnings(capture=True)


def say(level: Level, reason: str, message: str, **fields: str | int | float | Password) -> None:
    """Say one line.

    Args:
        level: how much it matters.
        reason: a word in CamelCase that stays the same over versions.
        message: a sentence for people.
        fields: what it is about: ``namespace``, ``serviceAccount``, ``pullCredential``, …;
            none may be called ``time``.
    """
    if _RANKS[level] >= _log.threshold:
        _log.write(level, reason, message, fields)


def escaped(text: str) -> str:
    """`text` as one line that does nothing to a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class _Log:
    """The form of lines, and the way they go."""

    def __init__(self) -> None:
        self.threshold = _SILENT
        self._json = True
        self._lines = _Lines(None)
        self._second = -1
        self._stamp = ""

    def begin(self, form: Form, level: Level, stream: TextIO | None) -> None:
        self._json = form == "json"
        self._lines = _Lines(stream)
        self._second = -1
        self.threshold = _RANKS[level]

    def write(self, level: Level, reason: str, message: str, fields: Mapping[str, object]) -> None:
        lost = self._lines.lost
        if self._lines.write(self._line(level, reason, message, fields)) and lost:
            told = f"{lost} lines before the last one were lost: nobody took them"
            self._lines.write(self._line("warning", "LogLinesLost", told, {"lines": lost}))

    def _line(self, level: Level, reason: str, message: str, fields: Mapping[str, object]) -> str:
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second, self._stamp = second, self._stamped(second)
        if not self._json:
            given = "".join([f" {name}={_word(value)}" for name, value in fields.items()])
            return f"{self._stamp} {level.upper()} {reason}{given} {escaped(message)}\n"
        given = "".join([f',"{name}":{_json(value)}' for name, value in fields.items()])
        return (
            f'{{"time":"{self._stamp}.{rest // 1000:06d}Z","level":"{level}"'
            f',"reason":{_json(reason)},"message":{_json(message)}{given}}}\n'
        )

    def _stamped(self, second: int) -> str:
        if self._json:
            return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return time.strftime("%H:%M:%S", time.localtime(second))


class _Lines:
    """A stream that takes whole lines, or loses them: it neither raises nor blocks for long.

    Attributes:
        lost: lines not taken since the last one that was.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.lost = 0
        self._stream = stream
        self._torn = False
        self._descriptor = -1
        self._poll = select.poll()
        try:
            if stream is not None:
                stream.flush()
                self._descriptor = stream.fileno()
                self._poll.register(self._descriptor, select.POLLOUT)
        except (OSError, ValueError):
            self._descriptor = -1

    def write(self, line: str) -> bool:
        """Write a line; False where it is lost."""
        try:
            if self._descriptor >= 0:
                self._send(line)
            elif self._stream is not None:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1
            return False
        self.lost = 0
        return True

    def _send(self, line: str) -> None:
        # After half a line the next one begins on its own.
        data = f"\n{line}" if self._torn else line
        left = whole = data.encode("utf-8", "backslashreplace")
        try:
            while left:
                if not self._poll.poll(0 if self.lost else _PATIENCE_MS):
                    raise TimeoutError
                left = left[os.write(self._descriptor, left[:_CHUNK]) :]
        finally:
            if len(left) < len(whole):
                self._torn = bool(left)


class _FromLibraries(logging.Handler):
    """What comes through `logging`, in our form.

    Only the first line of a message, and of an exception its kind and where it was raised: the
    rest may be the text of an answer or of a file.
    """

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name}
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - its arguments do not fit it
            message = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            frames = [
                f"{PurePath(x.filename).name}:{x.lineno} {x.name}"
                for x in reversed(extract_tb(error.__traceback__))
            ]
            fields["error"] = type(error).__name__
            if frames:
                fields["at"] = frames[0]
            if _log.threshold <= logging.DEBUG:
                fields["frames"] = " < ".join(frames)
        level: Level = next((x for x in reversed(_RANKS) if record.levelno >= _RANKS[x]), "debug")
        if record.levelno >= _log.threshold:
            _log.write(level, "Library", message.partition("\n")[0], fields)


def _json(value: object) -> str:
    """`value` as JSON that any reader takes: no NaN, and no character outside ASCII."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int or (type(value) is float and isfinite(value)):
        return repr(value)
    text = value if isinstance(value, str) else repr(value)
    quoted = _quoted(text)
    if "\\ud" not in quoted:
        return quoted
    # Half a surrogate pair is no character, and strict readers refuse the line.
    return _quoted(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _word(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else _quoted(text)


_log = _Log()
