"""How diagnoses are shown: for a person the cause and the command first, for a script everything.

As text, Pods of one owner that fail for the same reasons are one entry. Lines are broken only on a
terminal, and commands never, so that they can be copied.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.cli import output, wrapping
from regcred.core import commandline
from regcred.core.pods.failing import NotMade
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regcred.cli.whyfacts import Entry
    from regcred.core.diagnosis.cause import Cause
    from regcred.core.diagnosis.facts import Unread

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that are one to a person.

    Args:
        entries: at least one.
    """

    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """The one that is shown."""
        return self.entries[0]

    @property
    def pods(self) -> int:
        """How many Pods it is about; several containers of one may be."""
        return len({entry.diagnosis.pod.name for entry in self.entries})

    @property
    def title(self) -> str:
        """What it is about, and the image."""
        diagnosis = self.first.diagnosis
        more = f" and {self.pods - 1:,} more" if self.pods > 1 else ""
        image = diagnosis.failure.image if diagnosis.failure else ""
        about = f": {image}" if image else ""
        return f"{name_of(self.first)}{more} in {diagnosis.pod.namespace}{about}"

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """What is shown first: what needs somebody, and of that what most Pods have."""
        diagnosis = self.first.diagnosis
        rank = 0 if self.first.facts else 3
        if isinstance(diagnosis.pod, NotMade):
            rank = 1
        elif needs_nobody(self.first, diagnosis.causes[0]):
            rank = 2
        return rank, -self.pods, diagnosis.pod.namespace, diagnosis.pod.name


def needs_nobody(entry: Entry, cause: Cause) -> bool:
    """Whether what is wrong goes by itself: kubelet tries again, or the Pod is on its way out."""
    if cause.reason is Reason.POD_OLDER_THAN_ATTACHMENT:
        return bool(entry.facts and entry.facts.outdated)
    return cause.reason is Reason.BACK_OFF_ONLY


def name_of(entry: Entry) -> str:
    """What is wrong, as kubectl writes it."""
    pod = entry.diagnosis.pod
    return f"{pod.kind.lower() if isinstance(pod, NotMade) else 'pod'}/{pod.name}"


def owner_of(entry: Entry) -> str:
    """What makes the Pod, as kubectl writes it; empty for a bare one."""
    pod = entry.diagnosis.pod
    if isinstance(pod, NotMade):
        return name_of(entry)
    if entry.facts:
        owner = entry.facts.owner
        return "" if owner.kind == "Pod" else f"{owner.kind.lower()}/{owner.name}"
    return f"{pod.owner[1].lower()}/{pod.owner[2]}" if pod.owner else ""


def grouped(entries: Iterable[Entry]) -> list[Group]:
    """Entries with the same owner, image and causes together, the most important first."""
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in entries:
        diagnosis = entry.diagnosis
        failure = diagnosis.failure
        key = (
            diagnosis.pod.namespace,
            owner_of(entry) or name_of(entry),
            failure and (failure.image or failure.state),
            tuple((cause.reason, needs_nobody(entry, cause)) for cause in diagnosis.causes),
        )
        groups.setdefault(key, []).append(entry)
    return sorted((Group(tuple(each)) for each in groups.values()), key=lambda group: group.rank)


def show(groups: Sequence[Group], fine: Sequence[str]) -> None:
    """Print what is wrong, and what is not, on stdout."""
    width = wrapping.columns(sys.stdout)
    texts = ["\n".join(_Lines(width).of(group)) for group in groups]
    texts += [output.fitted(output.printable(output.typed(said)), sys.stdout) for said in fine]
    sys.stdout.write("\n\n".join(texts) + "\n" if groups else "\n".join(texts) + "\n")


def summary(groups: Sequence[Group]) -> str:
    """How many pulls fail for which reasons, in how many Pods, and what else is wrong."""
    counts: dict[str, int] = {}
    pulling: set[tuple[str, str]] = set()
    ailing: set[tuple[str, str]] = set()
    owners = 0
    for group in groups:
        pods = {(e.diagnosis.pod.namespace, e.diagnosis.pod.name) for e in group.entries}
        if isinstance(group.first.diagnosis.pod, NotMade):
            owners += 1
        elif group.first.facts:
            pulling |= pods
            reason = str(group.first.diagnosis.causes[0].reason)
            counts[reason] = counts.get(reason, 0) + group.pods
        else:
            ailing |= pods
    said = []
    if counts:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        pulls = _counted(sum(counts.values()), "pull fails", "pulls fail")
        said.append(f"{pulls}, in {_counted(len(pulling), 'Pod', 'Pods')}: {reasons}")
    if ailing:
        fail = _counted(len(ailing), "Pod fails", "Pods fail")
        said.append(f"{fail} for what is no pull")
    if owners:
        said.append(f"{_counted(owners, 'owner', 'owners')} cannot create Pods")
    return "; ".join(said)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


