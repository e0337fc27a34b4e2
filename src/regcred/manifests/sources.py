"""Which files a person means by ``-f``, and what is in them.

As ``kubectl -f`` has it (https://kubernetes.io/docs/reference/kubectl/generated/kubectl_apply/):
a folder is its YAML and JSON files, ``-R`` looks below, ``-`` is standard input; a file that is
named may be called anything. Hidden files in folders are left out: editors keep theirs there.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"
_WEB = ("http://", "https://")
_SUFFIXES = (".yaml", ".yml", ".json")
_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of manifests.

    Args:
        name: as a person knows it, for messages.
        path: of the file, links followed; empty for standard input.
        before: the file before it was read; None for standard input.
    """

    name: str
    path: str = ""
    before: os.stat_result | None = None

    @property
    def regular(self) -> bool:
        """Whether it is a file that could be replaced, and not a pipe or a device."""
        return self.before is not None and stat.S_ISREG(self.before.st_mode)


def find(
    given: Iterable[str], *, recursive: bool = False, verb: str = "inject --secret NAME"
) -> list[Source]:
    """The streams that `given` means, in order, each file once by whatever names.

    Args:
        given: names of files and folders, globs, ``-``.
        recursive: look into the folders of folders too.
        verb: the command that takes manifests from standard input, for hints.

    Raises:
        UsageError: one cannot be read, or means no file at all.
    """
    found: dict[str, Source] = {}
    for name in given:
        if name == STDIN:
            found.setdefault(STDIN, Source("<stdin>"))
            continue
        if name.startswith(_WEB) and not os.path.lexists(name):
            raise UsageError(
                f"cannot read {name}: only files are read, and no web addresses",
                hint=f"curl -fsSL {shlex.quote(name)} | regcred {verb}",
            )
        for path in _expand(name, recursive=recursive):
            # By a link or not: with --in-place the file behind it is what is written.
            real = os.path.realpath(path)
            if real not in found:
                before = _stat(path)
                # What a pipe's name leads to (/dev/fd/63) is no path that could be opened.
                found[real] = Source(path, real if stat.S_ISREG(before.st_mode) else path, before)
    return list(found.values())


def read(source: Source) -> Iterator[bytes]:
    """The content of `source`, in pieces.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        if not source.path:
            stdin = sys.stdin.buffer
            while block := stdin.read(_BLOCK):
                yield block
            return
        with open(source.path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs time
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise _unreadable(source.name, error) from None


def _expand(name: str, *, recursive: bool) -> list[str]:
    if not name:
        raise UsageError("the name of a file is empty", hint='is a variable not set? -f "$FILE"')
    name = os.path.expanduser(name)  # noqa: PTH111 - from a variable, where no shell did it
    if os.path.isdir(name):  # noqa: PTH112
        files = list(_folder(name, recursive=recursive))
        if not files:
            below = "" if recursive else f", or below it: -R -f {name}"
            raise UsageError(
                f"no {', '.join('*' + suffix for suffix in _SUFFIXES)} is in the folder {name}",
                hint=f"name the files{below}",
            )
        return files
    if os.path.lexists(name) or not any(c in name for c in "*?["):
        return [name]
    import glob

    files = []
    for match in sorted(glob.glob(name, recursive=True)):  # noqa: PTH207
        is_folder = os.path.isdir(match)  # noqa: PTH112
        files += _folder(match, recursive=recursive) if is_folder else [match]
    if not files:
        _check_readable(name)
        raise UsageError(f"no file matches {name}", hint="'**/' in it stands for any folders")
    return files


def _folder(folder: str, *, recursive: bool) -> Iterator[str]:
    """The manifests in `folder`, by their names."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if recursive:
                    yield from _folder(entry.path, recursive=True)
            elif entry.name.endswith(_SUFFIXES) and _file_or_broken(entry):
                yield entry.path
    except OSError as error:
        raise _unreadable(folder, error) from None


def _file_or_broken(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that leads nowhere: an error to be seen, no file left out."""
    try:
        return entry.is_file() or not os.path.exists(entry.path)  # noqa: PTH110
    except OSError:  # links in a circle
        return True


def _check_readable(pattern: str) -> None:
    """Make sure that the folders of a glob could be looked into, since globbing says nothing."""
    import glob

    folder = os.path.dirname(pattern)  # noqa: PTH120
    if folder == pattern:
        return
    _check_readable(folder)
    for match in glob.glob(folder, recursive=True) if folder else ():  # noqa: PTH207
        if os.path.isdir(match):  # noqa: PTH112
            try:
                os.scandir(match).close()
            except OSError as error:
                raise _unreadable(match, error) from None


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(name: str, error: OSError) -> UsageError:
    hint = f"ls -l {name}"
    if name == "<stdin>":
        hint = "name the file: -f FILE"
    return UsageError(f"cannot read {name}: {error.strerror}", hint=hint)
