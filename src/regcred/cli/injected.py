"""What ``regcred inject`` makes of manifests: the stream, files in place, a diff, or a verdict.

All of it is kept (`Spool`) until everything has been read and found right.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Protocol

from regcred.cli import output
from regcred.core.errors import InvalidManifest, UsageError
from regcred.manifests.injecting import Output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from regcred.core.formats.documents import Document
    from regcred.core.manifests.inject import Change, Injected
    from regcred.core.manifests.joining import Joiner
    from regcred.manifests.replace import Replacement
    from regcred.manifests.sources import Source
    from regcred.manifests.spool import Spool

#: Objects that are named for a file; the others are counted.
_NAMED = 5


class Made(Output, Protocol):
    """An output that is shown, or written, when all is right."""

    def finish(self) -> None:
        """Show it, or write it."""


class Stream:
    """The same stream on stdout, with the pull Secrets in it.

    Args:
        spool: where it is kept.
        streams: what it is made of.
    """

    def __init__(self, spool: Spool, streams: Sequence[Source]) -> None:
        _check_stdout(streams)
        self._spool = spool
        self._json = all(stream.path.endswith(".json") for stream in streams)
        self._several = len(streams) > 1
        self._name = ""
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._spool.truncate(0)
        self._open: tuple[str, Document] | None = None
        self._joiner: Joiner | None = None
        if self._several:
            from regcred.core.manifests.joining import Joiner

            self._joiner = Joiner(json=self._json)

    def start(self, source: Source) -> None:
        """Documents of `source` follow."""
        self._name = source.name
        if self._joiner:
            self._joiner.next_file()

    def add(self, document: Document, injected: Injected) -> None:
        """The next document.

        Raises:
            InvalidManifest: the file before this one ends where it would go on with this.
        """
        if self._open:
            (name, last), self._open = self._open, None
            line, column = last.locate(len(last.text))
            raise InvalidManifest(
                f"{name}:{line}:{column}: it ends in a block scalar without a line break: its "
                f"last value would gain one, since {self._name} follows",
                hint="end the file with a line break, or give the files one by one",
            )
        if injected.open_end:
            self._open = self._name, document
        text = injected.text
        if self._joiner:
            text = self._joiner.add(text)
        self._spool.write(text.encode())

    def end(self) -> None:
        """The stream is at its end."""

    def finish(self) -> None:
        """Print it."""
        _print(self._spool, output.data())


class InPlace:
    """The files themselves.

    Args:
        spool: where the new contents are kept.
        streams: the files.
    """

    def __init__(self, spool: Spool, streams: Sequence[Source]) -> None:
        from regcred.manifests.replace import check

        for stream in streams:
            check(stream)
        self._spool = spool
        self._streams = streams
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._spool.truncate(0)
        self._replacements: list[Replacement] = []
        self._said: dict[str, str] = {}

    def start(self, source: Source) -> None:
        """Documents of `source` follow."""
        self._source, self._from = source, self._spool.size
        self._count, self._objects = 0, list[str]()

    def add(self, document: Document, injected: Injected) -> None:
        """The next document."""
        del document
        self._spool.write(injected.text.encode())
        self._count += len(injected.changes)
        if len(self._objects) < _NAMED:
            self._objects += [change.object for change in injected.changes]

    def end(self) -> None:
        """The file is at its end; one without changes is left as it is."""
        if not self._count:
            self._spool.truncate(self._from)
            return
        from regcred.manifests.replace import Replacement

        content = partial(self._spool.read, self._from, self._spool.size)
        self._replacements.append(Replacement(self._source, content))
        named = ", ".join(self._objects[:_NAMED])
        more = f" and {self._count - _NAMED:,} more" if self._count > _NAMED else ""
        self._said[self._source.path] = f"changed {self._source.name}: {named}{more}"

    def finish(self) -> None:
        """Write those that change, and say which."""
        from regcred.manifests.replace import replace

        replace(self._replacements, lambda source: output.note(self._said[source.path]))
        self._tell_other_names()
        if len(self._streams) > 1 or not self._replacements:
            output.note(f"{len(self._replacements)} of {len(self._streams)} files changed")

    def _tell_other_names(self) -> None:
        """Hard links part here: the new content is another file."""
        replaced = [(r.source.name, r.source.before) for r in self._replacements]
        names = Counter((before.st_dev, before.st_ino) for _, before in replaced if before)
        for name, before in replaced:
            if before and before.st_nlink > names[before.st_dev, before.st_ino]:
                output.warning(f"{name} has other names (hard links): there it stays as it was")


class Diff:
    """A unified diff on stdout, in colours on a terminal.

    Args:
        spool: where it is kept.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def clear(self) -> None:
        """Forget all."""
        self._spool.truncate(0)

    def start(self, source: Source) -> None:
        """Documents of `source` follow."""
        from regcred.core.manifests.unifieddiff import UnifiedDiff

        self._diff = UnifiedDiff(*_diff_names(source))

    def add(self, document: Document, injected: Injected) -> None:
        """The next document."""
        for kind, line in self._diff.add(document.text, injected.insertions):
            self._write(kind, line)

    def end(self) -> None:
        """The stream is at its end."""
        for kind, line in self._diff.close():
            self._write(kind, line)

    def _write(self, kind: str, line: str) -> None:
        colour = _DIFF_COLOURS.get(kind)
        if sys.stdout.isatty():  # for eyes; into a pipe goes what patch takes
            line = "".join(c if c in "\t\n" else output.printable(c) for c in line)
        if colour:
            line = output.paint(line[:-1], colour, sys.stdout) + "\n"
        self._spool.write(line.encode("utf-8", "surrogateescape"))

    def finish(self) -> None:
        """Print it."""
        _print(self._spool, output.data())


