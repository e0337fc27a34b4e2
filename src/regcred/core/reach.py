"""Which cluster a run speaks with, and whom it trusts, said in the commands that it names.

Hints and mends are written where nobody knows how the cluster was named, as prose with commands in
it. Whoever types one with ``--context prod`` left out changes another cluster. So where they are
shown, each of their commands that speaks with a cluster gets the flags that the run itself got:
kubectl before its verb, where it takes them for every verb, and regcred behind its own. What
somebody else is to type gets none: these name the login of who may not.

Source: ``kubectl options``
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from regcred.core import commandline

if TYPE_CHECKING:
    from collections.abc import Container

    from regcred.core.commandline import Command

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
#: Those that ask registries, and the flag with which none is asked.
_ASKING = {"check": "--offline", "login": "--skip-verify", "why": "--offline"}
#: Verbs of ours that take one only with a flag.
_ONLY_WITH = {"inject": "--live"}

#: The verb of kubectl that is about the file, and names contexts itself.
_OF_FILE = "config"
#: Flags with which nobody is asked, or that are there already.
_WITHOUT = ("--local", "--help", "--context", "--kubeconfig")
#: What comes before commands that somebody else has to type.
SOMEBODY_ELSE = "whoever may grant"


@dataclass(frozen=True, slots=True)
class Reach:
    """What was given to name the cluster.

    Args:
        kubeconfig: ``--kubeconfig``; empty for none.
        context: ``--context``; likewise.
        ca_file: ``--ca-file``, for registries; likewise.
    """

    kubeconfig: str = ""
    context: str = ""
    ca_file: str = ""

    def in_text(self, text: str) -> str:
        """A hint or a command, each command in it with the flags that it takes.

        One that has them already is left alone, so it does no harm to say it twice.
        """
        if not (self.kubeconfig or self.context or self.ca_file):
            return text

        said, at = [], 0
        mine = len(text.partition(SOMEBODY_ELSE)[0])
        for command in commandline.commands(text):
            flags = " ".join(filter(None, (self._cluster(command), self._trust(command))))
            if not flags or command.at > mine:
                continue
            if command.program == "kubectl":
                place, more = command.at, f"{flags} "
            else:
                place, more = command.at + len(command.verb), f" {flags}"
            said += [text[at:place], more]
            at = place
        return "".join([*said, text[at:]])

    def _trust(self, command: Command) -> str:
        """What one command takes of whom is trusted."""
        verb = command.verb
        if not self.ca_file or command.program != "regcred" or verb not in _ASKING:
            return ""
        without = ("--help", "--ca-file", _ASKING[verb])
        if any(_is_given(flag, command.words) for flag in without):
            return ""
        return f"--ca-file {quote(self.ca_file)}"

    def _cluster(self, command: Command) -> str:
        """What one command takes of which cluster it is."""
        program, verb = command.program, command.verb
        file = f"--kubeconfig {quote(self.kubeconfig)}" if self.kubeconfig else ""
        context = f"--context {quote(self.context)}" if self.context else ""
        if program == "kubectl" and verb == _OF_FILE:
            return file
        known: Container[str] = commandline.KUBECTL if program == "kubectl" else OURS
        without = _WITHOUT if program == "kubectl" else (*_WITHOUT, *OURS.get(verb, ()))
        if verb not in known or any(_is_given(flag, command.words) for flag in without):
            return ""
        needed = _ONLY_WITH.get(verb) if program == "regcred" else None
        if needed and needed not in command.words:
            return ""
        return " ".join(filter(None, (file, context)))


def _is_given(flag: str, words: tuple[str, ...]) -> bool:
    return any(word == flag or word.startswith(f"{flag}=") for word in words)
