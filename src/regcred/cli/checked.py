"""How verdicts are shown: a table, JSON, JUnit's XML, or annotations of a GitHub workflow.

JUnit: https://github.com/testmoapp/junitxml. Annotations:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.cli import output
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.logins import lookup as lookups
from regcred.core.logins.registrykey import without_user
from regcred.core.problem import Problem, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regcred.cli.checking import Checked
    from regcred.core.logins.lookup import Lookup

#: What a node could have and nobody sees through the API.
NODE_ONLY = (
    "the node's own docker config",
    "the credential provider plugins of its kubelet",
    "the images that it has already, and its records of who pulled them",
)
_USERS = 3
#: As shells have it for what SIGINT ends.
INTERRUPTED = 130


@dataclass(slots=True)
class Result:
    """What came of a check.

    Args:
        checked: a verdict for each image of each Pod template.
        unread: what could not be read, so nothing is known of it.
        warnings: about things that no image is concerned with.
        cluster_lost: there is a cluster, and it does not answer.
        interrupted: whether a person ended it early.
        asked: of how many images there would have been a verdict then.
    """

    checked: Sequence[Checked]
    unread: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    cluster_lost: bool = False
    interrupted: bool = False
    asked: int = 0

    @property
    def exit_code(self) -> int:
        """0: all are pulled; 3: what is missing is only an answer; 1: any other no."""
        bad = [c.verdict for c in self.checked if c.verdict.outcome in _BAD]
        if not bad and not self.unread:
            return 0
        fails = [verdict for verdict in bad if verdict.outcome is Outcome.FAIL]
        lost = all(verdict.reason is Reason.UNREACHABLE for verdict in fails)
        if self.cluster_lost:
            return 3 if lost else 1
        return 3 if fails and len(fails) == len(bad) and lost and not self.unread else 1

    def show(self, form: str) -> int:
        """Print it as `form`; the exit code."""
        if self.interrupted:
            return self._show_what_is_known(form)
        match form:
            case "json":
                output.print_object(self.to_dict(), "json")
            case "junit":
                from regcred.cli.junit import junit

                _print(junit(self))
            case "github":
                _print("".join(line + "\n" for line in workflow_commands(self)))
            case _:
                self._print_table()
        if form != "json":
            self._tell()
        return self.exit_code

    def _show_what_is_known(self, form: str) -> int:
        """The verdicts so far, for a person; a program would take them for all."""
        if form == "table":
            self._print_table()
        of = f"{len(self.checked):,} of {self.asked:,} images are" if self.asked else "nothing is"
        output.error(f"interrupted: {of} checked")
        return INTERRUPTED

    def _print_table(self) -> None:
        if sys.stdout.isatty():
            from regcred.cli import wrapping
            from regcred.cli.checktable import table

            _print(table(self, wrapping.columns(sys.stdout)))
        else:
            from regcred.cli.checklines import lines

            _print(lines(self))

    def count(self) -> dict[str, int]:
        """How many there are of each outcome."""
        return {
            str(outcome): sum(c.verdict.outcome is outcome for c in self.checked)
            for outcome in Outcome
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON: what has no value is left out; never a password."""
        return {
            "images": [_to_dict(checked) for checked in self.checked],
            "unread": [_problem(problem) for problem in self.unread],
            "warnings": [_problem(problem) for problem in self.warnings],
            "unknown": list(NODE_ONLY),
            "summary": self.count(),
        }

    def _tell(self) -> None:
        """Say on stderr what the verdicts do not."""
        for problem in self.warnings:
            output.warning(problem.message)
            if problem.hint:
                output.tell_hint(problem.hint)
        for problem in self.unread:
            output.warning(f"nothing is known of {problem.source}: {problem.message}")
            if problem.hint:
                output.tell_hint(problem.hint)
        if any(_may_be_known_to_the_node(c) for c in self.checked):
            output.note(f"unknown, since only the node knows: {'; '.join(NODE_ONLY)}")
        if self.checked:
            counts = {word: count for word, count in self.count().items() if count}
            said = ", ".join(f"{count} {word}" for word, count in counts.items())
            output.note(f"{len(self.checked)} image{'s' * (len(self.checked) != 1)}: {said}")


_BAD = (Outcome.FAIL, Outcome.UNKNOWN)
#: Verdicts that hold whatever a node has: nobody gets what is not there.
_WHOEVER_ASKS = (Reason.BAD_REFERENCE, Reason.PLATFORM_MISSING)


def _may_be_known_to_the_node(checked: Checked) -> bool:
    """Whether a verdict that is not ``ok`` could be another with what a node alone has."""
    verdict = checked.verdict
    if verdict.outcome not in _BAD or verdict.reason in _WHOEVER_ASKS:
        return False
    # Without a login, things may only be hidden.
    return verdict.reason is not Reason.NOT_FOUND or verdict.candidate is None


