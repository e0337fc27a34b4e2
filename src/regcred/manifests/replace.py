"""Write several files anew: all of them or none, and each at once.

The new content stands complete and synced beside each file before the first one is renamed into
its place; where one then cannot be, those before it get their old files back. Readers see the old
file or the new one. A file keeps its mode, owner, ACL and other extended attributes, a link stays
a link; another name of the file (a hard link) keeps the old content.

Two runs at once: each file is locked and compared with what was read before it is renamed, so the
later run fails, and nothing that the earlier one wrote is lost.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.errors import RegcredError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from regcred.manifests.sources import Source

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: What a file system says that has no hard links, or none of this file.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)
_BLOCK = 256 * 1024


class CannotReplace(RegcredError):
    """A file cannot be written anew."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file and what is to be in it.

    Args:
        source: the file as it was when it was read.
        content: gives its new content, in pieces.
    """

    source: Source
    content: Callable[[], Iterable[bytes]]


@dataclass(slots=True)
class _Ready:
    """A file whose new content stands beside it.

    Args:
        source: the file.
        new: the name of the new content.
        inode: of the new content.
        old: a second name of the old content; empty while there is none.
    """

    source: Source
    new: str
    inode: int
    old: str = ""


def check(source: Source) -> None:
    """Make sure, as far as that shows before it is read, that `source` can be written anew.

    Raises:
        UsageError: it is no file.
        CannotReplace: it may not be written.
    """
    if not source.regular:
        raise UsageError(
            f"{source.name} is no file that could be changed in place",
            hint="without --in-place the result goes to standard output",
        )
    if not os.access(source.path, os.W_OK):
        raise CannotReplace(f"{source.name} may not be written", hint=_to_be_writable(source))


def _to_be_writable(source: Source) -> str:
    """What makes a file writable that is not."""
    assert source.before is not None  # noqa: S101 - regular files have it
    if os.statvfs(source.path).f_flag & os.ST_RDONLY:
        return _READ_ONLY.format(source.name)
    if source.before.st_uid != os.geteuid():
        return f"do it as somebody who may: ls -l {source.name}"
    if source.before.st_mode & stat.S_IWUSR:
        return f"it is not its mode that forbids it: lsattr {source.name}"
    return f"chmod u+w {source.name}"


def replace(replacements: Iterable[Replacement], done: Callable[[Source], None]) -> None:
    """Write all `replacements`, or none.

    Args:
        replacements: the files.
        done: called for each, when all are written; Ctrl-C waits for that.

    Raises:
        CannotReplace: one cannot be written; none is.
    """
    litter: list[str] = []
    with _all_signals_interrupt():
        try:
            ready = [_prepare(replacement, litter) for replacement in replacements]
            with _held():
                _swap_all(ready, litter)
                for file in ready:
                    done(file.source)
                _sync_folders(ready)
        finally:
            with _held():
                for name in litter:
                    with suppress(OSError):
                        os.unlink(name)  # noqa: PTH108


def _prepare(replacement: Replacement, litter: list[str]) -> _Ready:
    source = replacement.source
    try:
        return _Ready(source, *_write_beside(source, replacement.content(), litter))
    except OSError as error:
        raise _failure(source, error) from None


def _write_beside(source: Source, content: Iterable[bytes], litter: list[str]) -> tuple[str, int]:
    """A new file in the folder of `source` with `content`: its name and inode."""
    name = _name_beside(source.path, litter)
    assert source.before is not None  # noqa: S101 - check has seen to it
    before = source.before
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123
        for block in content:
            file.write(block)
        file.flush()
        made = os.fstat(descriptor)
        if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
            try:
                os.fchown(descriptor, before.st_uid, before.st_gid)
            except PermissionError:
                raise CannotReplace(
                    f"{source.name} is somebody else's, and would be yours afterwards: "
                    "no file is changed",
                    hint="run it as the owner of the file",
                ) from None
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
        _copy_attributes(source.path, descriptor)
        os.fsync(descriptor)
    return name, made.st_ino


def _copy_attributes(path: str, descriptor: int) -> None:
    """Give an open file the extended attributes of the one at `path`, as far as we may."""
    with suppress(OSError):
        wanted = os.listxattr(path)
        for name in os.listxattr(descriptor):  # which the folder gave it, such as an ACL
            if name not in wanted:
                with suppress(OSError):
                    os.removexattr(descriptor, name)
        for name in wanted:
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def _swap_all(ready: list[_Ready], litter: list[str]) -> None:
    swapped: list[_Ready] = []
    try:
        for file in ready:
            # Once the last is renamed nothing can fail any more.
            _swap(file, litter, keep=file is not ready[-1])
            swapped.append(file)
    except (OSError, CannotReplace) as error:
        lost = [said for file in reversed(swapped) if (said := _put_back(file, litter))]
        if not isinstance(error, CannotReplace):
            error = _failure(ready[len(swapped)].source, error)
        if lost:
            raise CannotReplace(
                f"{error.message.removesuffix(_NONE)}, and what was done could not be undone: "
                + "; ".join(lost),
                hint="move the old files back",
            ) from None
        raise error from None


def _swap(file: _Ready, litter: list[str], *, keep: bool) -> None:
    """Put the new content in the place of the old one, if that is still what was read."""
    path = file.source.path
    with open(path, "rb", buffering=0) as locked:  # noqa: PTH123
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _changed(file.source, "is just being written by another program") from None
        except OSError:
            pass  # a file system without locks
        assert file.source.before is not None  # noqa: S101 - check has seen to it
        if _version(os.stat(path)) != _version(file.source.before):  # noqa: PTH116
            raise _changed(file.source, "was changed by another program since it was read")
        if keep:
            file.old = _name_beside(path, litter)
            try:
                os.link(path, file.old)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                content = iter(lambda: locked.read(_BLOCK), b"")
                file.old, _ = _write_beside(file.source, content, litter)
        os.replace(file.new, path)  # noqa: PTH105


def _put_back(file: _Ready, litter: list[str]) -> str:
    """Undo `_swap`; what to say where that fails, else nothing."""
    path = file.source.path
    try:
        if os.stat(path).st_ino == file.inode:  # noqa: PTH116 - else somebody wrote it since
            os.replace(file.old, path)  # noqa: PTH105
    except OSError as error:
        litter.remove(file.old)
        return f"{file.source.name} ({error.strerror}): the old one is {file.old}"
    return ""


def _version(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        # And not ctime, which a hard link changes as it comes or goes.
        status.st_mode,
        status.st_uid,
        status.st_gid,
    )


def _name_beside(path: str, litter: list[str]) -> str:
    """A new hidden name in the same folder, which is unlinked in the end."""
    folder = os.path.dirname(path)  # noqa: PTH120
    name = os.path.join(folder, f".regcred-{os.urandom(8).hex()}.tmp")  # noqa: PTH118
    litter.append(name)
    return name


def _sync_folders(ready: list[_Ready]) -> None:
    """See to it that the new names outlast a power failure."""
    for folder in {os.path.dirname(file.source.path) for file in ready}:  # noqa: PTH120
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _held() -> Iterator[None]:
    """Let signals that end a program wait until the block is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _all_signals_interrupt() -> Iterator[None]:
    """Have the signals that would end the program at once raise KeyboardInterrupt, as Ctrl-C."""
    defaults = [each for each in _SIGNALS if signal.getsignal(each) is signal.SIG_DFL]
    for each in defaults:
        signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each in defaults:
            signal.signal(each, signal.SIG_DFL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_READ_ONLY = "its file system is mounted read-only: findmnt -T {}"
_NONE = ": no file is changed"


def _changed(source: Source, why: str) -> CannotReplace:
    return CannotReplace(f"{source.name} {why}{_NONE}", hint="run it again")


def _failure(source: Source, error: OSError) -> CannotReplace:
    folder = os.path.dirname(source.path)  # noqa: PTH120
    hint = f"it is made anew in its folder: ls -ld {folder}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = f"there must be room for both versions: df {folder}"
    if error.errno == errno.EROFS:
        hint = _READ_ONLY.format(source.name)
    return CannotReplace(f"cannot write {source.name}: {error.strerror}{_NONE}", hint=hint)
