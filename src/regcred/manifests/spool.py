"""A place for what must not be written yet, in memory while it is small and on disk beyond.

Nothing goes out before all has been read and found right. The file has no name, or none any more,
so that nothing is left whatever ends the program; and only its owner may read it, since manifests
can hold Secrets.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self

from regcred.core.errors import RegcredError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that are kept in memory.
LIMIT = 8 * 1024 * 1024
_BLOCK = 256 * 1024


class Spool:
    """Bytes that are written once, one behind the other, and read again; a context manager."""

    def __init__(self) -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._on_disk = False
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # What could not be written is not wanted any more.
            self._file.close()

    def write(self, data: bytes) -> None:
        """Add `data` at the end.

        Raises:
            RegcredError: there is no room.
        """
        try:
            self._file.write(data)
            self.size += len(data)
            if not self._on_disk and self.size > LIMIT:
                self._to_disk()
        except OSError as error:
            raise _no_room(error) from None

    def truncate(self, size: int) -> None:
        """Forget what is behind the first `size` bytes."""
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise _no_room(error) from None
        self.size = size

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """What was written from `start` on, up to `end`, in pieces.

        Raises:
            RegcredError: there is no room for what is still to be written.
        """
        end = self.size if end is None else end
        while start < end:
            try:
                self._file.seek(start)
                block = self._file.read(min(_BLOCK, end - start))
                self._file.seek(self.size)
            except OSError as error:
                raise _no_room(error) from None
            yield block
            start += len(block)

    def _to_disk(self) -> None:
        import tempfile  # costs start-up time, and small input does without

        file = tempfile.TemporaryFile(buffering=_BLOCK)  # noqa: SIM115 - closed in __exit__
        memory, self._file, self._on_disk = self._file, file, True
        memory.seek(0)
        while block := memory.read(_BLOCK):
            file.write(block)


def _no_room(error: OSError) -> RegcredError:
    import tempfile

    try:
        folder = tempfile.gettempdir()
    except OSError:  # its message names the folders that it tried
        return RegcredError(f"nothing can be kept: {error.strerror}", hint="TMPDIR=/a/folder")
    return RegcredError(
        f"cannot keep in {folder} what is read: {error.strerror}",
        hint="name a folder with more room: TMPDIR=/a/folder regcred …",
    )