class _Lines:
    """The lines of an entry.

    Args:
        width: of the terminal; 0 to break no line.
    """

    def __init__(self, width: int) -> None:
        self._width = width

    def of(self, group: Group) -> Iterator[str]:
        diagnosis = group.first.diagnosis
        yield from self._wrapped(group.title, "", "bold")
        for n, cause in enumerate(diagnosis.causes):
            yield from self._cause(cause, again=n > 0)
        if diagnosis.evidence:
            yield self._head("what is known:")
            for one in diagnosis.evidence:
                yield from self._wrapped(f"{one.source}: {one.fact}", _INDENT * 2)
        if diagnosis.not_excluded:
            yield self._head("not excluded:")
            for said in diagnosis.not_excluded:
                yield from self._wrapped(said, _INDENT * 2)

    def _cause(self, cause: Cause, *, again: bool) -> Iterator[str]:
        also = "also " * again
        first, *others = self._wrapped(f"{also}{cause.reason}: {cause.message}", _INDENT)
        # Painted last: colours have no width.
        reason = output.paint(f"{cause.reason}:", "red", sys.stdout)
        yield first.replace(f"{cause.reason}:", reason, 1)
        yield from others
        if cause.mends:
            yield self._head("mend it:")
            for mend in cause.mends:
                command = output.printable(output.typed(mend.command))
                yield f"{_INDENT * 2}{output.paint(command, 'green', sys.stdout)}"
        if commandline.is_one(cause.hint):
            yield self._head("hint:")
            yield f"{_INDENT * 2}{output.printable(output.typed(cause.hint))}"
        elif cause.hint:
            yield from self._wrapped(f"hint: {output.typed(cause.hint)}", _INDENT)

    def _head(self, text: str) -> str:
        return f"{_INDENT}{output.paint(text, 'cyan', sys.stdout)}"

    def _wrapped(self, text: str, indent: str, colour: str = "") -> list[str]:
        deeper = f"{indent}{_INDENT}"
        first, *others = wrapping.wrap(
            output.printable(text), self._width, first=len(indent), rest=len(deeper)
        )
        lines = [f"{indent}{first}", *(f"{deeper}{line}" for line in others)]
        return [output.paint(line, colour, sys.stdout) if colour else line for line in lines]


def to_dict(entries: Iterable[Entry], unread: Iterable[Unread]) -> dict[str, Any]:
    """As JSON: each image of each Pod; what has no value is left out; never a password."""
    return {
        "pods": [_entry(entry) for entry in entries],
        "unread": [
            _filled({"what": one.what, "right": one.right, "why": one.why}) for one in unread
        ],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    diagnosis, pod, failure = entry.diagnosis, entry.diagnosis.pod, entry.diagnosis.failure
    again = entry.facts.tries.next if entry.facts else None
    is_pod = not isinstance(pod, NotMade)
    return _filled(
        {
            "namespace": pod.namespace,
            "name": pod.name if is_pod else "",
            "owner": owner_of(entry),
            "node": "" if isinstance(pod, NotMade) else pod.node,
            "container": failure.container if failure else "",
            "image": failure.image if failure else "",
            "state": failure.state if failure else "",
            "causes": [_cause(cause) for cause in diagnosis.causes],
            "evidence": [{"fact": one.fact, "source": one.source} for one in diagnosis.evidence],
            "notExcluded": list(diagnosis.not_excluded),
            "nextTry": f"{again:%Y-%m-%dT%H:%M:%SZ}" if again else "",
        }
    )


def _cause(cause: Cause) -> dict[str, Any]:
    return _filled(
        {
            "reason": str(cause.reason),
            "message": cause.message,
            "hint": output.typed(cause.hint),
            "commands": [output.typed(mend.command) for mend in cause.mends],
        }
    )


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value}
