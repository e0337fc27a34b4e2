"""``regcred why --fix``: what can be mended without a password is, after a question.

The steps of one owner's Pods belong together: first what the Pods need, then the Pods anew. One
that fails ends these, and not those of others.
"""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

import click

from regcred.cli import output
from regcred.cli.report import Report, Result
from regcred.cli.whyshown import name_of, needs_nobody, owner_of
from regcred.core.errors import RegcredError
from regcred.core.pods import mend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.cli.whyshown import Group
    from regcred.core.pods.mend import Mend, Step
    from regcred.kube.client import Client
    from regcred.kube.mending import Mender

#: What comes first: what Pods need, and then the Pods.
_ORDER = (
    mend.Attach,
    mend.AddToTemplate,
    mend.Restart,
    mend.DeletePods,
    mend.Recreate,
)
_ONCE = (mend.Attach,)
_ANSWERS = {"": False, "n": False, "no": False, "y": True, "yes": True}
#: So often signals are looked at while somebody thinks.
_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class _Unit:
    """What belongs together.

    Args:
        mends: what can be run, in order.
        left: what cannot, and what nobody has to do.
    """

    mends: list[Mend] = field(default_factory=list)
    left: list[Result] = field(default_factory=list)

    def add(self, group: Group) -> None:
        """Take in what mends an entry, up to what only a person can do."""
        name, namespace = name_of(group.first), group.first.diagnosis.pod.namespace
        for cause in group.first.diagnosis.causes:
            said = f"{cause.reason}: {cause.message}"
            if needs_nobody(group.first, cause):
                self.left.append(Result("Waiting", name, namespace, said))
                continue
            steps = list(takewhile(lambda one: one.step, cause.mends))
            self.mends += [one for one in steps if one not in self.mends]
            if commands := [one.command for one in cause.mends[len(steps) :]]:
                hint = " && ".join(commands)
                self.left.append(Result("Left", name, namespace, said, hint))
                return
            if not steps:
                self.left.append(Result("Left", name, namespace, said, cause.hint))
                return

    def sort(self) -> None:
        """What Pods need before the Pods themselves."""
        self.mends.sort(key=lambda one: _ORDER.index(type(one.step)) if one.step else 0)


def _units(groups: Sequence[Group]) -> list[_Unit]:
    units: dict[tuple[str, str], _Unit] = {}
    for group in groups:
        key = group.first.diagnosis.pod.namespace, owner_of(group.first) or name_of(group.first)
        units.setdefault(key, _Unit()).add(group)
    for unit in units.values():
        unit.sort()
    return list(units.values())


