"""Paths into objects, as ``--path KIND=jsonpath`` gives them: keys and ``*``, nothing else.

The part of kubectl's JSONPath (https://kubernetes.io/docs/reference/kubectl/jsonpath/) that names
places: ``.spec.jobs[*].template.spec``, in braces or not. Indices and filters would name some of
the Pods of an object and leave the others without their login, so they are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from regcred.core.errors import UsageError

#: Keys from the object down; ``*`` is any key, or any item of a list.
Path: TypeAlias = tuple[str, ...]

FIELD = "imagePullSecrets"
_SHOWN_MAX = 300

_STEP = re.compile(
    r"""\.?\[\*\]            # every item
      | \.\*                 # every value
      | \.?\[(['"])(?P<quoted>.+?)\1\]
      | \.(?P<name>[^.\[\]*'"\s{}$@?()]+)
    """,
    re.VERBOSE,
)
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*(\.[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?")


@dataclass(frozen=True, slots=True)
class KindPath:
    """Where objects of a kind keep a Pod spec.

    Args:
        kind: as it stands in the object.
        group: the API group; None for any.
        path: from the object to the mapping that holds ``imagePullSecrets``.
    """

    kind: str
    group: str | None
    path: Path

    def __str__(self) -> str:
        group = f".{self.group}" if self.group else ""
        return f"{self.kind}{group}={show(self.path)}"


def parse_kind_path(text: str) -> KindPath:
    """Read ``Kind[.group]=jsonpath``.

    Raises:
        UsageError: it is not of that form, or has an index or a filter in it.
    """
    kind, equals, path = text.partition("=")
    if not equals or not _KIND.fullmatch(kind):
        raise UsageError(
            f"{_shown(text)} is not KIND=PATH with a kind such as Rollout or Rollout.argoproj.io",
            hint="--path 'Experiment.argoproj.io=.spec.templates[*].template.spec'",
        )
    name, dot, group = kind.partition(".")
    return KindPath(name, group if dot else None, parse_path(path))


def parse_path(text: str) -> Path:
    """Read a path; ``imagePullSecrets`` at its end may be written or left out.

    Raises:
        UsageError: it names no place by keys and ``*`` alone.
    """
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1].strip()
    rest = rest.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = "." + rest
    steps: list[str] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            raise UsageError(
                f"the path {_shown(text)} cannot be read from {_shown(rest[at:])} on: "
                "it is made of keys, [*] for every item and .* for every value",
                hint="--path 'Experiment.argoproj.io=.spec.templates[*].template.spec'",
            )
        steps.append(step["name"] or step["quoted"] or "*")
        at = step.end()
    if steps and steps[-1] == FIELD:
        steps.pop()
    if not steps:
        raise UsageError(
            f"the path {_shown(text)} names no Pod spec", hint="--path Rollout=.spec.template.spec"
        )
    return tuple(steps)


def show(path: Path) -> str:
    """`path` as kubectl writes it."""
    return "".join("[*]" if key == "*" else f".{key}" for key in path)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")
