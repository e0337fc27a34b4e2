"""Boxes and the arrows between them.

The source gives each box a place (`at: [x, y, width, height]`), its lines, and pills, which are at
its foot, or beside its name where it has boxes inside. Each arrow runs straight from one box to
another, where both have room for it or at `at`, and has a number and a few words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.pictures.sketch import PictureError, Sketch, pill_width


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def foot(self) -> float:
        return self.y + self.height


def flow(said: dict[str, Any]) -> str:
    """Draw it."""
    sketch = Sketch(said["title"], said["description"])
    boxes = {name: _Box(*each["at"]) for name, each in said["boxes"].items()}
    for name, each in said["boxes"].items():
        _box(sketch, boxes[name], each)
    for each in said["arrows"]:
        _arrow(sketch, boxes[each["from"]], boxes[each["to"]], each)
    for each in said.get("legend", []):
        x, y = each["at"]
        wide = sketch.pill(x, y, each["pill"], tone=each["tone"])
        sketch.text(x + wide + 8, y, each["text"], "note", tone="soft")
    return sketch.svg(said["height"])


def _box(sketch: Sketch, box: _Box, said: dict[str, Any]) -> None:
    sketch.box(box.x, box.y, box.width, box.height, tone=said.get("tone", "plain"), round_=8)
    name, *notes = said["text"]
    alone = not notes and not {"pills", "inside"} & said.keys()
    y = box.y + (box.height / 2 if alone else 21)
    sketch.text(box.x + 14, y, name, "name", room=box.width - 20)
    for number, note in enumerate(notes):
        at = y + 20 + 17 * number
        sketch.text(box.x + 14, at, note, "note", tone="soft", room=box.width - 20)
    for number, (what, note) in enumerate(said.get("inside", [])):
        top = box.y + 46 + 60 * number
        sketch.box(box.x + 10, top, box.width - 20, 52, tone="inner")
        sketch.text(box.x + 22, top + 17, what, "word", room=box.width - 34)
        sketch.text(box.x + 22, top + 36, note, "note", tone="soft", room=box.width - 34)
    x = box.x + 12
    if "inside" in said:  # there is no foot: beside the name
        x = box.right - 10 - sum(pill_width(each["text"]) for each in said.get("pills", []))
    for each in said.get("pills", []):
        tone = each.get("tone", "ours")
        x += sketch.pill(x, y if "inside" in said else box.foot - 20, each["text"], tone=tone) + 8
        if x - 8 > box.right - 8:
            raise PictureError(f"no room for “{each['text']}”")


def _arrow(sketch: Sketch, start: _Box, end: _Box, said: dict[str, Any]) -> None:
    # Where both have room for a straight one, at `at` or else in the middle of that.
    left, right = max(start.x, end.x), min(start.right, end.right)
    top, foot = max(start.y, end.y), min(start.foot, end.foot)
    if right > left:
        x = said.get("at", (left + right) / 2)
        down = start.y < end.y
        points = [(x, start.foot), (x, end.y - 2)] if down else [(x, start.y), (x, end.foot + 2)]
    elif foot > top:
        y = said.get("at", (top + foot) / 2)
        on = start.x < end.x
        points = [(start.right, y), (end.x - 2, y)] if on else [(start.x, y), (end.right + 2, y)]
    else:
        raise PictureError(f"{said['from']} and {said['to']} are not in line")
    sketch.line(points)
    (x1, y1), (x2, y2) = points
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    if "step" in said:
        sketch.dot(x, y, tone="plain", text=str(said["step"]), radius=9)
    if "text" in said:
        if x1 == x2:
            aside, anchor = (-16, "end") if said.get("side") == "left" else (16, "start")
            for number, line in enumerate(said["text"]):
                shift = 16 * (number - (len(said["text"]) - 1) / 2)
                sketch.text(x + aside, y + shift, line, "note", anchor=anchor)
        else:
            for number, line in enumerate(reversed(said["text"])):
                room = abs(x2 - x1) - 4
                sketch.text(x, y - 20 - 16 * number, line, "note", anchor="middle", room=room)
