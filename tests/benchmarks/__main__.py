"""Measure and print a table of ratios; exit code 1 where a goal is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks import (
    admission,
    attaching,
    checking,
    injecting,
    operating,
    startup,
    status,
    webhook,
)
from tests.benchmarks.installation import Installation
from tests.benchmarks.rounds import Amount, Figure

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, tuple[Callable[[Installation, int], Figure | Amount], int]] = {
    "secret": (startup.secret, startup.ROUNDS),
    "import": (startup.importing, startup.ROUNDS),
    "version": (startup.version, startup.ROUNDS),
    "first": (startup.first, startup.FIRST_ROUNDS),
    "attach": (attaching.attach, attaching.ROUNDS),
    "inject": (injecting.patch, injecting.ROUNDS),
    "inject-kustomize": (injecting.kustomize, injecting.ROUNDS),
    "inject-memory": (injecting.memory, injecting.ROUNDS),
    "inject-stream": (injecting.stream, injecting.ROUNDS),
    "check": (checking.check, checking.ROUNDS),
    "status": (status.status, status.ROUNDS),
}
_NAMES = (*BENCHMARKS, "admission", "webhook", *operating.NAMES)
_HEAD = ("", "regcred", "against", "", "ratio", "quartiles", "goal", "verdict")


def main() -> int:
    """Run the benchmarks asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("--rounds", type=int, help="of each; fewer are quicker and noisier")
    parser.add_argument(
        "--python",
        metavar="PATH",
        default=sys.executable,
        help="the interpreter that runs regcred, in a venv of its own; default: this one",
    )
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="print the table as README.md has it: what has a goal or a rival",
    )
    given = parser.parse_args()
    names = given.names or _NAMES
    if unknown := set(names) - set(_NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}")
    figures: list[Figure | Amount] = []
    with tempfile.TemporaryDirectory(prefix="regcred-bench-") as folder:
        installation = Installation(Path(folder), given.python)
        for name in (each for each in names if each in BENCHMARKS):
            measure, rounds = BENCHMARKS[name]
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            figures.append(measure(installation, given.rounds or rounds))
        if "admission" in names:
            print("measuring admission …", file=sys.stderr, flush=True)
            asked = given.rounds or admission.ROUNDS
            figures += admission.admission(installation, Path(folder), asked)
        if "webhook" in names:
            print("measuring webhook …", file=sys.stderr, flush=True)
            figures += webhook.webhook(given.rounds or webhook.ROUNDS)
        of_operator = operating.NAMES.keys() & names
        figures += operating.operate(installation, Path(folder), of_operator, given.rounds)
        if given.markdown:
            told = (each for each in figures if each.verdict or isinstance(each, Figure))
            _show_markdown([_row(figure) for figure in told])
        else:
            _show([_row(figure) for figure in figures])
        print("Medians over rounds in turns; a ratio is that of times of the same round.")
        print(f"Measured: {installation.description}.")
    return 1 if any(figure.verdict == "missed" for figure in figures) else 0


def _row(figure: Figure | Amount) -> tuple[str, ...]:
    if isinstance(figure, Amount):
        amount = _amount(median(figure.measured), figure.unit)
        goal = "" if figure.goal is None else f"≤ {_amount(figure.goal, figure.unit)}"
        return (figure.what, amount, "", "", "", "", goal, figure.verdict)
    ours, theirs = (_amount(median(side), figure.unit) for side in (figure.ours, figure.theirs))
    low, high = figure.spread
    goal = "" if figure.goal is None else f"≤ {figure.goal}"
    if figure.goal_seconds is not None:
        goal = f"≤ {figure.goal_seconds:g} s"
    return (
        figure.what,
        ours,
        figure.against,
        theirs,
        f"{figure.ratio:.2f}",
        f"{low:.2f}–{high:.2f}",
        goal,
        figure.verdict,
    )


def _amount(value: float, unit: str) -> str:
    if unit == "MB":
        return f"{value / 1e6:.1f} MB"
    if unit != "s":
        return f"{value:.3g} {unit}".rstrip()
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _show_markdown(rows: list[tuple[str, ...]]) -> None:
    """The rows as a table of Markdown: a goal that is missed stands out, one that is met does not.

    Args:
        rows: of `_row`.
    """
    print("| | regcred | against | ratio | goal |")
    print("| --- | --- | --- | --- | --- |")
    for what, ours, against, theirs, ratio, spread, goal, verdict in rows:
        rival = f"{against}, {theirs}" if against else ""
        measured = f"{ratio} ({spread})" if ratio else ""
        missed = " **missed**" if verdict == "missed" else ""
        print(f"| {what} | {ours} | {rival} | {measured} | {goal}{missed} |")


def _show(rows: list[tuple[str, ...]]) -> None:
    if not sys.stdout.isatty():
        table = [_HEAD, *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return
    from rich.console import Console
    from rich.table import Table

    pretty = Table(*_HEAD)
    colours = {"met": "green", "missed": "red"}
    for row in rows:
        pretty.add_row(*row, style=colours.get(row[-1]))
    Console().print(pretty)


if __name__ == "__main__":
    sys.exit(main())
