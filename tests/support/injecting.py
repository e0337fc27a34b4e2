"""`inject` over a text, for tests that say what comes in and what goes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.formats.documents import split
from regcred.core.manifests.inject import Injector, Request

if TYPE_CHECKING:
    from regcred.core.manifests.inject import Injected


def results(text: str, *secrets: str, **options: Any) -> list[Injected]:
    """What `inject` makes of each document in `text`.

    Args:
        text: a stream, ``it.yaml``.
        secrets: names; ``regcred`` where there are none.
        options: of the `Request`.
    """
    injector = Injector(Request(secrets or ("regcred",), **options), "it.yaml")
    return [injector.inject(document) for document in split([text], "it.yaml")]


def injected(text: str, *secrets: str, **options: Any) -> str:
    """The stream that `inject` makes of `text`; see `results`."""
    return "".join(result.text for result in results(text, *secrets, **options))


def refusal(text: str, *secrets: str, **options: Any) -> tuple[str, str]:
    """Why `text` is refused, and the hint."""
    with pytest.raises(InvalidManifest) as caught:
        results(text, *secrets, **options)
    return caught.value.message, caught.value.hint


def refused(text: str, *secrets: str, **options: Any) -> str:
    """Why `text` is refused."""
    return refusal(text, *secrets, **options)[0]


def check_marked(marked: str, *secrets: str, **options: Any) -> None:
    """Inject into `marked` without what stands in « and »: that is what has to come in."""
    before = re.sub("«[^»]*»", "", marked)
    after = marked.replace("«", "").replace("»", "")
    assert injected(before, *secrets, **options) == after
    assert injected(after, *secrets, **options) == after
