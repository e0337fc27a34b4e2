"""Which cluster a run speaks with, said in the commands that it names.

Hints and mends are written where nobody knows how the cluster was named, as prose with commands in
it. Whoever types one with ``--context prod`` left out changes another cluster. So where they are
shown, each of their commands that speaks with a cluster gets the flags that the run itself got:
kubectl before its verb, where it takes them for every verb, and regcred behind its own. Where a
command ends in prose does not matter then.

Source: ``kubectl options``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

#: Verbs of ours that take a cluster, and the flags that leave it out of the game.
OURS: dict[str, tuple[str, ...]] = {
    "attach": (),
    "check": ("--offline", "--no-cluster"),
    "detach": (),
    "inject": (),
    "login": (),
    "logout": (),
    "operator": (),
    "secret": ("--dry-run=client",),
    "status": (),
    "why": (),
}
#: Verbs of ours that take one only with a flag.
_ONLY_WITH = {"inject": "--live"}

# fmt: off
#: Verbs of kubectl that ask a cluster; by these a command is told from a word about kubectl.
KUBECTL = frozenset({
    "annotate", "api-resources", "api-versions", "apply", "attach", "auth", "autoscale",
    "certificate", "cluster-info", "cordon", "cp", "create", "debug", "delete", "describe",
    "diff", "drain", "edit", "events", "exec", "explain", "expose", "get", "label", "logs",
    "patch", "port-forward", "proxy", "replace", "rollout", "run", "scale", "set", "taint",
    "top", "uncordon", "wait",
})
# fmt: on
#: The verb of kubectl that is about the file, and names contexts itself.
_OF_FILE = "config"
#: Flags with which nobody is asked, or that are there already.
_WITHOUT = ("--local", "--help", "--context", "--kubeconfig")

#: What a shell takes as it is, so that no command begins in it; or the beginning of a command.
_PART = re.compile(
    r"(?<![^\s=])'[^']*'"
    r"|(?<![\w./=-])(?P<program>kubectl|regcred) (?P<verb>[a-z][a-z-]*)(?![\w./=-])"
)
#: Where one command of several ends, or a clause.
_END = re.compile(r"[;|)]|&&|, ")


@dataclass(frozen=True, slots=True)
class Reach:
    """What was given to name the cluster.

    Args:
        kubeconfig: ``--kubeconfig``; empty for none.
        context: ``--context``; likewise.
    """

    kubeconfig: str = ""
    context: str = ""

    def in_text(self, text: str) -> str:
        """A hint or a command, each command in it with the flags that it takes.

        One that has them already is left alone, so it does no harm to say it twice.
        """
        if not self.kubeconfig and not self.context:
            return text

        def named(found: re.Match[str]) -> str:
            program, verb = found["program"], found["verb"]
            rest = text[found.end() :]
            end = _END.search(rest)
            flags = self._flags(program, verb, rest[: end.start()].split() if end else rest.split())
            if not flags:
                return found[0]
            words = (program, flags, verb) if program == "kubectl" else (program, verb, flags)
            return " ".join(words)

        return _PART.sub(named, text)

    def _flags(self, program: str | None, verb: str, words: list[str]) -> str:
        """What one command takes of it.

        Args:
            program: ``kubectl`` or ``regcred``; None where it is no command.
            verb: the word behind it.
            words: those behind that, up to the command's end or beyond.
        """
        file = f"--kubeconfig {quote(self.kubeconfig)}" if self.kubeconfig else ""
        context = f"--context {quote(self.context)}" if self.context else ""
        if program == "kubectl" and verb == _OF_FILE:
            return file
        known: Container[str] = KUBECTL if program == "kubectl" else OURS
        without = _WITHOUT if program == "kubectl" else (*_WITHOUT, *OURS.get(verb, ()))
        if not program or verb not in known or any(_is_given(flag, words) for flag in without):
            return ""
        needed = _ONLY_WITH.get(verb) if program == "regcred" else None
        if needed and needed not in words:
            return ""
        return " ".join(filter(None, (file, context)))


def _is_given(flag: str, words: list[str]) -> bool:
    return any(word == flag or word.startswith(f"{flag}=") for word in words)