def _diff_names(source: Source) -> tuple[str, str]:
    """The two names of a file, as git has them, so that ``patch -p1`` and ``git apply`` take it."""
    if not source.path:
        return source.name, source.name
    name = source.name.lstrip("/")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return f"a/{name}", f"b/{name}"


_DIFF_COLOURS = {"---": "bold", "+++": "bold", "@@": "cyan", "-": "red", "+": "green"}


class Verdict:
    """On stderr, which objects lack pull Secrets; perhaps beside a diff.

    Args:
        spool: where that is kept.
        diff: made as well.
    """

    def __init__(self, spool: Spool, diff: Diff | None) -> None:
        self._spool = spool
        self._diff = diff

    def clear(self) -> None:
        """Forget all."""
        self._spool.truncate(0)
        if self._diff:
            self._diff.clear()

    def start(self, source: Source) -> None:
        """Documents of `source` follow."""
        self._name = source.name
        if self._diff:
            self._diff.start(source)

    def add(self, document: Document, injected: Injected) -> None:
        """The next document."""
        for change in injected.changes:
            line = f"{self._name}:{change.line}: {describe(change)}: {_lacks(change)}"
            said = output.fitted(output.printable(line), sys.stderr)
            self._spool.write(f"{said}\n".encode())
        if self._diff:
            self._diff.add(document, injected)

    def end(self) -> None:
        """The stream is at its end."""
        if self._diff:
            self._diff.end()

    def finish(self) -> None:
        """Say it."""
        if self._diff:
            self._diff.finish()
        _print(self._spool, sys.stderr)


def describe(change: Change) -> str:
    """The object of `change` for a person: ``deployment/web in team-a``."""
    return f"{change.object} in {change.namespace}" if change.namespace else change.object


def _lacks(change: Change) -> str:
    return f"{', '.join(change.added)} missing"


def _check_stdout(streams: Sequence[Source]) -> None:
    """Refuse a file that is input and output; a shell has emptied it by now, and that is said."""
    try:
        stdout = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return
    for stream in streams:
        if stream.regular and stream.before and os.path.samestat(stream.before, stdout):
            raise UsageError(
                f"{stream.name} is input and output at once: a shell empties it before it is read",
                hint=f"regcred inject --in-place -f {stream.name}",
            )


def _print(spool: Spool, stream: TextIO) -> None:
    stream.flush()
    for block in spool.read():
        stream.buffer.write(block)
    stream.flush()
