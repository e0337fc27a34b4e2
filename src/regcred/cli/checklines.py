"""Verdicts as lines for grep and logs, where there is no terminal; and what a row says.

Without rich, which takes longer to load than many a check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.cli.checked import grouped
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from regcred.cli.checked import Group, Result


HINT = "hint"
#: Warnings that say all there is to do themselves.
_PLAIN = (Reason.LATEST_TAG,)


def lines(result: Result) -> str:
    """A line for each image and verdict."""
    return "".join(_line(group) for group in grouped(result.checked))


def _line(group: Group) -> str:
    lines = [": ".join(filter(None, line)) for line in details(group)]
    said = [word(group), group.first.container.image, group.said, *lines]
    return output.printable("  ".join(part.replace("\n", " ") for part in said if part)) + "\n"


def word(group: Group) -> str:
    """The verdict, or why it is a bad one."""
    verdict = group.first.verdict
    if verdict.outcome in (Outcome.OK, Outcome.SKIPPED):
        return str(verdict.outcome)
    return str(verdict.reason)


def details(group: Group) -> list[tuple[str, str]]:
    """The message, the hint and the warnings with theirs: what it is, empty for the message."""
    verdict = group.first.verdict
    platforms = f" ({', '.join(verdict.platforms)})" if verdict.platforms else ""
    ok = verdict.outcome is Outcome.OK
    said = [("", f"{verdict.message}{platforms}" if ok else verdict.message)]
    if verdict.hint:
        said.append((HINT, output.typed(verdict.hint)))
    for each in verdict.warnings:
        said.append((str(each.reason), each.message))
        if each.hint and each.reason not in _PLAIN:
            said.append((HINT, output.typed(each.hint)))
    return said
