"""The layers of the code: import-linter's contract, as it stands in pyproject.toml.

The source has a few words on each module and nothing about the order; a module that the contract
or src/regcred has and the source does not, or the other way round, is an error.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from cluster.paths import CHECKOUT
from tools.pictures.sketch import WIDTH, PictureError, Sketch, pill_width

_TALL, _FLAT, _GAP, _RAIL, _LEFT, _SIDE = 74, 56, 12, 44, 62, 24
_ARROW = 32


def layers(said: dict[str, Any]) -> str:
    """Draw it."""
    rows, words = contract(), said["modules"]
    named = {module for row in rows for module in row}
    if wrong := named ^ words.keys() | named ^ modules():
        raise PictureError(f"contract, source and src/regcred differ in {', '.join(sorted(wrong))}")
    sketch = Sketch(said["title"], said["description"])
    y = 22.0
    for row in rows:
        width = (WIDTH - _LEFT - _SIDE - _GAP * (len(row) - 1)) / len(row)
        chips = _lines(rooms()) if row == ["core"] else []
        height = (_TALL if len(row) > 2 else _FLAT) + (30 * len(chips) + 8 if chips else 0)
        for place, module in enumerate(row):
            x = _LEFT + place * (width + _GAP)
            sketch.box(x, y, width, height, tone=words[module].get("tone", "plain"), round_=8)
            sketch.text(x + 14, y + 20, module, "name", room=width - 20)
            said_of = words[module]["text"]
            for line, text in enumerate(said_of if len(row) > 2 else [", ".join(said_of)]):
                sketch.text(x + 14, y + 40 + 16 * line, text, "note", tone="soft", room=width - 18)
        for line, groups in enumerate(chips):
            _rooms(sketch, groups, y + _FLAT + 12 + 30 * line, more=line < len(chips) - 1)
        y += height + _GAP
    sketch.line([(_RAIL, 22), (_RAIL, y - _GAP)])
    sketch.text(
        _RAIL - 14, y / 2, said["arrow"], "note", anchor="middle", tone="soft", upwards=True
    )
    return sketch.svg(y + 10)


def contract() -> list[list[str]]:
    """Rows of modules, the highest first."""
    return [re.findall(r"regcred\.(\w+)", row) for row in _layers("containers", there=False)]


def rooms() -> list[list[str]]:
    """The same of the folders of core; what is a file there is below all of them."""
    rows = [re.findall(r"\w+", row) for row in _layers("containers", there=True)]
    core = CHECKOUT / "src/regcred/core"
    return [row for row in rows if all((core / name).is_dir() for name in row)]


def modules() -> set[str]:
    """What there is in src/regcred."""
    found = {path.parent.name for path in (CHECKOUT / "src/regcred").glob("*/__init__.py")}
    return found | {path.stem for path in (CHECKOUT / "src/regcred").glob("[a-z]*.py")}


def _layers(key: str, *, there: bool) -> list[str]:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers: list[str] = next(
        each["layers"]
        for each in settings["contracts"]
        if each["type"] == "layers" and (key in each) == there
    )
    return layers


def _lines(rows: list[list[str]]) -> list[list[list[str]]]:
    """As many of them beside each other as there is room for."""
    lines: list[list[list[str]]] = []
    left = 0
    for row in rows:
        wide = sum(pill_width(name) + 6 for name in row) + _ARROW
        if not lines or wide > left:
            lines.append([])
            left = WIDTH - _LEFT - _SIDE - 26
        lines[-1].append(row)
        left -= wide
    return lines


def _rooms(sketch: Sketch, groups: list[list[str]], y: float, *, more: bool) -> None:
    x = _LEFT + 14.0
    for number, group in enumerate(groups):
        for name in group:
            x += sketch.pill(x, y, name, tone="inner") + 6
        if more or number < len(groups) - 1:
            sketch.line([(x, y), (x + _ARROW - 10, y)])
            x += _ARROW - 4
