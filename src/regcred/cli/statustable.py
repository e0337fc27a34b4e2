"""Rows of ``regcred status`` for people: plain columns into a pipe, a table on a terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.core.logins.registrykey import DOCKER_HUB_KEY, FALLBACK
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.console import RenderableType
    from rich.table import Table

    from regcred.core.namespace.statusreport import Row

_HEADS = ("NAMESPACE", "REGISTRY", "SECRET", "ATTACHED", "MANAGED BY", "EXPIRES", "FAILING")
_SECRET = _HEADS.index("SECRET")
_FOLDABLE = frozenset({"NAMESPACE", "REGISTRY", "SECRET", "MANAGED BY"})
_UNKNOWN, _NONE = "?", "-"
_BY_ADMISSION = "admission"
#: Docker Hub's key as kubelet files it; scheme and path of the one that is written say no more.
_HUB = FALLBACK
_GAP = 2
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Logins that end so soon are worth a look.
_SOON = _DAY


def lines(rows: Sequence[Row], now: datetime) -> str:
    """Columns as wide as what is in them, for grep and logs."""
    if not rows:
        return ""
    table = [_HEADS, *(cells(row, now) for row in rows)]
    widths = _widths(table)
    return "".join(
        (" " * _GAP)
        .join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        .rstrip()
        + "\n"
        for row in table
    )


def cells(row: Row, now: datetime) -> tuple[str, ...]:
    """What each column says."""
    secret = _shown(row.secret)
    if row.reason and row.reason is not Reason.UNKNOWN:
        word = "missing" if row.reason is Reason.SECRET_MISSING else row.reason
        secret = f"{secret} ({word})"
    said = (
        row.namespace,
        _HUB if row.registry == DOCKER_HUB_KEY else _shown(row.registry),
        secret,
        _attached(row),
        row.managed_by or _NONE,
        _expires(row, now),
        _UNKNOWN if row.failing is None else f"{len(row.failing):,}" if row.failing else _NONE,
    )
    return tuple(map(output.printable, said))


def _shown(name: str | None) -> str:
    return _UNKNOWN if name is None else name or _NONE


def _attached(row: Row) -> str:
    attachment, pods = row.attachment, row.pods
    if attachment is None:
        return _NONE
    if row.for_pods and not attachment.attached:
        return _BY_ADMISSION
    attached, meant = attachment.attached, attachment.meant
    if attached is None and meant is None:
        return _UNKNOWN
    said = "/".join(_UNKNOWN if each is None else f"{len(each):,}" for each in (attached, meant))
    if attached == () and pods:  # they name it themselves, or got it while it was attached
        return f"{said}, {pods:,} Pod{'s' * (pods != 1)}"
    return said


def _expires(row: Row, now: datetime) -> str:
    if row.expires:
        seconds = (row.expires - now).total_seconds()
        return f"{_duration(-seconds)} ago" if row.expired else f"in {_duration(seconds)}"
    if row.short_lived:
        return "within 1 h"
    return "never" if row.static else _NONE


def _duration(seconds: float) -> str:
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY):,} d"


def table(rows: Sequence[Row], now: datetime) -> str:
    """The table, as wide as the terminal, coloured where it may be."""
    from rich.console import Console

    if not rows:
        return ""
    plain = output.is_plain()
    made = io.StringIO()
    console = Console(
        file=made,
        width=Console(file=sys.stdout).width,
        force_terminal=not plain,
        color_system=None if plain else "standard",
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(_table(rows, now, console.width))
    return "".join(line.rstrip() + "\n" for line in made.getvalue().splitlines())


def _table(rows: Sequence[Row], now: datetime, width: int) -> Table:
    """One line a row where that fits; else the Secret stands below the registry, indented."""
    from rich.table import Table

    said = [(row, cells(row, now)) for row in rows]
    natural = sum(_widths([_HEADS, *(texts for _, texts in said)])) + _GAP * (len(_HEADS) - 1)
    stacked = natural > width
    # The heads are a row like all others, since rich puts those of two lines on the lower one.
    made = Table(box=None, pad_edge=False, show_header=False)
    for number, head in enumerate(_HEADS):
        if not (stacked and number == _SECRET):
            made.add_column(no_wrap=head not in _FOLDABLE)
    made.add_row(*_renderables(_HEADS, ("bold",) * len(_HEADS), stacked=stacked))
    for row, texts in said:
        has_secret = row.secret != ""
        styles = _styles(row, now)
        made.add_row(*_renderables(texts, styles, stacked=stacked, has_secret=has_secret))
    return made


def _renderables(
    texts: Sequence[str], styles: Sequence[str], *, stacked: bool, has_secret: bool = True
) -> Iterator[RenderableType]:
    from rich.text import Text

    from regcred.cli.folded import Folded

    parts = list(zip(_HEADS, texts, styles, strict=True))
    secret = parts.pop(_SECRET) if stacked else None
    for head, text, style in parts:
        if head not in _FOLDABLE:
            yield Text(text, style)
        elif secret and head == "REGISTRY" and has_secret:
            yield Folded(("", text, style), ("  ", secret[1], secret[2]))
        else:
            yield Folded(("", text, style))


def _styles(row: Row, now: datetime) -> tuple[str, ...]:
    soon = row.short_lived or (row.expires is not None and _seconds(row, now) < _SOON)
    nowhere = row.attachment is not None and row.attachment.attached == ()
    nowhere = nowhere and not row.pods and not row.for_pods
    return (
        "",
        "",
        "yellow" if row.reason is Reason.UNKNOWN else "red" if row.reason else "",
        "yellow" if nowhere else "",
        "dim" if not row.managed_by else "",
        "red" if row.expired else "yellow" if soon else "",
        "red" if row.failing else "",
    )


def _seconds(row: Row, now: datetime) -> float:
    return (row.expires - now).total_seconds() if row.expires else 0


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]
