"""Lines out of the pieces in which a stream arrives, none longer than a bound.

A watch is one JSON document a line
(https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). What
is on the other end may be no API server: a line without an end must not fill the memory.
"""

from __future__ import annotations

from regcred.core.errors import StreamBroken


class Lines:
    """Collects pieces into lines.

    Args:
        limit: bytes that one line may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._length = 0

    @property
    def unfinished(self) -> bool:
        """Whether something has come since the last line's end."""
        return self._length > 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends.

        Args:
            piece: what has arrived, of any length.

        Raises:
            StreamBroken: a line is longer than the limit. Nothing can be fed after that.
        """
        first, *more = piece.split(b"\n")
        self._keep(first)
        lines = []
        for part in more:
            lines.append(b"".join(self._pieces))
            self._pieces, self._length = [], 0
            self._keep(part)
        return lines

    def _keep(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > self._limit:
            self._pieces = []
            raise StreamBroken(
                f"a line of the watch is longer than {self._limit:,} bytes", kind="too-long"
            )
        if part:
            self._pieces.append(part)
