"""Inject into streams, document by document, and find out whom that cuts off.

Usually that is one pass. Where the pull Secrets of ServiceAccounts are to be carried over and
there are such, a second one does that: a ServiceAccount may stand behind its Pods, or in another
of the streams.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from regcred.core.errors import InvalidManifest
from regcred.core.formats import documents, utf8
from regcred.core.manifests.inject import Injector
from regcred.core.manifests.misses import Misses
from regcred.manifests import sources
from regcred.manifests.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from regcred.core.formats.documents import Document
    from regcred.core.manifests.inject import Account, Change, Injected, Request
    from regcred.manifests.sources import Source

    Attached = Mapping[Account, tuple[str, ...]]

#: Pods that are remembered for each ServiceAccount, to be named in a warning.
REMEMBERED = 10


class Output(Protocol):
    """What becomes of the documents. Nothing may be seen of it before the end."""

    def start(self, source: Source) -> None:
        """Documents of `source` follow."""

    def add(self, document: Document, injected: Injected) -> None:
        """The next document."""

    def end(self) -> None:
        """The stream is at its end."""

    def clear(self) -> None:
        """Forget all: everything comes once more."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the work asks and tells on its way.

    Args:
        lookup: gives the pull Secrets of ServiceAccounts that no stream has, or not with a list.
        wrong: one more stream is wrong; the last is raised.
        step: a document is done.
    """

    lookup: Callable[[Sequence[Account]], Attached] = lambda _: {}
    wrong: Callable[[InvalidManifest], None] = lambda _: None
    step: Callable[[], None] = lambda: None


@dataclass(slots=True)
class CutOff:
    """Pods that no longer get the list of a ServiceAccount, since they have one of their own.

    Args:
        count: how many Pod templates.
        first: the first of them: a number in their order, the name of the stream, the change.
    """

    count: int = 0
    first: list[tuple[int, str, Change]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What there was in the streams.

    Args:
        misses: settings that hit nothing.
        found: Pod templates, and ServiceAccounts where asked for.
        unmatched: those that use no image that was asked for.
        changed: those that gained something.
        cut_off: by ServiceAccount.
        attached: pull Secrets of the ServiceAccounts that are known.
        unknown: ServiceAccounts of Pods that had no list, and of which no stream says whether they
            have one.
    """

    misses: Misses

    found: int = 0
    unmatched: int = 0
    changed: int = 0
    cut_off: dict[Account, CutOff] = field(default_factory=dict)
    attached: dict[Account, tuple[str, ...]] = field(default_factory=dict)
    unknown: list[Account] = field(default_factory=list)

    def add(self, source: Source, document: Document, injected: Injected) -> None:
        """Count what was done to a `document` of `source`."""
        self.misses.look(document, injected)
        self.found += injected.found
        self.unmatched += injected.unmatched
        for change in injected.changes:
            self.changed += 1
            for account in change.serviceaccounts:
                cut_off = self.cut_off.setdefault(account, CutOff())
                cut_off.count += 1
                if cut_off.count <= REMEMBERED:
                    cut_off.first.append((self.changed, source.name, change))

    def lost(self, secrets: Sequence[str]) -> dict[Account, list[str]]:
        """The pull Secrets that Pods do not get any more, by ServiceAccount.

        Args:
            secrets: those that they got instead.
        """
        missing = {
            account: [name for name in self.attached.get(account, ()) if name not in secrets]
            for account in self.cut_off
        }
        return {account: names for account, names in missing.items() if names}


def inject(
    streams: Sequence[Source],
    request: Request,
    output: Output,
    hooks: Hooks,
) -> Tally:
    """Inject into all `streams`.

    Args:
        streams: from `sources.find`.
        request: what to inject; `Request.attached` is found out here.
        output: takes the documents.
        hooks: see there.

    Returns:
        What there was. With `Request.keep` nobody is cut off.

    Raises:
        InvalidManifest: the last stream that is wrong.
        UsageError: a stream cannot be read.
    """
    with Spool() as kept:
        reader = _Reader(streams, kept if request.keep else None)
        first = dataclasses.replace(request, keep=False)
        tally = _pass(reader.read(), first, output, hooks)
        unknown = [account for account in tally.cut_off if not tally.attached.get(account)]
        never_said = [account for account in unknown if account not in tally.attached]
        tally.attached |= hooks.lookup(unknown)
        if request.keep and tally.lost(request.secrets):
            output.clear()
            again = dataclasses.replace(request, attached=tally.attached)
            tally = _pass(reader.read_again(), again, output, hooks)
        tally.unknown = never_said
        if request.keep:
            tally.cut_off.clear()
        return tally


class _Reader:
    """Reads streams, and once more what was kept of them.

    Args:
        streams: the streams.
        kept: where their content is kept; None to keep nothing.
    """

    def __init__(self, streams: Sequence[Source], kept: Spool | None) -> None:
        self._streams = streams
        self._kept = kept
        self._ends: list[int] = []

    def read(self) -> Iterator[tuple[Source, Iterator[bytes]]]:
        """Each stream and its content, which is to be read before the next."""
        for source in self._streams:
            yield source, self._read(source)

    def _read(self, source: Source) -> Iterator[bytes]:
        for block in sources.read(source):
            if self._kept:
                self._kept.write(block)
            yield block
        if self._kept:
            self._ends.append(self._kept.size)

    def read_again(self) -> Iterator[tuple[Source, Iterator[bytes]]]:
        """The same, from what was kept."""
        assert self._kept is not None  # noqa: S101 - keep is what makes this necessary
        for source, start, end in zip(
            self._streams, [0, *self._ends[:-1]], self._ends, strict=True
        ):
            yield source, self._kept.read(start, end)


def _pass(
    contents: Iterable[tuple[Source, Iterator[bytes]]],
    request: Request,
    output: Output,
    hooks: Hooks,
) -> Tally:
    tally = Tally(Misses(request))
    wrong: InvalidManifest | None = None
    for source, blocks in contents:
        injector = Injector(request, source.name)
        output.start(source)
        try:
            for document in documents.split(utf8.decode(blocks, source.name), source.name):
                injected = injector.inject(document)
                output.add(document, injected)
                tally.add(source, document, injected)
                tally.attached.update(injector.serviceaccounts(document))
                hooks.step()
        except InvalidManifest as error:
            if wrong:
                hooks.wrong(wrong)
            wrong = error
        output.end()
    if wrong:
        raise wrong
    return tally
