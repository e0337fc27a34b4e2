"""Lanes, and what happens in them, from left to right.

Moments have names and places (0 to 100); marks and bars of the lanes are at moments, so that what
happens together stands together. Two panels that share moments can be compared.
"""

from __future__ import annotations

from typing import Any

from tools.pictures.sketch import WIDTH, PictureError, Sketch, text_width

_LEFT, _RIGHT = 142, WIDTH - 28
_LANE, _HEAD = 46, 44


def timeline(said: dict[str, Any]) -> str:
    """Draw it."""
    sketch = Sketch(said["title"], said["description"])
    places = {name: _LEFT + (_RIGHT - _LEFT) * at / 100 for name, at in said["moments"].items()}
    y = 14.0
    for panel in said["panels"]:
        y = _panel(sketch, panel, places, y)
    if "axis" in said:
        y = _axis(sketch, said["axis"], places, y)
    return sketch.svg(y + 10)


def _panel(sketch: Sketch, panel: dict[str, Any], places: dict[str, float], y: float) -> float:
    if "name" in panel:
        sketch.text(20, y + 16, panel["name"], "head")
        if "note" in panel:
            x = 20 + text_width(panel["name"], "head") + 10
            sketch.text(x, y + 16, panel["note"], "note", tone="soft")
        y += _HEAD - 8
    foot = y + _LANE * len(panel["lanes"])
    for moment in panel.get("guides", []):
        sketch.line([(places[moment], y - 2), (places[moment], foot - 6)], kind="guide")
    for lane in panel["lanes"]:
        middle = y + _LANE / 2
        for number, line in enumerate(lane["name"]):
            shift = 16 * (number - (len(lane["name"]) - 1) / 2)
            sketch.text(20, middle + shift, line, "note" if number else "word", room=_LEFT - 30)
        sketch.line([(_LEFT - 6, middle), (_RIGHT, middle)], kind="guide")
        for bar in lane.get("bars", []):
            _bar(sketch, bar, places, middle)
        for mark in lane.get("marks", []):
            _mark(sketch, mark, places, middle)
        y += _LANE
    return y + 12


def _bar(sketch: Sketch, bar: dict[str, Any], places: dict[str, float], y: float) -> None:
    start, end = places[bar["from"]], places[bar["to"]]
    sketch.box(start, y - 13, end - start, 26, tone=bar.get("tone", "plain"), round_=5)
    if "text" in bar:
        room = end - start - 8
        sketch.text((start + end) / 2, y, bar["text"], "note", anchor="middle", room=room)


def _mark(sketch: Sketch, mark: dict[str, Any], places: dict[str, float], y: float) -> None:
    x, tone = places[mark["at"]], mark.get("tone", "plain")
    sketch.dot(x, y, tone=tone, radius=6)
    if "text" in mark:
        # Beside it, on the sheet's colour, so that the lane's line does not run through it.
        wide = text_width(mark["text"], "note")
        left = x - 12 - wide if mark.get("side") == "left" else x + 12
        if left + wide > WIDTH - 8:
            raise PictureError(f"no room for “{mark['text']}”")
        sketch.cover(left - 3, y - 10, wide + 6, 20)
        sketch.text(left, y, mark["text"], "note")


def _axis(sketch: Sketch, axis: list[dict[str, Any]], places: dict[str, float], y: float) -> float:
    for each in axis:
        sketch.text(places[each["at"]], y + 4, each["text"], "note", anchor="middle", tone="soft")
    return y + 16