class Fixing:
    """One run of ``--fix``.

    Args:
        client: the API server.
        groups: what is wrong.
        form: ``text``, ``json`` or ``yaml``.
        dry_run: ``none``, ``client`` or ``server``.
        yes: do not ask.
    """

    def __init__(
        self, client: Client, groups: Sequence[Group], form: str, dry_run: str, yes: bool
    ) -> None:
        self._client = client
        self._units = _units(groups)
        self._dry_run = dry_run
        self._yes = yes or dry_run != "none"
        self._report = Report.of("table" if form == "text" else "silent", dry_run)
        #: Steps that several need, and whether they are done.
        self._once: dict[Step, bool] = {}
        #: UID of a bare Pod → the Secrets that are to come into its list.
        self._secrets: dict[str, list[str]] = {}

    def document(self) -> list[dict[str, str]]:
        """What was done, as JSON."""
        return [result.to_dict() for result in self._report.results]

    async def run(self) -> bool:
        """Ask, and run; whether all that was found is mended."""
        commands = list(dict.fromkeys(one.command for unit in self._units for one in unit.mends))
        if commands and not self._yes and not _agreed(commands):
            output.note("nothing is changed")
            return False
        from regcred.kube.mending import Mender

        mender = Mender(self._client, datetime.now(UTC), dry_run=self._dry_run, tell=output.note)
        good = [await self._mend(mender, unit) for unit in self._units]
        return all(good)

    async def _mend(self, mender: Mender, unit: _Unit) -> bool:
        failed = False
        for n, one in enumerate(unit.mends):
            assert one.step is not None  # noqa: S101 - _Unit.add takes no others
            if failed:
                what, namespace = _object(one.step)
                said = "not done, since what comes before it failed"
                self._report.add(Result("Left", what, namespace, said, one.command))
            elif one.step in self._once:
                failed = not self._once[one.step]
            else:
                failed = not await self._run(mender, one.step, unit.mends[n + 1 :])
                if isinstance(one.step, _ONCE):
                    self._once[one.step] = not failed
        for left in unit.left:
            self._report.add(left)
        return not failed and all(left.result == "Waiting" for left in unit.left)

    async def _run(self, mender: Mender, step: Step, later: Sequence[Mend]) -> bool:
        try:
            await self._step(mender, step, [one.step for one in later if one.step])
        except RegcredError as error:
            what, namespace = _object(step)
            self._report.add(Result("Failed", what, namespace, error.message, error.hint))
            return False
        return True

    async def _step(self, mender: Mender, step: Step, later: Sequence[Step]) -> None:
        """Carry out one step, and say so; `later` are those that follow on the same Pods."""
        dry = self._dry_run == "client"
        match step:
            case mend.Attach():
                changed = dry or await mender.attach(step)
                self._say("Attached" if changed else "Unchanged", step, step.secret)
            case mend.Restart():
                if not dry:
                    await mender.restart(step.waiting)
                self._say("Restarted", step)
            case mend.AddToTemplate():
                if not dry:
                    await mender.add_to_template(step.waiting, step.secret)
                self._say("Updated", step, f"its template names {step.secret}")
                by_itself = step.waiting.kind in mend.RESTARTABLE
                more = any(isinstance(each, mend.AddToTemplate) for each in later)
                if not more and (not by_itself or mend.keeps_stuck_pods(step.waiting)):
                    await self._step(mender, mend.DeletePods(step.waiting.pods), ())
            case mend.DeletePods():
                if not dry:
                    await mender.delete(step.pods)
                self._say("Deleted", step, "what controls it makes it anew")
            case mend.Recreate():
                await self._recreate(mender, step, later)

    async def _recreate(self, mender: Mender, step: mend.Recreate, later: Sequence[Step]) -> None:
        """Make a Pod anew: once, with all Secrets that it lacks."""
        if step.secret:
            self._secrets.setdefault(step.pod.uid, []).append(step.secret)
        if any(isinstance(each, mend.Recreate) and each.pod == step.pod for each in later):
            return
        secrets = self._secrets.get(step.pod.uid, [])

        def made() -> None:
            self._say("Recreated", step, f"with {', '.join(secrets)}" if secrets else "")

        if self._dry_run == "client":
            made()
        else:
            await mender.recreate(step.pod, secrets, made)

    def _say(self, word: str, step: Step, message: str = "") -> None:
        what, namespace = _object(step)
        self._report.add(Result(word, what, namespace, message))


def _object(step: Step) -> tuple[str, str]:
    """What a step is done to, as kubectl writes it, and its namespace."""
    match step:
        case mend.Attach():
            return f"serviceaccount/{step.account}", step.namespace
        case mend.DeletePods():
            more = f" and {len(step.pods) - 1:,} more" if len(step.pods) > 1 else ""
            return f"pod/{step.pods[0].name}{more}", step.pods[0].namespace
        case mend.Recreate():
            return f"pod/{step.pod.name}", step.pod.namespace
    waiting = step.waiting
    return f"{waiting.kind.lower()}/{waiting.name}", waiting.pods[0].namespace


def _agreed(commands: Sequence[str]) -> bool:
    """Whether the person at the terminal wants this.

    Raises:
        click.Abort: Ctrl-C, or the terminal has gone.
    """
    for command in commands:
        output.note(f"  {output.typed(command)}")
    many = f"these {len(commands)} commands" if len(commands) > 1 else "this command"
    # asyncio only notes a Ctrl-C down, for when the loop runs on: until then a question would
    # stay, and its answer count.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise click.Abort
        return _answer(f"run {many}?")
    except KeyboardInterrupt:
        raise click.Abort from None
    finally:
        signal.signal(signal.SIGINT, before)


def _answer(question: str) -> bool:
    while True:
        sys.stderr.write(f"{question} [y/N]: ")
        sys.stderr.flush()
        # A signal right before a read would only be looked at after it.
        while not select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            pass
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line:
            raise click.Abort
        if answer in _ANSWERS:
            return _ANSWERS[answer]
        sys.stderr.write("Error: invalid input\n")
