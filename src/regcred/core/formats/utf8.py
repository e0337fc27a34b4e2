"""Bytes to text, piece by piece, with the line and column of what is no text.

Manifests are UTF-8: what kubectl and kustomize read. A byte order mark stays a character of the
text, so that encoding gives the very same bytes again. Other encodings and packed files are
called by their names, since their owner may well take them for text.

Source: https://www.rfc-editor.org/rfc/rfc3629 and https://yaml.org/spec/1.2.2/#52-character-encodings
"""

from __future__ import annotations

import codecs
import shlex
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What a stream begins with → what it is, and the program that makes text of it. The longer first.
_MAGIC = {
    b"\xff\xfe\0\0": ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
    b"\0\0\xfe\xff": ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
    b"\xff\xfe": ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
    b"\xfe\xff": ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
    b"\x1f\x8b": ("packed with gzip", "gzip -dc"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "zstd -dc"),
    b"\xfd7zXZ\0": ("packed with xz", "xz -dc"),
    b"PK\x03\x04": ("a zip archive", "unzip -p"),
}
#: Which of the first bytes are NUL in text without a mark (YAML 1.2.2, section 5.2).
_NULS = {
    (True, True, True, False): "UTF-32BE",
    (False, True, True, True): "UTF-32LE",
    (True, False): "UTF-16BE",
    (False, True): "UTF-16LE",
}
_HEAD = max(map(len, _MAGIC))


def decode(
    blocks: Iterable[bytes], file: str = "", verb: str = "inject --secret NAME"
) -> Iterator[str]:
    """The text of a stream, in pieces.

    Args:
        blocks: the stream in pieces of any size.
        file: its name, for messages; ``<stdin>`` or empty for what has none.
        verb: the command that text goes to, for hints.

    Raises:
        InvalidManifest: it is no UTF-8, or holds a NUL, which no YAML and no JSON may.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = column = 1  # of the next character
    for block in _beginning_whole(blocks):
        if line == column == 1:
            _check_magic(block, file, verb)
        bad, problem, hint = -1, "", ""
        try:
            text = decoder.decode(block, not block)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode("utf-8")
            bad, problem = len(text), f"byte 0x{error.object[error.start]:02x} is no UTF-8"
            hint = _hint("iconv -f WINDOWS-1252 -t UTF-8", file, verb) + ", or from what it is in"
        if "\0" in text:
            bad, problem = text.find("\0"), "a NUL byte, which no YAML and no JSON holds"
            hint = "manifests are text in UTF-8"
        if problem:
            start = text.rfind("\n", 0, bad)
            line += text.count("\n", 0, bad)
            column = bad - start if start >= 0 else column + bad
            raise InvalidManifest(f"{file or 'the input'}:{line}:{column}: {problem}", hint=hint)
        if text:
            yield text
            line += text.count("\n")
            start = text.rfind("\n")
            column = len(text) - start if start >= 0 else column + len(text)


def _beginning_whole(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """`blocks` of which the first holds all that tells what the stream is, and a last empty one."""
    head = b""
    for block in blocks:
        if len(head) < _HEAD:  # a pipe may give byte after byte
            head += block
            if len(head) >= _HEAD:
                yield head
        elif block:
            yield block
    if len(head) < _HEAD:
        yield head
    if head:
        yield b""


def _check_magic(head: bytes, file: str, verb: str) -> None:
    for magic, (what, program) in _MAGIC.items():
        if head.startswith(magic):
            raise InvalidManifest(
                f"{file or 'the input'}:1:1: this is {what}, not UTF-8",
                hint=_hint(program, file, verb),
            )
    for pattern, encoding in _NULS.items():
        if len(head) >= len(pattern) and all(
            (byte == 0) is nul for byte, nul in zip(head, pattern, strict=False)
        ):
            raise InvalidManifest(
                f"{file or 'the input'}:1:1: this looks like {encoding}, not UTF-8",
                hint=_hint(f"iconv -f {encoding} -t UTF-8", file, verb),
            )


def _hint(program: str, file: str, verb: str) -> str:
    from_stdin = not file or file.startswith("<")
    command = f"… | {program}" if from_stdin else f"{program} {shlex.quote(file)}"
    return f"{command} | regcred {verb}"
