"""What has to hold whenever `inject` changes a text, whatever the text is."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from regcred.core.formats.documents import Document, split
from regcred.core.manifests.inject import Injected, Injector, Request
from tests.support.plaininject import plain_inject
from tests.support.yamlreading import Unreadable, read, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_BREAK = re.compile(r"\r\n|\r|\n")
_WHOLE_LINES = re.compile(r"(?: *(?:- name: \S+|[A-Za-z]+:)(?:\r\n|\r|\n))+")
_AT_THE_END = re.compile(r"(?:(?:\r\n|\r|\n) *(?:- name: \S+|[A-Za-z]+:))+")


def documents_of(text: str, blocks: Iterable[int] = ()) -> list[Document]:
    """`text` cut into documents, having been read in blocks of these sizes and a last one."""
    pieces, at = [], 0
    for size in blocks:
        pieces.append(text[at : at + size])
        at += size
    found = list(split([*pieces, text[at:]]))
    assert "".join(document.text for document in found) == text
    line = 1
    for document in found:
        assert document.line == line
        line += len(_BREAK.findall(document.text))
    return found


def check_injected(text: str, request: Request, blocks: Iterable[int] = ()) -> str:
    """`text` with what `request` wants, all properties checked.

    Raises:
        InvalidManifest: it is refused.
    """
    found = documents_of(text, blocks)
    injector = Injector(request, "it.yaml")
    results = [injector.inject(document) for document in found]
    for document, result in zip(found, results, strict=True):
        _check_insertions(document, result)
    output = "".join(result.text for result in results)
    for go in (False, True):
        before = [_read(document, go) for document in found]
        after = [_read(Document(result.text), go) for result in results]
        wanted = plain_inject(before, request.secrets, accounts=request.serviceaccounts)
        assert after == wanted
        if all(read_json(document.text) is None for document in found):
            # What is JSON by itself is read as such, even where others in the stream are not.
            assert _whole(text, go) in (None, list(chain.from_iterable(before)))
            assert _whole(output, go) in (None, list(chain.from_iterable(after)))
    again = [injector.inject(document) for document in documents_of(output)]
    assert "".join(result.text for result in again) == output
    assert not any(result.changes or result.insertions for result in again)
    return output


def _read(document: Document, go: bool) -> list[Any]:
    values = [] if document.empty else read(document.text, go=go)
    return [value for value in values if value is not None]


def _whole(text: str, go: bool) -> list[Any] | None:
    """The stream at once; None where libyaml wants a ``---`` behind a ``...``, and we do not."""
    try:
        return [value for value in read(text, go=go) if value is not None]
    except Unreadable:
        return None


def _check_insertions(document: Document, result: Injected) -> None:
    """Nothing was taken away, and blocks gained whole lines."""
    old, new = document.text, result.text
    rest, at, moved = [], 0, 0
    for insertion in result.insertions:
        start = insertion.at + moved
        assert new[start : start + len(insertion.text)] == insertion.text
        rest.append(new[at:start])
        at = start + len(insertion.text)
        moved += len(insertion.text)
        if "- name: " not in insertion.text:
            continue
        if insertion.at == len(old) and old[-1:] not in ("", "\n", "\r"):
            assert _AT_THE_END.fullmatch(insertion.text)
        else:
            assert old[: insertion.at].removeprefix("\ufeff")[-1:] in ("", "\n", "\r")
            assert _WHOLE_LINES.fullmatch(insertion.text)
    assert "".join([*rest, new[at:]]) == old
    assert bool(result.insertions) == bool(result.changes) == (old != new)
    last = document.line + len(_BREAK.findall(document.text))
    for change in result.changes:
        assert document.line <= change.line <= last
        assert change.added
