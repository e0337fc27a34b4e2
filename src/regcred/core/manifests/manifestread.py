"""The text of a manifest as trees, be it YAML or JSON; and errors with their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidManifest
from regcred.core.manifests import jsontree, manifesttree, yamltree
from regcred.core.manifests.manifesttree import NotYAML

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.formats.documents import Document
    from regcred.core.manifests.manifesttree import Tree, Wanted

#: How what Helm (or Jinja) replaces begins.
_TEMPLATE = re.compile(r"\{[{%]")


def trees(text: str, wanted: Wanted) -> Iterator[Tree]:
    """The YAML documents, or JSON values, in `text`.

    Args:
        text: without a byte order mark.
        wanted: what is kept of them.

    Raises:
        NotYAML: it is neither.
    """
    if not jsontree.looks_like_json(text):
        yield from yamltree.read_yaml(text, wanted)
        return
    try:
        found = list(jsontree.read_json(text, wanted))
    except NotYAML as problem:
        # YAML in braces, perhaps; if it is no YAML either, text in quotes was meant as JSON.
        try:
            found = list(yamltree.read_yaml(text, wanted))
        except NotYAML as second:
            if isinstance(second, manifesttree.IsTemplate) or '"' not in text[:100]:
                raise
            raise problem from None
    yield from found


def without_bom(text: str) -> tuple[int, str]:
    """How many characters of a byte order mark `text` starts with, and the rest."""
    bom = int(text.startswith("\ufeff"))
    return bom, text[bom:]


def invalid(document: Document, error: NotYAML, bom: int, file: str, verb: str) -> InvalidManifest:
    """The error for a person.

    Args:
        document: that cannot be read.
        error: why not.
        bom: characters of a byte order mark before the text that was read.
        file: the stream.
        verb: the command that the rendered manifests go to, for the hint.
    """
    line, column = document.locate(error.at + bom)
    problem, hint = error.problem, error.hint
    if isinstance(error, manifesttree.IsTemplate) or (
        isinstance(error, manifesttree.Malformed) and _TEMPLATE.search(document.text)
    ):
        hint = f"render it first: helm template … | regcred {verb}"
        line_itself = document.line_at(error.at + bom)
        if isinstance(error, manifesttree.IsTemplate) or _TEMPLATE.search(line_itself):
            problem = f"this is the source of a template, not YAML: {problem}"
        else:
            hint = f"if this is the source of a template, {hint}"
    return InvalidManifest(
        f"{file or 'the input'}:{line}:{column}: {problem}",
        hint=hint,
        problem=problem,
        at=error.at + bom,
    )
