"""What a verb did, object by object.

As a table that is a line for each thing, at once; as JSON or YAML one document at the end,
with the same facts.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

from regcred.cli import output

if TYPE_CHECKING:
    from types import TracebackType

    from regcred.core.logins.serviceaccount import Change

_COLOURS = {
    "Unchanged": "dim",
    "Stuck": "yellow",
    "NotAsked": "yellow",
    "Left": "yellow",
    "Failed": "red",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One thing done, or found.

    Args:
        result: one word: ``Created``, ``Attached``, ``Unchanged``, ``Stuck``, ``Failed``, …
        object: kind and name as kubectl writes them: ``secret/regcred``.
        namespace: its namespace; empty for what has none.
        message: what more there is to say.
        hint: the command that comes next; empty where nothing is left to do.
    """

    result: str
    object: str
    namespace: str = ""
    message: str = ""
    hint: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON; what has no value is left out."""
        said = asdict(self) | {"hint": output.typed(self.hint)}
        return {key: value for key, value in said.items() if value}


@dataclass(slots=True)
class Report:
    """Collects results, and prints them in the form asked for.

    Args:
        form: ``table``, ``json`` or ``yaml``; ``silent`` for a trial that nobody is to see.
        suffix: said behind every line, e.g. ``(dry run)``.
        counted: words of results that get no line in the table: who reports counts them.
    """

    form: str = "table"
    suffix: str = ""
    counted: tuple[str, ...] = ()
    results: list[Result] = field(default_factory=list)
    _hinted: str = ""

    @classmethod
    def of(cls, form: str, dry_run: str) -> Self:
        """A report in `form` that says of every line whether it was a dry run."""
        said = {"none": "", "client": "(dry run)", "server": "(server dry run)"}
        return cls(form, said[dry_run])

    def add(self, result: Result) -> None:
        """Note `result`; in the table form print its line."""
        self.results.append(result)
        if self.form != "table" or result.result in self.counted:
            return
        head = f"{result.result:<9}"
        word = output.paint(head, _COLOURS.get(result.result, "green"), sys.stdout)
        where = f" in {result.namespace}" if result.namespace else ""
        said = f": {result.message}" if result.message else ""
        suffix = f" {self.suffix}" if self.suffix else ""
        line = output.printable(f"{result.object}{where}{said}{suffix}")
        taken = len(head) + 1
        sys.stdout.write(f"{word} {output.fitted(line, sys.stdout, before=taken, hang=taken)}\n")
        # What mends several things that follow each other is said with the first.
        if result.hint and result.hint != self._hinted:
            sys.stdout.flush()
            output.tell_hint(result.hint)
        self._hinted = result.hint

    def count(self, *words: str) -> int:
        """How many results say one of `words`."""
        return sum(r.result in words for r in self.results)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Print the document in the forms json and yaml; after a failure, what was done."""
        if self.form != "table" and (self.results or kind is None):
            # In the order of names, not of answers, so that two runs can be compared.
            results = (
                sorted(self.results, key=lambda r: r.namespace) if kind is None else self.results
            )
            items = [result.to_dict() for result in results]
            output.print_object({"results": items}, self.form)


def left(namespace: str, account: str, secret: str, change: Change) -> Result:
    """What is said of a ServiceAccount on which somebody else put `secret`, and how it goes.

    Args:
        namespace: its namespace.
        account: its name.
        secret: the pull Secret.
        change: what `regcred.core.logins.serviceaccount.detach` says: ``NotOurs`` or ``Operators``.
    """
    hint = f"regcred detach {secret} -n {namespace} --serviceaccount {account} --force"
    if change.reason == "Operators":
        hint = "kubectl edit pullcredential NAME: exclude the namespace there, and it goes"
    return Result("Left", f"serviceaccount/{account}", namespace, change.message, hint)
