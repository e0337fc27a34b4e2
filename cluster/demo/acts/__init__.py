"""The acts of the story, one file a scene; `cluster.demo.story` has their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.demo.place import Place


@dataclass(frozen=True)
class Act:
    """One thing that is shown.

    Args:
        title: one line.
        why: a sentence or two for somebody who has never seen it.
        play: lets it happen; raises ClusterError when it does not come out as told.
    """

    title: str
    why: str
    play: Callable[[Place], None]