def used_by(checked: Checked) -> str:
    """Who needs the image, for a person; empty for one that was given as an argument."""
    template = checked.template
    if not template.object:
        return ""
    within = f" in {template.namespace}" if template.namespace else ""
    return f"{template.object}{within}"


def place(checked: Checked) -> str:
    """Who needs the image, with the container, and the place in the file; for a person."""
    file, line = checked.template.file, checked.container.line
    where = f"{file}:{line}" if file and line else file
    within = ", ".join(filter(None, (checked.container.name, where)))
    return " ".join(filter(None, (used_by(checked), f"({within})" if within else "")))


@dataclass(slots=True)
class Group:
    """Verdicts that say the same of one image.

    Args:
        first: one of them.
        users: of all.
    """

    first: Checked
    users: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Who needs the image, and how many more."""
        more = len(self.users) - _USERS
        return ", ".join(self.users[:_USERS]) + (f" and {more:,} more" if more > 0 else "")


def grouped(checked: Iterable[Checked]) -> list[Group]:
    """`checked` with equal verdicts on an image put together, in order."""
    groups: dict[tuple[Any, ...], Group] = {}
    for each in checked:
        verdict = each.verdict
        said = verdict.reason, verdict.message, verdict.hint, verdict.warnings
        key = each.container.image, *said
        group = groups.setdefault(key, Group(each))
        if user := place(each):
            group.users.append(user)
    return list(groups.values())


def workflow_commands(result: Result) -> Iterable[str]:
    """Workflow commands: an error for each image that fails, a warning for what is odd."""
    for checked in result.checked:
        verdict, where = checked.verdict, _where(checked)
        if verdict.outcome in _BAD:
            yield _command("error", where, verdict, _of(checked))
        for warning in verdict.warnings:
            yield _command("warning", where, warning, _of(checked))
    for problem in result.unread:
        yield _command("error", {}, problem, f"{problem.source}: ")
    for problem in result.warnings:
        yield _command("warning", {}, problem)


def _of(checked: Checked) -> str:
    user = used_by(checked)
    return f"{checked.container.image} ({user}): " if user else f"{checked.container.image}: "


def _where(checked: Checked) -> dict[str, str]:
    file, line = checked.template.file, checked.container.line
    if not file or file.startswith("<"):
        return {}
    return {"file": file, "line": str(line)} if line else {"file": file}


def _command(word: str, where: dict[str, str], problem: Any, of: str = "") -> str:
    """The annotation for a verdict or a problem.

    Args:
        word: ``error`` or ``warning``.
        where: file and line, where they are known.
        problem: has reason, message and hint.
        of: what it is about, to begin with.
    """
    properties = ",".join(
        f"{key}={_escaped(value, ':,')}"
        for key, value in {**where, "title": problem.reason}.items()
    )
    hint = (
        f"%0Ahint: {_escaped(output.printable(output.typed(problem.hint)))}" if problem.hint else ""
    )
    return f"::{word} {properties}::{_escaped(output.printable(of + problem.message))}{hint}"


def _escaped(text: str, more: str = "") -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _to_dict(checked: Checked) -> dict[str, Any]:
    template, container, verdict = checked.template, checked.container, checked.verdict
    candidate = verdict.candidate
    found = {
        "image": container.image,
        "normalized": str(checked.lookup.reference or ""),
        "object": template.object,
        "namespace": template.namespace,
        "container": container.name,
        "file": template.file,
        "line": container.line,
        "verdict": str(verdict.outcome),
        "reason": str(verdict.reason),
        "message": verdict.message,
        "hint": output.typed(verdict.hint),
        "source": candidate.source if candidate else "",
        "registry": without_user(candidate.registry) if candidate else "",
        "username": candidate.credential.user if candidate else "",
        "digest": verdict.digest,
        "platforms": list(verdict.platforms),
        "warnings": [_problem(warning) for warning in verdict.warnings],
    }
    return {key: value for key, value in found.items() if value or key == "normalized"}


def _problem(problem: Problem) -> dict[str, str]:
    found = {
        "reason": str(problem.reason),
        "message": problem.message,
        "hint": output.typed(problem.hint),
        "source": problem.source,
    }
    return {key: value for key, value in found.items() if value}


def _print(text: str) -> None:
    output.write_bytes(text.encode("utf-8", "backslashreplace"))


def show_lookups(found: Sequence[Lookup], form: str) -> None:
    """Print what kubelet finds, without asking a registry."""
    if form == "json":
        output.print_object(lookups.report(found), "json")
        return
    for lookup in found:
        output.say(lookup.image)
        for candidate in lookup.candidates:
            user = candidate.credential.user or "no user"
            output.say(f"  {without_user(candidate.registry)} of {candidate.source}: {user}")
        for problem in (*lookup.problems, *lookup.warnings):
            output.say(f"  {problem.reason}: {problem.message}")
            if problem.hint:
                output.say(f"    hint: {output.typed(problem.hint)}")
