"""The pictures of the docs, drawn from text: docs/pictures/NAME.yaml becomes NAME.svg.

A source says of what kind it is: `flow` (boxes on a grid and arrows between them), `timeline`
(lanes and what happens in them) or `layers` (import-linter's contract). The same source is always
the same bytes, and no other program is needed, so a test draws them all again.
Why not D2 or Graphviz: docs/decisions/0015-documentation.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from cluster.paths import CHECKOUT
from tools.pictures.flow import flow
from tools.pictures.layers import layers
from tools.pictures.sketch import PictureError
from tools.pictures.timeline import timeline

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "PictureError", "draw", "sources"]

FOLDER = CHECKOUT / "docs" / "pictures"

_KINDS = {"flow": flow, "timeline": timeline, "layers": layers}


def sources() -> list[Path]:
    """The files that pictures are drawn from."""
    return sorted(FOLDER.glob("*.yaml"))


def draw(source: Path) -> str:
    """The SVG of one of them.

    Raises:
        PictureError: it names what is not there, or a text has no room.
    """
    said = yaml.safe_load(source.read_text())
    try:
        return _KINDS[said["kind"]](said)
    except (KeyError, PictureError) as error:
        raise PictureError(f"{source.name}: {error}") from error
