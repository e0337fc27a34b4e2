"""Where commands stand in a sentence: in hints, in mends, and in what is said around them.

Who shows a text asks for them here: so that a line is not broken in one, that one says which
cluster it speaks with, and that what is nothing but a command stands on a line of its own.

A command begins with a program and a verb that it has: not every ``regcred`` or ``docker`` is one.
It ends where a shell or the sentence goes on: at a mark that no quotes are around, or at a word of
the language that no name is likely to be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# fmt: off
#: Verbs of ours.
OURS = frozenset({
    "attach", "check", "completion", "credential-provider", "detach", "inject", "login", "logout",
    "operator", "secret", "status", "why",
})
#: Verbs of kubectl that ask a cluster.
KUBECTL = frozenset({
    "annotate", "api-resources", "api-versions", "apply", "attach", "auth", "autoscale",
    "certificate", "cluster-info", "cordon", "cp", "create", "debug", "delete", "describe",
    "diff", "drain", "edit", "events", "exec", "explain", "expose", "get", "label", "logs",
    "patch", "port-forward", "proxy", "replace", "rollout", "run", "scale", "set", "taint",
    "top", "uncordon", "wait",
})
#: And the others.
_OFFLINE = frozenset({"completion", "config", "kustomize", "options", "plugin", "version"})
#: Words that go on with the sentence behind a command.
_PROSE = frozenset({
    "adds", "allows", "and", "are", "as", "asks", "checks", "fails", "for", "gives", "has", "in",
    "is", "keeps", "lists", "makes", "mends", "names", "needs", "of", "on", "once", "or",
    "prints", "puts", "says", "shows", "so", "takes", "tells", "that", "then", "to", "tries",
    "with", "write", "writes",
})
# fmt: on


def _any(words: frozenset[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_BEGIN = re.compile(
    rf"""
    # What a shell takes as it is, so that no command begins in it.
    (?<![^\s=])'[^']*'
    | (?<![\w./=-])(?P<begin>
        (?:(?P<ours>regcred)\ (?P<our_verb>{_any(OURS)})
        | (?P<kubectl>kubectl)\ (?P<verb>{_any(KUBECTL | _OFFLINE)}))(?![\w./=-])
        | regcred\ […-] | kubectl\ (?:-|regcred\ )
        | docker\ login\b | helm\ template\b | kustomize\ build\b | az\ [a-z]+\ [a-z]
        | (?:curl|iconv|ls)\ [-./] | printf\ % | echo\ '
    )""",
    re.VERBOSE,
)
#: A word as a shell takes it, or what stands between two commands of one line. An apostrophe
#: within a word opens no quotes; those that are not closed go to the end.
_WORD = re.compile(
    r"""\|\|?|&&|;|(?:\\.|(?<!\w)'[^']*(?:'|$)|(?<!\w)"(?:\\.?|[^"\\])*(?:"|$)|[^\s|;])+""",
    re.DOTALL,
)
#: Behind these a line has another command.
_JOINTS = frozenset({"|", "||", "&&"})
#: A mark behind a word: another clause begins.
_MARKS = re.compile(r"(?<!\\)[,:)]+$")


@dataclass(frozen=True, slots=True)
class Command:
    """One of ours, or of kubectl's.

    Args:
        program: ``regcred`` or ``kubectl``.
        verb: of it.
        words: those behind the verb, in the quotes that they have.
        at: where the verb stands in the text.
    """

    program: str
    verb: str
    words: tuple[str, ...]
    at: int


def commands(text: str) -> Iterator[Command]:
    """Those of ours and of kubectl's in `text`, each of a pipe by itself."""
    for _, _, found in _lines(text):
        yield from found


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Where what is typed as one line begins and ends in `text`: commands, joined by a pipe."""
    for begin, end, _ in _lines(text):
        yield begin, end


def is_one(text: str) -> bool:
    """Whether `text` is a line to be typed, and nothing else."""
    return next(lines(text), None) == (0, len(text))


def _lines(text: str) -> Iterator[tuple[int, int, list[Command]]]:
    at = 0
    while found := _BEGIN.search(text, at):
        at = found.end()
        if found["begin"]:
            end, inside = _line(text, found)
            yield found.start(), end, inside
            at = max(at, end)


def _line(text: str, found: re.Match[str]) -> tuple[int, list[Command]]:
    """Where the line that begins at `found` ends, and its commands."""
    begun = [(found, list[str]())]
    end = found.end()
    for word in _WORD.finditer(text, found.start()):
        said = word[0]
        is_more = word.start() >= begun[-1][0].end()
        if said == ";" or (is_more and said in _PROSE):
            break
        if is_more and (more := _BEGIN.match(text, word.start())) and more["begin"]:
            begun.append((more, []))
        elif is_more and said in _JOINTS:
            begun.append((word, []))
        elif is_more:
            begun[-1][1].append(_MARKS.sub("", said))
        end = word.end()
        if mark := _MARKS.search(said):
            end -= len(mark[0])
            break
    return end, [_command(match, words) for match, words in begun if _is_known(match)]


def _is_known(match: re.Match[str]) -> bool:
    return match.re is _BEGIN and bool(match["ours"] or match["kubectl"])


def _command(match: re.Match[str], words: list[str]) -> Command:
    verb = "our_verb" if match["ours"] else "verb"
    program = match["ours"] or match["kubectl"]
    return Command(program, match[verb], tuple(filter(None, words)), match.start(verb))
