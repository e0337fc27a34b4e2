"""A picture while it is being drawn: boxes, texts, arrows; an SVG in the end.

Text stays text, so it can be selected and found. The viewer's own font is used, so how wide it
will be is not known: room is reckoned by a wide one (DejaVu Sans), and a text without room is an
error here rather than a spilled box there.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tools.pictures.theme import TEXTS, TONES, css

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 760

_NARROW, _WIDE = "fijlrtI.,:;'|()[]!/ -", "mwMW@%→"


class PictureError(Exception):
    """A source that cannot be drawn."""


def text_width(text: str, kind: str) -> float:
    """The room that a text may take, in pixels."""
    size, weight = TEXTS[kind]
    if kind == "code":
        return 0.61 * size * len(text)
    em = sum(
        0.38 if c in _NARROW else 0.96 if c in _WIDE else 0.69 if c.isupper() else 0.61
        for c in text
    )
    return em * size * (1.08 if weight >= 600 else 1)


def pill_width(text: str) -> int:
    """The same of a pill, with its frame."""
    return round(text_width(text, "note") + 14)


class Sketch:
    """One picture.

    Args:
        title: what it shows, for those who hear it and as a tool tip.
        description: the same as a picture in words.
    """

    def __init__(self, title: str, description: str) -> None:
        self._title, self._description = title, description
        self._parts: list[str] = []

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        tone: str = "plain",
        round_: int = 6,
    ) -> None:
        """A rectangle."""
        if tone not in TONES:
            raise PictureError(f"there is no tone {tone}")
        self._add(f'<rect class="{tone}" {_place(x, y, width, height)} rx="{round_}"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        kind: str = "word",
        *,
        anchor: str = "start",
        tone: str = "",
        room: float | None = None,
        upwards: bool = False,
    ) -> None:
        """A line of text whose middle is at `y`.

        Raises:
            PictureError: it does not fit into `room`, or onto the sheet.
        """
        wide = text_width(text, kind)
        left = x - (0 if upwards else {"start": 0, "middle": wide / 2, "end": wide}[anchor])
        right = left + (0 if upwards else wide)
        if wide > (room or WIDTH) or left < 4 or right > WIDTH - 4:
            raise PictureError(
                f"no room for “{text}”: {wide:.0f} of {room or WIDTH:.0f}, from {left:.0f}"
            )
        classes = " ".join(filter(None, (kind, tone)))
        at = f'x="{x:g}" y="{y + TEXTS[kind][0] * 0.36:g}"'
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        if upwards:
            anchored += f' transform="rotate(-90 {x:g} {y:g})"'
        self._add(f'<text class="{classes}" {at}{anchored}>{escape(text, quote=False)}</text>')

    def pill(self, x: float, y: float, text: str, *, tone: str) -> float:
        """A text in a rounded frame, from `x` on, its middle at `y`; its width."""
        width = pill_width(text)
        self.box(x, y - 11, width, 22, tone=tone, round_=11)
        self.text(x + width / 2, y, text, "note", anchor="middle", room=width)
        return width

    def dot(self, x: float, y: float, *, tone: str, text: str = "", radius: float = 5) -> None:
        """A circle, perhaps with a letter in it."""
        self._add(
            f'<circle class="{tone}" cx="{x:g}" cy="{y:g}" r="{radius:g}" stroke-width="1.5"/>'
        )
        if text:
            self.text(x, y, text, "step", anchor="middle")

    def cover(self, x: float, y: float, width: float, height: float) -> None:
        """Hide what is behind a text."""
        self._add(f'<rect class="cover" {_place(x, y, width, height)}/>')

    def line(self, points: Iterable[tuple[float, float]], *, kind: str = "arrow") -> None:
        """A line; of the kind `arrow` with a tip at its end."""
        points = [*points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self._add(f'<path class="{kind}" d="{path}" stroke-width="1.5"/>')
        if kind == "arrow":
            self._tip(points[-2], points[-1])

    def svg(self, height: float) -> str:
        """All of it, `height` pixels high."""
        frame = f'width="{WIDTH}" height="{height:g}"'
        sheet = f'<rect class="sheet" {_place(0.5, 0.5, WIDTH - 1, height - 1)} rx="8"/>'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {frame} viewBox="0 0 {WIDTH} {height:g}"'
                ' role="img" aria-labelledby="title desc">',
                f'<title id="title">{escape(self._title, quote=False)}</title>',
                f'<desc id="desc">{escape(self._description, quote=False)}</desc>',
                f"<style>\n{css()}\n</style>",
                sheet,
                *self._parts,
                "</svg>\n",
            ]
        )

    def _tip(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x1, y1), (x2, y2) = start, end
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        corners = [(x2, y2)] + [
            (x2 - 8 * dx - side * dy, y2 - 8 * dy + side * dx) for side in (4, -4)
        ]
        self._add(f'<path class="tip" d="M{"L".join(f"{x:g} {y:g}" for x, y in corners)}z"/>')

    def _add(self, part: str) -> None:
        self._parts.append(part)


def _place(x: float, y: float, width: float, height: float) -> str:
    return f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
